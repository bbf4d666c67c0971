-- Outside calls, one row per attempt. Masked before they come here.
CREATE TABLE calls (
    id BLOB NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    connection TEXT NOT NULL,
    operation TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status BIGINT,
    duration_us BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    request_id TEXT,
    error TEXT,
    cause TEXT
) WITHOUT ROWID;

CREATE INDEX calls_at ON calls (at, id);
CREATE INDEX calls_connection ON calls (connection, at, id);
CREATE INDEX calls_operation ON calls (operation, at, id);
CREATE INDEX calls_failed ON calls (at, id) WHERE error IS NOT NULL;
CREATE INDEX calls_cause ON calls (cause, at, id) WHERE cause IS NOT NULL;

-- Who did what. Rows are only ever added; the name of a connection follows when that is renamed.
CREATE TABLE audit (
    id BLOB NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    -- Of the target; empty where it has none.
    connection TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    organisation TEXT,
    before_body TEXT,
    after_body TEXT,
    -- done or failed
    outcome TEXT NOT NULL,
    error TEXT,
    request_id TEXT NOT NULL
);

CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_actor ON audit (actor_id, at, id);
CREATE INDEX audit_action ON audit (action, at, id);
CREATE INDEX audit_target ON audit (target_id, at, id);

CREATE TABLE syncs (
    id BLOB NOT NULL PRIMARY KEY,
    connection TEXT NOT NULL,
    -- running, done, incomplete, failed or cancelled
    state TEXT NOT NULL,
    owner TEXT,
    -- Kinds that are not read to their ends, as JSON: where each goes on, or why it could not.
    unread TEXT NOT NULL,
    done BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    finished_at BIGINT,
    error TEXT,
    cancel_requested BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    -- When it is tried again by itself.
    retry_at BIGINT
) WITHOUT ROWID;

-- One running sync per connection, also when two people ask at once.
CREATE UNIQUE INDEX syncs_running ON syncs (connection) WHERE state = 'running';
CREATE INDEX syncs_connection ON syncs (connection, started_at, id);
CREATE INDEX syncs_started ON syncs (started_at, id);
CREATE INDEX syncs_retry ON syncs (retry_at) WHERE retry_at IS NOT NULL;

-- Small facts kept per connection, as JSON.
CREATE TABLE connection_state (
    connection TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (connection, name)
) WITHOUT ROWID;
