-- The last sign of life of whoever had a session with a will, in microseconds: which orders of its account the will is about. None while it
-- is not known to be lost.
ALTER TABLE fix_journals ADD COLUMN lost bigint;

UPDATE countersign_schema SET version = 4;
