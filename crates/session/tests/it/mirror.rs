//! A session on two nodes and one memory, all interleavings of messages, deaths, takeovers, adoptions and a memory that goes away.
//!
//! ```text
//!   client ─ Send n ─▶ node: write rx = n + 1 under its fence ─ Forward ─▶ venue: applied[n] + 1
//!                        └ refused: stops                       └ Kill: what was not forwarded never is
//!   client ─ Resume ─▶ other node: takes the session (fence + 1), says rx; the client places anew what was not applied
//!   lease over ─ Adopt ─▶ the same without a client; Cancel when it is still the owner
//! ```
//!
//! The rules are those of `countersign_store::shared::mirror` and the gateway's `native::session::mirrored`; two wrong ones show that the
//! properties can fail: one that forwards before it writes, and one that writes without a fence.

use stateright::{Checker as _, Model, Property};

/// Orders the client places.
const ORDERS: usize = 2;
/// Fences given at most: every interesting history is over before.
const FENCES_MAX: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    ForwardsFirst,
    NoFence,
    Real,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    dead: bool,
    /// Its number as owner; 0: it does not serve the session.
    fence: u8,
    rx: usize,
    /// An order that is admitted and neither forwarded nor given up.
    holds: Option<usize>,
    /// With the wrong rule: forwarded, not written yet.
    unwritten: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    nodes: [Node; 2],
    fence: u8,
    rx: usize,
    up: bool,
    /// Where the client is connected.
    at: Option<usize>,
    /// The next order it sends.
    next: usize,
    applied: [u8; ORDERS],
    cancelled_a_present_client: bool,
    cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Adopt(usize),
    Cancel(usize),
    Forward(usize),
    Kill(usize),
    Leave,
    MemoryGoes,
    MemoryReturns,
    Resume(usize),
    Send,
    Write(usize),
}

struct Mirrored(Rule);

impl Mirrored {
    /// Whether the memory takes a write of this node.
    fn takes(&self, state: &State, node: usize) -> bool {
        state.up && (self.0 == Rule::NoFence || state.nodes[node].fence == state.fence)
    }
}

fn take(state: &mut State, node: usize) {
    state.fence += 1;
    state.nodes[node] = Node { fence: state.fence, rx: state.rx, ..Node::default() };
}

impl Model for Mirrored {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let owner = Node { fence: 1, ..Node::default() };
        vec![State {
            nodes: [owner, Node::default()],
            fence: 1,
            rx: 0,
            up: true,
            at: Some(0),
            next: 0,
            applied: [0; ORDERS],
            cancelled_a_present_client: false,
            cancelled: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(if state.up { Action::MemoryGoes } else { Action::MemoryReturns });
        if let Some(at) = state.at {
            actions.push(Action::Leave);
            if state.next < ORDERS && state.nodes[at].holds.is_none() && !state.nodes[at].unwritten && state.nodes[at].fence > 0 {
                actions.push(Action::Send);
            }
        }
        for (index, node) in state.nodes.iter().enumerate() {
            if node.dead {
                continue;
            }
            actions.push(Action::Kill(index));
            if node.holds.is_some() {
                actions.push(Action::Forward(index));
            }
            if node.unwritten {
                actions.push(Action::Write(index));
            }
            if state.up && state.fence < FENCES_MAX && state.fence != node.fence {
                actions.push(Action::Adopt(index));
                if state.at.is_none() {
                    actions.push(Action::Resume(index));
                }
            }
            if node.fence > 0 && state.at != Some(index) && !state.cancelled {
                actions.push(Action::Cancel(index));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Adopt(node) => take(&mut state, node),
            // The lease is looked at before; a node that cannot look is not modelled: it cancels, as the decision says.
            Action::Cancel(node) => {
                if !self.takes(&state, node) {
                    return None;
                }
                state.cancelled = true;
                state.cancelled_a_present_client = state.at.is_some_and(|at| at != node && state.nodes[at].fence == state.fence);
            }
            Action::Forward(node) => {
                let order = state.nodes[node].holds.take()?;
                state.applied[order] += 1;
                state.nodes[node].unwritten = self.0 == Rule::ForwardsFirst;
            }
            Action::Kill(node) => {
                state.nodes[node] = Node { dead: true, ..Node::default() };
                state.at = state.at.filter(|at| *at != node);
            }
            Action::Leave => state.at = None,
            Action::MemoryGoes => state.up = false,
            Action::MemoryReturns => state.up = true,
            Action::Resume(node) => {
                take(&mut state, node);
                (state.at, state.next) = (Some(node), state.rx);
            }
            Action::Send => {
                let (at, order) = (state.at?, state.next);
                state.next += 1;
                if self.0 != Rule::ForwardsFirst {
                    if !self.takes(&state, at) {
                        // Refused, and told so; or fenced, and told to go.
                        let fenced = state.up;
                        state.at = state.at.filter(|_| !fenced);
                        state.nodes[at].fence *= u8::from(!fenced);
                        state.nodes[at].rx = order + 1;
                        return Some(state);
                    }
                    state.rx = order + 1;
                }
                state.nodes[at].rx = order + 1;
                state.nodes[at].holds = Some(order);
            }
            Action::Write(node) => {
                state.nodes[node].unwritten = false;
                if self.takes(&state, node) {
                    state.rx = state.rx.max(state.nodes[node].rx);
                }
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no order is forwarded twice", |_, state: &State| state.applied.iter().all(|times| *times <= 1)),
            Property::always("nobody cancels for a client that is there", |_, state: &State| !state.cancelled_a_present_client),
            Property::always("the memory knows what was applied", |_, state: &State| {
                let applied = state.applied.iter().rposition(|times| *times > 0);
                applied.is_none_or(|order| state.rx > order)
            }),
            Property::sometimes("a client goes on elsewhere", |_, state: &State| state.at == Some(1) && state.applied == [1; ORDERS]),
            Property::sometimes("a session that nobody serves is cancelled", |_, state: &State| state.cancelled && state.nodes[0].dead),
        ]
    }
}

#[test]
fn no_order_is_forwarded_twice_whatever_node_dies_when() {
    // HS-85 HS-87 HS-96
    let checked = Mirrored(Rule::Real).checker().spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.unique_state_count() > 1_000, "{}", checked.unique_state_count());
}

#[test]
fn a_node_that_forwards_before_it_writes_doubles_orders() {
    let checked = Mirrored(Rule::ForwardsFirst).checker().spawn_bfs().join();
    assert!(checked.discovery("no order is forwarded twice").is_some());
}

#[test]
fn a_memory_without_fences_lets_a_former_owner_cancel() {
    let checked = Mirrored(Rule::NoFence).checker().spawn_bfs().join();
    assert!(checked.discovery("nobody cancels for a client that is there").is_some());
}
