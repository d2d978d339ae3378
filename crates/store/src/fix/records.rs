//! Copies of FIX journals in the database that nodes share: who may write them, and their bytes.
//!
//! ```text
//!   take     [`super::claims`]         both journals of a session, or neither
//!   append   the end of a journal      one statement for both, if the generation is the last and the copy is as far as the piece begins
//!   replace  all of a journal          one transaction, the same conditions
//!   give back
//! ```
//!
//! Leases are renewed in [`super::renewals`]; what is to be done when a node does not come back is in [`super::wills`].
//!
//! # Security
//! Pieces are sealed under the key that all nodes have, for their journal and place: whoever reads the database learns no order, and
//! whoever writes to it makes up none. He can lose a session.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;

use super::copied::{Lacking, Reach};
use super::kept::KeptSessions;
use super::pair::Pair;
use super::trust::Trust;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::limits;
use crate::sealing::SealingKey;
use crate::shared::SharedShelf;

const PAGE: &str = "SELECT begins, records FROM fix_records WHERE journal = $1 AND begins >= $2 ORDER BY begins LIMIT $3";

const MAY_REPLACE: &str = "SELECT name FROM fix_journals WHERE name = $1 AND generation = $2 FOR UPDATE";

const REPLACED: &str = "UPDATE fix_journals SET series = $2, ends = $3, written = generation WHERE name = $1";

/// The copies, as one node sees them.
pub struct FixRecords {
    pub(super) db: Db,
    /// A link apart: a renewal does not queue behind copies.
    pub(super) renewing: Db,
    /// Held while leases are renewed.
    pub(super) renewal: AsyncMutex<()>,
    pub(super) node: String,
    pub(super) key: Arc<SealingKey>,
    pub(super) trust: Trust,
    pub(super) open: Mutex<Vec<Weak<Pair>>>,
    /// Sessions that ended while the database was away.
    pub(super) kept: KeptSessions,
    /// The last renewal was not answered.
    pub(super) away: AtomicBool,
    /// Wills of those that are not kept.
    pub(super) void: Mutex<Vec<(String, u64)>>,
}

/// Why a copy was not written.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The database did not do it, or did not say so. Why, the renewal of leases says.
    Away,
    /// Another generation has the journal.
    Elsewhere,
    /// The copy is not as far as was thought, but here.
    Other([Reach; 2]),
}

impl From<StoreError> for CopyError {
    fn from(_: StoreError) -> Self {
        Self::Away
    }
}

/// A journal and its owner.
pub(super) struct Owned<'p> {
    pub(super) name: &'p str,
    pub(super) generation: u64,
}

impl std::fmt::Debug for FixRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FixRecords({}, {})", self.node, self.db.place().display())
    }
}

impl FixRecords {
    pub(crate) fn new(db: Db, renewing: Db, node: &str, key: Arc<SealingKey>, shelf: Option<SharedShelf>) -> Self {
        Self {
            db,
            renewing,
            renewal: AsyncMutex::default(),
            node: node.to_owned(),
            key,
            trust: Trust::new(shelf),
            open: Mutex::default(),
            kept: KeptSessions::new(limits::FIX_KEPT_MAX),
            away: AtomicBool::new(false),
            void: Mutex::default(),
        }
    }

    /// The bytes of a copy.
    pub(super) async fn load(&self, name: &str, reach: Reach) -> Result<Vec<u8>, StoreError> {
        let bad = |why: &str| StoreError::BadRecord { table: "fix_records", id: name.to_owned(), why: why.to_owned() };
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < reach.ends {
            let rows = self.db.rows(PAGE, &[name.into(), signed(bytes.len() as u64).into(), PAGE_ROWS.into()]).await?;
            for row in &rows {
                let failed = |source| StoreError::database(self.db.place(), source);
                let begins = row.number("begins").map_err(failed)?;
                let sealed = row.bytes_or_none("records").map_err(failed)?.unwrap_or_default();
                if begins != signed(bytes.len() as u64) {
                    return Err(bad("a piece is missing"));
                }
                let piece = self.key.open(&owner(name, reach.series, bytes.len() as u64), sealed);
                bytes.extend_from_slice(piece.map_err(|_| bad("it was sealed under another key, or for another place"))?.expose());
            }
            if rows.is_empty() || bytes.len() as u64 > limits::FIX_JOURNAL_READ_BYTES_MAX {
                return Err(bad("it has other bytes than it says"));
            }
        }
        Ok(bytes)
    }

