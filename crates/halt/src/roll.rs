//! Who may pass orders besides this process, and how far each is with the halts.
//!
//! ```text
//!   process                                         table of the nodes, which the database empties when it crashes
//!     before its first read:  puts a row there, and has nothing of that ─────▶ beat 1
//!     each read:              the state, its lease ── one transaction ───────▶ beat + 1, epoch it enforces, epoch it is past
//!     when it ends in order:  takes the row away
//! ```
//!
//! | row of another process | |
//! |---|---|
//! | says that it is past the epoch | acked |
//! | the same for a lease and the margin, and the epoch known for as long | lapsed: whatever it read before the epoch is used up |
//! | else | waiting |
//!
//! Whoever reads the state behind the epoch enforces it before it passes anything. Whoever read it before has a lease that ends by itself;
//! so nobody is lapsed before that time is over, however old the row: a renewal may be under way that nobody sees yet. Whoever has no row
//! when the rows are read behind the epoch puts one there first, and reads the state later still.
//!
//! A table that was emptied shows nobody who has a lease, but our own row is gone with the others: everybody is known when that has stood
//! for a lease and the margin. Time is that of our own clock, between two reads of ours: no clock of a database ends a lease.

use std::collections::{BTreeMap, VecDeque};

use countersign_core::Monotonic;

use crate::limits::{LEASE_LIFE, LEASE_MARGIN, NODE_FORGOTTEN, STEPS_MAX};

/// How far a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The epoch whose halts it enforces, and all before.
    pub epoch: u64,
    /// The epoch before whose halts nothing that it let in is under way any more.
    pub past: u64,
}

/// A process in the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RollRow {
    /// Which process: two of one node are two while one takes over from the other.
    pub run: Box<str>,
    /// Its node.
    pub node: Box<str>,
    /// How far it is.
    pub standing: Standing,
    /// Grows with each read.
    pub beat: u64,
}

/// Whether a process is past an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeState {
    /// It enforces it, and nothing of before is under way.
    Acked,
    /// It said nothing for so long that it passes no orders.
    Lapsed,
    /// Neither.
    Waiting,
}

impl NodeState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Acked, Self::Lapsed, Self::Waiting];

    /// The name in `halt status` and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acked => "acked",
            Self::Lapsed => "lapsed",
            Self::Waiting => "waiting",
        }
    }
}

/// What this process enforces since which generation of its gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Oldest first; the last stays.
    steps: VecDeque<Step>,
    past: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Step {
    epoch: u64,
    generation: u64,
    /// It was committed by then.
    known: Monotonic,
}

impl Progress {
    /// What is known up to `epoch` is in force since `generation`.
    pub fn note(&mut self, epoch: u64, generation: u64, now: Monotonic) {
        if self.steps.back().is_some_and(|last| last.epoch >= epoch) {
            return;
        }
        if self.steps.len() >= STEPS_MAX {
            // The epochs between count as later than they are.
            self.steps.pop_back();
        }
        self.steps.push_back(Step { epoch, generation, known: now });
    }

    /// The numbers of before may be given again, for other halts: nothing is known to be enforced until it is noted anew.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// How far it is now.
    pub fn standing(&mut self, is_past: impl Fn(u64) -> bool) -> Standing {
        let Some(last) = self.steps.back().copied() else { return Standing::default() };
        while let Some(first) = self.steps.front().filter(|first| first.epoch <= self.past || is_past(first.generation)) {
            self.past = first.epoch.max(self.past);
            if self.steps.len() == 1 {
                break;
            }
            self.steps.pop_front();
        }
        Standing { epoch: last.epoch, past: self.past }
    }

    /// By when an epoch was committed, at the latest.
    #[must_use]
    pub fn known(&self, epoch: u64) -> Option<Monotonic> {
        self.steps.iter().find(|step| step.epoch >= epoch).map(|step| step.known)
    }
}

/// The other processes, as they were read last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roll {
    others: BTreeMap<Box<str>, Seen>,
    /// Since when our own row is there.
    stands: Option<Monotonic>,
    /// The rows are of then or later.
    asked: Option<Monotonic>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Seen {
    row: RollRow,
    /// Since when it is the same: of then or before.
    first: Monotonic,
    /// Until when, at least.
    last: Monotonic,
}

impl Seen {
    /// Whether it has been the same for this long, as for whatever began at `since`.
    fn rests(&self, since: Monotonic) -> bool {
        is_over(self.first.max(since), self.last)
    }

