-- A file that is copied, put back from a backup or rolled back with its disk goes on with numbers that were given before. So
-- each opening of it is an epoch, named at random, and how far frames are filed is kept for each epoch (journal.rs).
CREATE TABLE frames (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch TEXT NOT NULL,
    connection TEXT NOT NULL,
    events INTEGER NOT NULL,
    -- Of the last delivery in it, in microseconds.
    received_at INTEGER NOT NULL,
    -- 1 when it could not be unpacked: kept for a person to look at.
    damaged INTEGER NOT NULL DEFAULT 0,
    -- Last, because what comes behind a large value takes long to read.
    frame BLOB NOT NULL
);
-- What is still here is filed again: no database knows this epoch, and events that are there already are recognized.
INSERT INTO frames (seq, epoch, connection, events, received_at, damaged, frame)
SELECT seq, (SELECT lower(hex(randomblob(16)))), connection, events, 0, damaged, frame FROM inbox_frames;
DROP TABLE inbox_frames;
ALTER TABLE frames RENAME TO inbox_frames;
CREATE INDEX inbox_frames_next ON inbox_frames (connection, epoch, seq) WHERE damaged = 0;

-- The last frame that was filed and deleted. A database that knows of less is older than this file.
CREATE TABLE forgotten (
    epoch TEXT NOT NULL,
    connection TEXT NOT NULL,
    seq INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (epoch, connection)
) WITHOUT ROWID;

DROP TABLE identity;
