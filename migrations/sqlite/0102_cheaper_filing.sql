-- As in PostgreSQL, where the constraints are dropped. SQLite cannot drop one; our connections do not enforce them.
SELECT 1;