    fn state(&self, epoch: u64, known: Option<Monotonic>) -> NodeState {
        match known {
            _ if self.row.standing.past >= epoch => NodeState::Acked,
            Some(known) if self.rests(known) => NodeState::Lapsed,
            Some(_) | None => NodeState::Waiting,
        }
    }
}

fn is_over(since: Monotonic, now: Monotonic) -> bool {
    now >= since.saturating_add(LEASE_LIFE + LEASE_MARGIN)
}

impl Roll {
    /// Our own row was not there, and is since `now`: others may be missing, too.
    pub fn handle_joined(&mut self, now: Monotonic) {
        *self = Self { stands: Some(now), ..Self::default() };
    }

    /// The rows of all others, asked for at `asked`. What was overtaken by a later question changes nothing.
    pub fn handle_rows(&mut self, asked: Monotonic, answered: Monotonic, rows: Vec<RollRow>) {
        if self.asked.is_some_and(|later| later > asked) {
            return;
        }
        self.asked = Some(asked);
        self.stands.get_or_insert(answered);
        let mut before = std::mem::take(&mut self.others);
        for row in rows {
            let first = before.remove(&row.run).filter(|seen| seen.row.beat == row.beat).map_or(answered, |seen| seen.first);
            self.others.insert(row.run.clone(), Seen { row, first, last: asked });
        }
    }

    /// The others' nodes, and whether each is past an epoch that was committed by `known`.
    pub fn states(&self, epoch: u64, known: Option<Monotonic>) -> impl Iterator<Item = (&str, NodeState)> {
        self.others.values().map(move |seen| (&*seen.row.node, seen.state(epoch, known)))
    }

    /// The other processes, as they were read last.
    pub fn rows(&self) -> impl Iterator<Item = &RollRow> {
        self.others.values().map(|seen| &seen.row)
    }

    /// Whether everybody is among them who may pass what an epoch forbids that was committed by `known`.
    #[must_use]
    pub fn is_complete(&self, known: Option<Monotonic>) -> bool {
        let Some(((asked, stands), known)) = self.asked.zip(self.stands).zip(known) else { return false };
        asked >= known && is_over(stands, asked)
    }

    /// Whether all others are past an epoch. Whoever `passes` something without a lease is not lapsed: cancels, where a halt stops those.
    #[must_use]
    pub fn is_past(&self, epoch: u64, known: Option<Monotonic>, passes: bool) -> bool {
        self.is_complete(known) && self.states(epoch, known.filter(|_| !passes)).all(|(_, state)| state != NodeState::Waiting)
    }

