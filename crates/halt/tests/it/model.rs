//! Halts, leases and lifts: interleavings of three nodes, a store and a network, the shortest ones first.
//!
//! ```text
//!   node a: raises A in memory ─▶ store (epoch + 1)        node b: raises B ─▶ store        operators: sign what they see ─▶ store
//!   every node, at any time: asks the store; hears what it said then, however late; hears any notice, again and in any order, or none
//!   time: a lease is one step; a node that never asks is one that is cut off
//! ```
//!
//! The rules are the real ones ([`HaltNode`], [`HaltSet`]); the store is a list of changes. A halt is confirmed when every node knows it
//! or, since it was committed, a lease is over. Each wrong rule breaks the property that it is about.
//!
//! How nodes tell each other that they are past a halt, and orders under way, are in `roll_model.rs`.

use countersign_core::{Monotonic, Risk};
use countersign_halt::limits::LEASE_LIFE;
use countersign_halt::{Action as Strength, Change, HaltId, HaltNode, HaltRecord, HaltSet, HaltView, Lowered, Posture, Subject};
use stateright::{Checker as _, HasDiscoveries, Model, Property};

use crate::support::{halt, id};

/// Steps of time: a halt, its lease, what comes behind it.
const STEPS: u8 = 3;
/// Questions to the store after the first: two nodes renew, or one does twice.
const QUESTIONS: u8 = 3;
/// States that are looked at, those after the fewest actions first: some seconds, and far less memory than all of them.
const STATES: usize = 400_000;
const NODES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Whoever answers is past the halt; whoever does not is not waited for.
    ConfirmsWithoutLease,
    /// A lease begins with the answer, however late it is.
    CountsFromAnswer,
    /// A lift ends what is in force when it is applied, whatever its signers saw.
    LiftsUnseen,
    /// The higher epoch wins, whole.
    NewerWins,
    /// Who is not told of a halt goes on.
    NeedsNoLease,
    Real,
}

/// The halts: A is raised at the first node, B at the second.
const HALTS: [u8; 2] = [0, 1];

fn name(index: u8) -> HaltId {
    id(index + 1)
}

/// A committed change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Committed {
    Lowered(Vec<u8>),
    Raised(u8),
}

impl Committed {
    fn record(&self, epoch: u64) -> HaltRecord {
        let change = match self {
            Self::Lowered(halts) => Change::Lower { halts: halts.iter().map(|index| name(*index)).collect(), to: None },
            Self::Raised(index) => Change::Raise(halt(index + 1, "venue", Strength::CancelOnly)),
        };
        HaltRecord { epoch, change }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Node {
    real: HaltNode,
    /// Asked when, and how many changes the store had then.
    answer: Option<(u8, usize)>,
    /// When it asked what was answered, latest.
    heard: u8,
}

/// What operators signed: at which epoch, which halts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Signed {
    epoch: usize,
    halts: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    asked: u8,
    nodes: Vec<Node>,
    store: Vec<Committed>,
    raised: [bool; 2],
    committed: [Option<u8>; 2],
    signed: Option<Signed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Answer(usize),
    Ask(usize),
    Commit(u8),
    Hear(usize, usize),
    Lift,
    Raise(u8),
    Sign,
    Step,
}

fn at(step: u8) -> Monotonic {
    Monotonic::from_micros(10_000_000).saturating_add(LEASE_LIFE * u32::from(step))
}

/// The state of the store after its first changes.
fn set(changes: &[Committed]) -> HaltSet {
    let mut set = HaltSet::default();
    for (change, epoch) in changes.iter().zip(1..) {
        match change.record(epoch).change {
            Change::Lower { halts, to } => set.lower(&halts, Lowered { epoch, to }),
            Change::Raise(halt) => set.raise(halt, epoch),
        }
        set.advance(epoch);
    }
    set
}

impl State {
    fn in_force(&self) -> Vec<u8> {
        let set = set(&self.store);
        HALTS.into_iter().filter(|index| set.find(name(*index)).is_some_and(|entry| entry.level().is_some())).collect()
    }

