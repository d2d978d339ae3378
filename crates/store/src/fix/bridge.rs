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

use std::path::Path;

use countersign_fix::MessageStore as _;

use super::{JournaledMessageStore, SharedMessageStore};
use crate::error::StoreError;

/// The journals of a client's session and of the upstream session behind it.
#[derive(Clone, Debug)]
pub struct BridgeJournals {
    /// Of the session with the client.
    pub client: SharedMessageStore,
    /// Of the session with the upstream.
    pub upstream: SharedMessageStore,
}

impl BridgeJournals {
    /// Opens both, each by the parts of its session's name. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when one cannot be read or written, or is damaged.
    pub fn open(folder: &Path, client: &[&str], upstream: &[&str]) -> Result<Self, StoreError> {
        let mut client = JournaledMessageStore::open_named(folder, &[&["client"], client].concat())?;
        let mut upstream = JournaledMessageStore::open_named(folder, &[&["upstream"], upstream].concat())?;
        lift(&mut client, &upstream, folder)?;
        lift(&mut upstream, &client, folder)?;
        let cleared = client.clear_source().and_then(|()| upstream.clear_source());
        cleared.map_err(|error| StoreError::io("write", folder, std::io::Error::other(error.to_string())))?;
        Ok(Self { client: SharedMessageStore::new(client), upstream: SharedMessageStore::new(upstream) })
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
