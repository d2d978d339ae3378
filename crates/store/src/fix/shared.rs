//! A journal that two hold: the session, which records, and the task that commits where blocking is allowed.

use std::sync::Arc;

use countersign_fix::{MessageStore, StoreError as FixStoreError, Stored};
use parking_lot::Mutex;

use super::JournaledMessageStore;
use super::copied::{Lacking, Reach};
use crate::error::StoreError;

/// A deferred journal, shared. Commit it from a thread that may block; while that runs, the session waits and nobody else asks.
#[derive(Clone, Debug)]
pub struct SharedMessageStore(Arc<Mutex<JournaledMessageStore>>);

impl SharedMessageStore {
    /// Shares a journal and defers its writes.
    #[must_use]
    pub fn new(store: JournaledMessageStore) -> Self {
        Self(Arc::new(Mutex::new(store.deferring())))
    }

    /// Whether something waits for [`Self::commit`].
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.0.lock().pending.is_empty()
    }

    /// As [`JournaledMessageStore::commit`].
    ///
    /// # Errors
    /// As there.
    pub fn commit(&self) -> Result<(), FixStoreError> {
        self.0.lock().commit()
    }

    /// As [`JournaledMessageStore::lacking`]. Blocks.
    pub(super) fn lacking(&self, copy: Reach) -> Result<Option<Lacking>, StoreError> {
        self.0.lock().lacking(copy)
    }

    /// As [`JournaledMessageStore::note_source`].
    pub fn note_source(&self, seq: u64) {
        self.0.lock().note_source(seq);
    }

    /// As [`JournaledMessageStore::clear_source`].
    ///
    /// # Errors
    /// As there.
    pub fn clear_source(&self) -> Result<(), FixStoreError> {
        self.0.lock().clear_source()
    }
}

impl MessageStore for SharedMessageStore {
    fn next_sender(&self) -> u64 {
        self.0.lock().next_sender()
    }

    fn next_target(&self) -> u64 {
        self.0.lock().next_target()
    }

    fn record(&mut self, seq: u64, message: Option<&[u8]>) -> Result<(), FixStoreError> {
        self.0.lock().record(seq, message)
    }

    fn sync(&mut self) -> Result<u64, FixStoreError> {
        self.0.lock().sync()
    }

    fn set_next_target(&mut self, seq: u64) -> Result<(), FixStoreError> {
        self.0.lock().set_next_target(seq)
    }

    fn first_stored(&mut self, from: u64, through: u64) -> Result<Stored, FixStoreError> {
        self.0.lock().first_stored(from, through)
    }

    fn kept_from(&self) -> u64 {
        self.0.lock().kept_from()
    }

    fn reset(&mut self) -> Result<(), FixStoreError> {
        self.0.lock().reset()
    }
}
