-- Text compares by bytes (COLLATE "C"), as it does in SQLite, so both engines page in one order.
-- Times are microseconds since the epoch, ids are UUIDv7, both bound by the application.

-- Every verified delivery, once. Small rows: what was delivered lies in event_payloads.
CREATE TABLE events (
    id UUID NOT NULL PRIMARY KEY,
    -- First 16 bytes of SHA-256 over connection and external_id: the dedup key.
    dedup BYTEA NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    event_type TEXT COLLATE "C" NOT NULL,
    object_kind TEXT COLLATE "C",
    object_id TEXT COLLATE "C",
    occurred_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- pending, processed, skipped or dead
    state TEXT COLLATE "C" NOT NULL,
    -- A pending event is free from here on: the end of its backoff or of its lease.
    due_at BIGINT NOT NULL,
    -- Who works on it; NULL when nobody does.
    lease_owner TEXT COLLATE "C",
    attempts BIGINT NOT NULL,
    replays BIGINT NOT NULL,
    finished_at BIGINT,
    error TEXT,
    request_id TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL
);

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
    event_id UUID NOT NULL PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    -- JSON: [["name", "value"], …]
    headers TEXT NOT NULL,
    body BYTEA NOT NULL
);

CREATE TABLE event_attempts (
    id UUID NOT NULL PRIMARY KEY,
    event_id UUID NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    started_at BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    error TEXT
);

CREATE INDEX event_attempts_event ON event_attempts (event_id, id);

-- The types seen so far, so that filters list them without reading the events.
CREATE TABLE event_types (
    connection TEXT COLLATE "C" NOT NULL,
    event_type TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (connection, event_type)
);

CREATE TABLE rejections (
    id UUID NOT NULL PRIMARY KEY,
    connection TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    detail TEXT NOT NULL,
    headers TEXT NOT NULL,
    remote TEXT COLLATE "C",
    received_at BIGINT NOT NULL
);

CREATE INDEX rejections_received ON rejections (received_at, id);
CREATE INDEX rejections_connection ON rejections (connection, received_at, id);

CREATE TABLE minute_counts (
    connection TEXT COLLATE "C" NOT NULL,
    minute BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    processed BIGINT NOT NULL,
    dead BIGINT NOT NULL,
    PRIMARY KEY (minute, connection)
);
