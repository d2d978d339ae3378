-- The tables of ../*.sql up to 005, for PostgreSQL: the same columns under the same names.
-- Texts are compared by their bytes (COLLATE "C"), as SQLite does, so that both list in one order.
-- Times are microseconds since the Unix epoch.

CREATE TABLE countersign_schema (
    one         bigint PRIMARY KEY CHECK (one = 1),
    application bigint NOT NULL,        -- whose database it is
    version     bigint NOT NULL         -- steps taken
);
INSERT INTO countersign_schema (one, application, version) VALUES (1, 1131636558, 1);

CREATE TABLE meta (
    one            bigint PRIMARY KEY CHECK (one = 1),
    change_counter bigint NOT NULL,
    sealing_check  bytea,
    refresh_key    bytea
);
INSERT INTO meta (one, change_counter) VALUES (1, 0);

-- Numbers that are given out in the order in which they are committed, without gaps. A sequence gives neither: whoever has read up to
-- 5 would miss a 4 that is committed later.
CREATE TABLE counters (
    name text COLLATE "C" PRIMARY KEY,
    last bigint NOT NULL
);
INSERT INTO counters (name, last) VALUES ('key_changes', 0), ('token_revocations', 0);

CREATE TABLE accounts (
    id      text COLLATE "C" PRIMARY KEY,
    label   text NOT NULL,
    created bigint NOT NULL
);

CREATE TABLE credentials (
    id                text COLLATE "C" PRIMARY KEY,
    account           text COLLATE "C" NOT NULL REFERENCES accounts (id),
    purpose           text COLLATE "C" NOT NULL,
    key_id            text COLLATE "C" NOT NULL,
    algorithm         text,
    spki              bytea,
    sealed_secret     bytea,
    key_hash          text COLLATE "C" UNIQUE,   -- one key serves one purpose
    scopes            text NOT NULL,
    ip_allow          text NOT NULL,
    weight_per_minute bigint NOT NULL,
    orders_per_10s    bigint NOT NULL,
    min_bind          text NOT NULL,
    not_after         bigint,
    state             text NOT NULL,
    label             text NOT NULL,
    created           bigint NOT NULL,
    replaces          text COLLATE "C" REFERENCES credentials (id) DEFERRABLE INITIALLY DEFERRED,
    sealed_passphrase bytea,
    nonce_window      bigint NOT NULL DEFAULT 0,
    nonce_epoch       bigint NOT NULL DEFAULT 0,
    nonce_floor       text NOT NULL DEFAULT '0',
    explain           bigint NOT NULL DEFAULT 0 CHECK (explain IN (0, 1)),
    UNIQUE (purpose, key_id),
    CHECK ((spki IS NULL) OR (sealed_secret IS NULL))
);
CREATE INDEX credentials_by_account ON credentials (account);

CREATE TABLE key_changes (
    seq        bigint PRIMARY KEY,
    at         bigint NOT NULL,
    by         text NOT NULL,
    credential text COLLATE "C" NOT NULL,
    account    text NOT NULL,
    purpose    text NOT NULL,
    key_id     text NOT NULL,
    change     text NOT NULL,
    detail     text NOT NULL
);
CREATE INDEX key_changes_by_credential ON key_changes (credential);

CREATE TABLE sessions (
    sid        text COLLATE "C" PRIMARY KEY,
    account    text NOT NULL,
    credential text NOT NULL,
    ch         text NOT NULL,
    contract   text NOT NULL,
    remote     text,
    created    bigint NOT NULL,
    ended      bigint,
    end_reason text,
    node       text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX sessions_by_created ON sessions (created);
CREATE INDEX sessions_open ON sessions (node) WHERE ended IS NULL;

CREATE TABLE halt_epoch (
    one         bigint PRIMARY KEY CHECK (one = 1),
    epoch       bigint NOT NULL,
    drill_epoch bigint NOT NULL
);
INSERT INTO halt_epoch (one, epoch, drill_epoch) VALUES (1, 0, 0);

CREATE TABLE halts (
    id         text COLLATE "C" PRIMARY KEY,
    record     text NOT NULL,
    raised     bigint NOT NULL,
    lowered    bigint,
    lowered_to text
);

CREATE TABLE halt_log (
    epoch      bigint PRIMARY KEY,
    at         bigint NOT NULL,
    record     text NOT NULL,
    payload    text,
    signatures text
);

CREATE TABLE halt_lifts (
    id         text COLLATE "C" PRIMARY KEY,
    payload    text NOT NULL,
    expires    bigint NOT NULL,
    signatures text NOT NULL DEFAULT '[]'
);

CREATE TABLE halt_drills (
    drill_epoch bigint PRIMARY KEY,
    record      text NOT NULL
);

CREATE TABLE refresh_families (
    sid           text COLLATE "C" PRIMARY KEY,
    credential    text COLLATE "C" NOT NULL,
    account       text NOT NULL,
    key_id        text NOT NULL,
    purpose       text NOT NULL,
    scopes        text NOT NULL,
    audience      text NOT NULL,
    cnf           text NOT NULL,
    generation    bigint NOT NULL,
    current_hash  bytea NOT NULL,
    previous_hash bytea,
    rotated       bigint NOT NULL,
    created       bigint NOT NULL,
    ends          bigint NOT NULL,
    revoked       text
);
CREATE INDEX refresh_families_by_credential ON refresh_families (credential, rotated);

CREATE TABLE token_revocations (
    epoch  bigint PRIMARY KEY,
    target text NOT NULL,
    at     bigint NOT NULL,
    until  bigint NOT NULL,
    by     text NOT NULL
);

-- A copy of each node's audit log: whole lines of its files, byte for byte, with where they begin and end.
CREATE TABLE audit_lines (
    node   text COLLATE "C" NOT NULL,
    file   text COLLATE "C" NOT NULL,
    begins bigint NOT NULL,
    ends   bigint NOT NULL,
    line   bytea NOT NULL,
    PRIMARY KEY (node, file, begins)
);
CREATE INDEX audit_lines_ends ON audit_lines (node, file, ends);

-- The counter counts by itself, so that no writer can forget it; and whoever listens hears it when it is committed.
CREATE FUNCTION countersign_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE meta SET change_counter = change_counter + 1;
    PERFORM pg_notify('countersign', 'keys');
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_changed AFTER INSERT OR UPDATE OR DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION countersign_keys_changed();
CREATE TRIGGER credentials_changed AFTER INSERT OR UPDATE OR DELETE ON credentials
    FOR EACH ROW EXECUTE FUNCTION countersign_keys_changed();

CREATE FUNCTION countersign_heard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('countersign', TG_ARGV[0]);
    RETURN NULL;
END $$;
CREATE TRIGGER halts_heard AFTER UPDATE ON halt_epoch
    FOR EACH ROW EXECUTE FUNCTION countersign_heard('halts');
CREATE TRIGGER revocations_heard AFTER INSERT ON token_revocations
    FOR EACH ROW EXECUTE FUNCTION countersign_heard('tokens');

-- Numbers: the row of the counter is locked until the transaction ends, so they are committed in order. A number that is given, as
-- when a database is copied, moves the counter along.
CREATE FUNCTION countersign_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'key_changes' THEN
        UPDATE counters SET last = greatest(last, coalesce(NEW.seq, last + 1)) WHERE name = TG_TABLE_NAME
            RETURNING coalesce(NEW.seq, last) INTO STRICT NEW.seq;
    ELSE
        UPDATE counters SET last = greatest(last, coalesce(NEW.epoch, last + 1)) WHERE name = TG_TABLE_NAME
            RETURNING coalesce(NEW.epoch, last) INTO STRICT NEW.epoch;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER key_changes_numbered BEFORE INSERT ON key_changes
    FOR EACH ROW EXECUTE FUNCTION countersign_number();
CREATE TRIGGER revocations_numbered BEFORE INSERT ON token_revocations
    FOR EACH ROW EXECUTE FUNCTION countersign_number();

-- What was recorded stays recorded.
CREATE FUNCTION countersign_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER key_changes_kept BEFORE UPDATE OR DELETE ON key_changes
    FOR EACH ROW EXECUTE FUNCTION countersign_append_only();
CREATE TRIGGER key_changes_whole BEFORE TRUNCATE ON key_changes
    FOR EACH STATEMENT EXECUTE FUNCTION countersign_append_only();
CREATE TRIGGER halt_log_kept BEFORE UPDATE OR DELETE ON halt_log
    FOR EACH ROW EXECUTE FUNCTION countersign_append_only();
CREATE TRIGGER halt_log_whole BEFORE TRUNCATE ON halt_log
    FOR EACH STATEMENT EXECUTE FUNCTION countersign_append_only();
CREATE TRIGGER audit_lines_kept BEFORE UPDATE OR DELETE ON audit_lines
    FOR EACH ROW EXECUTE FUNCTION countersign_append_only();
CREATE TRIGGER audit_lines_whole BEFORE TRUNCATE ON audit_lines
    FOR EACH STATEMENT EXECUTE FUNCTION countersign_append_only();
