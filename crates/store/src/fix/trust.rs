//! What the shared memory says of a session whose node is gone: that it refused no order which its copy does not know of.
//!
//! ```text
//!   opened ── kept on the shelf, by journal and generation ── first order refused while the copy is behind: taken away before
//!   next node: it is there  ─▶ whatever the client sends again was never answered: it is forwarded
//!              it is not    ─▶ orders that the client sends again may have been refused: they are refused
//! ```
//!
//! Only what is there counts. A memory that forgot it, or does not answer, costs refusals of orders that were sent into a dead node.

use std::sync::atomic::Ordering;

use aws_lc_rs::digest::{SHA256, digest};
use countersign_core::Secret;

use super::pair::{Pair, Touch};
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

/// Whether the shared memory says that no order was refused unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    /// It was asked to say it, and did not answer.
    Perhaps,
    There,
}

impl Pair {
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
}

fn name(journal: &str, generation: u64) -> ShelfName {
    let hash = digest(&SHA256, format!("fix {journal} {generation}").as_bytes());
    hash.as_ref()[..16].try_into().expect("SHA-256 has 32 bytes")
}
