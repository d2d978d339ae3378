//! The barrier: nothing that was let in before a halt is on its way any more, at this node and at all others.
//!
//! ```text
//!   this node    lanes of its workers                                            microseconds
//!   the others   their rows in the database say so, or they are silent           a few reads; a lease and the margin where one is cut off
//!                for longer than a lease (countersign_halt::roll)
//! ```
//!
//! A halt that is not in the database is never confirmed beyond this node: nobody else has to know of it. Nodes that share no database are
//! alone, and their own gate is all there is.

use std::time::Duration;

use countersign_core::Monotonic;
use countersign_halt::{Action, HaltSet, NodeState, Posture, Unknown};

use super::HaltKeeper;
use crate::clock;
use crate::halts::report::NodeLine;

/// How long an operator's command waits for the barrier: as long as the slowest answer of an upstream is likely to take, and longer than
/// the lease of a node that is cut off. `halt status` goes on telling.
pub(in crate::halts) const BARRIER_WAIT: Duration = Duration::from_secs(2);

/// Looks at the lanes without sleeping, before it sleeps: requests are under way for microseconds.
const BARRIER_LOOKS: u32 = 200;

/// And then how often.
const BARRIER_POLL: Duration = Duration::from_millis(1);

/// How often the rows of the others are read while somebody waits for them: about as long as a node takes to write its own.
const ROLL_POLL: Duration = Duration::from_millis(4);

/// Stands for nodes that nobody can name: the database has forgotten who there is, and their leases are not over yet.
pub(in crate::halts) const NAMELESS: &str = "?";

impl HaltKeeper {
    /// Waits until every node is past an epoch, or passes nothing any more: no request that it forbids reaches a venue after that. Without
    /// an epoch, past all that is in force here. Whether that was so in time.
    pub(crate) async fn all_past(&self, epoch: Option<u64>, patience: Duration) -> bool {
        let until = clock::mono().saturating_add(patience);
        while !self.is_past_everywhere(epoch) {
            let now = clock::mono();
            if now >= until {
                return false;
            }
            self.look_again();
            tokio::time::sleep(ROLL_POLL.min(until.saturating_since(now))).await;
        }
        true
    }

    /// Waits until nothing of before a generation of this node's gate is under way; when that was, in microseconds from `begun`, if in
    /// time.
    pub(super) async fn barrier(&self, generation: u64, begun: Monotonic) -> Option<u64> {
        let until = clock::mono().saturating_add(BARRIER_WAIT);
        let mut looks = 0;
        while !self.gate.is_past(generation) {
            if clock::mono() >= until {
                return None;
            }
            looks += 1;
            if looks < BARRIER_LOOKS { tokio::task::yield_now().await } else { tokio::time::sleep(BARRIER_POLL).await }
        }
        Some(super::micros_since(begun))
    }

    pub(super) fn is_past_here(&self) -> bool {
        self.gate.is_past(self.gate.generation())
    }

    /// Whether every node is past an epoch; without one, past all that is in force here.
    pub(super) fn is_past_everywhere(&self, epoch: Option<u64>) -> bool {
        let (own, is_behind, passes) = {
            let node = self.node.lock();
            let is_behind = node.posture(clock::mono()) == Posture::Unknown(Unknown::StoreBehind);
            (node.set().epoch(), is_behind, passes_without_lease(node.set()))
        };
        if !self.store.is_shared() {
            return epoch.map_or_else(|| self.is_past_here(), |epoch| self.standing().past >= epoch);
        }
        // A database that was put back gives out epochs a second time.
        if is_behind || (epoch.is_none() && (self.has_uncommitted() || !self.is_past_here())) {
            return false;
        }
        let epoch = epoch.unwrap_or(own);
        self.standing().past >= epoch && self.roll.lock().is_past(epoch, self.progress.lock().known(epoch), passes)
    }

    /// Whether others are not past an epoch that this node is past.
    pub(super) fn waits_for_others(&self, epoch: u64) -> bool {
        let passes = passes_without_lease(self.node.lock().set());
        let known = self.progress.lock().known(epoch);
        !self.roll.lock().is_past(epoch, known, passes)
    }

    /// The nodes whose processes share the halts, as of the last look at the database: this one, and the others with one that was lost a
    /// moment ago.
    pub(in crate::halts) fn nodes(&self) -> Vec<String> {
        let roll = self.roll.lock();
        std::iter::once(self.name().to_owned()).chain(roll.rows().map(|row| row.node.to_string())).collect()
    }

    /// The other processes that share the halts: name, node. Whether all are known who were there at a time; those that were not read
    /// since then are read soon.
    pub(in crate::halts) fn others(&self, since: Monotonic) -> (Vec<(String, String)>, bool) {
        if !self.store.is_shared() {
            return (Vec::new(), true);
        }
        let roll = self.roll.lock();
        let others = roll.rows().map(|row| (row.run.to_string(), row.node.to_string())).collect();
        let complete = roll.is_complete(Some(since));
        drop(roll);
        if !complete {
            self.look_again();
        }
        (others, complete)
    }

    /// Each node, and whether it is past an epoch; without one, whether it is past what only this node knows, which no other is. This node
    /// is the first.
    pub(super) fn node_lines(&self, epoch: Option<u64>) -> Vec<NodeLine> {
        let line = |node: &str, state: NodeState| NodeLine { node: node.to_owned(), state: state.name().to_owned() };
        let (name, passes) = {
            let node = self.node.lock();
            (node.name().to_owned(), passes_without_lease(node.set()))
        };
        let shared = self.store.is_shared();
        let is_past = epoch.filter(|_| shared).map_or_else(|| self.is_past_here(), |epoch| self.standing().past >= epoch);
        let mut lines = vec![line(&name, if is_past { NodeState::Acked } else { NodeState::Waiting })];
        if !shared {
            return lines;
        }
        let known = epoch.and_then(|epoch| self.progress.lock().known(epoch));
        let roll = self.roll.lock();
        lines.extend(roll.states(epoch.unwrap_or(u64::MAX), known.filter(|_| !passes)).map(|(node, state)| line(node, state)));
        if !roll.is_complete(known) {
            lines.push(line(NAMELESS, NodeState::Waiting));
        }
        lines[1..].sort_by(|one, other| one.node.cmp(&other.node));
        lines
    }
}

/// Whether something that is stopped passes at a node that was cut off: the end of a lease stops orders, and no cancels, reads or logins.
fn passes_without_lease(halts: &HaltSet) -> bool {
    halts.in_force().any(|(_, level)| level > Action::DenyNew)
}
