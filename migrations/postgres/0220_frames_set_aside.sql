-- A frame that could not be filed is set aside (damaged = 2), and says why.
ALTER TABLE inbox_frames ADD COLUMN why TEXT;
