//! Three nodes, one store, a network that loses, doubles, delays and parts: under a virtual clock.
//!
//! After each step two things must hold, whatever happened: an order that passes on any node is one that the store's halts of one
//! lease ago would have let pass; and nodes that can be reached agree after a read. A store may also lose its last changes: then no halt that
//! a node knew is lost, and none passes what another stops.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::{Monotonic, Risk};
use countersign_halt::limits::{LEASE_LIFE, LEASE_RENEW};
use countersign_halt::{Action, Change, HaltId, HaltNode, HaltRecord, HaltSet, HaltView, Lowered, NoticeKey, Posture, Subject, Unknown};
use proptest::prelude::*;

use crate::support::{halt, id};

const TICK: Duration = Duration::from_millis(10);

struct World {
    now: Monotonic,
    store: HaltSet,
    nodes: Vec<HaltNode>,
    /// Whether a node reaches the store.
    reaches: [bool; 3],
    /// How long an answer of the store takes.
    delay: Duration,
    answers: Vec<(Monotonic, usize, Monotonic, HaltSet)>,
    notices: Vec<(Monotonic, usize, String)>,
    key: NoticeKey,
    /// When the store first had a halt of everybody.
    stopped: Option<Monotonic>,
    names: u8,
    /// What the store was, after each of its changes.
    past: Vec<HaltSet>,
    /// What nodes knew when the store lost changes, and nobody lifted since.
    owed: BTreeSet<HaltId>,
}

impl World {
    fn new() -> Self {
        let nodes = ["n1", "n2", "n3"].map(HaltNode::new).to_vec();
        Self {
            now: Monotonic::from_micros(10_000_000),
            store: HaltSet::default(),
            nodes,
            reaches: [true; 3],
            delay: Duration::from_millis(2),
            answers: Vec::new(),
            notices: Vec::new(),
            key: NoticeKey::new(&[3; 32]),
            stopped: None,
            names: 0,
            past: vec![HaltSet::default()],
            owed: BTreeSet::new(),
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        while self.now < end {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now = self.now.saturating_add(TICK);
        for index in 0..self.nodes.len() {
            // One question at a time.
            let waits = self.answers.iter().any(|(_, asker, ..)| *asker == index);
            if !waits && self.nodes[index].poll_timeout() <= self.now {
                self.nodes[index].note_asked(self.now);
                if self.reaches[index] {
                    self.answers.push((self.now.saturating_add(self.delay), index, self.now, self.store.clone()));
                }
            }
        }
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.answers).into_iter().partition(|(at, ..)| *at <= now);
        self.answers = later;
        for (_, index, asked, state) in due {
            self.nodes[index].handle_state(asked, &state, true);
            self.commit_pending(index);
        }
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.notices).into_iter().partition(|(at, ..)| *at <= now);
        self.notices = later;
        for (_, index, notice) in due {
            let record = self.key.open(&notice).unwrap();
            self.nodes[index].handle_notice(&record);
        }
        self.check();
    }

    /// What only a node knows is committed, where it is not there.
    fn commit_pending(&mut self, index: usize) {
        let pending: Vec<_> = self.nodes[index].set().entries().filter(|entry| entry.raised == 0).map(|entry| entry.halt.clone()).collect();
        for halt in pending.into_iter().filter(|_| self.reaches[index]) {
            if self.store.find(halt.id).is_none() {
                let epoch = self.store.epoch() + 1;
                self.store.raise(halt, epoch);
                self.store.advance(epoch);
            }
        }
    }

    /// A standby takes over that never got the last changes.
    fn lose(&mut self, changes: usize) {
        let known = |node: &HaltNode| node.set().in_force().map(|(entry, _)| entry.halt.id).collect::<Vec<_>>();
        self.owed = self.nodes.iter().flat_map(known).collect();
        self.past.truncate(self.past.len().saturating_sub(changes).max(1));
        self.store = self.past.last().cloned().unwrap_or_default();
        // A lift that it has holds, and one that it had, which an answer under way tells of.
        let is_lifted = |set: &HaltSet, id| set.find(id).is_some_and(|entry| entry.level().is_none());
        self.owed.retain(|id| !is_lifted(&self.store, *id) && !self.answers.iter().any(|(.., told)| is_lifted(told, *id)));
        // What holds of leases is not for halts that the store never had.
        self.stopped = None;
    }

