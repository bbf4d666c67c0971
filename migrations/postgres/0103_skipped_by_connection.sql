-- One connection's skipped events or dead letters, among millions of another's.
CREATE INDEX events_skipped_connection ON events (connection, received_at, id) WHERE state = 'skipped';
CREATE INDEX events_dead_connection ON events (connection, received_at, id) WHERE state = 'dead';
