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
//! What is not here: marks and doubt ([`super::trust`]), sessions that ended behind ([`super::kept`]), what a turn is, and which message is an order (the gateway's bridge).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign_fix::{MessageStore as _, StoreError as FixStoreError};
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::SharedMessageStore;
use super::claims::Held;
use super::copied::{Lacking, Reach};
use super::records::{CopyError, FixRecords, Owned};
use super::trust::Mark;
use super::wills::Wills;
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
    pub(super) records: Arc<FixRecords>,
    pub(super) names: [String; 2],
    pub(super) generations: [u64; 2],
    /// None while nobody is there and the session is kept ([`super::kept`]).
    stores: Mutex<Option<[SharedMessageStore; 2]>>,
    /// How far the copies are. Whoever commits or copies holds it.
    there: AsyncMutex<[Reach; 2]>,
    pub(super) touch: watch::Sender<Touch>,
    /// The numbers from which on the copies are behind.
    since: [AtomicU64; 2],
    /// Nobody renews the lease any more.
    leaving: AtomicBool,
    /// An order is in the files and perhaps not in the copies.
    owes: AtomicBool,
    /// The mark of [`super::trust`]. Whoever sets it or takes it away holds this.
    pub(super) mark: Mutex<Mark>,
    /// Orders that the client sends again below this number may have been refused by a node that is gone; 0: none.
    pub(super) doubtful: AtomicU64,
    /// What is to be done if this node is lost: on the session's row, and what is to be written there.
    pub(super) wills: AsyncMutex<Wills>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pair({:?}, {:?})", self.names, *self.touch.borrow())
    }
}

impl Pair {
    pub(super) fn new(
        records: Arc<FixRecords>,
        names: [String; 2],
        held: [Held; 2],
        stores: [SharedMessageStore; 2],
        wills: Wills,
    ) -> Self {
        Self {
            records,
            names,
            generations: held.map(|held| held.generation),
            stores: Mutex::new(Some(stores)),
            there: AsyncMutex::new(held.map(|held| held.reach)),
            touch: watch::Sender::new(Touch::Behind),
            since: Default::default(),
            leaving: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            mark: Mutex::new(Mark::None),
            doubtful: AtomicU64::new(0),
            wills: AsyncMutex::new(wills),
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
        *self.stores.lock() = Some(stores);
    }

    /// Nobody is there: what was not committed did not happen, and the copies lack what nobody can tell.
    pub(super) fn rest(&self) {
        self.fall_behind();
        *self.stores.lock() = None;
    }

    /// Its client is back, and the database is not.
    pub(super) fn go_on(&self, stores: [SharedMessageStore; 2]) {
        self.replace_stores(stores);
        self.fall_behind();
        self.leaving.store(false, Ordering::Release);
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
        let stores = self.stores.lock().clone().ok_or(CommitError::Unshared)?;
        let reach = *there;
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
        let numbers =
            self.numbers().into_iter().flatten().zip(&self.since).map(|(next, since)| next.saturating_sub(since.load(Ordering::Relaxed)));
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
        // Before orders pass again, which it may be about.
        if !self.write_due().await {
            return Ok(());
        }
        let Some(stores) = self.stores.lock().clone() else { return Ok(()) };
        let reach = *there;
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
            let Some(stores) = self.stores.lock().clone() else { return self.fall_behind() };
            let reach = *there;
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
    pub(super) fn is_elsewhere(&self) {
        self.touch.send_replace(Touch::Elsewhere);
    }

    fn fall_behind(&self) {
        let fell =
            self.touch.send_if_modified(|touch| *touch == Touch::InTouch && std::mem::replace(touch, Touch::Behind) == Touch::InTouch);
        if fell {
            // Without journals it is kept, and behind since it was last there.
            for (since, next) in self.since.iter().zip(self.numbers().into_iter().flatten()) {
                since.store(next, Ordering::Relaxed);
            }
        }
    }

    fn numbers(&self) -> Option<[u64; 2]> {
        Some(self.stores.lock().clone()?.map(|store| store.next_sender()))
    }

    pub(super) fn is_open(&self) -> bool {
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
        if *self.touch.borrow() == Touch::InTouch && !self.has_due() {
            self.mark();
        } else if self.there.try_lock().is_ok() {
            drop(tokio::spawn(async move { self.catch_up().await }));
        }
    }
}

/// What the copies lack of what is on the disk.
fn gather(stores: &[SharedMessageStore; 2], there: [Reach; 2]) -> Result<[Option<Lacking>; 2], StoreError> {
    Ok([stores[0].lacking(there[0])?, stores[1].lacking(there[1])?])
}
