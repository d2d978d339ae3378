-- What clients trust and pin, whichever node answers them; empty until the first node says so.
ALTER TABLE meta
    ADD COLUMN authority_spki text,     -- SHA-256 of the private CA's public key
    ADD COLUMN gateway_root   text;     -- kid of the root of the gateway's identity

UPDATE countersign_schema SET version = 9;
