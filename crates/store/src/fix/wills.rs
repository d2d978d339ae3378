//! What is to be done with the orders of a session whose node is lost: said when it opens, forgotten when it ends in order.
//!
//! ```text
//!   opens ── leave ─▶ on the row of the client's journal, under the session's generation
//!         ── ends in order: given back, and with that forgotten; where the database is away, as soon as it is back
//!         ── node lost: the lease runs out ─▶ [`FixRecords::wills`] names it ─▶ whoever claims the session next, be it for its client,
//!                                             finds it ([`BridgeJournals::will`]), carries it out and forgets it
//! ```
//!
//! It is carried out by the owner of the session before its client is let in, so it never reaches an order that was placed in that session
//! after. Two nodes never do it at once; one that is lost on the way leaves it to the next.

use std::sync::Arc;

use countersign_core::Timestamp;
use countersign_fix::StoreError as FixStoreError;
use tokio::time::{Instant, timeout};

use super::bridge::BridgeJournals;
use super::kept::{Ended, Left};
use super::pair::{CommitError, Pair, Touch};
use super::records::{FixRecords, Owned, micros, names, signed};
use crate::db::Row;
use crate::error::StoreError;
use crate::limits;

/// Sessions that nobody has, of those that say what is to be done then, from a name on.
const LEFT: &str = "SELECT name, account, will FROM fix_journals WHERE will IS NOT NULL AND leased <> 0 AND name > $3 \
     AND countersign_micros(clock_timestamp()) > greatest(leased, countersign_micros(pg_postmaster_start_time()) + $1) ORDER BY name LIMIT $2";

const LEAVE: &str = "UPDATE fix_journals SET will = $3, lost = NULL WHERE name = $1 AND generation = $2 RETURNING name";

const VOID: &str = "UPDATE fix_journals SET will = NULL, lost = NULL FROM json_array_elements($1::json) AS one \
     WHERE name = one ->> 0 AND generation = (one ->> 1)::bigint";

/// What the last owner of a session left to be done.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) will: Arc<[u8]>,
    /// Its last sign of life.
    pub(super) lost: Timestamp,
}

impl Found {
    /// `lost` in microseconds.
    pub(super) fn new(will: Vec<u8>, lost: i64) -> Self {
        Self { will: will.into(), lost: Timestamp::from_micros(lost.unsigned_abs()) }
    }

    /// As it is written.
    pub(super) fn moment(&self) -> i64 {
        signed(self.lost.as_micros())
    }
}

/// The will of a session whose node is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostWill {
    /// The name of the client's journal.
    pub journal: String,
    /// Whose session it was.
    pub account: String,
    /// What the session wanted; none where it was sealed under another key.
    pub will: Option<Vec<u8>>,
}

impl FixRecords {
    /// The wills of sessions that nobody has, by the names of their journals: at most [`limits::FIX_WILLS_MAX`], from behind a name on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn wills(&self, behind: &str) -> Result<Vec<LostWill>, StoreError> {
        let values = [micros(limits::FIX_LEASE).into(), limits::FIX_WILLS_MAX.into(), behind.into()];
        let rows = timeout(limits::FIX_COPY_MAX, self.renewing.rows(LEFT, &values)).await.map_err(|_| self.silent())??;
        let failed = |source| StoreError::database(self.renewing.place(), source);
        let read = |row: &Row| {
            let name = row.text("name")?;
            let sealed = row.bytes_or_none("will")?.unwrap_or_default();
            Ok(LostWill { journal: name.to_owned(), account: row.text("account")?.to_owned(), will: self.opened(name, sealed) })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(failed)
    }

    pub(super) fn opened(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.key.open(&owner(name), sealed).ok().map(|will| will.expose().to_vec())
    }

    async fn leave_will(&self, owned: &Owned<'_>, will: Option<&[u8]>) -> Result<(), CommitError> {
        let sealed = will.map(|will| self.key.seal(&owner(owned.name), will));
        let values = [owned.name.into(), signed(owned.generation).into(), sealed.as_deref().into()];
        // Not one statement: one that arrives late would undo what was said after it.
        let leave = async {
            let mut transaction = self.db.begin_on_rows().await?;
            let is_ours = transaction.row(LEAVE, &values).await?.is_some();
            transaction.commit().await.map(|()| is_ours)
        };
        match timeout(limits::FIX_COPY_MAX, leave).await.map_err(|_| CommitError::Unshared)? {
            Ok(true) => Ok(()),
            Ok(false) => Err(CommitError::Elsewhere),
            Err(error) => Err(CommitError::Journal(FixStoreError(error.to_string().into()))),
        }
    }

    /// The session ended in order, the database does not know it, and the session is not kept.
    pub(super) fn void_later(&self, owned: &Owned<'_>) {
        let mut void = self.void.lock();
        if void.len() < limits::FIX_VOID_WILLS_MAX {
            void.push((owned.name.to_owned(), owned.generation));
        }
    }

    pub(super) fn is_void(&self, name: &str, generation: u64) -> bool {
        self.void.lock().iter().any(|void| void.0 == name && void.1 == generation)
    }

