-- Deliveries that are acknowledged and not yet filed as events, packed as the inbox committed them.
CREATE TABLE frames (
    -- Never used twice, so that a position in it stays true.
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    events INTEGER NOT NULL,
    -- 1 when it could not be unpacked: kept for a person to look at.
    damaged INTEGER NOT NULL DEFAULT 0,
    frame BLOB NOT NULL
);

-- Tells this file from another at the same path.
CREATE TABLE identity (id TEXT NOT NULL);
