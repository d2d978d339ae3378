-- Whether the new connections of an account cancel its orders when they are lost, where a venue lets its accounts say so.
ALTER TABLE accounts ADD COLUMN cancel_on_disconnect bigint NOT NULL DEFAULT 0 CHECK (cancel_on_disconnect IN (0, 1));

UPDATE countersign_schema SET version = 8;
