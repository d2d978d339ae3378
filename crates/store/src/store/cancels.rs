//! Halts that cancel, told to every process that serves; and what came of it at each.
//!
//! ```text
//!   said at a node ─▶ call (number n) ─▶ each process: reads those that it does not know ─▶ asks for what is open at it ─▶ answer (n, node, run)
//! ```
//!
//! A call is known by its name and not by its number: a database that lost its last commits gives numbers out a second time.
//! A call is an act and no state: whoever starts takes those that are there as known. What a process has not heard of when the halt was lifted
//! it is told with that, so that nobody cancels what was placed after it.

use std::collections::BTreeMap;

use countersign_core::Timestamp;
use countersign_halt::{HaltId, HaltScope};

use super::{Store, check_text, row};
use crate::db::{Lock, Row, Value};
use crate::error::StoreError;
use crate::limits;

/// What is called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCancel {
    /// Under which halt.
    pub halt: HaltId,
    /// For whom.
    pub scope: HaltScope,
    /// By whom.
    pub by: String,
    /// The process where it was said: its name, which no other has, also none of the same node.
    pub run: String,
    /// When. With the halt and the process it names the call: whoever says a second one gives it a later time.
    pub at: Timestamp,
}

impl NewCancel {
    /// The name of the call.
    #[must_use]
    pub fn name(&self) -> CallName {
        CallName { halt: self.halt.to_string(), run: self.run.clone(), at: row::micros(self.at) }
    }
}

/// What no other call has: its halt, where it was said, and when. Of one that cannot be read, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallName {
    halt: String,
    run: String,
    at: i64,
}

impl CallName {
    fn values(&self) -> [Value; 3] {
        [self.halt.as_str().into(), self.run.as_str().into(), self.at.into()]
    }
}

/// A call as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelCall {
    /// Its number. They grow in the order in which they are committed.
    pub number: u64,
    /// What is called for.
    pub what: NewCancel,
    /// The node where it was said.
    pub node: String,
    /// Whether its halt was lifted meanwhile.
    pub is_lifted: bool,
}

/// Calls, as far as they can be read.
#[derive(Debug, Default)]
pub struct CancelCalls {
    /// Those that can.
    pub read: Vec<CancelCall>,
    /// Those that cannot: of a newer program, or damaged.
    pub unreadable: Vec<UnreadableCall>,
}

impl CancelCalls {
    /// All that are remembered, with their numbers.
    #[must_use]
    pub fn names(&self) -> BTreeMap<CallName, u64> {
        let read = self.read.iter().map(|call| (call.what.name(), call.number));
        read.chain(self.unreadable.iter().map(|call| (call.name.clone(), call.number))).collect()
    }
}

/// A call of which nobody here can say what it is for.
#[derive(Debug)]
pub struct UnreadableCall {
    /// Its number.
    pub number: u64,
    /// Its name.
    pub name: CallName,
    /// Its halt, where that much can be read.
    pub halt: Option<HaltId>,
    /// What is wrong with it.
    pub why: StoreError,
}

/// What a process says of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelAnswer {
    /// Of which call.
    pub call: CallName,
    /// The node.
    pub node: String,
    /// The process.
    pub run: String,
    /// In JSON of theirs.
    pub record: String,
}

/// A halt that is not in the store was not lifted: it is about to come there.
const CALLS: &str = "SELECT c.*, CAST(CASE WHEN h.lowered IS NOT NULL AND h.lowered_to IS NULL THEN 1 ELSE 0 END AS bigint) AS lifted \
     FROM halt_cancels AS c LEFT JOIN halts AS h ON h.id = c.halt ORDER BY c.number";

/// The call itself, where it is there already: the answer to its COMMIT was lost.
const CALLED: &str = "SELECT number FROM halt_cancels WHERE halt = $1 AND run = $2 AND at = $3";

/// Of a call that is remembered.
const ANSWER: &str = "INSERT INTO halt_cancel_answers (number, node, run, record) \
     SELECT number, CAST($4 AS text), CAST($5 AS text), CAST($6 AS text) FROM halt_cancels WHERE halt = $1 AND run = $2 AND at = $3 \
     ON CONFLICT (number, node, run) DO UPDATE SET record = excluded.record";

/// Each with the name of the call that has the number now: it is read at once with it.
const ANSWERS: &str = "SELECT c.halt, c.run, c.at, a.node, a.run AS said_by, a.record FROM halt_cancel_answers AS a \
     JOIN halt_cancels AS c ON c.number = a.number WHERE a.number >= $1 ORDER BY a.number, a.node, a.run";

