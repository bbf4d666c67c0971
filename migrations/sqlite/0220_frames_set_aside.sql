-- As in PostgreSQL, which keeps frames in the database itself. Here they lie in a file of their own: migrations/journal.
SELECT 1;