    /// Writes what copies lack: of both journals or of neither.
    pub(super) async fn write(&self, owned: [Owned<'_>; 2], there: [Reach; 2], lacking: &[Option<Lacking>; 2]) -> Result<(), CopyError> {
        let small = lacking.iter().flatten().map(|lacking| lacking.bytes.len()).sum::<usize>() <= limits::FIX_PIECE_BYTES;
        let grows = lacking.iter().flatten().all(|lacking| lacking.begins.is_some());
        let write =
            async { if small && grows { self.append(&owned, lacking).await } else { self.write_all(&owned, there, lacking).await } };
        let time = if small { limits::FIX_COPY_MAX } else { limits::SERVER_ANSWER_MAX };
        let done = timeout(time, write).await.map_err(|_| StoreError::Unanswered { path: self.db.place().to_path_buf() })??;
        if done { Ok(()) } else { timeout(time, self.differing(&owned)).await.map_err(|_| self.silent())? }
    }

    /// One statement.
    async fn append(&self, owned: &[Owned<'_>; 2], lacking: &[Option<Lacking>; 2]) -> Result<bool, StoreError> {
        let parts: Vec<Json> = owned.iter().zip(lacking).filter_map(|(owned, lacking)| Some(self.part(owned, lacking.as_ref()?))).collect();
        let values = [json!(parts).to_string().into()];
        let told = self.db.row("SELECT countersign_fix_append($1::json)::int::bigint AS done", &values).await?;
        let done =
            told.as_ref().map(|row| row.number("done")).transpose().map_err(|source| StoreError::database(self.db.place(), source))?;
        Ok(done == Some(1))
    }

    fn part(&self, owned: &Owned<'_>, lacking: &Lacking) -> Json {
        let begins = lacking.begins.unwrap_or(0);
        let sealed = self.key.seal(&owner(owned.name, lacking.reach.series, begins), &lacking.bytes);
        json!([owned.name, owned.generation, lacking.reach.series, begins, lacking.reach.ends, hex::encode(sealed)])
    }

    /// One transaction.
    async fn write_all(&self, owned: &[Owned<'_>; 2], there: [Reach; 2], lacking: &[Option<Lacking>; 2]) -> Result<bool, StoreError> {
        let mut transaction = self.db.begin_on_rows().await?;
        let mut parts: Vec<_> = owned.iter().zip(there).zip(lacking).collect();
        // As the statement does it, so that two never wait for each other.
        parts.sort_by_key(|((owned, _), _)| owned.name);
        for ((owned, there), lacking) in parts {
            let Some(lacking) = lacking else { continue };
            if !self.write_one(&mut transaction, owned, there, lacking).await? {
                transaction.leave().await?;
                return Ok(false);
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn write_one(&self, transaction: &mut Tx, owned: &Owned<'_>, there: Reach, lacking: &Lacking) -> Result<bool, StoreError> {
        let generation = signed(owned.generation);
        if transaction.row(MAY_REPLACE, &[owned.name.into(), generation.into()]).await?.is_none() {
            return Ok(false);
        }
        let values = [owned.name.into(), signed(there.series).into(), signed(there.ends).into()];
        match lacking.begins {
            Some(_) => {
                let same = "SELECT name FROM fix_journals WHERE name = $1 AND series = $2 AND ends = $3";
                if transaction.row(same, &values).await?.is_none() {
                    return Ok(false);
                }
            }
            None => {
                transaction.run("DELETE FROM fix_records WHERE journal = $1", &values[..1]).await?;
            }
        }
        let mut at = lacking.begins.unwrap_or(0);
        for piece in lacking.bytes.chunks(limits::FIX_PIECE_BYTES) {
            let sealed = self.key.seal(&owner(owned.name, lacking.reach.series, at), piece);
            let values = [owned.name.into(), signed(at).into(), sealed.into()];
            transaction.run("INSERT INTO fix_records (journal, begins, records) VALUES ($1, $2, $3)", &values).await?;
            at += piece.len() as u64;
        }
        let values = [owned.name.into(), signed(lacking.reach.series).into(), signed(lacking.reach.ends).into()];
        transaction.run(REPLACED, &values).await?;
        Ok(true)
    }

    /// Why nothing was written.
    async fn differing(&self, owned: &[Owned<'_>; 2]) -> Result<(), CopyError> {
        let mut reaches = [Reach::default(); 2];
        for (owned, reach) in owned.iter().zip(&mut reaches) {
            let values = [owned.name.into(), signed(owned.generation).into()];
            let row = self.db.row("SELECT series, ends FROM fix_journals WHERE name = $1 AND generation = $2", &values).await?;
            let row = row.ok_or(CopyError::Elsewhere)?;
            let number = |column| row.number(column).map_err(|source| StoreError::database(self.db.place(), source));
            *reach = Reach { series: number("series")?.unsigned_abs(), ends: number("ends")?.unsigned_abs() };
        }
        Err(CopyError::Other(reaches))
    }

    pub(super) fn silent(&self) -> StoreError {
        StoreError::Unanswered { path: self.db.place().to_path_buf() }
    }
}

/// Pieces that are read at once: most are as short as a message.
const PAGE_ROWS: u32 = 2_000;

pub(super) fn names<'o>(owned: impl Iterator<Item = &'o Owned<'o>>) -> String {
    json!(owned.map(|owned| json!([owned.name, owned.generation])).collect::<Vec<_>>()).to_string()
}

fn owner(name: &str, series: u64, begins: u64) -> String {
    format!("fix {name} {series} {begins}")
}

pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
