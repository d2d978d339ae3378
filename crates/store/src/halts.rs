//! Halts, their epoch and log, and the lifts that collect signatures.
//!
//! ```text
//!   raise(halt)     epoch + 1 ─ row ─ log line          one transaction
//!   lower(Agreed)   only if the epoch is the one that was signed: epoch + 1 ─ rows ─ log line with the signatures
//!   state(known)    epoch, and the rows if the epoch is another than `known`
//!   report(known)   the same, with the row of this process and those of the others (roll.rs)
//! ```
//!
//! In the database of the [`Store`](crate::Store), over two connections of their own: a stop does not queue behind the recording of
//! sessions, and the reading that keeps a node's lease does not queue behind a write.
//!
//! What cannot be read is an error, never an empty state: a node that does not know its halts passes nothing new.

mod roll;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::Timestamp;
use countersign_halt::{Action, Agreed, Change, Entry, Halt, HaltRecord, HaltSet, Lift, LiftId, Lowered, OperatorSignature};
use serde::{Deserialize, Serialize};

use crate::db::{Db, Lock, Row, Tx};
use crate::error::StoreError;
use crate::limits;

pub use roll::{HaltRead, Nodes};

/// The store of halts.
pub struct HaltStore {
    reader: Db,
    writer: Db,
}

/// A lift with the signatures it has so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLift {
    /// The lift.
    pub lift: Lift,
    /// Who signed.
    pub signatures: Vec<OperatorSignature>,
}

#[derive(Serialize, Deserialize)]
struct SignatureRow {
    operator: String,
    signature: String,
}

impl HaltStore {
    /// Over two databases that are one, each with a connection of its own.
    pub(crate) const fn new(reader: Db, writer: Db) -> Self {
        Self { reader, writer }
    }

    /// The state, if its epoch is not `known`; else the epoch alone, with no entries.
    ///
    /// # Errors
    /// An infrastructure failure, a row that cannot be used among them.
    pub async fn state(&self, known: Option<u64>) -> Result<HaltSet, StoreError> {
        // One transaction: epoch and rows are of one moment.
        let mut transaction = self.reader.view().await?;
        let epoch = epoch(&mut transaction).await?;
        if known == Some(epoch) {
            transaction.leave().await?;
            return Ok(HaltSet::new(epoch, []));
        }
        let entries = entries(&mut transaction).await?;
        transaction.leave().await?;
        Ok(HaltSet::new(epoch, entries))
    }

