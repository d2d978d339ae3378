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
//! | an answer: whether it was given back, or taken anew, the database did not say | is refused: another node may have it, and would leave no number out |
//! | doubt about orders that its client sends again | is refused: the node that knows more may be back with the database |
//!
//! Only names, numbers and the will's text stay in memory; the journals are read anew, so what was not committed did not happen.
//! A process that is started again has none of it: who had a session last, only the database knows then.

mod state;
mod using;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout};

use super::bridge::Place;
use super::opening::OpenError;
use super::pair::{Pair, Touch};
use super::records::FixRecords;
use crate::db::Db;
use crate::error::StoreError;
use crate::limits;
pub(super) use state::Ours;
use state::State;
pub(super) use using::InUse;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// What was due to its orders is done: it has no will any more.
    InOrder,
    /// It was to cancel, and could not.
    OwingItsWill { since: Instant },
}

/// What became of a session that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Another node had it.
    Elsewhere,
    /// Any node may have it.
    GivenBack,
    /// The database did not take it back: it waits here for the database, or for its client.
    Kept,
    /// The same, and there is no room for it, or this process leaves: its lease runs out.
    ToItsLease,
}

/// What a node has kept, by the names of the clients' journals.
pub(super) struct KeptSessions {
    /// How many there are at most.
    max: usize,
    sessions: Mutex<HashMap<String, Kept>>,
    /// Of those that came to a bad end, until somebody asks: no more than there were sessions.
    ends: Mutex<Vec<KeptEnd>>,
    /// Somebody is done with one.
    done: Notify,
    /// Another process has the files next: what ends is not kept any more. Changed under the lock of the sessions.
    leaves: AtomicBool,
    /// To give some back.
    giving: Arc<Semaphore>,
}

/// Somebody is at the files of the session.
#[derive(Debug)]
pub(super) struct Busy;

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
    state: State,
}

