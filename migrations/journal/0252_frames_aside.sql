-- What was set aside is asked for often, and is nearly nothing of the file.
CREATE INDEX inbox_frames_aside ON inbox_frames (seq) WHERE damaged <> 0;
