//! Leases of all sessions that a node has, renewed by one statement, which also says which of them are another node's by now.
//!
//! | a session | its lease was renewed | another generation has it |
//! |---|---|---|
//! | is open | copies that are behind are brought along | it says nothing more |
//! | ended while the database was away ([`super::kept`]) | the same, and it is given back | it is void |

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::time::{Instant, timeout};

use super::pair::Pair;
use super::records::{FixRecords, Owned, micros, names};
use crate::error::StoreError;
use crate::limits;

const RENEW: &str = "UPDATE fix_journals SET leased = countersign_micros(clock_timestamp()) + $2 FROM json_array_elements($1::json) AS one \
     WHERE name = one ->> 0 AND generation = (one ->> 1)::bigint RETURNING name";

impl FixRecords {
    pub(super) fn enter(&self, pair: &Arc<Pair>) {
        let mut open = self.open.lock();
        // One that goes on where it ended was here before.
        open.retain(|one| one.strong_count() > 0 && !std::ptr::eq(one.as_ptr(), Arc::as_ptr(pair)));
        open.push(Arc::downgrade(pair));
    }

    /// Renews the leases of all sessions that are open here, brings copies along that are behind, tells sessions that another node has
    /// them, and gives back those that ended meanwhile. Call it every [`limits::FIX_RENEW`].
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew(&self) -> Result<(), StoreError> {
        let renewed = self.renew_leases().await;
        self.away.store(renewed.is_err(), Ordering::Release);
        renewed?;
        self.void_wills().await
    }

    /// Whether the database did not answer when it was asked last.
    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    async fn renew_leases(&self) -> Result<(), StoreError> {
        let _renewal = self.renewal.lock().await;
        let open: Vec<Arc<Pair>> = {
            let mut open = self.open.lock();
            open.retain(|pair| pair.strong_count() > 0);
            open.iter().filter_map(Weak::upgrade).filter(|pair| pair.is_open()).collect()
        };
        let mut kept = self.kept.renewable();
        if open.is_empty() && kept.is_empty() {
            return Ok(());
        }
        let owned: Vec<Owned<'_>> = open.iter().chain(&kept).flat_map(|pair| pair.owned()).collect();
        let values = [names(owned.iter()).into(), micros(limits::FIX_LEASE).into()];
        let asked = Instant::now();
        let rows = timeout(limits::FIX_COPY_MAX, self.renewing.rows(RENEW, &values)).await.map_err(|_| self.silent())??;
        let failed = |source| StoreError::database(self.renewing.place(), source);
        let renewed: Vec<&str> = rows.iter().map(|row| row.text("name")).collect::<Result<_, _>>().map_err(failed)?;
        for pair in open {
            pair.renewed(|name| renewed.contains(&name));
        }
        kept.retain(|pair| self.kept.renewed(pair, asked, |name| renewed.contains(&name)));
        self.kept.give_back(kept);
        Ok(())
    }
}
