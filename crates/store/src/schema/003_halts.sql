-- Emergency shutdown: one row of truth, the halts, the log of every change, lifts that collect signatures, drills.
PRAGMA user_version = 3;

CREATE TABLE halt_epoch (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    epoch       INTEGER NOT NULL,           -- grows by one with each change
    drill_epoch INTEGER NOT NULL            -- the same for rehearsals
) STRICT;
INSERT INTO halt_epoch (one, epoch, drill_epoch) VALUES (1, 0, 0);

CREATE TABLE halts (
    id            TEXT    PRIMARY KEY,
    record        TEXT    NOT NULL,          -- JSON, as it was raised
    raised        INTEGER NOT NULL,          -- epoch
    lowered       INTEGER,                   -- epoch of the latest lift
    lowered_to    TEXT                       -- what that left; NULL for nothing
) STRICT, WITHOUT ROWID;

CREATE TABLE halt_log (
    epoch         INTEGER PRIMARY KEY,
    at            INTEGER NOT NULL,          -- microseconds since 1970
    record        TEXT    NOT NULL,          -- JSON of the change
    payload       TEXT,                      -- of a lift: what was signed
    signatures    TEXT                       -- of a lift: JSON, who signed
) STRICT;

CREATE TABLE halt_lifts (
    id            TEXT    PRIMARY KEY,
    payload       TEXT    NOT NULL,
    expires       INTEGER NOT NULL,
    signatures    TEXT    NOT NULL DEFAULT '[]'
) STRICT, WITHOUT ROWID;

CREATE TABLE halt_drills (
    drill_epoch   INTEGER PRIMARY KEY,
    record        TEXT    NOT NULL
) STRICT;
