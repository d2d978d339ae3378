//! The two journals of a session and their copies: what is said is in both places before it is said.
//!
//! ```text
//!              ┌──────────── commit: files, destination first; then both copies in one statement ────────────┐
//!   InTouch ───┤  no answer ─▶ Behind: files only; cancels and reports pass, orders do not                   │
//!              │                  └─ the lease could be renewed ─▶ copies are brought along ─▶ InTouch       │
//!              └──────────── refused ─▶ Elsewhere: another node has the session; nothing more is said ───────┘
//! ```
//!
//! An order is *binding*: its turn waits for the copy, and ends the session when it does not come. So no order is sent that the next node
//! does not know of, and none is refused that the next node would take again ([`super::trust`]).
//!
//! What is not here: what a turn is, and which message is an order (the gateway's bridge).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign_fix::{MessageStore as _, StoreError as FixStoreError};
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::SharedMessageStore;
use super::copied::{Lacking, Reach};
use super::records::{CopyError, FixRecords, Held, Owned};
use crate::error::StoreError;
use crate::limits;

/// One of the two journals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Of the session with the client.
    Client,
    /// Of the session with the upstream.
    Upstream,
}

/// How a session is with its copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// They lack something that was said.
    Behind,
    /// Another node has the session.
    Elsewhere,
    /// They have all that was said.
    InTouch,
}

/// Why nothing of a turn may be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Another node has the session.
    #[error("another node serves this session")]
    Elsewhere,
    /// The file of a journal.
    #[error("{0}")]
    Journal(FixStoreError),
    /// An order has no copy in time, or too much has none.
    #[error("the database that nodes share does not answer, and what this says would be known here alone")]
    Unshared,
}

impl From<FixStoreError> for CommitError {
    fn from(error: FixStoreError) -> Self {
        Self::Journal(error)
    }
}

/// Journals and copies of one session.
pub(super) struct Pair {
    records: Arc<FixRecords>,
    names: [String; 2],
    generations: [u64; 2],
    stores: Mutex<[SharedMessageStore; 2]>,
    /// How far the copies are. Whoever commits or copies holds it.
    there: AsyncMutex<[Reach; 2]>,
    touch: watch::Sender<Touch>,
    /// The numbers from which on the copies are behind.
    since: [AtomicU64; 2],
    /// Nobody renews the lease any more.
    leaving: AtomicBool,
    /// An order is in the files and perhaps not in the copies.
    owes: AtomicBool,
    /// The mark of [`super::trust`]. Whoever sets it or takes it away holds this.
    mark: Mutex<Mark>,
    /// Orders that the client sends again below this number may have been refused by a node that is gone; 0: none.
    doubtful: AtomicU64,
}

/// Whether the shared memory says that no order was refused unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    None,
    /// It was asked to say it, and did not answer.
    Perhaps,
    There,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pair({:?}, {:?})", self.names, *self.touch.borrow())
    }
}

impl Pair {
    pub(super) fn new(records: Arc<FixRecords>, names: [String; 2], held: [Held; 2], stores: [SharedMessageStore; 2]) -> Self {
        Self {
            records,
            names,
            generations: held.map(|held| held.generation),
            stores: Mutex::new(stores),
            there: AsyncMutex::new(held.map(|held| held.reach)),
            touch: watch::Sender::new(Touch::Behind),
            since: Default::default(),
            leaving: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            mark: Mutex::new(Mark::None),
            doubtful: AtomicU64::new(0),
        }
    }

    pub(super) fn touch(&self) -> watch::Receiver<Touch> {
        self.touch.subscribe()
    }

    pub(super) fn owned(&self) -> [Owned<'_>; 2] {
        [0, 1].map(|side| Owned { name: &self.names[side], generation: self.generations[side] })
    }

    /// The same journals, read anew.
    pub(super) fn replace_stores(&self, stores: [SharedMessageStore; 2]) {
        *self.stores.lock() = stores;
    }

    /// Whether an order is in the files and perhaps not in the copies.
    pub(super) fn owes(&self) -> bool {
        self.owes.load(Ordering::Acquire)
    }

