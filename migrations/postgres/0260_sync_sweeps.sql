-- Somebody asked for everything to be looked at that a list does not name, however much that is.
ALTER TABLE syncs ADD COLUMN thorough BIGINT NOT NULL DEFAULT 0;

-- What the lists of a running sync named so far; dropped when it ends.
CREATE TABLE sync_listed (
    sync_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (sync_id, kind, external_id)
);
