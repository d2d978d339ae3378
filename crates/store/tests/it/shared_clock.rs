//! The clocks of a node and of the shared memory: apart nothing new passes, and a memory that counted time wrongly begins anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use countersign_core::{Effect, MemoryReplayGuard, Monotonic, Now, Reject, ReplayGuard as _, Timestamp};
use countersign_store::{SharedMemory, SharedReplayGuard};

use super::redis_server::RedisServer;
use super::replay_contract::{id, write};
use super::shared::patient;

const HOUR: Duration = Duration::from_secs(3_600);

/// A node whose clock is the server's, and so many seconds.
struct Node {
    memory: Arc<SharedMemory>,
    guard: Arc<SharedReplayGuard>,
    ahead: Arc<AtomicI64>,
    was_set: Arc<AtomicBool>,
    time: Arc<dyn Fn() -> Now + Send + Sync>,
}

impl Node {
    fn new(server: &RedisServer) -> Self {
        let (ahead, was_set) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let (url, by) = (server.url(), Arc::clone(&ahead));
        let time = Arc::new(move || {
            let mut link = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
            let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(&mut link).unwrap();
            let micros = seconds * 1_000_000 + micros;
            let wall = micros.saturating_add_signed(by.load(Ordering::Relaxed) * 1_000_000);
            Now { wall: Timestamp::from_micros(wall), mono: Monotonic::from_micros(micros) }
        });
        let (clock, says) = (Arc::clone(&time), Arc::clone(&was_set));
        let witness = move |_: Timestamp, _: Duration| says.load(Ordering::Relaxed);
        let memory = SharedMemory::witnessed(&patient(&server.url()), move || clock(), witness).unwrap();
        let guard = SharedReplayGuard::new(Arc::clone(&memory), Box::new(MemoryReplayGuard::default()));
        Self { memory, guard, ahead, was_set, time }
    }

    fn set(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// A write signed so much after now.
    fn writes(&self, message: u8, later: Duration) -> Result<(), Reject> {
        let now = (self.time)();
        write(&*self.guard, message, Now { wall: now.wall.saturating_add(later), ..now })
    }
}

const SURELY_NEW: Duration = Duration::from_secs(62);

#[test]
fn a_node_with_a_wrong_clock_takes_nothing_new() {
    let server = RedisServer::start(&[]);
    let node = Node::new(&server);
    for ahead in [3_600, -3_600, 20, -20] {
        node.set(ahead);
        let told = node.memory.check().unwrap_err().to_string();
        assert!(told.contains("ms apart"), "{told}");
        assert!(node.memory.clocks_are_apart());
        assert!((node.memory.status().clock_ahead_millis + ahead * 1_000).abs() < 19_000);
        assert_eq!(node.writes(1, SURELY_NEW), Err(Reject::StoreUnavailable));
        let now = (node.time)();
        let why = node.guard.check_and_insert(id(1, 1), Effect::Write, now.wall, now.mono).unwrap_err().to_string();
        assert!(why.contains("ms apart"), "the operator is told why nobody was asked: {why}");
    }
    node.set(0);
    node.memory.check().unwrap();
    assert!(!node.memory.clocks_are_apart());
    assert_eq!(node.writes(1, SURELY_NEW), Ok(()), "and then everything passes again");
}

#[test]
fn a_memory_does_not_begin_by_a_wrong_clock() {
    let server = RedisServer::start(&[]);
    let (wrong, right) = (Node::new(&server), Node::new(&server));
    wrong.set(-3_600);
    assert!(wrong.memory.check().is_err(), "it would seem an hour old, and to know what it cannot");
    right.memory.check().unwrap();
    assert_eq!(right.writes(1, Duration::ZERO), Err(Reject::StoreUnavailable));
}

/// A node of a memory that began an hour ago.
fn seasoned(server: &RedisServer) -> Node {
    let node = Node::new(server);
    let clock = Arc::clone(&node.time);
    let ago = move || Now { wall: clock().wall.saturating_sub(HOUR), ..clock() };
    SharedMemory::open(&patient(&server.url()), ago).unwrap();
    node.memory.check().unwrap();
    assert_eq!(node.writes(1, Duration::ZERO), Ok(()));
    node
}

#[test]
fn a_memory_whose_clock_was_set_begins_anew() {
    let server = RedisServer::start(&[]);
    let node = seasoned(&server);
    // The server's was set back by an hour, and then set right: what it had to remember for minutes ended when that happened.
    node.set(3_600);
    assert!(node.memory.check().is_err());
    node.set(0);
    node.memory.check().unwrap();
    assert_eq!(node.writes(2, Duration::ZERO), Err(Reject::StoreUnavailable));
    assert_eq!(node.writes(3, SURELY_NEW), Ok(()));
}

#[test]
fn a_node_whose_own_clock_was_set_right_leaves_the_memory_as_it_is() {
    let server = RedisServer::start(&[]);
    let node = seasoned(&server);
    node.set(i64::try_from(HOUR.as_secs()).unwrap());
    assert!(node.memory.check().is_err());
    node.set(0);
    node.was_set.store(true, Ordering::Relaxed);
    node.memory.check().unwrap();
    assert_eq!(node.writes(2, Duration::ZERO), Ok(()));
}
