-- Copies of the journals of FIX sessions, so that a session goes on at another node. Under which names sessions are, and whose they are.
CREATE TABLE fix_journals (
    name       text COLLATE "C" PRIMARY KEY,
    account    text NOT NULL,
    -- Whoever opened it last, by number: all others write nothing more.
    generation bigint NOT NULL DEFAULT 0,
    -- The generation that wrote last.
    written    bigint NOT NULL DEFAULT 0,
    series     bigint NOT NULL DEFAULT 0,
    ends       bigint NOT NULL DEFAULT 0,
    node       text NOT NULL DEFAULT '',
    -- Until when the node has it, in microseconds of this server's clock; 0: it gave it back.
    leased     bigint NOT NULL DEFAULT 0
);

-- The bytes of a journal, sealed, in pieces as they were written.
CREATE TABLE fix_records (
    journal text COLLATE "C" NOT NULL REFERENCES fix_journals (name) ON DELETE CASCADE,
    begins  bigint NOT NULL,
    records bytea NOT NULL,
    PRIMARY KEY (journal, begins)
);

CREATE FUNCTION countersign_micros(moment timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(epoch FROM moment) * 1000000)::bigint
$$;

-- Adds to several journals, or to none: each part is [name, generation, series, begins, ends, records in hexadecimal]. Whether it did:
-- not where another generation has one of them, or it is not as far as the part begins.
CREATE FUNCTION countersign_fix_append(parts json) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    part json;
BEGIN
    FOR part IN SELECT value FROM json_array_elements(parts) ORDER BY (value ->> 0) COLLATE "C" LOOP
        PERFORM 1 FROM fix_journals
            WHERE name = part ->> 0 AND generation = (part ->> 1)::bigint AND series = (part ->> 2)::bigint AND ends = (part ->> 3)::bigint
            FOR UPDATE;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
    END LOOP;
    INSERT INTO fix_records (journal, begins, records)
        SELECT value ->> 0, (value ->> 3)::bigint, decode(value ->> 5, 'hex') FROM json_array_elements(parts);
    UPDATE fix_journals SET ends = (value ->> 4)::bigint, written = generation FROM json_array_elements(parts) WHERE name = value ->> 0;
    RETURN true;
END $$;

UPDATE countersign_schema SET version = 2;
