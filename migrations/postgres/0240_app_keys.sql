-- Secrets of the application itself, made once and shared by all processes on this database.
CREATE TABLE app_keys (
    name TEXT NOT NULL PRIMARY KEY,
    key BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
