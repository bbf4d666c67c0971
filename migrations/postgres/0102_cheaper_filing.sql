-- Checked once per row, they cost a good part of filing. One place writes these rows (events.rs) and one drops them
-- (retention.rs), each in one transaction.
ALTER TABLE event_payloads DROP CONSTRAINT event_payloads_event_id_fkey;
ALTER TABLE event_attempts DROP CONSTRAINT event_attempts_event_id_fkey;
-- Room on each page for the next version of its records, so that indexes need not follow every change.
ALTER TABLE records SET (fillfactor = 80);
