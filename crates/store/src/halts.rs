//! Halts, their epoch and log, and the lifts that collect signatures.
//!
//! ```text
//!   raise(halt)     epoch + 1 ─ row ─ log line          one transaction
//!   lower(Agreed)   only if the epoch is the one that was signed: epoch + 1 ─ rows ─ log line with the signatures
//!   state(known)    epoch, and the rows if the epoch is another than `known`
//! ```
//!
//! In the database of the [`Store`](crate::Store), over two connections of its own: a stop does not queue behind the recording of
//! sessions, and the reading that keeps a node's lease does not queue behind a write.
//!
//! What cannot be read is an error, never an empty state: a node that does not know its halts passes nothing new.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::Timestamp;
use countersign_halt::{Action, Agreed, Change, Entry, Halt, HaltRecord, HaltSet, Lift, LiftId, Lowered, OperatorSignature};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::Mutex;

use crate::error::StoreError;

/// The store of halts.
pub struct HaltStore {
    path: PathBuf,
    reader: Mutex<SqliteConnection>,
    writer: Mutex<SqliteConnection>,
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
    pub(crate) fn new(path: &Path, reader: SqliteConnection, writer: SqliteConnection) -> Self {
        Self { path: path.to_owned(), reader: Mutex::new(reader), writer: Mutex::new(writer) }
    }

    /// The state, if its epoch is not `known`; else the epoch alone, with no entries.
    ///
    /// # Errors
    /// An infrastructure failure, a row that cannot be used among them.
    pub async fn state(&self, known: Option<u64>) -> Result<HaltSet, StoreError> {
        let mut reader = self.reader.lock().await;
        // One transaction: epoch and rows are of one moment.
        let mut transaction = reader.begin().await.map_err(|source| self.failed(source))?;
        let epoch = self.epoch(&mut transaction).await?;
        if known == Some(epoch) {
            return Ok(HaltSet::new(epoch, []));
        }
        let rows = sqlx::query("SELECT * FROM halts").fetch_all(&mut *transaction).await.map_err(|source| self.failed(source))?;
        let entries: Vec<Entry> = rows.iter().map(entry).collect::<Result<_, _>>()?;
        Ok(HaltSet::new(epoch, entries))
    }

