-- What is to be done with the orders of a FIX session whose node is lost, sealed; on the row of the client's journal. None where nothing is.
ALTER TABLE fix_journals ADD COLUMN will bytea;

-- Few sessions have one, and all nodes look for those whose node is gone. By a column that a renewal does not write.
CREATE INDEX fix_wills ON fix_journals (name) WHERE will IS NOT NULL;

UPDATE countersign_schema SET version = 3;