    /// An order passes where the node's halts let it pass and it may rely on them.
    fn passes(&self, index: usize) -> bool {
        let node = &self.nodes[index];
        let halted = HaltView::compile(node.set(), node.name()).decide(&Subject::default(), Risk::Increase).is_some();
        !halted && node.posture(self.now) == Posture::Known
    }

    fn check(&self) {
        if let Some(stopped) = self.stopped.filter(|at| self.now.saturating_since(*at) >= LEASE_LIFE + TICK) {
            for index in 0..self.nodes.len() {
                assert!(!self.passes(index), "node {index} passes orders {:?} after the halt", self.now.saturating_since(stopped));
            }
        }
    }

    fn halt(&mut self, told: [bool; 3]) {
        self.names += 1;
        let halt = halt(self.names, "venue", Action::CancelOnly);
        let epoch = self.store.epoch() + 1;
        self.store.raise(halt.clone(), epoch);
        self.store.advance(epoch);
        self.past.push(self.store.clone());
        self.stopped = self.stopped.or(Some(self.now));
        self.tell(&HaltRecord { epoch, change: Change::Raise(halt) }, told);
    }

    fn lift(&mut self, told: [bool; 3]) {
        let halts: Vec<_> = self.store.in_force().map(|(entry, _)| entry.halt.id).collect();
        let epoch = self.store.epoch() + 1;
        self.store.lower(&halts, Lowered { epoch, to: None });
        self.store.advance(epoch);
        self.past.push(self.store.clone());
        self.owed.retain(|id| !halts.contains(id));
        self.stopped = None;
        self.tell(&HaltRecord { epoch, change: Change::Lower { halts, to: None } }, told);
    }

    fn tell(&mut self, record: &HaltRecord, told: [bool; 3]) {
        for (index, _) in told.into_iter().enumerate().filter(|(_, told)| *told) {
            let at = self.now.saturating_add(TICK * u32::try_from(index).unwrap());
            // Twice: a notice that comes again changes nothing.
            self.notices.push((at, index, self.key.seal(record)));
            self.notices.push((at.saturating_add(TICK * 30), index, self.key.seal(record)));
        }
    }

    fn passing(&self) -> Vec<bool> {
        (0..self.nodes.len()).map(|index| self.passes(index)).collect()
    }
}

#[test]
fn a_node_is_halted_until_it_has_read() {
    let mut world = World::new();
    assert_eq!(world.passing(), [false; 3]);
    assert_eq!(world.nodes[0].posture(world.now), Posture::Unknown(Unknown::NeverRead));
    world.run(TICK * 3);
    assert_eq!(world.passing(), [true; 3]);
}

#[test]
fn a_notice_stops_every_node_that_hears_it_at_once() {
    let mut world = World::new();
    world.run(LEASE_RENEW);
    world.halt([true; 3]);
    world.run(TICK * 4);
    assert_eq!(world.passing(), [false; 3]);
}

#[test]
fn a_node_that_hears_nothing_stops_itself_within_its_lease() {
    let mut world = World::new();
    world.run(Duration::from_secs(1));
    world.reaches[2] = false;
    world.halt([true, true, false]);
    let parted = world.now;
    world.run(Duration::from_millis(500));
    assert_eq!(world.passing(), [false, false, true], "the lease is what the node still has");
    while world.passes(2) {
        world.step();
    }
    assert!(world.now.saturating_since(parted) <= LEASE_LIFE, "{:?}", world.now.saturating_since(parted));
    assert_eq!(world.nodes[2].posture(world.now), Posture::Unknown(Unknown::LeaseOver));
    world.reaches[2] = true;
    world.run(LEASE_RENEW * 2);
    assert_eq!(world.passing(), [false; 3], "when it comes back it reads the halt before it passes anything");
    world.lift([false; 3]);
    world.run(LEASE_RENEW * 2);
    assert_eq!(world.passing(), [true; 3]);
}

#[test]
fn an_answer_slower_than_the_lease_is_no_lease() {
    let mut world = World::new();
    world.delay = LEASE_LIFE + TICK;
    world.run(Duration::from_secs(5));
    assert_eq!(world.passing(), [false; 3]);
}

