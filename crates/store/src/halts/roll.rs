//! The rows of the processes that share a database: each writes its own with every read of the halts ([`countersign_halt::roll`]).
//!
//! In one transaction with the state: a lease is renewed only where the row was written, so whoever reads the rows sees everybody who
//! may have one. The table is not logged, and a transaction that writes nothing else waits for no disk.

use countersign_halt::{HaltSet, RollRow, Standing};

use super::{HaltStore, bad, entries, epoch, signed};
use crate::db::{Row, Sql};
use crate::error::StoreError;

/// Writes a row and reads all others; our own comes back, too, for its beat. The others are as they were before.
const REPORT: &str = "WITH own AS (INSERT INTO halt_nodes AS kept (run, node, epoch, past, beat) VALUES ($1, $2, $3, $4, 1) \
     ON CONFLICT (run) DO UPDATE SET epoch = $3, past = $4, beat = kept.beat + 1 RETURNING run, node, epoch, past, beat) \
     SELECT * FROM own UNION ALL SELECT run, node, epoch, past, beat FROM halt_nodes WHERE run <> $1";

/// Not where somebody has it in hand: it is not gone then, and nobody waits for it.
const FORGET: &str = "DELETE FROM halt_nodes WHERE run IN (SELECT run FROM halt_nodes WHERE run = $1 AND beat = $2 FOR UPDATE SKIP LOCKED)";

/// The state, and who else reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltRead {
    /// As [`HaltStore::state`] reads it.
    pub state: HaltSet,
    /// The processes that share the database.
    pub nodes: Nodes,
    /// How often our own row was written, this time included.
    pub beat: u64,
}

/// Who shares a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// Nobody else: it is a file.
    Alone,
    /// Our row was not there and is now. Somebody may have counted without us: what was read gives no lease, and is to be read again.
    Joined,
    /// The rows of all others.
    With(Vec<RollRow>),
}

impl HaltStore {
    /// Whether several nodes may share it.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.reader.links().is_some()
    }

    /// [`Self::state`], and in the same transaction writes how far this process is. Its beat is counted there; `own` has the last one that
    /// is known. A row whose beat does not grow was gone meanwhile, also where the answer that said so was lost.
    ///
    /// # Errors
    /// An infrastructure failure; the state is not read then.
    pub async fn report(&self, known: Option<u64>, own: &RollRow) -> Result<HaltRead, StoreError> {
        if !self.is_shared() {
            return Ok(HaltRead { state: self.state(known).await?, nodes: Nodes::Alone, beat: 0 });
        }
        let mut transaction = self.reader.view_and_write().await?;
        let Standing { epoch: enforced, past } = own.standing;
        let values = [(*own.run).into(), (*own.node).into(), signed(enforced).into(), signed(past).into()];
        let rows = transaction.rows(REPORT, &values).await?;
        let epoch = epoch(&mut transaction).await?;
        let entries = if known == Some(epoch) { Vec::new() } else { entries(&mut transaction).await? };
        transaction.commit().await?;
        let (mine, others): (Vec<RollRow>, Vec<RollRow>) =
            rows.iter().map(read).collect::<Result<Vec<_>, _>>()?.into_iter().partition(|row| row.run == own.run);
        let beat = mine.iter().map(|row| row.beat).max().unwrap_or(0);
        let nodes = if beat <= own.beat.max(1) { Nodes::Joined } else { Nodes::With(others) };
        Ok(HaltRead { state: HaltSet::new(epoch, entries), nodes, beat })
    }

    /// Takes the row of this process away: it passes nothing more.
    ///
    /// # Errors
    /// An infrastructure failure; the others wait for its lease then.
    pub async fn leave(&self, run: &str) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        self.writer.run("DELETE FROM halt_nodes WHERE run = $1", &[run.into()]).await.map(drop)
    }

    /// Takes away the row of a process that is gone, if it is still as it was seen.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn forget(&self, gone: &RollRow) -> Result<(), StoreError> {
        self.writer.run(Sql::from(FORGET), &[(*gone.run).into(), signed(gone.beat).into()]).await.map(drop)
    }
}

fn read(row: &Row) -> Result<RollRow, StoreError> {
    let run = row.text("run").map_err(|error| bad("?", error))?;
    let number = |column| {
        let number = row.number(column).map_err(|error| bad(run, error))?;
        u64::try_from(number).map_err(|error| bad(run, error))
    };
    let standing = Standing { epoch: number("epoch")?, past: number("past")? };
    let node = row.text("node").map_err(|error| bad(run, error))?;
    Ok(RollRow { run: run.into(), node: node.into(), standing, beat: number("beat")? })
}
