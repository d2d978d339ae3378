//! The shared replay guard over a real server: what two nodes promise together, and what a server may forget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use std::time::Duration;

use countersign_core::{Effect, MemoryReplayGuard, Now, Reject, ReplayGuard};
use countersign_store::shared::{SharedResult, TOO_YOUNG};
use countersign_store::{SharedMemory, SharedReplayGuard, SharedServer, StoreError};

use super::redis_server::RedisServer;
use super::replay_contract::{at, id, write};

/// The second at which the shared memory of these tests begins. Messages signed 62 s later are surely new.
const BEGAN: u64 = 10;
const NEW: u64 = BEGAN + 62;

/// A node of one of these tests: a guard, and the memory behind it.
struct Node {
    guard: Arc<SharedReplayGuard>,
    memory: Arc<SharedMemory>,
}

impl std::ops::Deref for Node {
    type Target = SharedReplayGuard;

    fn deref(&self) -> &SharedReplayGuard {
        &self.guard
    }
}

/// Long enough for a machine that has other things to do.
pub fn patient(url: &str) -> SharedServer {
    SharedServer { timeout: Duration::from_secs(20), ..SharedServer::at(url) }
}

fn try_node(server: &SharedServer, clock: impl Fn() -> Now + Send + Sync + 'static) -> Result<Node, StoreError> {
    let memory = SharedMemory::open(server, clock)?;
    let guard = SharedReplayGuard::new(Arc::clone(&memory), Box::new(MemoryReplayGuard::default()));
    Ok(Node { guard, memory })
}

fn node_at(server: &RedisServer, clock: impl Fn() -> Now + Send + Sync + 'static) -> Node {
    try_node(&patient(&server.url()), clock).unwrap()
}

fn node(server: &RedisServer) -> Node {
    node_at(server, || at(BEGAN))
}

#[test]
fn what_one_node_accepted_no_other_does() {
    let server = RedisServer::start(&[]);
    let nodes = [node(&server), node(&server), node(&server)];
    assert_eq!(write(&*nodes[0], 1, at(NEW)), Ok(()));
    for other in &nodes {
        assert_eq!(write(&**other, 1, at(NEW)), Err(Reject::Replayed));
        assert_eq!(other.check_and_insert(id(1, 1), Effect::Read, at(NEW).wall, at(NEW).mono), Ok(()), "reads harm nobody");
    }
    assert_eq!(nodes[1].check_and_insert(id(1, 2), Effect::Write, at(NEW).wall, at(NEW).mono), Ok(()), "another key's message");
}

