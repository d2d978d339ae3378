//! Rehearsals of halts, gone through by every process, and what each would have stopped.
//!
//! ```text
//!   said at a node ─▶ drill (epoch e), answer (e, its process, empty) ─▶ each other process: reads those after the last it knows
//!                                                                        ─▶ goes through with it ─▶ answer (e, process, JSON)
//! ```
//!
//! Whoever starts takes the last epoch as known: a rehearsal is over in seconds.

use countersign_halt::{Halt, HaltError};

use super::Store;
use crate::db::Row;
use crate::error::StoreError;
use crate::halts::{bad_drill, signed};
use crate::limits;

/// A rehearsal that another process began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDrill {
    /// Its epoch among the rehearsals.
    pub epoch: u64,
    /// What is rehearsed; an error where it cannot be read: it is a newer program's, or damaged. Those after it are heard all the same.
    pub halt: Result<Halt, HaltError>,
}

/// What a process says of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillAnswer {
    /// The node.
    pub node: String,
    /// The process.
    pub run: String,
    /// In JSON of theirs; empty of the process where it was said.
    pub record: String,
}

/// The latest, oldest first.
const AFTER: &str = "SELECT * FROM (SELECT d.drill_epoch, d.record FROM halt_drills AS d WHERE d.drill_epoch > $1 AND NOT EXISTS \
     (SELECT 1 FROM halt_drill_answers AS a WHERE a.drill_epoch = d.drill_epoch AND a.run = $2) \
     ORDER BY d.drill_epoch DESC LIMIT $3) AS latest ORDER BY drill_epoch";

const ANSWER: &str = "INSERT INTO halt_drill_answers (drill_epoch, node, run, record) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (drill_epoch, run) DO NOTHING";

impl Store {
    /// The epoch of the last rehearsal; 0 before the first.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn last_drill(&self) -> Result<u64, StoreError> {
        let rows = self.db.rows("SELECT coalesce(max(drill_epoch), 0) AS last FROM halt_drills", &[]).await?;
        rows.first().map_or(Ok(0), |row| epoch(row, "last"))
    }

    /// Rehearsals after an epoch of which a process has said nothing, at most [`limits::DRILLS_KEPT`].
    ///
    /// # Errors
    /// [`StoreError::BadRecord`], or an infrastructure failure.
    pub async fn drills_after(&self, epoch: u64, run: &str) -> Result<Vec<StoredDrill>, StoreError> {
        let latest = i64::try_from(limits::DRILLS_KEPT).unwrap_or(i64::MAX);
        self.db.rows(AFTER, &[signed(epoch).into(), run.into(), latest.into()]).await?.iter().map(drill).collect()
    }

    /// Says what a process of this node makes of a rehearsal.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn answer_drill(&self, epoch: u64, run: &str, record: &str) -> Result<(), StoreError> {
        let values = [signed(epoch).into(), self.node.as_str().into(), run.into(), record.into()];
        self.db.run(ANSWER, &values).await.map(drop)
    }

    /// What was said of a rehearsal.
    ///
    /// # Errors
    /// [`StoreError::BadRecord`], or an infrastructure failure.
    pub async fn drill_answers(&self, epoch: u64) -> Result<Vec<DrillAnswer>, StoreError> {
        let answers = "SELECT node, run, record FROM halt_drill_answers WHERE drill_epoch = $1 ORDER BY node, run";
        self.db.rows(answers, &[signed(epoch).into()]).await?.iter().map(answer).collect()
    }
}

fn epoch(row: &Row, column: &'static str) -> Result<u64, StoreError> {
    let number = row.number(column).map_err(|error| bad_drill(0, error))?;
    u64::try_from(number).map_err(|error| bad_drill(number, error))
}

fn drill(row: &Row) -> Result<StoredDrill, StoreError> {
    let epoch = epoch(row, "drill_epoch")?;
    let record = row.text("record").map_err(|error| bad_drill(signed(epoch), error))?;
    Ok(StoredDrill { epoch, halt: Halt::from_json(record) })
}

fn answer(row: &Row) -> Result<DrillAnswer, StoreError> {
    let text = |column| row.text(column).map(str::to_owned).map_err(|error| bad_drill(0, error));
    Ok(DrillAnswer { node: text("node")?, run: text("run")?, record: text("record")? })
}