#[test]
fn a_missing_epoch_stops_until_it_is_read() {
    let mut world = World::new();
    world.run(LEASE_RENEW * 2);
    // The store had one change that nobody was told of, then a halt of one account, which everybody hears of.
    world.store.raise(halt(9, "account:a", Action::Freeze), 1);
    world.store.advance(1);
    let other = halt(8, "account:b", Action::Freeze);
    world.store.raise(other.clone(), 2);
    world.store.advance(2);
    world.nodes[0].handle_notice(&HaltRecord { epoch: 2, change: Change::Raise(other) });
    assert_eq!(world.nodes[0].posture(world.now), Posture::Unknown(Unknown::EpochMissing));
    world.run(TICK * 3);
    assert_eq!(world.nodes[0].posture(world.now), Posture::Known);
    assert_eq!(world.nodes[0].set().in_force().count(), 2);
}

/// As from a node that takes the present epoch for that of a halt which it writes a second time.
#[test]
fn a_notice_of_a_halt_that_is_known_under_another_epoch_hides_no_change() {
    let mut world = World::new();
    world.run(LEASE_RENEW * 2);
    let (first, second) = (halt(8, "account:a", Action::Freeze), halt(9, "account:b", Action::Freeze));
    for (epoch, halt) in [(1, first.clone()), (2, second.clone())] {
        world.store.raise(halt, epoch);
        world.store.advance(epoch);
    }
    let node = &mut world.nodes[0];
    for epoch in [1, 1, 2] {
        node.handle_notice(&HaltRecord { epoch, change: Change::Raise(first.clone()) });
    }
    assert_eq!((node.set().epoch(), node.posture(world.now)), (1, Posture::Unknown(Unknown::EpochMissing)));
    world.run(TICK * 3);
    let set = world.nodes[0].set();
    assert_eq!((world.nodes[0].posture(world.now), set.epoch()), (Posture::Known, 2));
    assert_eq!((set.find(first.id).unwrap().raised, set.find(second.id).unwrap().raised), (1, 2));
}

#[test]
fn a_store_put_back_to_an_older_state_gives_no_lease() {
    let mut world = World::new();
    world.run(LEASE_RENEW);
    world.halt([true; 3]);
    world.run(LEASE_RENEW * 2);
    world.store = HaltSet::default();
    world.run(LEASE_LIFE * 2);
    assert_eq!(world.passing(), [false; 3]);
    assert!(world.nodes[0].set().find(id(1)).is_some(), "and the halt is not forgotten");
}

#[test]
fn a_standby_promoted_behind_its_primary_gives_numbers_again_and_no_node_goes_by_the_former() {
    let mut world = World::new();
    world.run(LEASE_RENEW);
    world.halt([true; 3]);
    world.run(LEASE_RENEW * 2);
    let standby = world.store.clone();
    // Only one node hears of the lift, and of a halt of one account.
    world.reaches = [true, false, false];
    world.lift([false; 3]);
    let (lost, epoch) = (halt(9, "account:desk", Action::CancelOnly), world.store.epoch() + 1);
    world.store.raise(lost, epoch);
    world.store.advance(epoch);
    world.run(LEASE_RENEW * 2);
    assert_eq!(world.passing(), [true, false, false]);
    world.store = standby;
    for name in [11, 12] {
        let epoch = world.store.epoch() + 1;
        world.store.raise(halt(name, "account:other", Action::CancelOnly), epoch);
        world.store.advance(epoch);
    }
    world.reaches = [true; 3];
    world.run(LEASE_RENEW * 2);
    assert_eq!(world.passing(), [false; 3], "the lift is none");
    let entry = world.nodes[0].set().find(id(9)).unwrap();
    assert_eq!((entry.raised, entry.level()), (world.store.epoch(), Some(Action::CancelOnly)), "it holds, and is committed again");
}