    /// Commits a halt; its epoch. A halt of this name that is there already is left as it is, and its epoch is that under which it was
    /// committed, not the present one: changes of other nodes may lie between, which whoever asks does not know by that.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn raise(&self, halt: &Halt) -> Result<u64, StoreError> {
        let mut transaction = self.writer.begin(Lock::Halts).await?;
        let epoch = epoch(&mut transaction).await? + 1;
        let values = [halt.id.to_string().into(), halt.to_json().into(), signed(epoch).into()];
        let added =
            transaction.run("INSERT INTO halts (id, record, raised) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING", &values).await?;
        if added == 0 {
            let raised = raised(&mut transaction, halt).await?;
            transaction.leave().await?;
            return Ok(raised);
        }
        let record = HaltRecord { epoch, change: Change::Raise(halt.clone()) };
        log(&mut transaction, &record, halt.at, None).await?;
        transaction.commit().await?;
        Ok(epoch)
    }

    /// Commits a lift; the new epoch, or `None` when the epoch is not the one that was signed any more.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn lower(&self, agreed: &Agreed, signatures: &[OperatorSignature], now: Timestamp) -> Result<Option<u64>, StoreError> {
        let lift = agreed.lift();
        let mut transaction = self.writer.begin(Lock::Halts).await?;
        let before = epoch(&mut transaction).await?;
        if before != lift.if_epoch {
            transaction.leave().await?;
            return Ok(None);
        }
        let epoch = before + 1;
        for id in &lift.halts {
            let values = [id.to_string().into(), signed(epoch).into(), lift.to.map(Action::name).into()];
            transaction.run("UPDATE halts SET lowered = $2, lowered_to = $3 WHERE id = $1", &values).await?;
        }
        let record = HaltRecord { epoch, change: Change::Lower { halts: lift.halts.clone(), to: lift.to } };
        log(&mut transaction, &record, now, Some((lift.payload(), &to_json(signatures)))).await?;
        transaction.run("DELETE FROM halt_lifts WHERE id = $1", &[lift.id().to_string().into()]).await?;
        transaction.commit().await?;
        Ok(Some(epoch))
    }

    /// Records a rehearsal under its own epoch, and who began it: a process of a node. Answers to older ones are forgotten.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn record_drill(&self, halt: &Halt, (node, run): (&str, &str)) -> Result<u64, StoreError> {
        let mut transaction = self.writer.begin(Lock::Halts).await?;
        let next = transaction.one("UPDATE halt_epoch SET drill_epoch = drill_epoch + 1 RETURNING drill_epoch", &[]).await?;
        let epoch = next.number("drill_epoch").map_err(|error| bad("drill_epoch", error))?;
        let values = [epoch.into(), halt.to_json().into()];
        transaction.run("INSERT INTO halt_drills (drill_epoch, record) VALUES ($1, $2)", &values).await?;
        let began = "INSERT INTO halt_drill_answers (drill_epoch, node, run, record) VALUES ($1, $2, $3, '')";
        transaction.run(began, &[epoch.into(), node.into(), run.into()]).await?;
        let kept = i64::try_from(limits::DRILLS_KEPT).unwrap_or(i64::MAX);
        transaction.run("DELETE FROM halt_drill_answers WHERE drill_epoch <= $1", &[(epoch - kept).into()]).await?;
        transaction.commit().await?;
        Ok(u64::try_from(epoch).unwrap_or(0))
    }

    /// Keeps a proposal until it expires; those that have expired go.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn propose(&self, lift: &Lift, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin(Lock::Halts).await?;
        transaction.run("DELETE FROM halt_lifts WHERE expires <= $1", &[signed(now.as_micros()).into()]).await?;
        let values = [lift.id().to_string().into(), lift.payload().into(), signed(lift.expires.as_micros()).into()];
        transaction.run("INSERT INTO halt_lifts (id, payload, expires) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING", &values).await?;
        transaction.commit().await
    }

    /// A proposal with its signatures.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn lift(&self, id: LiftId) -> Result<Option<StoredLift>, StoreError> {
        self.reader.row(LIFT, &[id.to_string().into()]).await?.as_ref().map(stored_lift).transpose()
    }

    /// Adds a signature that was verified; one operator's second takes the place of the first. How many there are then, or `None`
    /// when there is no such proposal.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn sign(&self, id: LiftId, signature: &OperatorSignature) -> Result<Option<usize>, StoreError> {
        let mut transaction = self.writer.begin(Lock::Halts).await?;
        let Some(row) = transaction.row(LIFT, &[id.to_string().into()]).await? else {
            transaction.leave().await?;
            return Ok(None);
        };
        let mut signatures = stored_lift(&row)?.signatures;
        signatures.retain(|known| known.operator != signature.operator);
        signatures.push(signature.clone());
        let values = [id.to_string().into(), to_json(&signatures).into()];
        transaction.run("UPDATE halt_lifts SET signatures = $2 WHERE id = $1", &values).await?;
        transaction.commit().await?;
        Ok(Some(signatures.len()))
    }
}

impl std::fmt::Debug for HaltStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HaltStore({})", self.reader.place().display())
    }
}

const LIFT: &str = "SELECT * FROM halt_lifts WHERE id = $1";

async fn epoch(transaction: &mut Tx) -> Result<u64, StoreError> {
    let row = transaction.one("SELECT epoch FROM halt_epoch", &[]).await?;
    let epoch = row.number("epoch").map_err(|error| bad("epoch", error))?;
    u64::try_from(epoch).map_err(|error| bad("epoch", error))
}

