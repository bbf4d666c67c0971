-- Processes that work on events. Each says again and again that it lives; what is old here is a process that died.
CREATE TABLE workers (
    id TEXT NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