impl KeptSessions {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            sessions: Mutex::default(),
            ends: Mutex::default(),
            done: Notify::new(),
            leaves: AtomicBool::new(false),
            giving: Arc::new(Semaphore::new(limits::FIX_GIVEN_BACK_AT_ONCE_MAX)),
        }
    }

    /// Keeps a session; whether there is room.
    fn insert(&self, pair: &Arc<Pair>, place: &Arc<Place>, ended: Ended, ours: Ours) -> bool {
        let mut kept = self.sessions.lock();
        let name = &pair.names[0];
        if self.leaves.load(Ordering::Relaxed) || kept.len() >= self.max && !kept.contains_key(name) {
            return false;
        }
        kept.insert(name.clone(), Kept { pair: Arc::clone(pair), place: Arc::clone(place), ended, state: State::Waits(ours) });
        true
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.lock().len()
    }

    /// Those whose leases are renewed: nobody uses them, or they are on their way back.
    pub(super) fn renewable(&self) -> Vec<Arc<Pair>> {
        self.sessions.lock().values().filter(|kept| kept.state.is_renewed()).map(|kept| Arc::clone(&kept.pair)).collect()
    }

    /// For whoever goes on with it, or gives it back: nobody else is at its files meanwhile.
    pub(super) fn begin(&self, names: &[String; 2]) -> Result<Option<InUse>, Busy> {
        let mut kept = self.sessions.lock();
        // By either journal: the one at the upstream may be behind another client by now.
        if kept.values().any(|kept| kept.state.is_in_use() && kept.pair.names.iter().any(|name| names.contains(name))) {
            return Err(Busy);
        }
        let Some(kept) = kept.get_mut(&names[0]) else { return Ok(None) };
        kept.state = kept.state.taken_in_hand();
        Ok(Some(InUse::new(&kept.pair, &kept.place, kept.ended)))
    }

    /// For whoever logs on: as [`Self::begin`], behind whoever is at it.
    pub(super) async fn begin_in_turn(&self, names: &[String; 2]) -> Result<Option<InUse>, OpenError> {
        let turn = async {
            loop {
                let done = self.done.notified();
                match self.begin(names) {
                    Ok(kept) => return kept,
                    Err(Busy) => done.await,
                }
            }
        };
        timeout(limits::FIX_TAKE_MAX, turn).await.map_err(|_| OpenError::Owing("this session is still being given back"))
    }

    /// Nobody is at it any more; how it ended, where it is kept no longer for that.
    fn done_with(&self, pair: &Arc<Pair>) -> Option<Ended> {
        let mut sessions = self.sessions.lock();
        let kept = sessions.get_mut(&pair.names[0]).filter(|kept| Arc::ptr_eq(&kept.pair, pair));
        let ended = kept.map(|kept| {
            kept.state = kept.state.put_down();
            kept.ended
        });
        let left = ended.filter(|_| self.leaves.load(Ordering::Relaxed));
        if left.is_some() {
            sessions.remove(&pair.names[0]);
        }
        drop(sessions);
        self.done.notify_waiters();
        left
    }

    /// Keeps nothing from now on; what was kept, without those that somebody is at.
    fn leave(&self) -> Vec<(Arc<Pair>, Ended)> {
        let mut sessions = self.sessions.lock();
        self.leaves.store(true, Ordering::Relaxed);
        sessions.extract_if(|_, kept| !kept.state.is_in_use()).map(|(_, kept)| (kept.pair, kept.ended)).collect()
    }

    /// What came of the renewal of its lease that the database was asked for then; whether it is still ours.
    pub(super) fn renewed(&self, pair: &Arc<Pair>, asked: Instant, is_ours: impl Fn(&str) -> bool) -> bool {
        let ours = pair.names.iter().all(|name| is_ours(name));
        if ours {
            self.change(pair, |state| state.renewed(asked));
        } else if let Some(kept) = self.begin_with(pair) {
            kept.void();
        }
        ours
    }

    fn begin_with(&self, pair: &Arc<Pair>) -> Option<InUse> {
        self.begin(&pair.names).ok().flatten().filter(|kept| kept.is_of(pair))
    }

    /// Gives these back, a few at a time and beside the renewals: some have much to copy. Those for which there is no room now wait for
    /// the next renewal.
    pub(super) fn give_back(&self, pairs: Vec<Arc<Pair>>) {
        let tasks = pairs.len().min(limits::FIX_GIVEN_BACK_AT_ONCE_MAX);
        let pairs = Arc::new(Mutex::new(pairs));
        for _ in 0..tasks {
            let Ok(permit) = Arc::clone(&self.giving).try_acquire_owned() else { return };
            let pairs = Arc::clone(&pairs);
            drop(tokio::spawn(async move {
                let _permit = permit;
                give_back_in_turn(&pairs).await;
            }));
        }
    }

    /// Changes the state of a session, if it is still kept; what it was.
    fn change(&self, pair: &Arc<Pair>, change: impl FnOnce(State) -> State) -> Option<State> {
        let mut sessions = self.sessions.lock();
        let kept = sessions.get_mut(&pair.names[0]).filter(|kept| Arc::ptr_eq(&kept.pair, pair))?;
        let after = change(kept.state);
        Some(std::mem::replace(&mut kept.state, after))
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

/// Until none is left, or the database is away again.
async fn give_back_in_turn(pairs: &Mutex<Vec<Arc<Pair>>>) {
    loop {
        let next = pairs.lock().pop();
        let Some(pair) = next else { return };
        let Some(kept) = pair.records.kept.begin_with(&pair) else { continue };
        if !kept.give_back().await {
            return;
        }
    }
}

impl Pair {
    /// Gives the session back, or keeps it until the database is back. What is doubtful stays so at the next node.
    pub(super) async fn give_back(self: &Arc<Self>, place: &Arc<Place>, ended: Ended) -> Left {
        self.leave();
        let touch = *self.touch.borrow();
        let ours = match touch {
            Touch::Elsewhere => return Left::Elsewhere,
            Touch::Behind => Ours::Certainly,
            Touch::InTouch => match self.say_given_back(ended, &self.records.renewing).await {
                Ok(()) => return Left::GivenBack,
                Err(_) => Ours::perhaps(),
            },
        };
        self.wills.lock().await.rest();
        self.rest();
        if self.records.kept.insert(self, place, ended, ours) {
            return Left::Kept;
        }
        self.void_will(ended);
        Left::ToItsLease
    }

    async fn say_given_back(&self, ended: Ended, link: &Db) -> Result<(), StoreError> {
        match ended {
            Ended::InOrder => {
                // Whatever is answered: nobody knows that it stands.
                self.wills.lock().await.end();
                let settled = self.doubtful.load(Ordering::Acquire) == 0;
                self.may_refuse();
                self.records.give_back(link, &self.owned(), settled).await
            }
            Ended::OwingItsWill { since } => {
                self.mark();
                self.records.give_back_with_will(link, &self.owned(), since).await
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

    /// Another process is about to have the files: nothing is kept any more. Until [`Self::kept_sessions`] are none, this one is still
    /// at some.
    pub fn keep_no_more(&self) {
        for (pair, ended) in self.kept.leave() {
            pair.void_will(ended);
        }
    }

    /// Those of them that came to a bad end since this was asked last.
    pub fn kept_ends(&self) -> Vec<KeptEnd> {
        std::mem::take(&mut *self.kept.ends.lock())
    }
}

#[cfg(test)]
mod tests;
