-- Whether a refused login of a key may be explained online: off, unless an operator says so.
PRAGMA user_version = 6;

ALTER TABLE credentials ADD COLUMN explain INTEGER NOT NULL DEFAULT 0 CHECK (explain IN (0, 1));
