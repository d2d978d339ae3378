//! Sessions that ended while the database was away, and so could not be given back: their clients may come back to this process.
//!
//! ```text
//!   ends, the database is away ─▶ kept ──┬─ its client logs on, the database still away ─▶ open again: the same generation, behind
//!                                        ├─ its client logs on, the database is back    ─▶ taken as ever, the next generation
//!                                        ├─ the database is back ─▶ copies brought along, given back: any node may have it
//!                                        └─ another node has it  ─▶ void: the database says so with the next renewal
//! ```
//!
//! What is kept is this node's as an open session is: under its generation, which is the fence. So whoever goes on with it is told that
//! another node has the session as anybody is who was cut off, and nothing new can happen to copies or numbers.
//!
//! | what it owes | a Logon while the database is away |
//! |---|---|
//! | nothing | goes on |
//! | an order that has no copy yet | is refused: the order is not sent before the copy is there, and nothing may be sent before it |
//! | its will, for the venue did not answer | is refused: it would cancel what is placed from here on |
//! | doubt about orders that its client sends again | is refused: the node that knows more may be back with the database |
//!
//! Only names, numbers and the will's text stay in memory; the journals are read anew, so what was not committed did not happen.
//! A process that is started again has none of it: who had a session last, only the database knows then.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::SharedMessageStore;
use super::bridge::{BridgeJournals, Place};
use super::opening::{OpenError, blocking};
use super::pair::{Pair, Touch};
use super::records::FixRecords;
use crate::error::StoreError;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// What was due to its orders is done: it has no will any more.
    InOrder,
    /// It was to cancel, and could not.
    OwingItsWill,
}

/// What a node has kept, by the names of the clients' journals.
pub(super) struct KeptSessions {
    /// How many there are at most.
    max: usize,
    sessions: Mutex<HashMap<String, Kept>>,
    /// Of those that came to a bad end, until somebody asks: no more than there were sessions.
    ends: Mutex<Vec<KeptEnd>>,
}

/// Why a session that was kept is not given back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeptEnd {
    /// Another node has it: it was cut off here.
    #[error("another node has a FIX session whose client left here while the database was away")]
    Elsewhere,
    /// Its files; its lease runs out, and the next node leaves numbers out.
    #[error("the journals of a FIX session whose client left while the database was away cannot be read: {0}")]
    Unreadable(String),
}

struct Kept {
    pair: Arc<Pair>,
    place: Arc<Place>,
    ended: Ended,
    /// Somebody goes on with it, or gives it back.
    in_use: bool,
}

impl KeptSessions {
    pub(super) fn new(max: usize) -> Self {
        Self { max, sessions: Mutex::default(), ends: Mutex::default() }
    }

    /// Keeps a session; whether there is room.
    fn insert(&self, pair: &Arc<Pair>, place: &Arc<Place>, ended: Ended) -> bool {
        let mut kept = self.sessions.lock();
        let name = &pair.names[0];
        if kept.len() >= self.max && !kept.contains_key(name) {
            return false;
        }
        kept.insert(name.clone(), Kept { pair: Arc::clone(pair), place: Arc::clone(place), ended, in_use: false });
        true
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.lock().len()
    }

    /// Those that nobody uses.
    pub(super) fn waiting(&self) -> Vec<Arc<Pair>> {
        self.sessions.lock().values().filter(|kept| !kept.in_use).map(|kept| Arc::clone(&kept.pair)).collect()
    }

    /// For whoever logs on.
    pub(super) fn begin(&self, names: &[String; 2]) -> Option<InUse> {
        let mut kept = self.sessions.lock();
        let kept = kept.get_mut(&names[0]).filter(|kept| !kept.in_use && kept.pair.names == *names)?;
        kept.in_use = true;
        Some(InUse { pair: Arc::clone(&kept.pair), place: Arc::clone(&kept.place), ended: kept.ended })
    }

    /// What came of the renewal of its lease.
    pub(super) fn renewed(&self, pair: &Arc<Pair>, is_ours: impl Fn(&str) -> bool) {
        let Some(kept) = self.begin(&pair.names).filter(|kept| Arc::ptr_eq(&kept.pair, pair)) else { return };
        if pair.names.iter().all(|name| is_ours(name)) {
            // Beside the other renewals: some have much to copy.
            drop(tokio::spawn(kept.give_back()));
        } else {
            kept.void();
        }
    }

