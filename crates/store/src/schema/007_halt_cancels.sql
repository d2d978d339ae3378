-- Halts that cancel: each process that serves asks for what is open at it, and says what came of it.
PRAGMA user_version = 7;

CREATE TABLE halt_cancels (
    number INTEGER PRIMARY KEY,
    halt   TEXT    NOT NULL,
    scope  TEXT    NOT NULL,
    by     TEXT    NOT NULL,
    node   TEXT    NOT NULL,              -- where it was said: the node, and the process of it
    run    TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

CREATE TABLE halt_cancel_answers (
    number INTEGER NOT NULL REFERENCES halt_cancels (number) ON DELETE CASCADE,
    node   TEXT    NOT NULL,
    run    TEXT    NOT NULL,
    record TEXT    NOT NULL,
    PRIMARY KEY (number, node, run)
) STRICT, WITHOUT ROWID;

ALTER TABLE sessions ADD COLUMN shown TEXT;   -- as operators of another node see it; JSON
