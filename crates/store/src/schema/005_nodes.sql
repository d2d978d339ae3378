-- Several nodes may have sessions in one database; a node that starts again ends its own only.
PRAGMA user_version = 5;

ALTER TABLE sessions ADD COLUMN node TEXT NOT NULL DEFAULT '';

-- What was halted and lifted stays on record.
CREATE TRIGGER halt_log_fixed BEFORE UPDATE ON halt_log
    BEGIN SELECT RAISE(ABORT, 'halt_log is append-only'); END;
CREATE TRIGGER halt_log_kept BEFORE DELETE ON halt_log
    BEGIN SELECT RAISE(ABORT, 'halt_log is append-only'); END;