/// The epoch of a halt that is there.
async fn raised(transaction: &mut Tx, halt: &Halt) -> Result<u64, StoreError> {
    let id = halt.id.to_string();
    let row = transaction.one("SELECT raised FROM halts WHERE id = $1", &[id.as_str().into()]).await?;
    let raised = row.number("raised").map_err(|error| bad(&id, error))?;
    u64::try_from(raised).map_err(|error| bad(&id, error))
}

async fn entries(transaction: &mut Tx) -> Result<Vec<Entry>, StoreError> {
    transaction.rows("SELECT * FROM halts", &[]).await?.iter().map(entry).collect()
}

/// Moves the epoch on, and writes down why.
async fn log(transaction: &mut Tx, record: &HaltRecord, at: Timestamp, lift: Option<(&str, &str)>) -> Result<(), StoreError> {
    transaction.run("UPDATE halt_epoch SET epoch = $1", &[signed(record.epoch).into()]).await?;
    let values = [
        signed(record.epoch).into(),
        signed(at.as_micros()).into(),
        record.to_json().into(),
        lift.map(|(payload, _)| payload).into(),
        lift.map(|(_, signatures)| signatures).into(),
    ];
    let insert = "INSERT INTO halt_log (epoch, at, record, payload, signatures) VALUES ($1, $2, $3, $4, $5)";
    transaction.run(insert, &values).await.map(|_| ())
}

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn bad_drill(epoch: i64, why: impl std::fmt::Display) -> StoreError {
    StoreError::BadRecord { table: "halt_drills", id: epoch.to_string(), why: why.to_string() }
}

fn bad(id: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::BadRecord { table: "halts", id: id.to_owned(), why: why.to_string() }
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let id = row.text("id").map_err(|error| bad("?", error))?;
    let failed = |error: sqlx::Error| bad(id, error);
    let record = row.text("record").map_err(failed)?;
    let raised = row.number("raised").map_err(failed)?;
    let lowered = row.number_or_none("lowered").map_err(failed)?;
    let to = row.text_or_none("lowered_to").map_err(failed)?;
    let number = |number: i64| u64::try_from(number).map_err(|error| bad(id, error));
    let to = to.map(|name| Action::parse(name).ok_or_else(|| bad(id, "not an action"))).transpose()?;
    let halt = Halt::from_json(record).map_err(|error| bad(id, error))?;
    if halt.id.to_string() != id {
        return Err(bad(id, "the record has another name"));
    }
    let lowered = lowered.map(number).transpose()?.map(|epoch| Lowered { epoch, to });
    Ok(Entry { halt, raised: number(raised)?, lowered })
}

fn stored_lift(row: &Row) -> Result<StoredLift, StoreError> {
    let id = row.text("id").map_err(|error| bad("?", error))?;
    let payload = row.text("payload").map_err(|error| bad(id, error))?;
    let signatures = row.text("signatures").map_err(|error| bad(id, error))?;
    let lift = Lift::from_payload(payload).map_err(|error| bad(id, error))?;
    let rows: Vec<SignatureRow> = serde_json::from_str(signatures).map_err(|error| bad(id, error))?;
    let read = |row: SignatureRow| {
        let signature = URL_SAFE_NO_PAD.decode(&row.signature).map_err(|error| bad(id, error))?;
        Ok(OperatorSignature { operator: row.operator.into(), signature })
    };
    Ok(StoredLift { lift, signatures: rows.into_iter().map(read).collect::<Result<_, StoreError>>()? })
}

fn to_json(signatures: &[OperatorSignature]) -> String {
    let row = |signature: &OperatorSignature| SignatureRow {
        operator: signature.operator.to_string(),
        signature: URL_SAFE_NO_PAD.encode(&signature.signature),
    };
    let rows: Vec<SignatureRow> = signatures.iter().map(row).collect();
    serde_json::to_string(&rows).expect("texts are JSON")
}