#[test]
fn what_a_promoted_standby_never_got_is_committed_and_lifted_again() {
    let mut world = World::new();
    world.run(LEASE_RENEW);
    world.halt([true; 3]);
    world.run(LEASE_RENEW * 2);
    let standby = world.store.clone();
    world.lift([true; 3]);
    let (lost, epoch) = (halt(9, "account:desk", Action::CancelOnly), world.store.epoch() + 1);
    world.store.raise(lost, epoch);
    world.store.advance(epoch);
    world.run(LEASE_RENEW * 2);
    assert_eq!(world.passing(), [true; 3]);
    world.store = standby;
    world.run(LEASE_LIFE * 2);
    for node in &world.nodes {
        assert_eq!(
            node.posture(world.now),
            Posture::Unknown(Unknown::StoreBehind),
            "not as many changes as they knew: somebody is to look"
        );
        assert_eq!(node.set().find(id(9)).map(|entry| (entry.raised, entry.level())), Some((2, Some(Action::CancelOnly))));
        assert_eq!((node.set().epoch(), node.highest_epoch()), (world.store.epoch(), epoch), "operators sign the number of the store");
        assert_eq!(node.set().in_force().count(), 2, "the lift is none");
    }
    world.lift([false; 3]);
    world.run(LEASE_RENEW * 2);
    assert_eq!((world.passing(), world.store.epoch()), (vec![true; 3], epoch));
    assert!(world.nodes.iter().all(|node| *node.set() == world.store));
}

#[test]
fn an_answer_of_before_a_change_is_no_store_that_lost_it() {
    let mut world = World::new();
    world.run(LEASE_RENEW * 2);
    world.delay = LEASE_RENEW * 2;
    world.run(LEASE_RENEW);
    world.halt([true; 3]);
    for _ in 0..300 {
        world.step();
        assert!(world.nodes.iter().all(|node| node.set().find(id(1)).is_none_or(|entry| entry.raised == 1)), "{:?}", world.nodes);
    }
    assert!(world.nodes.iter().all(|node| *node.set() == world.store));
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Delay(u8),
    Halt([bool; 3]),
    Lift([bool; 3]),
    Lose(usize),
    Part(usize, bool),
    Run(u8),
}

/// The same, and the store loses changes.
fn event_or_loss() -> impl Strategy<Value = Event> {
    prop_oneof![6 => event(), 1 => (1_usize..4).prop_map(Event::Lose)]
}

impl World {
    fn take(&mut self, event: &Event) {
        match *event {
            Event::Delay(ticks) => self.delay = TICK * u32::from(ticks),
            Event::Halt(told) => self.halt(told),
            Event::Lift(told) => self.lift(told),
            Event::Lose(changes) => self.lose(changes),
            Event::Part(node, reaches) => self.reaches[node] = reaches,
            Event::Run(ticks) => self.run(TICK * u32::from(ticks)),
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let told = || prop::array::uniform3(any::<bool>());
    prop_oneof![
        (0_u8..120).prop_map(Event::Delay),
        told().prop_map(Event::Halt),
        told().prop_map(Event::Lift),
        (0_usize..3, any::<bool>()).prop_map(|(node, reaches)| Event::Part(node, reaches)),
        (1_u8..150).prop_map(Event::Run),
        (1_u8..150).prop_map(Event::Run),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// [`World::check`] after every step is the property; at the end everybody who can be reached agrees.
    #[test]
    fn no_node_ever_passes_an_order_later_than_its_lease_after_a_halt(events in prop::collection::vec(event(), 1..20)) {
        let mut world = World::new();
        events.iter().for_each(|event| world.take(event));
        (world.reaches, world.delay) = ([true; 3], TICK);
        world.run(LEASE_LIFE * 3);
        for index in 0..3 {
            prop_assert_eq!(world.nodes[index].set(), &world.store);
            prop_assert_eq!(world.passes(index), world.stopped.is_none());
        }
    }
    #[test]
    fn no_halt_that_a_node_knew_is_lost_with_the_store(events in prop::collection::vec(event_or_loss(), 1..20)) {
        let mut world = World::new();
        events.iter().for_each(|event| world.take(event));
        (world.reaches, world.delay) = ([true; 3], TICK);
        world.run(LEASE_LIFE * 3);
        let in_force = |set: &HaltSet| set.in_force().map(|(entry, _)| entry.halt.id).collect::<BTreeSet<_>>();
        let stopped = in_force(&world.store);
        prop_assert!(world.owed.is_subset(&stopped), "{:?} of {stopped:?}", world.owed);
        for index in 0..3 {
            let is_known = world.nodes[index].posture(world.now) == Posture::Known;
            prop_assert!(!is_known || in_force(world.nodes[index].set()) == stopped, "node {index}: {:?} {stopped:?}", world.nodes[index]);
            prop_assert!(stopped.is_empty() || !world.passes(index));
        }
    }
}