#[test]
fn of_many_parallel_writes_on_many_nodes_one_passes() {
    let server = RedisServer::start(&[]);
    let nodes: Vec<_> = (0..4).map(|_| node(&server)).collect();
    for message in 0..30 {
        let accepted: usize = std::thread::scope(|scope| {
            let tries = nodes.iter().chain(&nodes).map(|node| scope.spawn(move || usize::from(write(&**node, message, at(NEW)).is_ok())));
            tries.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(accepted, 1);
    }
}

#[test]
fn a_flushed_server_re_opens_nothing() {
    let server = RedisServer::start(&[]);
    let wall = Arc::new(AtomicU64::new(BEGAN));
    let clock = Arc::clone(&wall);
    let (one, other) = (node(&server), node_at(&server, move || at(clock.load(Ordering::Relaxed))));
    assert_eq!(write(&*one, 1, at(NEW)), Ok(()));
    server.command(&["FLUSHALL"]);
    wall.store(NEW, Ordering::Relaxed);
    let refused = Err(Reject::StoreUnavailable);
    let why = other.check_and_insert(id(1, 1), Effect::Write, at(NEW).wall, at(NEW).mono).unwrap_err();
    assert_eq!(why.reject, Reject::StoreUnavailable, "it could have been accepted before");
    assert!(why.to_string().contains(TOO_YOUNG), "and the operator is told so: {why}");
    assert_eq!(write(&*other, 2, at(NEW + 61)), refused, "a client may sign a minute ahead, and nodes' clocks differ");
    assert_eq!(write(&*other, 3, at(NEW + 62)), Ok(()), "this one could not");
    assert_eq!(write(&*one, 3, at(NEW + 62)), Err(Reject::Replayed), "both know the same beginning");
}

#[test]
fn a_restarted_server_re_opens_nothing_and_is_found_again() {
    let mut server = RedisServer::start(&[]);
    let (one, other) = (node(&server), node(&server));
    assert_eq!(write(&*one, 1, at(NEW)), Ok(()));
    server.kill();
    assert_eq!(write(&*other, 1, at(NEW)), Err(Reject::StoreUnavailable));
    assert_eq!(write(&*other, 2, at(NEW)), Err(Reject::StoreUnavailable), "at once, for a while");
    assert!(!other.memory.is_available());
    assert_eq!(other.check_and_insert(id(9, 1), Effect::Read, at(NEW).wall, at(NEW).mono), Ok(()), "reads go on");
    server.start_again();
    // Its memory begins anew; a clock that stands still makes it begin when the other did.
    let later = |message, guard: &Node| {
        guard.check_and_insert(id(message, 1), Effect::Write, at(NEW).wall, at(NEW + 1).mono).map_err(|refusal| refusal.reject)
    };
    assert_eq!(later(2, &other), Ok(()), "what was refused without being asked for can be sent again");
    assert!(other.memory.is_available());
    let third = node_at(&server, || at(NEW));
    assert_eq!(later(2, &third), Err(Reject::Replayed));
    server.command(&["FLUSHALL"]);
    assert_eq!(later(1, &third), Err(Reject::StoreUnavailable));
}

#[test]
fn a_server_that_hangs_is_not_waited_for_twice() {
    let server = RedisServer::start(&[]);
    let hurried = SharedServer { timeout: countersign_store::limits::SHARED_TIMEOUT, ..patient(&server.url()) };
    // A server that has only just begun may take longer for its first answers.
    let guard = (0..1_000).find_map(|_| try_node(&hurried, || at(BEGAN)).ok()).expect("a server that answers in time");
    server.command(&["CLIENT", "PAUSE", "100000", "ALL"]);
    let why = guard.check_and_insert(id(1, 1), Effect::Write, at(NEW).wall, at(NEW).mono).unwrap_err();
    assert!(why.reject == Reject::StoreUnavailable && why.to_string().contains("after "), "how it failed: {why}");
    let at_once = guard.check_and_insert(id(2, 1), Effect::Write, at(NEW).wall, at(NEW).mono);
    assert_eq!(at_once, Err(why), "and is left alone for that");
    for message in 0..200 {
        // Each of these would take the whole time limit if it were tried.
        assert_eq!(write(&*guard, message, at(NEW)), Err(Reject::StoreUnavailable));
    }
    assert_eq!(guard.records(), 1, "what was not asked for is not spent");
}

#[test]
fn servers_that_may_forget_are_not_used() {
    let refusal = |url: &str| try_node(&patient(url), || at(0)).map(drop).unwrap_err();
    let evicting = RedisServer::start(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
    let error = refusal(&evicting.url());
    assert!(error.to_string().contains("noeviction") && error.is_infrastructure(), "{error}");
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", "1"]);
    let error = refusal(&replica.url());
    assert!(error.to_string().contains("replica"), "{error}");
    refusal("redis+unix:///nowhere/socket");
    let error = refusal("nonsense://user:secret@host");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_server_without_room_refuses_and_recovers() {
    let server = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let guard = node(&server);
    assert_eq!(write(&*guard, 1, at(NEW)), Ok(()));
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(write(&*guard, 2, at(NEW)), Err(Reject::StoreUnavailable));
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(guard.check_and_insert(id(3, 1), Effect::Write, at(NEW).wall, at(NEW + 1).mono), Ok(()));
}

fn cancel(node: &Node, message: u8, now: Now) -> Result<(), Reject> {
    node.check_and_insert(id(message, 1), Effect::Cancel, now.wall, now.mono).map_err(|refusal| refusal.reject)
}

#[test]
fn a_cancel_is_used_once_and_passes_where_nobody_can_tell() {
    let mut server = RedisServer::start(&[]);
    let (one, other) = (node(&server), node(&server));
    assert_eq!(cancel(&one, 1, at(NEW)), Ok(()));
    assert_eq!(cancel(&other, 1, at(NEW)), Err(Reject::Replayed), "known to all");
    assert_eq!(write(&*other, 1, at(NEW)), Err(Reject::Replayed), "nor is it a ticket for an order");
    assert_eq!(cancel(&one, 2, at(BEGAN)), Ok(()), "a memory that began late stops no cancel");
    assert_eq!(cancel(&other, 2, at(BEGAN)), Err(Reject::Replayed), "and remembers it");
    server.kill();
    assert_eq!(write(&*one, 3, at(NEW)), Err(Reject::StoreUnavailable));
    assert_eq!(cancel(&one, 4, at(NEW)), Ok(()));
    assert_eq!(cancel(&one, 4, at(NEW)), Err(Reject::Replayed), "this node still counts");
    assert_eq!(cancel(&other, 4, at(NEW)), Ok(()), "the others cannot");
    assert_eq!(one.memory.status().results[SharedResult::PassedUnasked as usize], 1);
    server.start_again();
    one.memory.check().unwrap();
    let third = node(&server);
    assert_eq!(write(&*third, 4, at(NEW + 62)), Err(Reject::Replayed), "what passed meanwhile is told when the server is back");
}

#[test]
fn a_look_finds_a_server_that_is_back_and_tells_of_one_that_is_gone() {
    let mut server = RedisServer::start(&[]);
    let guard = node(&server);
    server.kill();
    assert!(guard.memory.check().is_err() && !guard.memory.is_available());
    let at_once = guard.check_and_insert(id(1, 1), Effect::Write, at(NEW).wall, at(BEGAN).mono);
    assert_eq!(at_once.unwrap_err().reject, Reject::StoreUnavailable);
    assert_eq!(guard.records(), 0, "refused without being asked for, so it is not spent");
    server.start_again();
    guard.memory.check().unwrap();
    assert_eq!(guard.check_and_insert(id(1, 1), Effect::Write, at(NEW).wall, at(BEGAN).mono), Ok(()), "at once, without a pause");
    server.kill();
    server.start_again();
    guard.memory.check().unwrap();
    assert!(guard.memory.is_available(), "a restart between two looks is none");
}

#[test]
fn a_password_is_shown_to_the_server_and_to_nobody_else() {
    let server = RedisServer::start(&["--requirepass", "hunter2"]);
    let without = patient(&server.url());
    assert!(try_node(&without, || at(BEGAN)).is_err());
    let with = SharedServer { password: Some(countersign_core::Secret::new(b"hunter2".to_vec())), ..without };
    let guard = try_node(&with, || at(BEGAN)).unwrap();
    assert_eq!(write(&*guard, 1, at(NEW)), Ok(()));
    assert!(!format!("{with:?} {:?} {:?}", guard.memory, guard.guard).contains("hunter2"));
}
