//! Two journals that forward to each other: nothing is lost between them, and nothing is forwarded twice.
//!
//! ```text
//!   client's message m ─▶ upstream journal: number n, message, source m ─▶ commit ─▶ client journal: expect m + 1 ─▶ commit ─▶ send n
//!                         crash here: the client is asked for m again       crash here: the source says that m is done with
//! ```
//!
//! The journal that a message goes to is committed before the one it came from, and one record there holds message and source: so a crash
//! leaves either none of it or the message itself. On opening, what one side expects is lifted to what the other has on record. The same
//! holds in the other direction.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_fix::MessageStore as _;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::kept::{Ended, Left};
use super::pair::{CommitError, Pair, Side, Touch};
use super::wills::Found;
use super::{JournaledMessageStore, SharedMessageStore};
use crate::error::StoreError;

/// The journals of a client's session and of the upstream session behind it.
#[derive(Clone, Debug)]
pub struct BridgeJournals {
    /// Of the session with the client.
    pub client: SharedMessageStore,
    /// Of the session with the upstream.
    pub upstream: SharedMessageStore,
    pub(super) place: Arc<Place>,
    /// Their copies, where nodes share a database.
    pub(super) pair: Option<Arc<Pair>>,
    /// Another node had the session before.
    pub(super) moved: bool,
    /// What its last owner wanted done if it was lost.
    pub(super) found: Option<Found>,
    /// It was kept, and goes on without the database.
    pub(super) went_on: bool,
}

/// Where they are, and under which names.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    names: [Vec<String>; 2],
}

impl Place {
    pub(super) fn new(folder: &Path, client: &[&str], upstream: &[&str]) -> Self {
        let name = |kind: &str, parts: &[&str]| [&[kind], parts].concat().into_iter().map(str::to_owned).collect();
        Self { folder: folder.to_owned(), names: [name("client", client), name("upstream", upstream)] }
    }

    pub(super) fn parts(&self, side: Side) -> Vec<&str> {
        self.names[side as usize].iter().map(String::as_str).collect()
    }

    /// Whether these generations wrote both last. Changes nothing.
    pub(super) fn is_of(&self, generations: [u64; 2]) -> Result<bool, StoreError> {
        let last = |side| JournaledMessageStore::last_generation(&self.folder, &self.parts(side));
        Ok([last(Side::Client)?, last(Side::Upstream)?] == generations.map(Some))
    }

    /// Opens both, and lifts what each expects to what the other has.
    pub(super) fn open(&self) -> Result<[JournaledMessageStore; 2], StoreError> {
        let open = |side| JournaledMessageStore::open_named(&self.folder, &self.parts(side));
        let (mut client, mut upstream) = (open(Side::Client)?, open(Side::Upstream)?);
        lift(&mut client, &upstream, &self.folder)?;
        lift(&mut upstream, &client, &self.folder)?;
        let cleared = client.clear_source().and_then(|()| upstream.clear_source());
        cleared.map_err(|error| StoreError::io("write", &self.folder, std::io::Error::other(error.to_string())))?;
        Ok([client, upstream])
    }
}

impl BridgeJournals {
    /// Opens both, each by the parts of its session's name. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when one cannot be read or written, or is damaged.
    pub fn open(folder: &Path, client: &[&str], upstream: &[&str]) -> Result<Self, StoreError> {
        let place = Place::new(folder, client, upstream);
        let [client, upstream] = place.open()?.map(SharedMessageStore::new);
        Ok(Self { client, upstream, place: Arc::new(place), pair: None, moved: false, found: None, went_on: false })
    }

