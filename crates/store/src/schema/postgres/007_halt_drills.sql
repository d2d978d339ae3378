-- Rehearsals of halts: each process that serves goes through with it, and says what it would have stopped.
CREATE TABLE halt_drill_answers (
    drill_epoch bigint NOT NULL REFERENCES halt_drills (drill_epoch),
    node        text COLLATE "C" NOT NULL,
    run         text COLLATE "C" NOT NULL,
    -- JSON; empty of the process where it was said.
    record      text NOT NULL,
    PRIMARY KEY (drill_epoch, run)
);

CREATE TRIGGER halt_drills_heard AFTER INSERT ON halt_drills
    FOR EACH ROW EXECUTE FUNCTION countersign_heard('halts');

UPDATE countersign_schema SET version = 7;
