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

use countersign_fix::StoreError as FixStoreError;
use tokio::time::timeout;

use super::bridge::BridgeJournals;
use super::pair::CommitError;
use super::records::{FixRecords, Owned, micros, names, signed};
use crate::db::Row;
use crate::error::StoreError;
use crate::limits;

/// Sessions that nobody has, of those that say what is to be done then, from a name on.
const LEFT: &str = "SELECT name, will FROM fix_journals WHERE will IS NOT NULL AND leased <> 0 AND name > $3 \
     AND countersign_micros(clock_timestamp()) > greatest(leased, countersign_micros(pg_postmaster_start_time()) + $1) ORDER BY name LIMIT $2";

const LEAVE: &str = "UPDATE fix_journals SET will = $3 WHERE name = $1 AND generation = $2 RETURNING name";

const VOID: &str = "UPDATE fix_journals SET will = NULL FROM json_array_elements($1::json) AS one \
     WHERE name = one ->> 0 AND generation = (one ->> 1)::bigint";

/// The name of a journal, and what its session wanted.
pub type LostWill = (String, Option<Vec<u8>>);

impl FixRecords {
    /// The wills of sessions that nobody has, by the names of their journals: at most [`limits::FIX_WILLS_MAX`], from behind a name on.
    /// `None`: one that cannot be read, for it was sealed under another key.
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
            Ok((name.to_owned(), self.opened(name, sealed)))
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(failed)
    }

    pub(super) fn opened(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.key.open(&owner(name), sealed).ok().map(|will| will.expose().to_vec())
    }

    async fn leave_will(&self, owned: &Owned<'_>, will: Option<&[u8]>) -> Result<(), CommitError> {
        let sealed = will.map(|will| self.key.seal(&owner(owned.name), will));
        let values = [owned.name.into(), signed(owned.generation).into(), sealed.as_deref().into()];
        let left = timeout(limits::FIX_COPY_MAX, self.db.row(LEAVE, &values)).await.map_err(|_| CommitError::Unshared)?;
        match left {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(CommitError::Elsewhere),
            Err(error) => Err(CommitError::Journal(FixStoreError(error.to_string().into()))),
        }
    }

    /// The session ended in order, and the database does not know it.
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
        self.will.as_deref()
    }

    /// Says what is to be done when this node is lost. Nothing, where nodes do not share a database: nobody would do it.
    ///
    /// # Errors
    /// [`CommitError`]; it is not said.
    pub async fn leave_will(&self, will: &[u8]) -> Result<(), CommitError> {
        match &self.pair {
            Some(pair) => pair.records().leave_will(&pair.owned()[0], Some(will)).await,
            None => Ok(()),
        }
    }

    /// As [`Self::forget_will`], also where the database is away: then as soon as it is back.
    pub async fn drop_will(&self) {
        if let Some(pair) = &self.pair
            && let Err(CommitError::Journal(_) | CommitError::Unshared) = pair.records().leave_will(&pair.owned()[0], None).await
        {
            pair.records().void_later(&pair.owned()[0]);
        }
    }

    /// Gives the session back with its will, which is still to be carried out.
    ///
    /// # Errors
    /// The database does not answer: the lease runs out.
    pub async fn give_back_with_will(&self) -> Result<(), StoreError> {
        match &self.pair {
            Some(pair) => pair.give_back_with_will().await,
            None => Ok(()),
        }
    }

    /// It has been done.
    ///
    /// # Errors
    /// [`CommitError`]; whoever has the session next does it again.
    pub async fn forget_will(&mut self) -> Result<(), CommitError> {
        self.will = None;
        match &self.pair {
            Some(pair) => pair.records().leave_will(&pair.owned()[0], None).await,
            None => Ok(()),
        }
    }
}

fn owner(name: &str) -> String {
    format!("fix will {name}")
}
