//! Nonces that nodes share, over a real server: the contract of every nonce guard, and what a server may forget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_core::{CredentialId, Detail, Effect, MemoryNonceGuard, NonceGuard, NoncePolicy, NonceWindow, Refusal, Reject};
use countersign_store::shared::TOO_YOUNG;
use countersign_store::{JournaledNonceGuard, SharedMemory, SharedNonceGuard};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::redis_server::RedisServer;
use super::replay_contract::at;
use super::shared::patient;
use super::support::Place;

struct Node {
    guard: Arc<SharedNonceGuard>,
    memory: Arc<SharedMemory>,
    seconds: Arc<AtomicU64>,
    place: Place,
    credential: CredentialId,
}

impl Node {
    /// Its clock stands at the time when the memory begins, or long after.
    fn new(server: &RedisServer, seconds: u64) -> Self {
        Self::in_place(server, seconds, Place::new())
    }

    fn in_place(server: &RedisServer, seconds: u64, place: Place) -> Self {
        let seconds = Arc::new(AtomicU64::new(seconds));
        let clock = Arc::clone(&seconds);
        let memory = SharedMemory::new(&patient(&server.url()), move || at(clock.load(Ordering::Relaxed))).unwrap();
        let journal = JournaledNonceGuard::open(&place.dir.journal()).unwrap();
        let guard = SharedNonceGuard::new(Arc::clone(&memory), Box::new(journal));
        memory.check().unwrap();
        Self { guard, memory, seconds, place, credential: CredentialId::parse("cred-1").unwrap() }
    }

    fn spend(&self, nonce: u64, window: u16, effect: Effect) -> Result<(), Refusal> {
        self.guard.spend(&self.credential, NoncePolicy { window, epoch: 0, floor: 0 }, nonce, effect)
    }

    fn write(&self, nonce: u64, window: u16) -> Result<(), Reject> {
        self.spend(nonce, window, Effect::Write).map_err(|refusal| refusal.reject)
    }