    /// The generation of a session that ended in order, which the database need not know.
    pub(super) fn in_order(&self, name: &str) -> Option<u64> {
        self.sessions.lock().get(name).filter(|kept| kept.ended == Ended::InOrder).map(|kept| kept.pair.generations[0])
    }

    /// The session was taken under another generation.
    pub(super) fn forget(&self, name: &str) {
        self.sessions.lock().remove(name);
    }

    /// Whether it was there: not where its client was quicker, and took it under another generation.
    fn remove(&self, pair: &Arc<Pair>) -> bool {
        let mut kept = self.sessions.lock();
        let is_there = kept.get(&pair.names[0]).is_some_and(|kept| Arc::ptr_eq(&kept.pair, pair));
        is_there && kept.remove(&pair.names[0]).is_some()
    }
}

/// A kept session that somebody is at; when this is dropped, it waits again.
pub(super) struct InUse {
    pair: Arc<Pair>,
    place: Arc<Place>,
    ended: Ended,
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut kept = self.pair.records.kept.sessions.lock();
        if let Some(kept) = kept.get_mut(&self.pair.names[0]).filter(|kept| Arc::ptr_eq(&kept.pair, &self.pair)) {
            kept.in_use = false;
        }
    }
}

impl InUse {
    /// Goes on with it, under its generation and behind the database.
    pub(super) async fn go_on(self) -> Result<BridgeJournals, OpenError> {
        if self.ended == Ended::OwingItsWill {
            return Err(OpenError::Owing("the orders of this session before it was lost are not cancelled yet"));
        }
        if self.pair.owes() {
            return Err(OpenError::Owing("an order of this session is known here alone"));
        }
        if self.pair.doubtful.load(Ordering::Acquire) != 0 {
            return Err(OpenError::Owing("another node may have answered orders of this session"));
        }
        let Some(stores) = self.stores().await? else {
            self.void();
            return Err(OpenError::Served);
        };
        self.pair.go_on(stores.clone());
        if *self.pair.touch.borrow() == Touch::Elsewhere {
            self.void();
            return Err(OpenError::Served);
        }
        let records = &self.pair.records;
        records.kept.remove(&self.pair);
        records.enter(&self.pair);
        let [client, upstream] = stores;
        let (place, pair) = (Arc::clone(&self.place), Some(Arc::clone(&self.pair)));
        Ok(BridgeJournals { client, upstream, place, pair, moved: false, will: None, went_on: true })
    }

    /// Lets all nodes have it, with its copies whole.
    async fn give_back(self) {
        match self.stores().await {
            Ok(Some(stores)) => self.pair.replace_stores(stores),
            Ok(None) => return self.void(),
            Err(error) => return self.give_up(&error),
        }
        if let Err(error) = self.pair.catch_up().await {
            return self.give_up(&error);
        }
        let touch = *self.pair.touch.borrow();
        match touch {
            Touch::Behind => {}
            Touch::Elsewhere => return self.void(),
            Touch::InTouch => {
                if self.pair.say_given_back(self.ended).await.is_ok() {
                    self.pair.records.kept.remove(&self.pair);
                    return;
                }
            }
        }
        // The database is away again.
        self.pair.rest();
    }

    /// The journals as they are on the disk; none where another generation wrote them.
    async fn stores(&self) -> Result<Option<[SharedMessageStore; 2]>, StoreError> {
        let (place, generations) = (Arc::clone(&self.place), self.pair.generations);
        let stores = blocking(&self.place.folder, move || place.open()).await?;
        let is_ours = stores.iter().zip(generations).all(|(store, generation)| store.generation() == generation);
        Ok(is_ours.then(|| stores.map(SharedMessageStore::new)))
    }

    fn void(&self) {
        self.end(KeptEnd::Elsewhere);
    }

    /// Its lease runs out, and the next node leaves numbers out.
    fn give_up(&self, error: &StoreError) {
        self.pair.void_will(self.ended);
        self.end(KeptEnd::Unreadable(error.to_string()));
    }

    fn end(&self, how: KeptEnd) {
        let records = &self.pair.records;
        if records.kept.remove(&self.pair) {
            records.kept.ends.lock().push(how);
        }
    }
}

impl Pair {
    /// Gives the session back, or keeps it until the database is back. What is doubtful stays so at the next node.
    pub(super) async fn give_back(self: &Arc<Self>, place: &Arc<Place>, ended: Ended) -> Result<(), StoreError> {
        self.leave();
        let touch = *self.touch.borrow();
        let outcome = match touch {
            Touch::Elsewhere => return Ok(()),
            Touch::Behind => Ok(()),
            Touch::InTouch => self.say_given_back(ended).await,
        };
        if touch == Touch::InTouch && outcome.is_ok() {
            return Ok(());
        }
        self.wills.lock().await.rest();
        self.rest();
        if !self.records.kept.insert(self, place, ended) {
            self.void_will(ended);
        }
        outcome
    }