    /// Reads the journals anew: what was not committed did not happen. Those of a session whose copies may lack an order only with them.
    ///
    /// # Errors
    /// As [`Self::open`]; the database does not answer.
    pub async fn reopen(&self) -> Result<Self, StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::io("open", &self.place.folder, std::io::Error::other(error.to_string()));
        let place = Arc::clone(&self.place);
        let stores = spawn_blocking(move || place.open()).await.map_err(|error| failed(&error))??;
        let stores = stores.map(SharedMessageStore::new);
        if let Some(pair) = &self.pair {
            pair.replace_stores(stores.clone());
            if pair.owes() {
                pair.catch_up().await?;
            }
            if pair.owes() || *pair.touch().borrow() == Touch::Elsewhere {
                return Err(failed(&CommitError::Unshared));
            }
        }
        let [client, upstream] = stores;
        Ok(Self { client, upstream, ..self.clone() })
    }

    /// Makes durable what is pending, in this order, in the files and then in their copies. What is about an order is `binding`: without a
    /// copy nothing of it may be said.
    ///
    /// # Errors
    /// [`CommitError`]; nothing of what was pending may be said.
    pub async fn commit(&self, order: &[Side], binding: bool) -> Result<(), CommitError> {
        if !order.iter().any(|side| self.store(*side).is_dirty()) {
            return Ok(());
        }
        match &self.pair {
            Some(pair) => pair.commit(order.to_vec(), binding).await,
            None => self.commit_here(order).await,
        }
    }

    /// As [`Self::commit`], in the files alone: for the last words of a session that another node has.
    ///
    /// # Errors
    /// [`CommitError::Journal`].
    pub async fn commit_here(&self, order: &[Side]) -> Result<(), CommitError> {
        let stores: Vec<_> = order.iter().map(|side| self.store(*side).clone()).collect();
        let work = spawn_blocking(move || stores.iter().try_for_each(SharedMessageStore::commit));
        let failed = |error: tokio::task::JoinError| countersign_fix::StoreError(error.to_string().into());
        work.await.map_err(failed)?.map_err(CommitError::Journal)
    }

    const fn store(&self, side: Side) -> &SharedMessageStore {
        match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        }
    }

    /// How the session is with its copies; none where it has none.
    #[must_use]
    pub fn touch(&self) -> Option<watch::Receiver<Touch>> {
        self.pair.as_ref().map(|pair| pair.touch())
    }

    /// Whether the copies lack something that was said: orders are refused then.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.pair.as_ref().is_some_and(|pair| *pair.touch().borrow() == Touch::Behind)
    }

    /// Whether an order may be refused while the copies are behind: not where the next node would take it when it is sent again.
    #[must_use]
    pub fn may_refuse(&self) -> bool {
        self.pair.as_ref().is_none_or(|pair| pair.may_refuse())
    }

    /// The Logon that opened the session has this number: what comes below it is sent again.
    pub fn note_logon(&self, seq: u64) {
        if let Some(pair) = &self.pair {
            pair.doubtful_below(seq);
            pair.trust(self.client.next_target());
            pair.mark();
        }
    }

    /// Whether an order of this number may have been refused by a node that is gone.
    #[must_use]
    pub fn is_doubtful(&self, seq: u64) -> bool {
        self.pair.as_ref().is_some_and(|pair| seq < pair.doubtful_below(u64::MAX))
    }

    /// Ends the doubt when all that it is about has come.
    pub fn settle_doubt(&self) {
        if let Some(pair) = &self.pair {
            pair.trust(self.client.next_target());
        }
    }

    /// The client counts anew: nothing that it sends was sent before.
    pub fn end_doubt(&self) {
        if let Some(pair) = &self.pair {
            pair.trust(u64::MAX);
        }
    }

    /// Whether another node had the session before.
    #[must_use]
    pub const fn came_from_elsewhere(&self) -> bool {
        self.moved
    }

    /// Whether it goes on where it ended, under the same generation, because the database is away.
    #[must_use]
    pub const fn went_on(&self) -> bool {
        self.went_on
    }

    /// The session ends here: its lease is not renewed any more.
    pub fn leave(&self) {
        if let Some(pair) = &self.pair {
            pair.leave();
        }
    }

    /// The session has ended here: other nodes may have it. Where the database is away, as soon as it is back.
    pub async fn give_back(&self) -> Left {
        match &self.pair {
            Some(pair) => pair.give_back(&self.place, Ended::InOrder).await,
            None => Left::GivenBack,
        }
    }
}

/// Expects what comes after all that the other journal has from this session.
fn lift(store: &mut JournaledMessageStore, other: &JournaledMessageStore, folder: &Path) -> Result<(), StoreError> {
    let next = other.last_source() + 1;
    if next <= store.next_target() {
        return Ok(());
    }
    store.set_next_target(next).map_err(|error| StoreError::io("write", folder, std::io::Error::other(error.to_string())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn open(folder: &Path) -> BridgeJournals {
        BridgeJournals::open(folder, &["desk", "GATE", "FIRM"], &["GATE", "VENUE"]).unwrap()
    }

    /// The client's message `seq` is received and put on record for the upstream.
    fn forward(journals: &BridgeJournals, seq: u64) {
        journals.client.clone().set_next_target(seq + 1).unwrap();
        journals.upstream.note_source(seq);
        let number = journals.upstream.next_sender();
        journals.upstream.clone().record(number, Some(format!("order {seq}").as_bytes())).unwrap();
    }

    fn expected(journals: &BridgeJournals) -> (u64, u64) {
        (journals.client.next_target(), journals.upstream.next_sender())
    }

    #[test]
    fn a_crash_before_any_commit_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        forward(&open(folder.path()), 1);
        assert_eq!(expected(&open(folder.path())), (1, 1), "the client is asked for its message again");
    }

    #[test]
    fn a_crash_between_the_commits_forwards_once() {
        let folder = tempfile::tempdir().unwrap();
        let journals = open(folder.path());
        forward(&journals, 1);
        journals.upstream.commit().unwrap();
        drop(journals);
        assert_eq!(expected(&open(folder.path())), (2, 2), "the message is on record, so it is not asked for again");
    }

    #[test]
    fn both_directions_are_lifted() {
        let folder = tempfile::tempdir().unwrap();
        let mut journals = open(folder.path());
        journals.upstream.set_next_target(8).unwrap();
        journals.client.note_source(7);
        journals.client.record(1, Some(b"report")).unwrap();
        journals.client.commit().unwrap();
        drop(journals);
        let again = open(folder.path());
        assert_eq!((again.upstream.next_target(), again.client.next_sender()), (8, 2));
    }

    #[test]
    fn a_reset_forgets_where_messages_came_from() {
        let folder = tempfile::tempdir().unwrap();
        let journals = open(folder.path());
        forward(&journals, 1);
        forward(&journals, 2);
        journals.upstream.commit().unwrap();
        journals.client.commit().unwrap();
        drop(journals);
        let mut again = open(folder.path());
        assert_eq!(again.client.next_target(), 3);
        again.client.reset().unwrap();
        again.client.commit().unwrap();
        drop(again);
        assert_eq!(open(folder.path()).client.next_target(), 1, "the upstream's sources are of numbers before the reset");
    }

    #[test]
    fn what_is_not_committed_is_not_durable() {
        let folder = tempfile::tempdir().unwrap();
        let mut journals = open(folder.path());
        forward(&journals, 1);
        assert_eq!(journals.upstream.sync(), Ok(0));
        journals.upstream.commit().unwrap();
        assert_eq!(journals.upstream.sync(), Ok(1));
        let stored = journals.upstream.first_stored(1, 1).unwrap();
        assert_eq!(stored, countersign_fix::Stored::Message { seq: 1, bytes: b"order 1".to_vec() });
    }
}
