-- Refresh tokens by their hashes, and what was revoked.
PRAGMA user_version = 4;

ALTER TABLE meta ADD COLUMN refresh_key BLOB;   -- sealed: what refresh tokens are derived from

CREATE TABLE refresh_families (
    sid           TEXT PRIMARY KEY,
    credential    TEXT    NOT NULL,
    account       TEXT    NOT NULL,
    key_id        TEXT    NOT NULL,
    purpose       TEXT    NOT NULL,
    scopes        TEXT    NOT NULL,
    audience      TEXT    NOT NULL,
    cnf           TEXT    NOT NULL,             -- JSON, as in the tokens
    generation    INTEGER NOT NULL,
    current_hash  BLOB    NOT NULL,             -- SHA-256 of the text; the text itself is nowhere
    previous_hash BLOB,
    rotated       INTEGER NOT NULL,
    created       INTEGER NOT NULL,
    ends          INTEGER NOT NULL,
    revoked       TEXT                          -- why; NULL while it lives
) STRICT;
CREATE INDEX refresh_families_by_credential ON refresh_families (credential, rotated);

CREATE TABLE token_revocations (
    epoch  INTEGER PRIMARY KEY AUTOINCREMENT,   -- never reused, so a token's epoch stays comparable
    target TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    until  INTEGER NOT NULL,                    -- nothing that it names lives longer
    by     TEXT    NOT NULL
) STRICT;