    /// Forgets the wills of sessions that ended while the database was away.
    pub(super) async fn void_wills(&self) -> Result<(), StoreError> {
        let void = self.void.lock().clone();
        if void.is_empty() {
            return Ok(());
        }
        let owned = void.iter().map(|(name, generation)| Owned { name, generation: *generation }).collect::<Vec<_>>();
        let done = timeout(limits::FIX_COPY_MAX, self.renewing.run(VOID, &[names(owned.iter()).into()])).await;
        done.map_err(|_| self.silent())??;
        self.void.lock().retain(|one| !void.contains(one));
        Ok(())
    }
}

impl BridgeJournals {
    /// What the last owner wanted done if it was lost, and what has not been done.
    #[must_use]
    pub fn will(&self) -> Option<&[u8]> {
        self.found.as_ref().map(|found| &*found.will)
    }

    /// When that owner gave its last sign of life, by the database's clock; none where it left nothing to be done.
    #[must_use]
    pub fn lost_at(&self) -> Option<Timestamp> {
        self.found.as_ref().map(|found| found.lost)
    }

    /// What is to be done when this node is lost, as far as it is certain that the database says so.
    pub async fn standing_will(&self) -> Option<Arc<[u8]>> {
        self.pair.as_ref()?.wills.lock().await.stands.clone()
    }

    /// Says what is to be done when this node is lost. Nothing, where nodes do not share a database: nobody would do it.
    ///
    /// # Errors
    /// [`CommitError`]; it is not said.
    pub async fn leave_will(&self, will: &[u8]) -> Result<(), CommitError> {
        match &self.pair {
            Some(pair) => pair.leave_will(Some(will)).await,
            None => Ok(()),
        }
    }

    /// As [`Self::leave_will`], as soon as the database is back, and before orders pass again.
    pub async fn leave_will_later(&self, will: &[u8]) {
        if let Some(pair) = &self.pair {
            pair.wills.lock().await.due = Some(Due::Leave(will.into()));
        }
    }

    /// As [`Self::forget_will`], also where the database is away: then as soon as it is back.
    pub async fn drop_will(&self) {
        if let Some(pair) = &self.pair {
            pair.drop_will().await;
        }
    }

    /// Gives the session back with its will, which is still to be carried out; where the database is away, as soon as it is back.
    pub async fn give_back_with_will(&self) -> Left {
        match &self.pair {
            Some(pair) => pair.give_back(&self.place, Ended::OwingItsWill { since: Instant::now() }).await,
            None => Left::GivenBack,
        }
    }

    /// It has been done.
    ///
    /// # Errors
    /// [`CommitError`]; whoever has the session next does it again.
    pub async fn forget_will(&mut self) -> Result<(), CommitError> {
        self.found = None;
        match &self.pair {
            Some(pair) => pair.leave_will(None).await,
            None => Ok(()),
        }
    }
}

/// The will on a session's row. Whoever changes it holds this until the database has answered.
#[derive(Debug, Default)]
pub(super) struct Wills {
    /// What is certainly there.
    stands: Option<Arc<[u8]>>,
    /// What waits for the database.
    due: Option<Due>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Due {
    Forget,
    Leave(Arc<[u8]>),
}

impl Wills {
    /// What was there when the session was taken.
    pub(super) const fn found(stands: Option<Arc<[u8]>>) -> Self {
        Self { stands, due: None }
    }

    /// The session is given back, and nobody knows yet whether that took away what is there.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// The session waits until it is given back, which is all that its row is to be told.
    pub(super) fn rest(&mut self) {
        self.due = None;
    }
}

impl Pair {
    async fn leave_will(&self, will: Option<&[u8]>) -> Result<(), CommitError> {
        let mut wills = self.wills.lock().await;
        wills.due = None;
        self.write_will(&mut wills, will).await
    }

    async fn drop_will(&self) {
        let mut wills = self.wills.lock().await;
        wills.due = Some(Due::Forget);
        // A question that is not answered leaves nobody knowing what is there.
        if *self.touch.borrow() != Touch::Behind && self.write_will(&mut wills, None).await.is_ok() {
            wills.due = None;
        }
    }

    async fn write_will(&self, wills: &mut Wills, will: Option<&[u8]>) -> Result<(), CommitError> {
        wills.stands = None;
        self.records.leave_will(&self.owned()[0], will).await?;
        wills.stands = will.map(Arc::from);
        Ok(())
    }

    /// Whether something waits for the database.
    pub(super) fn has_due(&self) -> bool {
        self.wills.try_lock().map_or(true, |wills| wills.due.is_some())
    }

    /// Writes what waited; whether nothing waits.
    pub(super) async fn write_due(&self) -> bool {
        let mut wills = self.wills.lock().await;
        let written = match wills.due.clone() {
            None => return true,
            Some(Due::Forget) => self.write_will(&mut wills, None).await,
            Some(Due::Leave(will)) => self.write_will(&mut wills, Some(&will)).await,
        };
        match written {
            Ok(()) => wills.due = None,
            Err(CommitError::Elsewhere) => self.is_elsewhere(),
            Err(CommitError::Journal(_) | CommitError::Unshared) => {}
        }
        wills.due.is_none()
    }
}

fn owner(name: &str) -> String {
    format!("fix will {name}")
}
