//! A halt that all nodes confirm, and the orders that are under way meanwhile: interleavings of two nodes and their table.
//!
//! ```text
//!   order at a node    Admit: the view lets it, the lane has its mark ─▶ Look: once more, and the lease ─▶ Send: the mark goes
//!   read of a node     Ask: the row that it writes ─▶ Run: the database takes it, and says epoch and rows ─▶ Hear: however late
//!   halt               Raise at the first node, in memory ─▶ Commit: epoch 1
//!   once               the table is emptied, as by a crash of the database
//! ```
//!
//! The rules are the real ones ([`Progress`], [`Roll`]). A step of time is a lease and the margin; whoever has looked for the last time
//! sends within the margin (ADR 0055 says what is not covered). Each wrong rule lets an order out behind a halt that is confirmed.

use countersign_core::Monotonic;
use countersign_halt::limits::{LEASE_LIFE, LEASE_MARGIN};
use countersign_halt::{Progress, Roll, RollRow, Standing};
use stateright::{Checker as _, HasDiscoveries, Model, Property};

/// Steps of time: what was before the halt, its lease, what comes behind it.
const STEPS: u8 = 2;
/// Reads: the first node reads behind its halt and once more; the other is cut off, or renews once and hears of it.
const READS: u8 = 4;
/// One under way at each node.
const ORDERS: u8 = 2;
/// States that are looked at, those after the fewest actions first: as of the other model.
const STATES: usize = 400_000;
const NODES: [&str; 2] = ["a", "b"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Silence counts from when the row was last seen to change, and not from when the halt was known.
    CountsFromRow,
    /// A table without one's own row is taken for one that says who there is.
    EmptiedIsComplete,
    /// Past is whoever enforces the halt, whatever it has under way.
    ForgetsUnderWay,
    Real,
}

/// An order, with the generation of its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Order {
    Admitted(u64),
    Looked(u64),
}

