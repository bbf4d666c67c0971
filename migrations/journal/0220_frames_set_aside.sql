-- A frame that could not be filed is set aside (damaged = 2), and says why.
ALTER TABLE inbox_frames ADD COLUMN why TEXT;
-- Written to prove that the file can be.
CREATE TABLE written (times INTEGER NOT NULL);
INSERT INTO written (times) VALUES (0);
