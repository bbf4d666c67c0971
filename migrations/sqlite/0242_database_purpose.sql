-- What the database is for, where that is not the real thing: a sandbox never works on real records, nor the other way round.
CREATE TABLE database_purpose (
    purpose TEXT NOT NULL PRIMARY KEY
);