    /// Commits a halt; the new epoch. A halt of this name that is there already is left as it is.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn raise(&self, halt: &Halt) -> Result<u64, StoreError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let epoch = self.epoch(&mut transaction).await? + 1;
        let added = sqlx::query("INSERT INTO halts (id, record, raised) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING")
            .bind(halt.id.to_string())
            .bind(halt.to_json())
            .bind(signed(epoch))
            .execute(&mut *transaction)
            .await
            .map_err(|source| self.failed(source))?;
        if added.rows_affected() == 0 {
            return Ok(epoch - 1);
        }
        let record = HaltRecord { epoch, change: Change::Raise(halt.clone()) };
        self.log(&mut transaction, &record, halt.at, None).await?;
        transaction.commit().await.map_err(|source| self.failed(source))?;
        Ok(epoch)
    }

    /// Commits a lift; the new epoch, or `None` when the epoch is not the one that was signed any more.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn lower(&self, agreed: &Agreed, signatures: &[OperatorSignature], now: Timestamp) -> Result<Option<u64>, StoreError> {
        let lift = agreed.lift();
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let before = self.epoch(&mut transaction).await?;
        if before != lift.if_epoch {
            return Ok(None);
        }
        let epoch = before + 1;
        for id in &lift.halts {
            sqlx::query("UPDATE halts SET lowered = ?2, lowered_to = ?3 WHERE id = ?1")
                .bind(id.to_string())
                .bind(signed(epoch))
                .bind(lift.to.map(Action::name))
                .execute(&mut *transaction)
                .await
                .map_err(|source| self.failed(source))?;
        }
        let record = HaltRecord { epoch, change: Change::Lower { halts: lift.halts.clone(), to: lift.to } };
        self.log(&mut transaction, &record, now, Some((lift.payload(), &to_json(signatures)))).await?;
        sqlx::query("DELETE FROM halt_lifts WHERE id = ?1")
            .bind(lift.id().to_string())
            .execute(&mut *transaction)
            .await
            .map_err(|source| self.failed(source))?;
        transaction.commit().await.map_err(|source| self.failed(source))?;
        Ok(Some(epoch))
    }

    /// Records a rehearsal under its own epoch.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn record_drill(&self, halt: &Halt) -> Result<u64, StoreError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let epoch: i64 = sqlx::query_scalar("UPDATE halt_epoch SET drill_epoch = drill_epoch + 1 RETURNING drill_epoch")
            .fetch_one(&mut *transaction)
            .await
            .map_err(|source| self.failed(source))?;
        sqlx::query("INSERT INTO halt_drills (drill_epoch, record) VALUES (?1, ?2)")
            .bind(epoch)
            .bind(halt.to_json())
            .execute(&mut *transaction)
            .await
            .map_err(|source| self.failed(source))?;
        transaction.commit().await.map_err(|source| self.failed(source))?;
        Ok(u64::try_from(epoch).unwrap_or(0))
    }

    /// Keeps a proposal until it expires; those that have expired go.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn propose(&self, lift: &Lift, now: Timestamp) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        sqlx::query("DELETE FROM halt_lifts WHERE expires <= ?1")
            .bind(signed(now.as_micros()))
            .execute(&mut *transaction)
            .await
            .map_err(|source| self.failed(source))?;
        sqlx::query("INSERT INTO halt_lifts (id, payload, expires) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING")
            .bind(lift.id().to_string())
            .bind(lift.payload())
            .bind(signed(lift.expires.as_micros()))
            .execute(&mut *transaction)
            .await
            .map_err(|source| self.failed(source))?;
        transaction.commit().await.map_err(|source| self.failed(source))
    }

    /// A proposal with its signatures.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn lift(&self, id: LiftId) -> Result<Option<StoredLift>, StoreError> {
        let mut reader = self.reader.lock().await;
        let found = sqlx::query("SELECT * FROM halt_lifts WHERE id = ?1").bind(id.to_string()).fetch_optional(&mut *reader).await;
        found.map_err(|source| self.failed(source))?.map(|row| stored_lift(&row)).transpose()
    }

    /// Adds a signature that was verified; one operator's second takes the place of the first. How many there are then, or `None`
    /// when there is no such proposal.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn sign(&self, id: LiftId, signature: &OperatorSignature) -> Result<Option<usize>, StoreError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let found = sqlx::query("SELECT * FROM halt_lifts WHERE id = ?1").bind(id.to_string()).fetch_optional(&mut *transaction).await;
        let Some(row) = found.map_err(|source| self.failed(source))? else { return Ok(None) };
        let mut signatures = stored_lift(&row)?.signatures;
        signatures.retain(|known| known.operator != signature.operator);
        signatures.push(signature.clone());
        sqlx::query("UPDATE halt_lifts SET signatures = ?2 WHERE id = ?1")
            .bind(id.to_string())
            .bind(to_json(&signatures))
            .execute(&mut *transaction)
            .await
            .map_err(|source| self.failed(source))?;
        transaction.commit().await.map_err(|source| self.failed(source))?;
        Ok(Some(signatures.len()))
    }

    async fn begin<'c>(&self, writer: &'c mut SqliteConnection) -> Result<Transaction<'c, Sqlite>, StoreError> {
        writer.begin_with("BEGIN IMMEDIATE").await.map_err(|source| self.failed(source))
    }

    async fn epoch(&self, connection: &mut SqliteConnection) -> Result<u64, StoreError> {
        let epoch: i64 =
            sqlx::query_scalar("SELECT epoch FROM halt_epoch").fetch_one(connection).await.map_err(|source| self.failed(source))?;
        u64::try_from(epoch).map_err(|error| bad("epoch", error))
    }

    async fn log(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        record: &HaltRecord,
        at: Timestamp,
        lift: Option<(&str, &str)>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE halt_epoch SET epoch = ?1")
            .bind(signed(record.epoch))
            .execute(&mut **transaction)
            .await
            .map_err(|source| self.failed(source))?;
        sqlx::query("INSERT INTO halt_log (epoch, at, record, payload, signatures) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(signed(record.epoch))
            .bind(signed(at.as_micros()))
            .bind(record.to_json())
            .bind(lift.map(|(payload, _)| payload.to_owned()))
            .bind(lift.map(|(_, signatures)| signatures.to_owned()))
            .execute(&mut **transaction)
            .await
            .map(|_| ())
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::database(&self.path, source)
    }
}

impl std::fmt::Debug for HaltStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HaltStore({})", self.path.display())
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn bad(id: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::BadRecord { table: "halts", id: id.to_owned(), why: why.to_string() }
}

fn entry(row: &SqliteRow) -> Result<Entry, StoreError> {
    let id: String = row.try_get("id").map_err(|error| bad("?", error))?;
    let failed = |error: sqlx::Error| bad(&id, error);
    let record: String = row.try_get("record").map_err(failed)?;
    let raised: i64 = row.try_get("raised").map_err(failed)?;
    let lowered: Option<i64> = row.try_get("lowered").map_err(failed)?;
    let to: Option<String> = row.try_get("lowered_to").map_err(failed)?;
    let number = |number: i64| u64::try_from(number).map_err(|error| bad(&id, error));
    let to = to.map(|name| Action::parse(&name).ok_or_else(|| bad(&id, "not an action"))).transpose()?;
    let halt = Halt::from_json(&record).map_err(|error| bad(&id, error))?;
    if halt.id.to_string() != id {
        return Err(bad(&id, "the record has another name"));
    }
    let lowered = lowered.map(number).transpose()?.map(|epoch| Lowered { epoch, to });
    Ok(Entry { halt, raised: number(raised)?, lowered })
}

fn stored_lift(row: &SqliteRow) -> Result<StoredLift, StoreError> {
    let id: String = row.try_get("id").map_err(|error| bad("?", error))?;
    let payload: String = row.try_get("payload").map_err(|error| bad(&id, error))?;
    let signatures: String = row.try_get("signatures").map_err(|error| bad(&id, error))?;
    let lift = Lift::from_payload(&payload).map_err(|error| bad(&id, error))?;
    let rows: Vec<SignatureRow> = serde_json::from_str(&signatures).map_err(|error| bad(&id, error))?;
    let read = |row: SignatureRow| {
        let signature = URL_SAFE_NO_PAD.decode(&row.signature).map_err(|error| bad(&id, error))?;
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
