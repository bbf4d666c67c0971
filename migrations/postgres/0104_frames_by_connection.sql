-- Of each connection by itself, so that connections can take turns (crates/store/src/waiting.rs). Frames of before this
-- have no connection's name and count as those of another one.
ALTER TABLE inbox_frames ADD COLUMN connection TEXT NOT NULL DEFAULT '';
CREATE INDEX inbox_frames_next ON inbox_frames (connection, seq) WHERE damaged = 0;

ALTER TABLE inbox_positions ADD COLUMN connection TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox_positions DROP CONSTRAINT inbox_positions_pkey, ADD PRIMARY KEY (journal, connection);
