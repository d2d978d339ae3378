//! Notices, over a real server.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use countersign_store::SharedMemory;
use countersign_store::shared::{Heard, Topic};

use super::redis_server::RedisServer;
use super::replay_contract::at;
use super::shared::patient;

struct Node {
    memory: Arc<SharedMemory>,
}

impl Node {
    fn new(server: &RedisServer) -> Self {
        Self { memory: SharedMemory::open(&patient(&server.url()), || at(10)).unwrap() }
    }
}

#[test]
fn without_a_server_nothing_is_said() {
    let mut server = RedisServer::start(&[]);
    let a = Node::new(&server);
    assert!(a.memory.publish("a", Topic::Halts));
    server.kill();
    assert!(!a.memory.publish("a", Topic::Halts));
}

#[test]
fn a_node_hears_the_others_and_not_itself() {
    let mut server = RedisServer::start(&[]);
    let (a, b) = (Node::new(&server), Node::new(&server));
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