    fn wait(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// Nodes whose memory began a while ago.
fn nodes<const N: usize>(server: &RedisServer) -> [Node; N] {
    let nodes = std::array::from_fn(|_| Node::new(server, 10));
    nodes.iter().for_each(|node| node.wait(62));
    nodes
}

#[test]
fn what_one_node_spent_no_other_takes() {
    let server = RedisServer::start(&[]);
    let [one, other] = nodes(&server);
    // More than floating point can tell apart.
    let nonce = 1_795_222_310_484_000_001;
    assert_eq!(one.write(nonce, 0), Ok(()));
    let refusal = other.spend(nonce, 0, Effect::Write).unwrap_err();
    assert_eq!((refusal.reject, refusal.detail), (Reject::Replayed, Detail::LastNonce(nonce)));
    assert_eq!(other.write(nonce - 1, 0), Err(Reject::Replayed));
    assert_eq!(other.write(nonce + 1, 0), Ok(()));
    assert_eq!(one.write(nonce + 1, 0), Err(Reject::Replayed));
    for effect in [Effect::Cancel, Effect::Read] {
        assert_eq!(other.spend(nonce, 0, effect).unwrap_err().reject, Reject::Replayed, "a nonce counts once for everything");
    }
    assert_eq!(one.write(u64::MAX, 0), Ok(()));
    assert_eq!(other.write(u64::MAX, 0), Err(Reject::Replayed));
}

#[test]
fn parallel_requests_overtake_each_other_inside_the_window_on_all_nodes() {
    let server = RedisServer::start(&[]);
    let [one, other] = nodes(&server);
    for (node, nonce) in [(&one, 10), (&other, 30), (&one, 20), (&other, 40)] {
        assert_eq!(node.write(nonce, 3), Ok(()));
    }
    for node in [&one, &other] {
        for nonce in [10, 20, 30, 40, 9] {
            assert_eq!(node.write(nonce, 3), Err(Reject::Replayed), "{nonce}");
        }
    }
    assert_eq!(one.write(25, 3), Ok(()));
    assert_eq!(other.write(15, 3), Err(Reject::Replayed), "the floor rose");
}

/// What the nodes take together is what one would have taken, or less: a node's own journal refuses on its own.
#[test]
fn nodes_together_are_never_laxer_than_one() {
    let server = RedisServer::start(&[]);
    let memory_of_one = |calls: &[(u8, u64)], window: u16| {
        let mut one = NonceWindow::default();
        calls.iter().map(|(_, nonce)| one.spend(*nonce, window).is_ok()).collect::<Vec<_>>()
    };
    let calls = prop::collection::vec((0_u8..2, 1_u64..40), 1..40);
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    runner
        .run(&(calls, 0_u16..6), |(calls, window)| {
            server.command(&["FLUSHALL"]);
            let nodes: [Node; 2] = nodes(&server);
            let taken: Vec<_> = calls.iter().map(|(node, nonce)| nodes[usize::from(*node)].write(*nonce, window).is_ok()).collect();
            let mut seen = std::collections::HashSet::new();
            for ((_, nonce), taken) in calls.iter().zip(&taken) {
                prop_assert!(!taken || seen.insert(*nonce), "{nonce} twice");
            }
            if calls.iter().all(|(node, _)| *node == 0) {
                prop_assert_eq!(taken, memory_of_one(&calls, window));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn of_many_parallel_spends_on_two_nodes_one_passes() {
    let server = RedisServer::start(&[]);
    let nodes: [Node; 2] = nodes(&server);
    for nonce in 1..30 {
        let passed: usize = std::thread::scope(|scope| {
            let tries = nodes.iter().chain(&nodes).map(|node| scope.spawn(move || usize::from(node.write(nonce, 0).is_ok())));
            tries.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(passed, 1);
    }
}

#[test]
fn what_a_server_forgot_the_journals_of_all_nodes_bring_back() {
    let server = RedisServer::start(&[]);
    let [one, other] = nodes(&server);
    assert_eq!(one.write(100, 4), Ok(()));
    assert_eq!(other.write(50, 4), Ok(()));
    server.command(&["FLUSHALL"]);
    let why = one.spend(200, 4, Effect::Write).unwrap_err();
    assert_eq!(why.reject, Reject::StoreUnavailable, "too young to know");
    assert!(why.to_string().contains(TOO_YOUNG), "and the operator is told so: {why}");
    assert_eq!(one.spend(201, 4, Effect::Cancel), Ok(()));
    assert_eq!(one.spend(202, 4, Effect::Read), Ok(()));
    one.memory.check().unwrap();
    other.memory.check().unwrap();
    [&one, &other].iter().for_each(|node| node.wait(62));
    assert_eq!(one.write(50, 4), Err(Reject::Replayed), "the other one's");
    assert_eq!(other.write(100, 4), Err(Reject::Replayed));
    assert_eq!(other.write(201, 4), Err(Reject::Replayed), "passed while the memory was young");
    assert_eq!(other.write(300, 4), Ok(()));
}

#[test]
fn what_passed_while_the_server_was_away_it_is_told_later() {
    let mut server = RedisServer::start(&[]);
    let [one, other] = nodes(&server);
    assert_eq!(one.write(1, 0), Ok(()));
    server.kill();
    let why = one.spend(2, 0, Effect::Write).unwrap_err();
    assert_eq!(why.reject, Reject::StoreUnavailable);
    assert!(why.to_string().contains(" ms"), "how the question failed: {why}");
    assert_eq!(one.spend(5, 0, Effect::Cancel), Ok(()));
    assert_eq!(one.spend(5, 0, Effect::Cancel).unwrap_err().reject, Reject::Replayed, "this node still counts");
    assert_eq!(one.spend(6, 0, Effect::Read), Ok(()));
    server.start_again();
    one.memory.check().unwrap();
    other.memory.check().unwrap();
    other.wait(62);
    assert_eq!(other.write(6, 0), Err(Reject::Replayed));
    assert_eq!(other.write(7, 0), Ok(()));
}

#[test]
fn a_node_that_comes_back_brings_its_journal() {
    let server = RedisServer::start(&[]);
    let one = Node::new(&server, 10);
    one.wait(62);
    assert_eq!(one.write(70, 0), Ok(()));
    let place = one.place;
    drop((one.guard, one.memory));
    server.command(&["FLUSHALL"]);
    let other = Node::new(&server, 10);
    let again = Node::in_place(&server, 80, place);
    other.wait(62);
    assert_eq!(other.write(70, 0), Err(Reject::Replayed));
    assert_eq!(again.write(70, 0), Err(Reject::Replayed));
}

#[test]
fn one_node_counts_as_memory_does() {
    let server = RedisServer::start(&[]);
    let [node]: [Node; 1] = nodes(&server);
    let memory = MemoryNonceGuard::default();
    let id = CredentialId::parse("cred-1").unwrap();
    for (nonce, window) in [(5, 2), (3, 2), (4, 2), (5, 2), (9, 2), (8, 2), (7, 2), (9, 2), (12, 0), (11, 0)] {
        let policy = NoncePolicy { window, epoch: 0, floor: 0 };
        assert_eq!(node.spend(nonce, window, Effect::Write), memory.spend(&id, policy, nonce, Effect::Write), "{nonce} {window}");
    }
}
