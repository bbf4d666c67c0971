-- Of each connection by itself, so that connections can take turns (crates/store/src/waiting.rs). Frames of before this
-- have no connection's name and count as those of another one.
CREATE TABLE inbox_positions_by_connection (
    journal TEXT NOT NULL,
    connection TEXT NOT NULL DEFAULT '',
    seq BIGINT NOT NULL,
    PRIMARY KEY (journal, connection)
) WITHOUT ROWID;
INSERT INTO inbox_positions_by_connection (journal, seq) SELECT journal, seq FROM inbox_positions;
DROP TABLE inbox_positions;
ALTER TABLE inbox_positions_by_connection RENAME TO inbox_positions;
