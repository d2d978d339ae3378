//! Leases and notices, over a real server.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use countersign_store::SharedMemory;
use countersign_store::shared::{Heard, Lease, LeaseAnswer, Topic};

use super::redis_server::RedisServer;
use super::replay_contract::at;
use super::shared::patient;

const LONG: Duration = Duration::from_secs(60);

struct Node {
    memory: Arc<SharedMemory>,
    seconds: Arc<AtomicU64>,
    name: &'static str,
}

impl Node {
    fn new(server: &RedisServer, name: &'static str) -> Self {
        let seconds = Arc::new(AtomicU64::new(10));
        let clock = Arc::clone(&seconds);
        let memory = SharedMemory::open(&patient(&server.url()), move || at(clock.load(Ordering::Relaxed))).unwrap();
        seconds.store(72, Ordering::Relaxed);
        Self { memory, seconds, name }
    }

    fn acquire(&self, time: Duration) -> LeaseAnswer {
        self.memory.acquire_lease("job", self.name, time)
    }

    fn granted(&self, time: Duration) -> Lease {
        match self.acquire(time) {
            LeaseAnswer::Granted(lease) => lease,
            other @ (LeaseAnswer::Held | LeaseAnswer::Unknown) => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_holds_it_until_it_is_given_back() {
    let server = RedisServer::start(&[]);
    let (a, b) = (Node::new(&server, "a"), Node::new(&server, "b"));
    let lease = a.granted(LONG);
    assert_eq!(lease.until(), at(72).mono.saturating_add(LONG));
    assert_eq!((a.acquire(LONG), b.acquire(LONG)), (LeaseAnswer::Held, LeaseAnswer::Held), "not twice, not even by its holder");
    a.seconds.store(90, Ordering::Relaxed);
    let renewed = a.memory.renew_lease(&lease, LONG).unwrap();
    assert_eq!((renewed.number(), renewed.until()), (lease.number(), at(90).mono.saturating_add(LONG)));
    assert!(a.memory.release_lease(&renewed));
    assert!(!a.memory.release_lease(&renewed) && a.memory.renew_lease(&renewed, LONG).is_none(), "it is gone");
    let next = b.granted(LONG);
    assert!(next.number() > lease.number());
    assert!(!a.memory.release_lease(&renewed), "nobody takes it from another");
    assert!(b.memory.renew_lease(&next, LONG).is_some());
}

#[test]
fn what_is_not_renewed_runs_out_and_another_takes_over() {
    let server = RedisServer::start(&[]);
    let (a, b) = (Node::new(&server, "a"), Node::new(&server, "b"));
    let lease = a.granted(Duration::from_millis(1));
    // The server's clock runs by itself: asked until it is free.
    let next = loop {
        match b.acquire(LONG) {
            LeaseAnswer::Granted(next) => break next,
            LeaseAnswer::Held => std::thread::yield_now(),
            LeaseAnswer::Unknown => panic!("the server is there"),
        }
    };
    assert!(next.number() > lease.number());
    assert!(a.memory.renew_lease(&lease, LONG).is_none(), "it is another's now");
}

#[test]
fn a_server_that_forgot_grants_nothing_until_all_of_before_has_run_out() {
    let server = RedisServer::start(&[]);
    let (a, b) = (Node::new(&server, "a"), Node::new(&server, "b"));
    let lease = a.granted(LONG);
    server.command(&["FLUSHALL"]);
    assert_eq!(b.acquire(LONG), LeaseAnswer::Unknown, "a still believes that it holds it");
    assert!(a.memory.renew_lease(&lease, LONG).is_none(), "and is told that it does not");
    b.seconds.store(72 + 60, Ordering::Relaxed);
    assert_eq!(b.acquire(LONG), LeaseAnswer::Unknown);
    b.seconds.store(72 + 62, Ordering::Relaxed);
    assert!(b.granted(LONG).number() > lease.number(), "numbers grow over the loss, too");
}

#[test]
fn without_a_server_nobody_can_tell() {
    let mut server = RedisServer::start(&[]);
    let a = Node::new(&server, "a");
    let lease = a.granted(LONG);
    server.kill();
    assert_eq!(a.acquire(LONG), LeaseAnswer::Unknown);
    assert!(a.memory.renew_lease(&lease, LONG).is_none());
    assert!(!a.memory.release_lease(&lease));
    assert!(!a.memory.publish("a", Topic::Halts));
}

#[test]
fn a_node_hears_the_others_and_not_itself() {
    let mut server = RedisServer::start(&[]);
    let (a, b) = (Node::new(&server, "a"), Node::new(&server, "b"));
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        let listening = scope.spawn(|| {
            a.memory.listen("a", |heard| match (heard, tell.send(heard)) {
                (_, Err(_)) => ControlFlow::Break(()),
                (Heard::Changed(_) | Heard::Connected | Heard::Nothing, Ok(())) => ControlFlow::Continue(()),
            })
        });
        let next = || loop {
            match told.recv_timeout(Duration::from_secs(60)).unwrap() {
                Heard::Nothing => {}
                heard @ (Heard::Changed(_) | Heard::Connected) => break heard,
            }
        };
        assert_eq!(next(), Heard::Connected);
        assert!(a.memory.publish("a", Topic::Credentials), "its own");
        for topic in Topic::ALL {
            assert!(b.memory.publish("b", topic));
            assert_eq!(next(), Heard::Changed(topic));
        }
        server.command(&["PUBLISH", "{countersign}:notices", "nonsense b"]);
        server.command(&["PUBLISH", "{countersign}:notices", "halts"]);
        assert!(b.memory.publish("b", Topic::Tokens));
        assert_eq!(next(), Heard::Changed(Topic::Tokens), "what says nothing is nothing");
        server.kill();
        assert!(listening.join().unwrap().is_err(), "a lost connection is told");
    });
}