    /// Writes what is pending, in this order, then the copies.
    pub(super) async fn commit(&self, order: Vec<Side>, binding: bool) -> Result<(), CommitError> {
        let mut there = self.there.lock().await;
        let before = *self.touch.borrow();
        if before == Touch::Elsewhere {
            return Err(CommitError::Elsewhere);
        }
        let (stores, reach) = (self.stores.lock().clone(), *there);
        let lacking = spawn_blocking(move || {
            for side in order {
                stores[side as usize].commit()?;
            }
            if before == Touch::Behind {
                Ok(None)
            } else {
                gather(&stores, reach).map(Some).map_err(|error| FixStoreError(error.to_string().into()))
            }
        });
        let lacking = lacking.await.map_err(|error| FixStoreError(error.to_string().into()))??;
        if let Some(lacking) = lacking {
            self.copy(&mut there, lacking).await;
        }
        drop(there);
        match *self.touch.borrow() {
            Touch::Elsewhere => return Err(CommitError::Elsewhere),
            Touch::InTouch => return Ok(()),
            Touch::Behind => {}
        }
        if binding {
            return self.wait().await;
        }
        let numbers = self.numbers().into_iter().zip(&self.since).map(|(next, since)| next.saturating_sub(since.load(Ordering::Relaxed)));
        if numbers.max() > Some(limits::FIX_BEHIND_NUMBERS_MAX) { Err(CommitError::Unshared) } else { Ok(()) }
    }

    /// Until the copies have what an order did.
    async fn wait(&self) -> Result<(), CommitError> {
        self.owes.store(true, Ordering::Release);
        let mut touch = self.touch.subscribe();
        let told = timeout(limits::FIX_HOLD, touch.wait_for(|touch| *touch != Touch::Behind)).await;
        match told.map(|told| told.map(|touch| *touch)) {
            Ok(Ok(Touch::InTouch)) => Ok(()),
            Ok(Ok(Touch::Elsewhere)) => Err(CommitError::Elsewhere),
            Ok(Ok(Touch::Behind) | Err(_)) | Err(_) => Err(CommitError::Unshared),
        }
    }