impl Store {
    /// Calls every process to cancel; the number of the call. The oldest are forgotten. The same call made again, because nobody knows
    /// whether it came there, is the one that is there.
    ///
    /// # Errors
    /// [`StoreError::Field`], or an infrastructure failure.
    pub async fn call_cancel(&self, new: &NewCancel) -> Result<u64, StoreError> {
        check_text("the name of who cancels", &new.by, 1, limits::ACTOR_BYTES_MAX)?;
        // The lock of halts: numbers are committed in order, so whoever has read up to one misses none below it.
        let mut transaction = self.db.begin(Lock::Halts).await?;
        if let Some(called) = transaction.row(CALLED, &new.name().values()).await? {
            transaction.leave().await?;
            return called.number("number").map(|number| u64::try_from(number).unwrap_or(0)).map_err(|source| self.failed(source));
        }
        let last = transaction.one("SELECT coalesce(max(number), 0) AS last FROM halt_cancels", &[]).await?;
        let number = last.number("last").map_err(|source| self.failed(source))? + 1;
        let values = [
            number.into(),
            new.halt.to_string().into(),
            new.scope.to_string().into(),
            new.by.as_str().into(),
            self.node.as_str().into(),
            new.run.as_str().into(),
            row::micros(new.at).into(),
        ];
        let insert = "INSERT INTO halt_cancels (number, halt, scope, by, node, run, at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        transaction.run(insert, &values).await?;
        let kept = i64::try_from(limits::CANCEL_CALLS_KEPT).unwrap_or(i64::MAX);
        transaction.run("DELETE FROM halt_cancels WHERE number <= $1", &[(number - kept).into()]).await?;
        transaction.commit().await?;
        Ok(u64::try_from(number).unwrap_or(0))
    }

    /// All calls that are remembered, in order. One that cannot be read hides no other: it is told with its
    /// number, for whoever has to say so.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn cancel_calls(&self) -> Result<CancelCalls, StoreError> {
        let rows = self.db.rows(CALLS, &[]).await?;
        let mut calls = CancelCalls::default();
        for row in &rows {
            match call(row) {
                Ok(call) => calls.read.push(call),
                Err(why) => calls.unreadable.push(UnreadableCall { number: number_of(row)?, name: name_of(row)?, halt: halt_of(row), why }),
            }
        }
        Ok(calls)
    }

    /// Says what this node's process makes of a call; what it said before is replaced. Whether there is such a call: one that was forgotten
    /// needs no answer, one that was lost is to be told again.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn answer_cancel(&self, call: &CallName, run: &str, record: &str) -> Result<bool, StoreError> {
        let [halt, by, at] = call.values();
        let values = [halt, by, at, self.node.as_str().into(), run.into(), record.into()];
        self.db.run(ANSWER, &values).await.map(|answered| answered > 0)
    }

    /// What was said of the calls from a number on.
    ///
    /// # Errors
    /// [`StoreError::BadRecord`] where a column has another type, or an infrastructure failure.
    pub async fn cancel_answers_from(&self, number: u64) -> Result<Vec<CancelAnswer>, StoreError> {
        self.db.rows(ANSWERS, &[signed(number).into()]).await?.iter().map(answer).collect()
    }
}

fn call(row: &Row) -> Result<CancelCall, StoreError> {
    let number = row.number("number").map_err(|error| bad(0, error))?;
    let failed = |error: sqlx::Error| bad(number, error);
    let text = |column| row.text(column).map_err(failed);
    let at = u64::try_from(row.number("at").map_err(failed)?).map_err(|error| bad(number, error))?;
    Ok(CancelCall {
        number: u64::try_from(number).map_err(|error| bad(number, error))?,
        what: NewCancel {
            halt: HaltId::parse(text("halt")?).ok_or_else(|| bad(number, "not the name of a halt"))?,
            scope: HaltScope::parse(text("scope")?).map_err(|error| bad(number, error))?,
            by: text("by")?.to_owned(),
            run: text("run")?.to_owned(),
            at: Timestamp::from_micros(at),
        },
        node: text("node")?.to_owned(),
        is_lifted: row.number("lifted").map_err(failed)? == 1,
    })
}

/// The key of the table, which is always there.
fn number_of(row: &Row) -> Result<u64, StoreError> {
    let number = row.number("number").map_err(|error| bad(0, error))?;
    u64::try_from(number).map_err(|error| bad(number, error))
}

fn name_of(row: &Row) -> Result<CallName, StoreError> {
    let text = |column| row.text(column).map(str::to_owned).map_err(|error| bad(0, error));
    Ok(CallName { halt: text("halt")?, run: text("run")?, at: row.number("at").map_err(|error| bad(0, error))? })
}

fn halt_of(row: &Row) -> Option<HaltId> {
    row.text("halt").ok().and_then(HaltId::parse)
}

fn answer(row: &Row) -> Result<CancelAnswer, StoreError> {
    let text = |column| row.text(column).map(str::to_owned).map_err(|error| bad(0, error));
    Ok(CancelAnswer { call: name_of(row)?, node: text("node")?, run: text("said_by")?, record: text("record")? })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn bad(number: i64, why: impl std::fmt::Display) -> StoreError {
    StoreError::BadRecord { table: "halt_cancels", id: number.to_string(), why: why.to_string() }
}
