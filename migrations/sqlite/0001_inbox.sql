-- Times are microseconds since the epoch, ids are UUIDv7, both bound by the application.

-- Every verified delivery, once. Small rows: what was delivered lies in event_payloads.
CREATE TABLE events (
    id BLOB NOT NULL PRIMARY KEY,
    -- First 16 bytes of SHA-256 over connection and external_id: the dedup key.
    dedup BLOB NOT NULL,
    connection TEXT NOT NULL,
    external_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    object_kind TEXT,
    object_id TEXT,
    occurred_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- pending, processed, skipped or dead
    state TEXT NOT NULL,
    -- A pending event is free from here on: the end of its backoff or of its lease.
    due_at BIGINT NOT NULL,
    -- Who works on it; NULL when nobody does.
    lease_owner TEXT,
    attempts BIGINT NOT NULL,
    replays BIGINT NOT NULL,
    finished_at BIGINT,
    error TEXT,
    request_id TEXT NOT NULL,
    size_bytes BIGINT NOT NULL
) WITHOUT ROWID;

CREATE UNIQUE INDEX events_dedup ON events (dedup);
CREATE INDEX events_received ON events (received_at, id);
CREATE INDEX events_connection ON events (connection, received_at, id);
CREATE INDEX events_type ON events (event_type, received_at, id);
CREATE INDEX events_object ON events (object_id, received_at, id);
-- What a worker asks costs the backlog, never the history.
CREATE INDEX events_pending ON events (received_at, id) WHERE state = 'pending';
CREATE INDEX events_pending_due ON events (due_at) WHERE state = 'pending';
CREATE INDEX events_pending_object ON events (connection, object_kind, object_id, due_at) WHERE state = 'pending';
CREATE INDEX events_dead ON events (received_at, id) WHERE state = 'dead';
CREATE INDEX events_skipped ON events (received_at, id) WHERE state = 'skipped';

CREATE TABLE event_payloads (
    event_id BLOB NOT NULL PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    -- JSON: [["name", "value"], …]
    headers TEXT NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE event_attempts (
    id BLOB NOT NULL PRIMARY KEY,
    event_id BLOB NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    started_at BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT
) WITHOUT ROWID;

CREATE INDEX event_attempts_event ON event_attempts (event_id, id);

-- The types seen so far, so that filters list them without reading the events.
CREATE TABLE event_types (
    connection TEXT NOT NULL,
    event_type TEXT NOT NULL,
    PRIMARY KEY (connection, event_type)
) WITHOUT ROWID;

CREATE TABLE rejections (
    id BLOB NOT NULL PRIMARY KEY,
    connection TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    headers TEXT NOT NULL,
    remote TEXT,
    received_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX rejections_received ON rejections (received_at, id);
CREATE INDEX rejections_connection ON rejections (connection, received_at, id);

CREATE TABLE minute_counts (
    connection TEXT NOT NULL,
    minute BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    processed BIGINT NOT NULL,
    dead BIGINT NOT NULL,
    PRIMARY KEY (minute, connection)
) WITHOUT ROWID;