    fn passes(&self, rule: Rule, index: usize) -> bool {
        let node = &self.nodes[index].real;
        let halted = HaltView::compile(node.set(), node.name()).decide(&Subject::default(), Risk::Increase).is_some();
        !halted && (rule == Rule::NeedsNoLease || node.posture(at(self.now)) == Posture::Known)
    }

    /// Whether a halt that is in force is said to be confirmed.
    fn is_confirmed(&self, rule: Rule, index: u8) -> bool {
        let Some(since) = self.committed[usize::from(index)].filter(|_| self.in_force().contains(&index)) else { return false };
        let over = rule == Rule::ConfirmsWithoutLease || self.now > since;
        over || self.nodes.iter().all(|node| node.real.set().find(name(index)).is_some())
    }

    fn any(&self, rule: Rule, which: impl Fn(&Self, usize) -> bool) -> bool {
        (0..NODES.len()).any(|index| self.passes(rule, index) && which(self, index))
    }

    /// Whether somebody holds a halt to be lifted that no signer named.
    fn lifts_more_than_was_signed(&self) -> bool {
        let signed = |index: &u8| self.signed.as_ref().is_some_and(|signed| signed.halts.contains(index));
        let lowered = |set: &HaltSet, index: u8| set.find(name(index)).is_some_and(|entry| entry.lowered.is_some());
        let store = set(&self.store);
        HALTS
            .iter()
            .filter(|index| !signed(index))
            .any(|index| lowered(&store, *index) || self.nodes.iter().any(|node| lowered(node.real.set(), *index)))
    }

    /// Whether a halt is gone from the node where it was raised.
    fn forgets(&self) -> bool {
        HALTS.into_iter().any(|index| {
            let at = usize::from(index);
            self.raised[at] && self.nodes[at].real.set().find(name(index)).is_none()
        })
    }
}

struct Halts(Rule);

impl Halts {
    fn answer(&self, state: &mut State, index: usize) -> Option<()> {
        let Self(rule) = self;
        let (asked, version) = state.nodes[index].answer.take()?;
        let told = set(&state.store[..version]);
        let now = state.now;
        let node = &mut state.nodes[index];
        if *rule == Rule::NewerWins && told.epoch() >= node.real.set().epoch() {
            node.real = HaltNode::new(NODES[index]);
        }
        node.real.handle_state(at(if *rule == Rule::CountsFromAnswer { now } else { asked }), &told, true);
        node.heard = node.heard.max(asked);
        Some(())
    }