    /// Brings the copies along. [`Self::touch`] says whether they have everything then.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        let mut there = self.there.lock().await;
        let (stores, reach) = (self.stores.lock().clone(), *there);
        let lacking = spawn_blocking(move || gather(&stores, reach)).await;
        let lacking =
            lacking.map_err(|error| StoreError::io("read", std::path::Path::new("fix"), std::io::Error::other(error.to_string())))??;
        self.copy(&mut there, lacking).await;
        Ok(())
    }

    /// Twice at most: a statement whose answer was lost may have been carried out.
    async fn copy(&self, there: &mut [Reach; 2], mut lacking: [Option<Lacking>; 2]) {
        for _ in 0..2 {
            if lacking.iter().all(Option::is_none) {
                return self.in_touch();
            }
            match self.records.write(self.owned(), *there, &lacking).await {
                Ok(()) => {
                    for (there, lacking) in there.iter_mut().zip(&lacking) {
                        *there = lacking.as_ref().map_or(*there, |lacking| lacking.reach);
                    }
                    return self.in_touch();
                }
                Err(CopyError::Elsewhere) => return self.is_elsewhere(),
                Err(CopyError::Away) => return self.fall_behind(),
                Err(CopyError::Other(reach)) => *there = reach,
            }
            let (stores, reach) = (self.stores.lock().clone(), *there);
            match spawn_blocking(move || gather(&stores, reach)).await {
                Ok(Ok(again)) => lacking = again,
                // The file cannot be read: nothing of it is said that needs a copy.
                Ok(Err(_)) | Err(_) => return self.fall_behind(),
            }
        }
    }

    fn in_touch(&self) {
        self.owes.store(false, Ordering::Release);
        self.touch.send_if_modified(|touch| *touch != Touch::Elsewhere && std::mem::replace(touch, Touch::InTouch) != Touch::InTouch);
    }

    /// For good.
    fn is_elsewhere(&self) {
        self.touch.send_replace(Touch::Elsewhere);
    }

    fn fall_behind(&self) {
        let fell =
            self.touch.send_if_modified(|touch| *touch == Touch::InTouch && std::mem::replace(touch, Touch::Behind) == Touch::InTouch);
        if fell {
            for (since, next) in self.since.iter().zip(self.numbers()) {
                since.store(next, Ordering::Relaxed);
            }
        }
    }

    fn numbers(&self) -> [u64; 2] {
        self.stores.lock().clone().map(|store| store.next_sender())
    }

    /// Says to the next node that no order was refused unseen, while that is so.
    pub(super) fn mark(&self) {
        let mut mark = self.mark.lock();
        if *mark == Mark::There || *self.touch.borrow() != Touch::InTouch || self.doubtful.load(Ordering::Acquire) != 0 {
            return;
        }
        *mark = Mark::Perhaps;
        if self.records.trust.keep(&self.names[0], self.generations[0]) {
            *mark = Mark::There;
        }
    }

    /// Whether an order may be refused though the next node does not know of it. Asked while the copies are behind.
    pub(super) fn may_refuse(&self) -> bool {
        let mut mark = self.mark.lock();
        if *mark != Mark::None && self.records.trust.withdraw(&self.names[0], self.generations[0]) {
            *mark = Mark::None;
        }
        *mark == Mark::None
    }

    /// The node that had the session is gone: says whether its client may have been told what nobody knows of.
    pub(super) fn doubt(&self, before: u64) {
        if !self.records.trust.holds(&self.names[0], before) {
            self.doubtful.store(u64::MAX, Ordering::Release);
        }
        self.records.trust.withdraw(&self.names[0], before);
    }

    /// The number below which orders that are sent again are doubtful; `first` is that of the Logon.
    pub(super) fn doubtful_below(&self, first: u64) -> u64 {
        self.doubtful.fetch_min(first, Ordering::AcqRel).min(first)
    }

    /// What the client sends from here on was sent after its Logon.
    pub(super) fn trust(&self, next: u64) {
        let below = self.doubtful.load(Ordering::Acquire);
        if below != 0 && below <= next {
            self.doubtful.store(0, Ordering::Release);
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        !self.leaving.load(Ordering::Acquire) && *self.touch.borrow() != Touch::Elsewhere
    }

    /// The session ends: whoever waits for it at another node sees that nobody renews it.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// What came of a renewal of its lease.
    pub(super) fn renewed(self: Arc<Self>, is_ours: impl Fn(&str) -> bool) {
        if !self.names.iter().all(|name| is_ours(name)) {
            return self.is_elsewhere();
        }
        // The database answers. Beside the other renewals: some have much to copy.
        if *self.touch.borrow() == Touch::InTouch {
            self.mark();
        } else if self.there.try_lock().is_ok() {
            drop(tokio::spawn(async move { self.catch_up().await }));
        }
    }

    pub(super) const fn records(&self) -> &Arc<FixRecords> {
        &self.records
    }

    /// Gives the session back, if its copies have everything. Else its lease runs out, and the next node leaves numbers out. What is
    /// doubtful stays so at the next node. The session has no will any more in any case.
    pub(super) async fn give_back(&self) -> Result<(), StoreError> {
        self.leave();
        let touch = *self.touch.borrow();
        let outcome = if touch == Touch::InTouch {
            let settled = self.doubtful.load(Ordering::Acquire) == 0;
            self.records.trust.withdraw(&self.names[0], self.generations[0]);
            self.records.give_back(&self.owned(), settled).await
        } else {
            Ok(())
        };
        if outcome.is_err() || touch == Touch::Behind {
            self.records.void_later(&self.owned()[0]);
        }
        outcome
    }

    /// As [`Self::give_back`], for somebody who could not carry out what is to be done. Whatever is certain stays so.
    pub(super) async fn give_back_with_will(&self) -> Result<(), StoreError> {
        self.leave();
        if *self.touch.borrow() != Touch::InTouch {
            return Ok(());
        }
        self.mark();
        self.records.give_back_with_will(&self.owned()).await
    }
}

/// What the copies lack of what is on the disk.
fn gather(stores: &[SharedMessageStore; 2], there: [Reach; 2]) -> Result<[Option<Lacking>; 2], StoreError> {
    Ok([stores[0].lacking(there[0])?, stores[1].lacking(there[1])?])
}
