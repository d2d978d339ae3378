//! What one node knows, and when it must not rely on it any more.
//!
//! ```text
//!   state \ input   state read (epoch ≥ known)  state read (epoch < known)  raise n+1  raise > n+1   lease over
//!   NeverRead       Known                        NeverRead                   NeverRead  NeverRead     NeverRead
//!   Known           Known, lease renewed         StoreBehind                 Known      EpochMissing  LeaseOver
//!   EpochMissing    Known once the epoch is read EpochMissing                =          =             LeaseOver
//!   LeaseOver       Known                        LeaseOver                   =          =             =
//!   StoreBehind     Known                        StoreBehind                 =          EpochMissing  LeaseOver
//! ```
//!
//! A store that has less than was known before it was asked lost what is missing. The node takes up its numbers, so that what was lost can be
//! committed and lifted again, and stays `StoreBehind` until there are as many changes as it knew: somebody is to look what else was lost.
//!
//! A raise takes effect in every state, at once. A lift takes effect only by a state that was read.

use countersign_core::Monotonic;

use crate::halt::{Halt, HaltId};
use crate::lease::Lease;
use crate::limits::LEASE_RENEW;
use crate::notice::{Change, HaltRecord};
use crate::set::{HaltSet, Lowered};

/// Why a node does not know the present halts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// A notice told of an epoch whose predecessors are not known.
    EpochMissing,
    /// Nothing was heard of the store for too long.
    LeaseOver,
    /// The store was not read since the start.
    NeverRead,
    /// The store knows less than this node: it was put back to an older state.
    StoreBehind,
}

impl Unknown {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::EpochMissing, Self::LeaseOver, Self::NeverRead, Self::StoreBehind];

    /// The name in `halt status` and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EpochMissing => "epoch-missing",
            Self::LeaseOver => "lease-over",
            Self::NeverRead => "never-read",
            Self::StoreBehind => "store-behind",
        }
    }
}

/// Whether the set is to be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posture {
    /// The set is what holds.
    Known,
    /// Besides what the set says, nothing new passes for anybody.
    Unknown(Unknown),
}

/// One node's knowledge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HaltNode {
    name: Box<str>,
    set: HaltSet,
    lease: Lease,
    has_read: bool,
    is_behind: bool,
    /// The epoch that must be read before the set is complete again.
    missing: Option<u64>,
    /// A lift was announced: nothing to fear, but worth a read.
    hinted: bool,
    asked: Option<Monotonic>,
    /// The highest epoch that was known, or heard of, when the store was asked last.
    known: u64,
    /// The epoch that was known before the store lost it, until it is reached again.
    former: Option<u64>,
}

impl HaltNode {
    /// A node that has read nothing: it passes no new orders.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            set: HaltSet::default(),
            lease: Lease::default(),
            has_read: false,
            is_behind: false,
            missing: None,
            hinted: false,
            asked: None,
            known: 0,
            former: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it knows.
    #[must_use]
    pub const fn set(&self) -> &HaltSet {
        &self.set
    }

    /// Until when it may rely on it.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The highest epoch that was ever known: it does not go back with a store that lost changes.
    #[must_use]
    pub fn highest_epoch(&self) -> u64 {
        self.former.unwrap_or(0).max(self.set.epoch())
    }

    /// Acts on a halt before it is committed anywhere.
    pub fn raise_first(&mut self, halt: Halt) {
        self.set.raise(halt, 0);
    }

    /// Notes that the store is being asked.
    pub fn note_asked(&mut self, now: Monotonic) {
        // What a notice told of was committed.
        (self.asked, self.known) = (Some(now), self.set.epoch().max(self.missing.unwrap_or(0)));
        self.hinted = false;
    }

    /// The store's state, asked for at `asked`. Where it `is_whole`, what the store lost is told from what it never had
    /// ([`HaltSet::forget_what_was_lost`]); else it is the epoch alone, which is the one that is known.
    pub fn handle_state(&mut self, asked: Monotonic, state: &HaltSet, is_whole: bool) {
        if is_whole {
            // Not an answer to a former question: changes that came since are none that it lost.
            let is_behind = self.asked == Some(asked) && state.epoch() < self.known;
            if is_behind {
                self.former = Some(self.highest_epoch()).max(self.missing.take());
            }
            self.set.forget_what_was_lost(state, is_behind);
        }
        let behind = state.epoch() < self.set.epoch();
        // Also of a store that is behind: it may know of halts that we do not.
        self.set.join(state);
        self.is_behind = behind;
        if behind {
            return;
        }
        self.has_read = true;
        if self.missing.is_some_and(|missing| missing <= self.set.epoch()) {
            self.missing = None;
        }
        self.former = self.former.filter(|former| *former > self.set.epoch());
        self.lease.renew(asked);
    }

    /// Notes a lift that this node committed.
    pub fn note_lowered(&mut self, halts: &[HaltId], lowered: Lowered) {
        let next = self.set.epoch() + 1;
        self.set.lower(halts, lowered);
        if lowered.epoch == next {
            self.set.advance(next);
        } else if lowered.epoch > next {
            self.missing = self.missing.max(Some(lowered.epoch));
        }
    }

    /// A notice of another node, whose MAC was checked.
    pub fn handle_notice(&mut self, record: &HaltRecord) {
        let next = self.set.epoch() + 1;
        match &record.change {
            Change::Raise(halt) => {
                // Of a halt that is known under another epoch, the notice names the epoch of some other change, which is to be read.
                let is_its_own = self.set.find(halt.id).is_none_or(|known| known.raised == 0 || known.raised == record.epoch);
                self.set.raise(halt.clone(), if is_its_own { record.epoch } else { 0 });
                if record.epoch == next && is_its_own {
                    self.set.advance(next);
                } else if record.epoch >= next {
                    self.missing = self.missing.max(Some(record.epoch));
                }
            }
            Change::Lower { .. } => self.hinted |= record.epoch >= next,
        }
    }

    /// Whether the set is to be relied on now.
    #[must_use]
    pub fn posture(&self, now: Monotonic) -> Posture {
        if !self.has_read {
            return Posture::Unknown(Unknown::NeverRead);
        }
        if !self.lease.holds(now) {
            return Posture::Unknown(Unknown::LeaseOver);
        }
        if self.missing.is_some() {
            return Posture::Unknown(Unknown::EpochMissing);
        }
        if self.is_behind || self.former.is_some() { Posture::Unknown(Unknown::StoreBehind) } else { Posture::Known }
    }

    /// When the store is to be asked next; at once when something is missing.
    #[must_use]
    pub fn poll_timeout(&self) -> Monotonic {
        match self.asked {
            Some(asked) if self.missing.is_none() && !self.hinted => asked.saturating_add(LEASE_RENEW),
            Some(_) | None => Monotonic::from_micros(0),
        }
    }
}