impl Order {
    const fn mark(self) -> u64 {
        match self {
            Self::Admitted(mark) | Self::Looked(mark) => mark,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Read {
    Asked { at: u8, row: RollRow },
    Run { at: u8, halted: bool, rows: Option<Vec<RollRow>> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Node {
    halted: bool,
    generation: u64,
    /// When it asked for what its lease comes from.
    leased: Option<u8>,
    read: Option<Read>,
    beat: u64,
    order: Option<Order>,
    progress: Progress,
    roll: Roll,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    reads: u8,
    orders: u8,
    nodes: [Node; 2],
    table: [Option<RollRow>; 2],
    was_emptied: bool,
    committed: bool,
    /// Somebody was told that the halt is confirmed.
    confirmed: bool,
    sent_behind: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Admit(usize),
    Ask(usize),
    Commit,
    Empty,
    Hear(usize),
    Look(usize),
    Raise,
    Run(usize),
    Send(usize),
    Step,
}

fn at(step: u8) -> Monotonic {
    Monotonic::from_micros(100_000_000).saturating_add((LEASE_LIFE + LEASE_MARGIN) * u32::from(step))
}

fn row(index: usize, standing: Standing, beat: u64) -> RollRow {
    RollRow { run: NODES[index].into(), node: NODES[index].into(), standing, beat }
}

impl Node {
    fn new(index: usize) -> Self {
        let mut progress = Progress::default();
        progress.note(0, 0, at(0));
        let mut roll = Roll::default();
        roll.handle_joined(Monotonic::from_micros(0));
        roll.handle_rows(at(0), at(0), vec![row(1 - index, Standing::default(), 1)]);
        Self { halted: false, generation: 0, leased: Some(0), read: None, beat: 1, order: None, progress, roll }
    }

    fn publish(&mut self, epoch: u64, now: u8) {
        self.generation += 1;
        self.progress.note(epoch, self.generation, at(now));
    }

    fn has_lease(&self, now: u8) -> bool {
        self.leased.is_some_and(|asked| at(now) < at(asked).saturating_add(LEASE_LIFE))
    }

    fn standing(&self, rule: Rule) -> Standing {
        let order = self.order.filter(|_| rule != Rule::ForgetsUnderWay);
        self.progress.clone().standing(|generation| order.is_none_or(|order| order.mark() >= generation))
    }

    /// Whether it says that the halt is confirmed.
    fn confirms(&self, rule: Rule) -> bool {
        let known = self.progress.known(1);
        let since = if rule == Rule::CountsFromRow { known.map(|_| at(0)) } else { known };
        self.standing(rule).past >= 1 && self.roll.is_past(1, since, false)
    }

    /// The last look before it is sent.
    fn look(&mut self, now: u8) -> Option<()> {
        let Some(Order::Admitted(_)) = self.order else { return None };
        let passes = !self.halted && self.has_lease(now);
        self.order = passes.then_some(Order::Looked(self.generation));
        Some(())
    }

    fn hear(&mut self, rule: Rule, now: u8) -> Option<()> {
        let Some(Read::Run { at: asked, halted, rows }) = self.read.take() else { return None };
        self.beat += 1;
        match rows {
            Some(rows) => self.roll.handle_rows(at(asked), at(now), rows),
            None if rule == Rule::EmptiedIsComplete => self.roll.handle_rows(at(asked), at(now), Vec::new()),
            // What was read before the others could see it is no lease.
            None => {
                self.roll.handle_joined(at(now));
                return Some(());
            }
        }
        if halted && self.progress.known(1).is_none() {
            self.halted = true;
            self.publish(1, now);
        }
        self.leased = self.leased.max(Some(asked));
        Some(())
    }
}

struct Rolls(Rule);

impl Model for Rolls {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 0,
            reads: 0,
            orders: 0,
            nodes: [Node::new(0), Node::new(1)],
            table: [0, 1].map(|index| Some(row(index, Standing::default(), 1))),
            was_emptied: false,
            committed: false,
            confirmed: false,
            sent_behind: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let sends = |node: &Node| matches!(node.order, Some(Order::Looked(_)));
        if state.now < STEPS && !state.nodes.iter().any(sends) {
            actions.push(Action::Step);
        }
        if !state.was_emptied {
            actions.push(Action::Empty);
        }
        match (state.nodes[0].halted, state.committed) {
            (false, _) => actions.push(Action::Raise),
            (true, false) => actions.push(Action::Commit),
            (true, true) => {}
        }
        for (index, node) in state.nodes.iter().enumerate() {
            match node.order {
                None if state.orders < ORDERS && !node.halted && node.has_lease(state.now) => actions.push(Action::Admit(index)),
                None => {}
                Some(Order::Admitted(_)) => actions.push(Action::Look(index)),
                Some(Order::Looked(_)) => actions.push(Action::Send(index)),
            }
            match node.read {
                None if state.reads < READS => actions.push(Action::Ask(index)),
                None => {}
                Some(Read::Asked { .. }) => actions.push(Action::Run(index)),
                Some(Read::Run { .. }) => actions.push(Action::Hear(index)),
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let Self(rule) = *self;
        let mut state = last.clone();
        let now = state.now;
        match action {
            Action::Admit(index) => {
                state.orders += 1;
                state.nodes[index].order = Some(Order::Admitted(state.nodes[index].generation));
            }
            Action::Ask(index) => {
                state.reads += 1;
                let node = &mut state.nodes[index];
                node.read = Some(Read::Asked { at: now, row: row(index, node.standing(rule), node.beat + 1) });
            }
            Action::Commit => {
                state.committed = true;
                state.nodes[0].publish(1, now);
            }
            Action::Empty => (state.was_emptied, state.table) = (true, [None, None]),
            Action::Hear(index) => state.nodes[index].hear(rule, now)?,
            Action::Look(index) => state.nodes[index].look(now)?,
            Action::Raise => {
                state.nodes[0].halted = true;
                state.nodes[0].publish(0, now);
            }
            Action::Run(index) => {
                let Some(Read::Asked { at, row }) = state.nodes[index].read.take() else { return None };
                let was_there = state.table[index].replace(row).is_some();
                let rows = was_there.then(|| state.table[1 - index].iter().cloned().collect());
                state.nodes[index].read = Some(Read::Run { at, halted: state.committed, rows });
            }
            Action::Send(index) => {
                state.nodes[index].order = None;
                state.sent_behind |= state.confirmed;
            }
            Action::Step => state.now += 1,
        }
        state.confirmed |= state.nodes.iter().any(|node| node.confirms(rule));
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(STOPPED, |_, state: &State| !state.sent_behind),
            Property::sometimes("all say so", |_, state: &State| state.confirmed && state.now == 0),
            Property::sometimes("a node that is cut off is waited for", |_, state: &State| state.confirmed && !state.nodes[1].halted),
            Property::sometimes("an order of before is waited for", |Self(rule), state: &State| {
                let node = &state.nodes[0];
                state.committed && matches!(node.order, Some(Order::Looked(_))) && !node.confirms(*rule)
            }),
        ]
    }
}

const STOPPED: &str = "no order is sent after all nodes have confirmed a halt";

#[test]
fn what_all_nodes_confirmed_no_order_passes() {
    let checked = Rolls(Rule::Real).checker().target_state_count(STATES).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.state_count() >= STATES, "{}", checked.state_count());
}

/// Whether a wrong rule lets an order out; the search ends when it does.
fn breaks(rule: Rule) -> bool {
    let broken = HasDiscoveries::AnyOf([STOPPED].into());
    Rolls(rule).checker().target_state_count(STATES).finish_when(broken).spawn_bfs().join().discovery(STOPPED).is_some()
}

#[test]
fn an_order_under_way_passes_a_halt_that_did_not_wait_for_it() {
    assert!(breaks(Rule::ForgetsUnderWay));
}

#[test]
fn silence_that_counts_from_an_old_row_hides_a_lease_that_was_just_renewed() {
    assert!(breaks(Rule::CountsFromRow));
}

#[test]
fn an_emptied_table_that_is_believed_hides_whoever_has_a_lease() {
    assert!(breaks(Rule::EmptiedIsComplete));
}