    /// Processes that are gone for so long that nobody asks for them any more.
    #[must_use]
    pub fn forgotten(&self) -> Option<&RollRow> {
        let is_gone = |seen: &&Seen| seen.last.saturating_since(seen.first) >= NODE_FORGOTTEN;
        self.others.values().find(is_gone).map(|seen| &seen.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Monotonic {
        Monotonic::from_micros(millis * 1_000)
    }

    fn row(node: &str, past: u64, beat: u64) -> RollRow {
        RollRow { run: node.into(), node: node.into(), standing: Standing { epoch: past, past }, beat }
    }

    /// Read at once at a time.
    fn read(roll: &mut Roll, millis: u64, rows: &[RollRow]) {
        roll.handle_rows(at(millis), at(millis), rows.to_vec());
    }

    fn standing_roll() -> Roll {
        let mut roll = Roll::default();
        roll.handle_joined(at(0));
        read(&mut roll, 2_000, &[row("a", 6, 1)]);
        roll
    }

    #[test]
    fn a_process_is_past_an_epoch_when_all_of_before_it_has_left() {
        let mut progress = Progress::default();
        assert_eq!(progress.standing(|_| true), Standing::default());
        progress.note(5, 1, at(10));
        progress.note(6, 3, at(20));
        progress.note(6, 4, at(30));
        assert_eq!(progress.standing(|generation| generation <= 1), Standing { epoch: 6, past: 5 });
        assert_eq!((progress.known(5), progress.known(6), progress.known(7)), (Some(at(20)), Some(at(20)), None), "late, never early");
        assert_eq!(progress.standing(|generation| generation <= 3), Standing { epoch: 6, past: 6 });
        assert_eq!(progress.known(6), Some(at(20)));
        let mut anew = progress.clone();
        anew.forget();
        assert_eq!(anew.standing(|_| true), Standing::default());
        anew.note(6, 5, at(40));
        assert_eq!(anew.standing(|generation| generation < 5), Standing { epoch: 6, past: 0 }, "the number of before counts for nothing");
        for epoch in 7..7 + 10 * STEPS_MAX as u64 {
            progress.note(epoch, epoch, at(epoch));
        }
        assert!(progress.steps.len() <= STEPS_MAX);
        assert_eq!(progress.standing(|_| true).past, 6 + 10 * STEPS_MAX as u64);
    }

    #[test]
    fn all_are_past_when_each_says_so() {
        let mut roll = standing_roll();
        read(&mut roll, 2_010, &[row("a", 6, 2), row("c", 7, 9)]);
        assert_eq!(roll.states(7, Some(at(2_005))).collect::<Vec<_>>(), [("a", NodeState::Waiting), ("c", NodeState::Acked)]);
        assert!(!roll.is_past(7, Some(at(2_005)), false));
        read(&mut roll, 2_015, &[row("a", 7, 3), row("c", 7, 10)]);
        assert!(roll.is_past(7, Some(at(2_005)), false));
        read(&mut roll, 2_020, &[row("c", 7, 11)]);
        assert!(roll.is_past(7, Some(at(2_005)), false), "one that ended in order is waited for no more");
    }

    #[test]
    fn who_joined_before_the_epoch_and_was_not_read_since_may_pass_orders() {
        let mut roll = standing_roll();
        read(&mut roll, 2_010, &[]);
        assert!(!roll.is_past(7, Some(at(2_011)), false), "read before it was committed");
        assert!(roll.is_past(7, Some(at(2_010)), false));
        assert!(!roll.is_past(7, None, false), "nobody knows when");
    }

    #[test]
    fn silence_counts_from_when_the_epoch_was_known_however_old_the_row() {
        let mut roll = standing_roll();
        let silent = [row("a", 6, 1)];
        for millis in (2_250..=9_000).step_by(250) {
            read(&mut roll, millis, &silent);
        }
        let lapse = u64::try_from((LEASE_LIFE + LEASE_MARGIN).as_millis()).unwrap_or(0);
        let known = Some(at(9_000));
        // A renewal that nobody sees yet may have read the state of before.
        assert_eq!(roll.states(7, known).next(), Some(("a", NodeState::Waiting)));
        read(&mut roll, 9_000 + lapse - 1, &silent);
        assert!(!roll.is_past(7, known, false));
        read(&mut roll, 9_000 + lapse, &silent);
        assert_eq!(roll.states(7, known).next(), Some(("a", NodeState::Lapsed)));
        assert!(roll.is_past(7, known, false));
        assert!(!roll.is_past(7, known, true), "it passes cancels, which a freeze stops");
        read(&mut roll, 9_300 + lapse, &[row("a", 6, 2)]);
        assert!(!roll.is_past(7, known, false), "back, and not past it yet");
    }

    #[test]
    fn a_table_that_was_emptied_hides_whoever_has_a_lease() {
        let mut roll = standing_roll();
        read(&mut roll, 2_010, &[row("a", 7, 2)]);
        assert!(roll.is_past(7, Some(at(2_005)), false));
        roll.handle_joined(at(2_020));
        let known = Some(at(2_021));
        assert!(!roll.is_past(8, known, false), "nothing was read since");
        read(&mut roll, 2_030, &[]);
        assert!(!roll.is_past(8, known, false), "a had a lease");
        let lapse = u64::try_from((LEASE_LIFE + LEASE_MARGIN).as_millis()).unwrap_or(0);
        read(&mut roll, 2_020 + lapse, &[]);
        assert!(roll.is_past(8, known, false));
    }

    #[test]
    fn an_answer_that_was_overtaken_changes_nothing() {
        let mut roll = standing_roll();
        read(&mut roll, 2_010, &[row("a", 6, 2)]);
        read(&mut roll, 2_005, &[]);
        assert_eq!(roll.states(7, Some(at(2_000))).count(), 1);
    }

    #[test]
    fn whoever_is_gone_for_long_is_forgotten() {
        let mut roll = standing_roll();
        let long = u64::try_from(NODE_FORGOTTEN.as_millis()).unwrap_or(0);
        read(&mut roll, 1_999 + long, &[row("a", 6, 1), row("b", 6, 1)]);
        assert_eq!(roll.forgotten(), None);
        read(&mut roll, 2_000 + long, &[row("a", 6, 1), row("b", 6, 2)]);
        assert_eq!(roll.forgotten(), Some(&row("a", 6, 1)));
    }
}