    fn lift(&self, state: &mut State) -> Option<()> {
        let signed = state.signed.clone()?;
        let halts = if self.0 == Rule::LiftsUnseen { state.in_force() } else { signed.halts };
        if self.0 != Rule::LiftsUnseen && signed.epoch != state.store.len() {
            return None;
        }
        state.store.push(Committed::Lowered(halts.clone()));
        let halts: Vec<_> = halts.into_iter().map(name).collect();
        let epoch = state.store.len() as u64;
        state.nodes[1].real.note_lowered(&halts, Lowered { epoch, to: None });
        Some(())
    }
}

impl Model for Halts {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let node = |name| {
            let mut real = HaltNode::new(name);
            real.handle_state(at(0), &HaltSet::default(), true);
            Node { real, answer: None, heard: 0 }
        };
        let nodes = NODES.map(node).to_vec();
        vec![State { now: 0, asked: 0, nodes, store: Vec::new(), raised: [false; 2], committed: [None; 2], signed: None }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now < STEPS {
            actions.push(Action::Step);
        }
        for (index, node) in state.nodes.iter().enumerate() {
            match node.answer {
                Some(_) => actions.push(Action::Answer(index)),
                None if state.asked < QUESTIONS => actions.push(Action::Ask(index)),
                None => {}
            }
            actions.extend((0..state.store.len()).map(|change| Action::Hear(index, change)));
        }
        for index in HALTS {
            match (state.raised[usize::from(index)], state.committed[usize::from(index)]) {
                (false, _) => actions.push(Action::Raise(index)),
                (true, None) => actions.push(Action::Commit(index)),
                (true, Some(_)) => {}
            }
        }
        let is_lifted = state.store.iter().any(|change| matches!(change, Committed::Lowered(_)));
        match &state.signed {
            None if !state.in_force().is_empty() => actions.push(Action::Sign),
            Some(_) if !is_lifted => actions.push(Action::Lift),
            None | Some(_) => {}
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Answer(index) => self.answer(&mut state, index)?,
            Action::Ask(index) => {
                state.asked += 1;
                state.nodes[index].answer = Some((state.now, state.store.len()));
            }
            Action::Commit(index) => {
                state.store.push(Committed::Raised(index));
                state.committed[usize::from(index)] = Some(state.now);
            }
            Action::Hear(index, change) => {
                let record = state.store[change].record(change as u64 + 1);
                state.nodes[index].real.handle_notice(&record);
            }
            Action::Lift => self.lift(&mut state)?,
            Action::Raise(index) => {
                state.raised[usize::from(index)] = true;
                let halt = halt(index + 1, "venue", Strength::CancelOnly);
                state.nodes[usize::from(index)].real.raise_first(halt);
            }
            Action::Sign => state.signed = Some(Signed { epoch: state.store.len(), halts: state.in_force() }),
            Action::Step => state.now += 1,
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(STOPPED, |Self(rule), state: &State| {
                !HALTS.into_iter().any(|index| state.is_confirmed(*rule, index)) || !state.any(*rule, |_, _| true)
            }),
            Property::always(SIGNED, |_, state: &State| !state.lifts_more_than_was_signed()),
            Property::always(KEPT, |_, state: &State| !state.forgets()),
            Property::always(ALONE, |Self(rule), state: &State| !state.any(*rule, |state, index| state.now > state.nodes[index].heard)),
            Property::sometimes("a halt is confirmed though a node never heard of it", |Self(rule), state: &State| {
                state.is_confirmed(*rule, 0) && state.nodes[2].real.set().find(name(0)).is_none()
            }),
            Property::sometimes("orders pass again after a lift", |Self(rule), state: &State| {
                state.signed.is_some() && state.store.len() == 2 && (0..NODES.len()).all(|index| state.passes(*rule, index))
            }),
            Property::sometimes("a lift is refused because of a later halt", |_, state: &State| {
                state.signed.as_ref().is_some_and(|signed| signed.epoch < state.store.len()) && state.in_force().len() == 2
            }),
            Property::sometimes("a halt is confirmed while another was lifted", |Self(rule), state: &State| {
                state.store.len() == 3 && HALTS.into_iter().any(|index| state.is_confirmed(*rule, index))
            }),
        ]
    }
}

const ALONE: &str = "a node that is cut off stops by itself";
const KEPT: &str = "a halt holds where it was raised";
const SIGNED: &str = "a lift never undoes a later halt";
const STOPPED: &str = "no new order passes a node after a halt is confirmed";

#[test]
fn a_confirmed_halt_stops_every_node_and_a_lift_undoes_nothing_else() {
    let checked = Halts(Rule::Real).checker().target_state_count(STATES).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.state_count() >= STATES, "{}", checked.state_count());
}

/// Whether a wrong rule breaks a property; the search ends when it does.
fn breaks(rule: Rule, property: &'static str) -> bool {
    let broken = HasDiscoveries::AnyOf([property].into());
    Halts(rule).checker().finish_when(broken).spawn_bfs().join().discovery(property).is_some()
}

#[test]
fn a_halt_that_is_confirmed_without_waiting_for_leases_is_passed() {
    assert!(breaks(Rule::ConfirmsWithoutLease, STOPPED));
}

#[test]
fn a_lease_that_begins_with_the_answer_outlives_a_confirmed_halt() {
    assert!(breaks(Rule::CountsFromAnswer, STOPPED));
}

#[test]
fn a_lift_of_what_nobody_saw_undoes_a_later_halt() {
    assert!(breaks(Rule::LiftsUnseen, SIGNED));
}

#[test]
fn where_the_newer_state_wins_a_halt_is_forgotten_where_it_was_raised() {
    assert!(breaks(Rule::NewerWins, KEPT));
}

#[test]
fn a_node_that_needs_no_lease_goes_on_alone() {
    assert!(breaks(Rule::NeedsNoLease, ALONE));
}
