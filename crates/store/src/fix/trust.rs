//! What the shared memory says of a session whose node is gone: that it refused no order which its copy does not know of.
//!
//! ```text
//!   opened ── kept on the shelf, by journal and generation ── first order refused while the copy is behind: taken away before
//!   next node: it is there  ─▶ whatever the client sends again was never answered: it is forwarded
//!              it is not    ─▶ orders that the client sends again may have been refused: they are refused
//! ```
//!
//! Only what is there counts. A memory that forgot it, or does not answer, costs refusals of orders that were sent into a dead node.

use aws_lc_rs::digest::{SHA256, digest};
use countersign_core::Secret;

use crate::limits;
use crate::shared::{SharedShelf, ShelfName};

/// The marks of sessions.
#[derive(Debug)]
pub(super) struct Trust(Option<SharedShelf>);

/// What is on the shelf: its name says all.
const CONTENT: &[u8] = b"no order was refused unseen";

impl Trust {
    pub(super) const fn new(shelf: Option<SharedShelf>) -> Self {
        Self(shelf)
    }

    /// Says it of a generation; whether it could be said.
    pub(super) fn keep(&self, journal: &str, generation: u64) -> bool {
        let content = Secret::new(CONTENT.to_vec());
        self.0.as_ref().is_some_and(|shelf| shelf.put(&name(journal, generation), &content, limits::FIX_TRUST_LIFE))
    }

    /// Whether it was said and not taken back.
    pub(super) fn holds(&self, journal: &str, generation: u64) -> bool {
        self.0.as_ref().is_some_and(|shelf| matches!(shelf.find(&name(journal, generation)), Ok(Some(_))))
    }

    /// Takes it back; whether that is certain.
    pub(super) fn withdraw(&self, journal: &str, generation: u64) -> bool {
        self.0.as_ref().is_some_and(|shelf| shelf.withdraw(&name(journal, generation)).is_ok())
    }
}

fn name(journal: &str, generation: u64) -> ShelfName {
    let hash = digest(&SHA256, format!("fix {journal} {generation}").as_bytes());
    hash.as_ref()[..16].try_into().expect("SHA-256 has 32 bytes")
}
