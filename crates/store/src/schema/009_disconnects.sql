-- Whether the new connections of an account cancel its orders when they are lost, where a venue lets its accounts say so.
PRAGMA user_version = 9;

ALTER TABLE accounts ADD COLUMN cancel_on_disconnect INTEGER NOT NULL DEFAULT 0 CHECK (cancel_on_disconnect IN (0, 1));