    async fn say_given_back(&self, ended: Ended) -> Result<(), StoreError> {
        match ended {
            Ended::InOrder => {
                // Whatever is answered: nobody knows that it stands.
                self.wills.lock().await.end();
                let settled = self.doubtful.load(Ordering::Acquire) == 0;
                self.may_refuse();
                self.records.give_back(&self.owned(), settled).await
            }
            Ended::OwingItsWill => {
                self.mark();
                self.records.give_back_with_will(&self.owned()).await
            }
        }
    }

    /// What ended in order and is not kept has no will all the same.
    fn void_will(&self, ended: Ended) {
        if ended == Ended::InOrder {
            self.records.void_later(&self.owned()[0]);
        }
    }
}

impl FixRecords {
    /// Sessions that ended here while the database was away, and wait for it.
    #[must_use]
    pub fn kept_sessions(&self) -> usize {
        self.kept.len()
    }

    /// Those of them that came to a bad end since this was asked last.
    pub fn kept_ends(&self) -> Vec<KeptEnd> {
        std::mem::take(&mut *self.kept.ends.lock())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use sqlx::postgres::PgConnectOptions;

    use super::*;
    use crate::db::Db;
    use crate::db::links::Links;
    use crate::fix::copied::Reach;
    use crate::fix::records::Held;
    use crate::fix::wills::Wills;
    use crate::sealing::SealingKey;

    const HELD: Held =
        Held { generation: 7, before: 0, written: 0, reach: Reach { series: 0, ends: 0 }, given_back: false, settled: true, moved: false };

    /// Copies in a database that nobody asks.
    fn records(max: usize) -> Arc<FixRecords> {
        let db = || Db::postgres(Links::new(Path::new("nowhere"), PgConnectOptions::new_without_pgpass(), 1));
        let mut records = FixRecords::new(db(), db(), "a", Arc::new(SealingKey::from_bytes(&[1; 32])), None);
        records.kept = KeptSessions::new(max);
        Arc::new(records)
    }

    #[tokio::test]
    async fn no_more_are_kept_than_there_is_room_for_and_none_keeps_its_will() {
        let folder = tempfile::tempdir().unwrap();
        let records = records(2);
        for (name, kept, void) in [("one", 1, 0), ("two", 2, 0), ("one", 2, 0), ("three", 2, 1), ("two", 2, 1)] {
            let place = Arc::new(Place::new(folder.path(), &[name], &[name]));
            let stores = place.open().unwrap().map(SharedMessageStore::new);
            let names = ["client", "upstream"].map(|side| format!("{side} {name}"));
            let pair = Arc::new(Pair::new(Arc::clone(&records), names, [HELD; 2], stores, Wills::found(None)));
            pair.give_back(&place, Ended::InOrder).await.unwrap();
            assert_eq!((records.kept_sessions(), records.void.lock().len()), (kept, void), "{name}");
            assert_eq!(records.is_void("client three", 7), void == 1);
        }
    }

    #[tokio::test]
    async fn what_somebody_uses_nobody_else_has() {
        let folder = tempfile::tempdir().unwrap();
        let records = records(1);
        let place = Arc::new(Place::new(folder.path(), &["one"], &["one"]));
        let stores = place.open().unwrap().map(SharedMessageStore::new);
        let names = ["client", "upstream"].map(str::to_owned);
        let pair = Arc::new(Pair::new(Arc::clone(&records), names.clone(), [HELD; 2], stores, Wills::found(None)));
        pair.give_back(&place, Ended::InOrder).await.unwrap();
        assert!(records.kept.begin(&["client", "another"].map(str::to_owned)).is_none(), "behind another upstream");
        let used = records.kept.begin(&names).unwrap();
        assert!(records.kept.begin(&names).is_none() && records.kept.waiting().is_empty());
        assert_eq!(records.kept.in_order("client"), Some(7), "its will is void all the same");
        drop(used);
        assert_eq!(records.kept.waiting().len(), 1);
        // Its files are of another generation by now.
        assert!(matches!(records.kept.begin(&names).unwrap().go_on().await, Err(OpenError::Served)));
        assert_eq!((records.kept_sessions(), records.kept_ends()), (0, vec![KeptEnd::Elsewhere]));
    }
}
