-- How far each server's local journal is filed, written with the events themselves. See crates/store/src/filing.rs.
CREATE TABLE inbox_positions (
    journal TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
);

-- Deliveries that are acknowledged and not yet filed as events, packed as the inbox committed them.
CREATE TABLE inbox_frames (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    events BIGINT NOT NULL,
    -- 1 when it could not be unpacked: kept for a person to look at.
    damaged BIGINT NOT NULL DEFAULT 0,
    frame BYTEA NOT NULL
);

-- Frames are compressed already.
ALTER TABLE inbox_frames ALTER COLUMN frame SET STORAGE EXTERNAL;
-- The table is nearly empty most of the time and changes always.
ALTER TABLE inbox_frames SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
