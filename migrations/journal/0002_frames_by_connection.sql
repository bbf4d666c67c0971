-- Of each connection by itself, so that connections can take turns (crates/store/src/waiting.rs). Frames of before this
-- have no connection's name and count as those of another one.
ALTER TABLE frames RENAME TO inbox_frames;
ALTER TABLE inbox_frames ADD COLUMN connection TEXT NOT NULL DEFAULT '';
CREATE INDEX inbox_frames_next ON inbox_frames (connection, seq) WHERE damaged = 0;
