//! Things shown by any node, over a real server.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Secret, Timestamp};
use countersign_store::shared::{DRAWN_BYTES, SharedShelf};
use countersign_store::{SealingKey, SharedMemory};

use super::redis_server::RedisServer;
use super::replay_contract::at;
use super::shared::patient;

const LIFE: Duration = Duration::from_secs(600);
const NAME: [u8; 16] = [7; 16];

fn shelf(server: &RedisServer, key: u8) -> SharedShelf {
    let memory = SharedMemory::open(&patient(&server.url()), || at(10)).unwrap();
    SharedShelf::new(memory, Arc::new(SealingKey::from_bytes(&[key; 32])))
}

fn content() -> Secret {
    Secret::new(b"a login with the passphrase of a client".to_vec())
}

#[test]
fn another_node_finds_it_by_its_name_and_the_server_cannot_read_it() {
    let server = RedisServer::start(&[]);
    let (one, other) = (shelf(&server, 1), shelf(&server, 1));
    assert!(one.put(&NAME, &content(), LIFE));
    assert!(other.find(&NAME).unwrap().unwrap().ct_eq(content().expose()));
    for bit in 0..128 {
        let mut near = NAME;
        near[bit / 8] ^= 1 << (bit % 8);
        assert!(other.find(&near).unwrap().is_none(), "bit {bit}");
    }
    assert!(shelf(&server, 2).find(&NAME).unwrap().is_none(), "sealed under another key");
    let everything = server.dump();
    for hidden in [&b"passphrase"[..], &NAME, hex::encode(NAME).as_bytes()] {
        assert!(!everything.windows(hidden.len()).any(|window| window == hidden), "the server sees {hidden:?}");
    }
}

#[test]
fn what_was_moved_or_changed_does_not_open_and_what_is_over_is_gone() {
    let server = RedisServer::start(&[]);
    let one = shelf(&server, 1);
    let other = [8; 16];
    assert!(one.put(&NAME, &content(), LIFE) && one.put(&other, &content(), LIFE));
    let [first, second] = [NAME, other].map(|name| server.key_of(&name));
    let left = server.number(&["PTTL", &first]);
    assert!((1..=600_000).contains(&left), "{left}");
    server.command(&["RENAME", &second, &first]);
    assert!(one.find(&NAME).unwrap().is_none(), "moved to another name");
    server.command(&["SET", &first, "something else"]);
    assert!(one.find(&NAME).unwrap().is_none());
    assert!(one.put(&NAME, &content(), LIFE) && one.find(&NAME).unwrap().is_some());
    one.remove(&NAME);
    assert!(one.find(&NAME).unwrap().is_none());
}

#[test]
fn without_a_server_nobody_knows() {
    let mut server = RedisServer::start(&[]);
    let one = shelf(&server, 1);
    assert!(one.put(&NAME, &content(), LIFE));
    server.kill();
    assert!(one.find(&NAME).is_err(), "that is not the same as nothing");
    assert!(!one.put(&NAME, &content(), LIFE));
}

#[test]
fn nobody_but_a_node_draws_a_name() {
    let server = RedisServer::start(&[]);
    let (one, other, stranger) = (shelf(&server, 1), shelf(&server, 1), shelf(&server, 2));
    let now = Timestamp::from_secs(1_795_222_399);
    let name = one.name([9; DRAWN_BYTES], now);
    let is_known = |shelf: &SharedShelf, name: &[u8; 16], at| shelf.may_be_there(name, LIFE, at);
    assert!(is_known(&one, &name, now) && is_known(&other, &name, now) && !is_known(&stranger, &name, now));
    assert_ne!(name, one.name([8; DRAWN_BYTES], now));
    assert!(is_known(&one, &name, now.saturating_add(LIFE)), "to its last moment");
    let (over, early) = (LIFE + Duration::from_secs(180), Duration::from_secs(180));
    assert!(!is_known(&one, &name, now.saturating_add(over)) && !is_known(&one, &name, now.saturating_sub(early)));
    for bit in 0..128 {
        let mut near = name;
        near[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_known(&one, &near, now), "bit {bit}");
    }
}
