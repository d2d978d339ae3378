-- Halts that cancel: each node asks for what is open at it, and says what came of it.
CREATE TABLE halt_cancels (
    number bigint PRIMARY KEY,
    halt   text COLLATE "C" NOT NULL,
    scope  text NOT NULL,
    by     text NOT NULL,
    -- Where it was said: the node, and the process of it.
    node   text COLLATE "C" NOT NULL,
    run    text COLLATE "C" NOT NULL,
    at     bigint NOT NULL
);

CREATE TABLE halt_cancel_answers (
    number bigint NOT NULL REFERENCES halt_cancels (number) ON DELETE CASCADE,
    node   text COLLATE "C" NOT NULL,
    run    text COLLATE "C" NOT NULL,
    record text NOT NULL,
    PRIMARY KEY (number, node, run)
);

CREATE TRIGGER halt_cancels_heard AFTER INSERT ON halt_cancels
    FOR EACH ROW EXECUTE FUNCTION countersign_heard('halts');

-- A session as operators of another node see it; JSON.
ALTER TABLE sessions ADD COLUMN shown text;

UPDATE countersign_schema SET version = 6;
