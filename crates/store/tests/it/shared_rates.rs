//! Rates of several nodes, over a real server.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::rate::RateCounter;
use countersign_core::rate::shared::{Loan, RateLender, Wanted};
use countersign_store::limits::{NODE_SILENT, NODES_UNKNOWN};
use countersign_store::{SharedMemory, SharedRates};

use super::redis_server::RedisServer;
use super::replay_contract::at;
use super::shared::patient;

const WINDOW: Duration = Duration::from_secs(10);
const NOW: Timestamp = Timestamp::from_secs(1_000_000);

struct Node {
    memory: Arc<SharedMemory>,
    rates: Arc<SharedRates>,
    counter: RateCounter,
}

impl Node {
    /// One whose clock is moved by hand, so that a server that is back is asked again at once.
    fn new(server: &RedisServer, name: &str, second: &Arc<AtomicU64>) -> Self {
        let second = Arc::clone(second);
        let memory = SharedMemory::new(&patient(&server.url()), move || at(second.load(Ordering::Relaxed))).unwrap();
        let rates = SharedRates::new(Arc::clone(&memory), name);
        let counter = RateCounter::shared(WINDOW, "orders:key", Arc::clone(&rates) as Arc<dyn RateLender>);
        Self { memory, rates, counter }
    }

    fn passed(&self, tries: u32, limit: u32, now: Timestamp) -> u32 {
        u32::try_from((0..tries).filter(|_| self.counter.charge(1, limit, now).is_ok()).count()).unwrap()
    }
}

fn three(server: &RedisServer) -> ([Node; 3], Arc<AtomicU64>) {
    let second = Arc::new(AtomicU64::new(10));
    let nodes = ["a", "b", "c"].map(|name| Node::new(server, name, &second));
    // Twice: the first one is to know of the last.
    for node in nodes.iter().chain(&nodes) {
        node.memory.check().unwrap();
    }
    (nodes, second)
}

fn sum(passed: impl IntoIterator<Item = u32>) -> u32 {
    passed.into_iter().sum()
}

#[test]
fn the_server_lends_as_core_says() {
    let server = RedisServer::start(&[]);
    let ([node, ..], _) = three(&server);
    for limit in [1, 7, 100, 6_000] {
        let counter = format!("rule:{limit}");
        let mut lent = 0;
        for units in [1, 3, 1, 50, 1, 1, 400, 1] {
            let wanted = Wanted { counter: &counter, window: 7, life_millis: 60_000, units, limit };
            let expected = wanted.of_left(limit - lent);
            lent += expected;
            assert_eq!(node.rates.borrow(&wanted), Some(Loan { units: expected, lent }), "{units} of {limit}");
        }
    }
}

#[test]
fn three_nodes_have_one_limit_between_them() {
    let server = RedisServer::start(&[]);
    let (nodes, _) = three(&server);
    let in_parallel = |now: Timestamp| -> u32 {
        std::thread::scope(|scope| {
            let all = nodes.iter().chain(&nodes).map(|node| scope.spawn(move || node.passed(500, 100, now)));
            sum(all.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()))
        })
    };
    assert_eq!(in_parallel(NOW), 100);
    assert_eq!(in_parallel(NOW.saturating_add(WINDOW)), 100, "and the same in the next window");
    assert_eq!(nodes[0].passed(500, 160, NOW.saturating_add(WINDOW * 2)), 160, "one alone has all of it");
}

#[test]
fn nodes_are_counted_and_forgotten() {
    let server = RedisServer::start(&[]);
    let second = Arc::new(AtomicU64::new(10));
    let [a, b] = ["a", "b"].map(|name| Node::new(&server, name, &second));
    assert_eq!((a.rates.known_nodes(), a.rates.nodes()), (None, NODES_UNKNOWN));
    a.memory.check().unwrap();
    assert_eq!(a.rates.known_nodes(), NonZeroU32::new(1));
    b.memory.check().unwrap();
    a.memory.check().unwrap();
    assert_eq!((a.rates.nodes(), b.rates.nodes()), (NonZeroU32::new(2).unwrap(), NonZeroU32::new(2).unwrap()));
    // As if it had been seen that long ago on the server's clock.
    server.command(&["ZADD", "{countersign}:nodes", "1", "b"]);
    a.memory.check().unwrap();
    assert_eq!(a.rates.known_nodes(), NonZeroU32::new(1), "it was silent for longer than {NODE_SILENT:?}");
}

#[test]
fn without_a_server_the_nodes_have_the_limit_between_them_and_it_comes_back() {
    let mut server = RedisServer::start(&[]);
    let (nodes, second) = three(&server);
    assert_eq!(nodes[0].passed(30, 90, NOW), 30);
    server.kill();
    let lost = NOW.saturating_add(WINDOW);
    assert_eq!(nodes.each_ref().map(|node| node.passed(500, 90, lost)), [30, 30, 30], "the last count of nodes holds");
    server.start_again();
    second.store(1_000, Ordering::Relaxed);
    for node in nodes.iter().chain(&nodes) {
        node.memory.check().unwrap();
    }
    let back = lost.saturating_add(WINDOW);
    assert_eq!(nodes[1].passed(500, 90, back), 90);
    assert_eq!(nodes[2].passed(500, 90, back), 0);
}

#[test]
fn what_was_lent_is_forgotten_by_the_server_and_names_do_not_meet() {
    let server = RedisServer::start(&[]);
    let (nodes, _) = three(&server);
    assert_eq!(nodes[0].passed(500, 20, NOW), 20);
    let other = RateCounter::shared(WINDOW, "orders:other", Arc::clone(&nodes[1].rates) as Arc<dyn RateLender>);
    assert!(other.charge(20, 20, NOW).is_ok(), "another key has a limit of its own");
    let left = server.number(&["PTTL", "{countersign}:rate:orders:key:100000"]);
    assert!((1..=20_000).contains(&left), "two windows at most: {left}");
}
