-- When the last delivery of a frame came, so that staff can be told since when deliveries wait.
ALTER TABLE inbox_frames ADD COLUMN received_at BIGINT NOT NULL DEFAULT 0;
-- What was set aside is asked for often, and is mostly nothing.
CREATE INDEX inbox_frames_aside ON inbox_frames (seq) WHERE damaged <> 0;
