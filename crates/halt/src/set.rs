//! The state of all halts, and how two states become one.
//!
//! ```text
//!   epoch    max                                 entry of one name (the same halt on all nodes)
//!   entries  union by name ───────────────────▶    halt     the greater (the stronger action)
//!                                                  raised   max
//!                                                  lowered  the higher epoch; at one epoch the stronger level
//! ```
//!
//! Every part is a maximum of a total order or a union, so the whole is a join semilattice: commutative, associative, idempotent,
//! and nothing that was known is forgotten. An entry that was lifted stays, so that a late notice of its raising changes nothing.

use std::collections::BTreeMap;

use crate::action::Action;
use crate::halt::{Halt, HaltId, RaisedBy};
use crate::limits::{CLIENT_HALTS_MAX, CLIENT_HALTS_PER_ACCOUNT_MAX, HALTS_MAX};
use crate::scope::HaltScope;

/// What a lift left of a halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lowered {
    /// The epoch of the lift.
    pub epoch: u64,
    /// The level it left; `None` when nothing is left.
    pub to: Option<Action>,
}

/// One halt with its history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The halt as it was raised.
    pub halt: Halt,
    /// The epoch it was committed under; 0 while only nodes know of it.
    pub raised: u64,
    /// The latest lift.
    pub lowered: Option<Lowered>,
}

impl Entry {
    /// How strong it is now; `None` when it is lifted. A lift never makes it stronger.
    #[must_use]
    pub fn level(&self) -> Option<Action> {
        match self.lowered {
            None => Some(self.halt.action),
            Some(Lowered { to, .. }) => to.map(|to| to.min(self.halt.action)),
        }
    }

    fn join(&mut self, other: &Self) {
        if other.halt > self.halt {
            self.halt = other.halt.clone();
        }
        self.raised = self.raised.max(other.raised);
        self.lowered = self.lowered.max(other.lowered);
    }
}

/// All halts that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HaltSet {
    epoch: u64,
    entries: BTreeMap<HaltId, Entry>,
}

impl HaltSet {
    /// A state as a store has it.
    #[must_use]
    pub fn new(epoch: u64, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut set = Self { epoch, entries: BTreeMap::new() };
        for entry in entries {
            set.put(entry);
        }
        set
    }

    /// The highest epoch that is known.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// All entries, lifted ones too, by name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// What is in force, with its level.
    pub fn in_force(&self) -> impl Iterator<Item = (&Entry, Action)> {
        self.entries.values().filter_map(|entry| entry.level().map(|level| (entry, level)))
    }

    /// One entry.
    #[must_use]
    pub fn find(&self, id: HaltId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// A halt in force beside which this one would change nothing: of its scope, as strong, and as hard to lift. What a client stopped
    /// for itself one operator lifts, and covers nobody else, so it stands only for one of the same client; and only what is for ever
    /// stands for what is for ever.
    #[must_use]
    pub fn covering(&self, halt: &Halt) -> Option<&Entry> {
        let as_wide = |known: &Halt| known.by.client().is_none_or(|account| halt.by.client() == Some(account));
        let as_hard = |known: &Halt| as_wide(known) && (known.is_for_ever() || !halt.is_for_ever());
        let covers = |(entry, level): &(&Entry, Action)| entry.halt.scope == halt.scope && *level >= halt.action && as_hard(&entry.halt);
        self.in_force().find(covers).map(|(entry, _)| entry)
    }

    /// Whether there is room for one more like this. Clients and operators have places of their own, so that no number of clients
    /// keeps an operator from stopping something. What stops everybody, or a whole family, always has room: there are few such scopes,
    /// and each is there once in each strength ([`Self::covering`]).
    #[must_use]
    pub fn has_room_for(&self, halt: &Halt) -> bool {
        let raised_by = |which: &dyn Fn(&RaisedBy) -> bool| self.in_force().filter(|(entry, _)| which(&entry.halt.by)).count();
        match (&halt.by, &halt.scope) {
            (RaisedBy::Client { account, .. }, _) => {
                let own = raised_by(&|by| matches!(by, RaisedBy::Client { account: other, .. } if other == account));
                own < CLIENT_HALTS_PER_ACCOUNT_MAX && raised_by(&RaisedBy::is_client) < CLIENT_HALTS_MAX
            }
            // Somebody who stops a machine is never told that there is no room.
            (RaisedBy::Local(_), _) | (RaisedBy::Operator(_), HaltScope::Dialect(_) | HaltScope::Venue) => true,
            (RaisedBy::Operator(_), _) => raised_by(&|by| !by.is_client()) < HALTS_MAX,
        }
    }

    /// Makes this state the least that knows everything both know.
    pub fn join(&mut self, other: &Self) {
        self.epoch = self.epoch.max(other.epoch);
        for entry in other.entries.values() {
            self.put(entry.clone());
        }
    }

    /// Makes room for all that a store has: what was committed by its epoch and is not there was lost with the primary that had it. Where
    /// it `is_behind`, all that it has not was lost, and its epoch is the one to go on from.
    ///
    /// A lift that was lost is none: other nodes never heard of it, and go on stopping. A halt that was lost holds here, and is to be
    /// committed again. To be followed by [`Self::join`].
    pub fn forget_what_was_lost(&mut self, store: &Self, is_behind: bool) {
        let last = if is_behind { u64::MAX } else { store.epoch };
        let was_committed = |epoch: u64| (1..=last).contains(&epoch);
        for (id, entry) in &mut self.entries {
            let is_there = store.entries.contains_key(id);
            if is_there {
                entry.lowered = entry.lowered.filter(|lowered| !was_committed(lowered.epoch));
            }
            // What is there may have another number now, which the join brings.
            if was_committed(entry.raised) && (is_there || entry.level().is_some()) {
                entry.raised = 0;
            }
        }
        if is_behind {
            self.epoch = store.epoch;
        }
    }

    /// Adds a halt; `epoch` 0 while it is not committed.
    pub fn raise(&mut self, halt: Halt, epoch: u64) {
        self.put(Entry { halt, raised: epoch, lowered: None });
    }

    /// Notes a committed lift. A halt that is not known here is learnt with the next full read.
    pub fn lower(&mut self, ids: &[HaltId], lowered: Lowered) {
        for id in ids {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.lowered = entry.lowered.max(Some(lowered));
            }
        }
    }

    /// Notes that an epoch was read.
    pub fn advance(&mut self, epoch: u64) {
        self.epoch = self.epoch.max(epoch);
    }

    fn put(&mut self, entry: Entry) {
        match self.entries.get_mut(&entry.halt.id) {
            Some(known) => known.join(&entry),
            None => drop(self.entries.insert(entry.halt.id, entry)),
        }
    }
}
