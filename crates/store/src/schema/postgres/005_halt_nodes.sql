-- Which processes may pass orders, and how far each is with the halts: a row each, written with every read of the halts. It is of no worth
-- after a crash, and is empty then; nothing waits for a disk.
CREATE UNLOGGED TABLE halt_nodes (
    run   text COLLATE "C" PRIMARY KEY,
    node  text NOT NULL,
    -- The epoch that it enforces, and the one before whose halts nothing that it let in is under way.
    epoch bigint NOT NULL,
    past  bigint NOT NULL,
    -- Grows with each read.
    beat  bigint NOT NULL
) WITH (fillfactor = 50);

UPDATE countersign_schema SET version = 5;
