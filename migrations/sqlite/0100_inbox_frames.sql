-- How far each journal is filed, written with the events themselves. See crates/store/src/filing.rs.
CREATE TABLE inbox_positions (
    journal TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
) WITHOUT ROWID;
