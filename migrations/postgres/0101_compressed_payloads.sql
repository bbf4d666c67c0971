-- How event_payloads.body is written: 0 as delivered, 1 compressed by LZ4 against the outline of its type.
ALTER TABLE event_payloads ADD COLUMN encoding BIGINT NOT NULL DEFAULT 0;
-- The first body of the type with its values left out. Never changed once it is there: payloads are read with it.
ALTER TABLE event_types ADD COLUMN outline BYTEA;
-- Compressed already: PostgreSQL need not try again.
ALTER TABLE event_payloads ALTER COLUMN body SET STORAGE EXTERNAL;
