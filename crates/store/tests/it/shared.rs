//! The shared replay guard over a real server: what two nodes promise together, and what a server may forget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_core::{Effect, Reject, ReplayGuard};
use countersign_store::SharedReplayGuard;

use super::redis_server::RedisServer;
use super::replay_contract::{at, id, write};

/// The second at which the shared memory of these tests begins. Messages signed 62 s later are surely new.
const BEGAN: u64 = 10;
const NEW: u64 = BEGAN + 62;

fn node(server: &RedisServer) -> SharedReplayGuard {
    SharedReplayGuard::open(&server.url(), || at(BEGAN).wall).unwrap()
}

#[test]
fn what_one_node_accepted_no_other_does() {
    let server = RedisServer::start(&[]);
    let nodes = [node(&server), node(&server), node(&server)];
    assert_eq!(write(&nodes[0], 1, at(NEW)), Ok(()));
    for other in &nodes {
        assert_eq!(write(other, 1, at(NEW)), Err(Reject::Replayed));
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
            let tries = nodes.iter().chain(&nodes).map(|node| scope.spawn(move || usize::from(write(node, message, at(NEW)).is_ok())));
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
    let (one, other) = (node(&server), SharedReplayGuard::open(&server.url(), move || at(clock.load(Ordering::Relaxed)).wall).unwrap());
    assert_eq!(write(&one, 1, at(NEW)), Ok(()));
    server.command(&["FLUSHALL"]);
    wall.store(NEW, Ordering::Relaxed);
    assert_eq!(write(&other, 1, at(NEW)), Err(Reject::TimestampStale), "it could have been accepted before");
    assert_eq!(write(&other, 2, at(NEW + 61)), Err(Reject::TimestampStale), "a client may sign a minute ahead, and nodes' clocks differ");
    assert_eq!(write(&other, 3, at(NEW + 62)), Ok(()), "this one could not");
    assert_eq!(write(&one, 3, at(NEW + 62)), Err(Reject::Replayed), "both know the same beginning");
}

#[test]
fn a_restarted_server_re_opens_nothing_and_is_found_again() {
    let mut server = RedisServer::start(&[]);
    let (one, other) = (node(&server), node(&server));
    assert_eq!(write(&one, 1, at(NEW)), Ok(()));
    server.kill();
    assert_eq!(write(&other, 1, at(NEW)), Err(Reject::StoreUnavailable));
    assert_eq!(write(&other, 2, at(NEW)), Err(Reject::StoreUnavailable), "at once, for a while");
    assert!(!other.is_available());
    assert_eq!(other.check_and_insert(id(9, 1), Effect::Read, at(NEW).wall, at(NEW).mono), Ok(()), "reads go on");
    server.start_again();
    // Its memory begins anew; a clock that stands still makes it begin when the other did.
    let later = |message, guard: &SharedReplayGuard| guard.check_and_insert(id(message, 1), Effect::Write, at(NEW).wall, at(NEW + 1).mono);
    assert_eq!(later(2, &other), Ok(()), "what was refused without being asked for can be sent again");
    assert!(other.is_available());
    let third = SharedReplayGuard::open(&server.url(), || at(NEW).wall).unwrap();
    assert_eq!(later(2, &third), Err(Reject::Replayed));
    server.command(&["FLUSHALL"]);
    assert_eq!(later(1, &third), Err(Reject::TimestampStale));
}

#[test]
fn a_server_that_hangs_is_not_waited_for_twice() {
    let server = RedisServer::start(&[]);
    let guard = node(&server);
    server.command(&["CLIENT", "PAUSE", "100000", "ALL"]);
    assert_eq!(write(&guard, 1, at(NEW)), Err(Reject::StoreUnavailable));
    for message in 0..200 {
        // Each of these would take the whole time limit if it were tried.
        assert_eq!(write(&guard, message, at(NEW)), Err(Reject::StoreUnavailable));
    }
    assert_eq!(guard.records(), 1, "what was not asked for is not spent");
}

#[test]
fn servers_that_may_forget_are_not_used() {
    let evicting = RedisServer::start(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
    let error = SharedReplayGuard::open(&evicting.url(), || at(0).wall).unwrap_err();
    assert!(error.to_string().contains("noeviction") && error.is_infrastructure(), "{error}");
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", "1"]);
    let error = SharedReplayGuard::open(&replica.url(), || at(0).wall).unwrap_err();
    assert!(error.to_string().contains("replica"), "{error}");
    assert!(SharedReplayGuard::open("redis+unix:///nowhere/socket", || at(0).wall).is_err());
    let error = SharedReplayGuard::open("nonsense://user:secret@host", || at(0).wall).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_server_without_room_refuses_and_recovers() {
    let server = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let guard = node(&server);
    assert_eq!(write(&guard, 1, at(NEW)), Ok(()));
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(write(&guard, 2, at(NEW)), Err(Reject::StoreUnavailable));
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(guard.check_and_insert(id(3, 1), Effect::Write, at(NEW).wall, at(NEW + 1).mono), Ok(()));
}
