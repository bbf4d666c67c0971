-- As in PostgreSQL, which keeps frames in the database itself. The file of frames has it already: migrations/journal.
SELECT 1;
