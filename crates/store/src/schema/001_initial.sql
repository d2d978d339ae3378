-- Times are microseconds since the Unix epoch. Texts are as countersign-core writes them and are parsed again when read.
PRAGMA application_id = 1131636558;
PRAGMA user_version = 1;

CREATE TABLE meta (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    change_counter INTEGER NOT NULL,
    sealing_check  BLOB                -- a known text, sealed: tells a wrong sealing key at once
) STRICT;
INSERT INTO meta (one, change_counter) VALUES (1, 0);

CREATE TABLE accounts (
    id      TEXT PRIMARY KEY,
    label   TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE credentials (
    id                TEXT PRIMARY KEY,
    account           TEXT NOT NULL REFERENCES accounts (id),
    purpose           TEXT NOT NULL,
    key_id            TEXT NOT NULL,
    algorithm         TEXT,            -- NULL for a certificate
    spki              BLOB,            -- public keys
    sealed_secret     BLOB,            -- shared secrets
    key_hash          TEXT UNIQUE,     -- SHA-256 of the SPKI, base64url: one key serves one purpose
    scopes            TEXT NOT NULL,
    ip_allow          TEXT NOT NULL,
    weight_per_minute INTEGER NOT NULL,
    orders_per_10s    INTEGER NOT NULL,
    min_bind          TEXT NOT NULL,
    not_after         INTEGER,
    state             TEXT NOT NULL,
    label             TEXT NOT NULL,
    created           INTEGER NOT NULL,
    replaces          TEXT REFERENCES credentials (id),
    UNIQUE (purpose, key_id),
    CHECK ((spki IS NULL) OR (sealed_secret IS NULL))
) STRICT;
CREATE INDEX credentials_by_account ON credentials (account);

CREATE TABLE key_changes (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    by         TEXT NOT NULL,
    credential TEXT NOT NULL,
    account    TEXT NOT NULL,
    purpose    TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    change     TEXT NOT NULL,
    detail     TEXT NOT NULL
) STRICT;
CREATE INDEX key_changes_by_credential ON key_changes (credential);

CREATE TABLE sessions (
    sid        TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    credential TEXT NOT NULL,
    ch         TEXT NOT NULL,
    contract   TEXT NOT NULL,
    remote     TEXT,
    created    INTEGER NOT NULL,
    ended      INTEGER,
    end_reason TEXT
) STRICT;
CREATE INDEX sessions_by_created ON sessions (created);
CREATE INDEX sessions_open ON sessions (ended) WHERE ended IS NULL;

-- The counter counts by itself, so that no writer can forget it.
CREATE TRIGGER accounts_added AFTER INSERT ON accounts
    BEGIN UPDATE meta SET change_counter = change_counter + 1; END;
CREATE TRIGGER accounts_changed AFTER UPDATE ON accounts
    BEGIN UPDATE meta SET change_counter = change_counter + 1; END;
CREATE TRIGGER accounts_removed AFTER DELETE ON accounts
    BEGIN UPDATE meta SET change_counter = change_counter + 1; END;
CREATE TRIGGER credentials_added AFTER INSERT ON credentials
    BEGIN UPDATE meta SET change_counter = change_counter + 1; END;
CREATE TRIGGER credentials_changed AFTER UPDATE ON credentials
    BEGIN UPDATE meta SET change_counter = change_counter + 1; END;
CREATE TRIGGER credentials_removed AFTER DELETE ON credentials
    BEGIN UPDATE meta SET change_counter = change_counter + 1; END;

-- What was recorded about keys stays recorded.
CREATE TRIGGER key_changes_fixed BEFORE UPDATE ON key_changes
    BEGIN SELECT RAISE(ABORT, 'key_changes is append-only'); END;
CREATE TRIGGER key_changes_kept BEFORE DELETE ON key_changes
    BEGIN SELECT RAISE(ABORT, 'key_changes is append-only'); END;
