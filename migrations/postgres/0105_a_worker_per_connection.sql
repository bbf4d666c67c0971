-- Each connection has a worker of its own, so that one whose provider is slow holds up no other.
CREATE INDEX events_pending_connection ON events (connection, received_at, id) WHERE state = 'pending';
CREATE INDEX events_pending_connection_due ON events (connection, due_at) WHERE state = 'pending';
