-- What keys of more venues have: a passphrase beside the secret, and increasing nonces.
PRAGMA user_version = 2;

ALTER TABLE credentials ADD COLUMN sealed_passphrase BLOB;
ALTER TABLE credentials ADD COLUMN nonce_window INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credentials ADD COLUMN nonce_epoch  INTEGER NOT NULL DEFAULT 0;   -- grows with each reset
ALTER TABLE credentials ADD COLUMN nonce_floor  TEXT    NOT NULL DEFAULT '0'; -- 64 bits without sign: as text
