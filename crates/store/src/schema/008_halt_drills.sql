-- Rehearsals of halts: each process that serves goes through with it, and says what it would have stopped.
PRAGMA user_version = 8;

CREATE TABLE halt_drill_answers (
    drill_epoch INTEGER NOT NULL REFERENCES halt_drills (drill_epoch),
    node        TEXT    NOT NULL,
    run         TEXT    NOT NULL,
    record      TEXT    NOT NULL,           -- JSON; empty of the process where it was said
    PRIMARY KEY (drill_epoch, run)
) STRICT, WITHOUT ROWID;
