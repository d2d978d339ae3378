//! The mirror of sessions over a real server: who may write, what comes back, what a server may forget.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Now, SessionId};
use countersign_store::shared::mirror::{Fence, KeptFrame, KeptFrames, MirrorError, MirrorWrite, Mirrored, Progress, Take};
use countersign_store::{SealingKey, SessionMirror, SharedMemory, SharedServer};

use super::redis_server::RedisServer;
use super::replay_contract::at;
use super::shared::patient;
use super::slow_wire::SlowWire;

const SID: SessionId = SessionId::from_bytes([7; 16]);
const FACTS: &[u8] = b"{\"contract\":1}";

fn node_with(server: &RedisServer, name: &str, key: u8, clock: impl Fn() -> Now + Send + Sync + 'static) -> SessionMirror {
    let memory = SharedMemory::open(&patient(&server.url()), clock).unwrap();
    SessionMirror::new(memory, name, Arc::new(SealingKey::from_bytes(&[key; 32])))
}

fn node(server: &RedisServer, name: &str) -> SessionMirror {
    node_with(server, name, 1, || at(1))
}

fn frame(s: u64) -> KeptFrame {
    KeptFrame { s, numbered: true, text: format!("{{\"n\":{s}}}") }
}

fn progress(rx: u64, tx: u64) -> Progress {
    Progress { rx, tx, acked: 1, committed: 0, issued: 1, links: vec![0, 2], ..Progress::default() }
}

fn write(rx: u64, tx: u64, frames: &[u64], held: usize) -> MirrorWrite<'static> {
    let frames = frames.iter().map(|s| frame(*s)).collect();
    MirrorWrite {
        progress: progress(rx, tx),
        reports: KeptFrames { added: frames, held },
        market: KeptFrames::default(),
        streams: None,
        life: Duration::from_secs(3_600),
        whole: None,
    }
}

fn whole(rx: u64, tx: u64) -> MirrorWrite<'static> {
    MirrorWrite { whole: Some(FACTS), ..write(rx, tx, &[], 0) }
}

/// As if its owner had said nothing for longer than a lease.
fn let_expire(server: &RedisServer) {
    server.command(&["ZADD", "{countersign}:leases", "1", &SID.to_string()]);
}

fn take(node: &SessionMirror, which: Take) -> Option<Mirrored> {
    node.take(SID, which).unwrap()
}

#[test]
fn what_was_written_is_found_at_another_node() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    a.write(SID, Fence::FIRST, &write(4, 4, &[1, 2, 3], 3)).unwrap();
    let refusal = KeptFrame { s: 5, numbered: false, text: "{\"err\":\n1}".to_owned() };
    let next = MirrorWrite { reports: KeptFrames { added: vec![frame(4), refusal.clone()], held: 3 }, ..write(5, 5, &[], 0) };
    a.write(SID, Fence::FIRST, &next).unwrap();
    let taken = take(&b, Take::Any).unwrap();
    assert!(taken.fence > Fence::FIRST);
    assert_eq!((taken.node.as_str(), taken.facts.as_slice()), ("a", FACTS));
    assert_eq!(Progress { away_for: None, ..taken.progress }, progress(5, 5));
    let frames: Vec<_> = taken.frames.into_iter().map(|(frame, _)| frame).collect();
    assert_eq!(frames, [frame(3), frame(4), refusal], "the oldest that is not kept any more is gone");
}

#[test]
fn market_data_goes_by_itself_and_comes_back_in_its_place() {
    // HS-135
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    let with = |market: &[u64], held, reports| MirrorWrite {
        market: KeptFrames { added: market.iter().map(|s| frame(*s)).collect(), held },
        ..reports
    };
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    a.write(SID, Fence::FIRST, &with(&[2, 3, 5], 3, write(2, 6, &[1, 4], 2))).unwrap();
    a.write(SID, Fence::FIRST, &with(&[6, 7, 9], 2, write(2, 10, &[8], 3))).unwrap();
    let numbers = |taken: Mirrored| taken.frames.iter().map(|(frame, _)| frame.s).collect::<Vec<_>>();
    let taken = take(&b, Take::Any).unwrap();
    let fence = taken.fence;
    assert_eq!(numbers(taken), [1, 4, 7, 8, 9]);
    b.write(SID, fence, &with(&[], 0, write(2, 10, &[], 3))).unwrap();
    assert_eq!(numbers(take(&a, Take::Any).unwrap()), [1, 4, 8]);
    let fence = take(&b, Take::Any).unwrap().fence;
    b.write(SID, fence, &with(&[10], 1, whole(2, 11))).unwrap();
    b.remove(SID, fence).unwrap();
    assert_eq!(server.number(&["EXISTS", &format!("{{countersign}}:market:{SID}")]), 0);
}

#[test]
fn market_data_that_a_node_of_before_left_behind_is_not_taken_for_its_own() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    let with = |market: &[u64], held, reports| MirrorWrite {
        market: KeptFrames { added: market.iter().map(|s| frame(*s)).collect(), held },
        ..reports
    };
    let numbers = |taken: &Mirrored| taken.frames.iter().map(|(frame, _)| frame.s).collect::<Vec<_>>();
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    a.write(SID, Fence::FIRST, &with(&[2, 3], 2, write(1, 4, &[1], 1))).unwrap();
    // It takes the session without this list, and so has told its client that these messages are gone.
    server.command(&["HINCRBY", &format!("{{countersign}}:session:{SID}"), "fence", "1"]);
    let taken = take(&b, Take::Any).unwrap();
    assert_eq!(numbers(&taken), [1]);
    b.write(SID, taken.fence, &with(&[5], 1, write(1, 6, &[4], 2))).unwrap();
    for node in [&a, &b, &a] {
        assert_eq!(numbers(&take(node, Take::Any).unwrap()), [1, 4, 5]);
    }
}

#[test]
fn subscriptions_are_written_when_they_change() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    let of = |streams| MirrorWrite { streams, ..write(2, 2, &[1], 1) };
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    assert_eq!(take(&b, Take::Any).unwrap().streams, b"", "a process of before wrote none");
    let fence = take(&a, Take::Any).unwrap().fence;
    a.write(SID, fence, &of(Some(br#"["one"]"#))).unwrap();
    a.write(SID, fence, &of(None)).unwrap();
    let taken = take(&b, Take::Any).unwrap();
    assert_eq!((taken.streams.as_slice(), taken.frames.len()), (br#"["one"]"#.as_slice(), 1));
    b.write(SID, taken.fence, &MirrorWrite { streams: Some(b"[]"), ..whole(3, 3) }).unwrap();
    assert_eq!(take(&a, Take::Any).unwrap().streams, b"[]");
    assert!(server.number(&["HSTRLEN", &format!("{{countersign}}:session:{SID}"), "streams"]) > 2, "sealed");
}

#[test]
fn a_fenced_node_writes_nothing() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    let taken = take(&b, Take::Any).unwrap();
    b.write(SID, taken.fence, &write(9, 1, &[], 0)).unwrap();
    assert_eq!(a.write(SID, Fence::FIRST, &write(2, 1, &[], 0)), Err(MirrorError::Fenced));
    assert_eq!(a.write(SID, Fence::FIRST, &whole(2, 1)), Err(MirrorError::Fenced), "nor begins it again");
    assert_eq!(a.remove(SID, Fence::FIRST), Err(MirrorError::Fenced));
    assert_eq!(a.renew(&[(SID, Fence::FIRST)]), Ok(vec![(SID, MirrorError::Fenced)]));
    assert_eq!(b.renew(&[(SID, taken.fence)]), Ok(Vec::new()));
    assert_eq!(take(&a, Take::Any).unwrap().progress.rx, 9);
}

#[test]
fn of_many_nodes_one_takes_a_session_that_nobody_serves() {
    let server = RedisServer::start(&[]);
    let nodes: Vec<_> = ["a", "b", "c", "d"].iter().map(|name| node(&server, name)).collect();
    nodes[0].write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    assert!(nodes.iter().all(|node| take(node, Take::Expired).is_none()), "its lease has just begun");
    assert_eq!(nodes[1].expired(), Ok(Vec::new()));
    let_expire(&server);
    assert_eq!(nodes[1].expired(), Ok(vec![SID]));
    let takers: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = nodes.iter().map(|node| scope.spawn(|| usize::from(take(node, Take::Expired).is_some()))).collect();
        tries.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(takers, 1);
    assert_eq!(nodes[0].write(SID, Fence::FIRST, &write(2, 1, &[], 0)), Err(MirrorError::Adopted), "whoever was thought dead is");
    assert_eq!(
        nodes[0].write(SID, Fence::FIRST, &whole(2, 1)),
        Err(MirrorError::Adopted),
        "also where it begins again: its client shall come"
    );
    assert_eq!(nodes[0].renew(&[(SID, Fence::FIRST)]), Ok(vec![(SID, MirrorError::Adopted)]));
}

#[test]
fn who_adopted_a_session_has_its_client_when_it_says_so() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    let_expire(&server);
    let fence = take(&b, Take::Expired).unwrap().fence;
    let waits = Progress { away_for: Some(Duration::ZERO), ..progress(1, 1) };
    b.write(SID, fence, &MirrorWrite { progress: waits, ..whole(1, 1) }).unwrap();
    assert_eq!(a.renew(&[(SID, Fence::FIRST)]), Ok(vec![(SID, MirrorError::Adopted)]), "its client may be at the former node");
    b.write(SID, fence, &whole(1, 1)).unwrap();
    assert_eq!(a.renew(&[(SID, Fence::FIRST)]), Ok(vec![(SID, MirrorError::Fenced)]));
}

#[test]
fn what_a_server_hears_too_late_takes_no_session() {
    let server = RedisServer::start(&[]);
    let a = node(&server, "a");
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    // The server knows the script from here on: what arrives late is done at once.
    let fence = take(&a, Take::Any).unwrap().fence;
    let wire = SlowWire::to(&server.url());
    let impatient = SharedServer { timeout: Duration::from_secs(1), ..SharedServer::at(&wire.url()) };
    // Not looked after, which would hold the script of the look: it connects when it is asked.
    let memory = SharedMemory::new(&impatient, || at(1)).unwrap();
    let b = SessionMirror::new(memory, "b", Arc::new(SealingKey::from_bytes(&[1; 32])));
    assert_eq!(b.take(SID, Take::Any), Err(MirrorError::Unavailable));
    wire.let_arrive();
    assert_eq!(a.renew(&[(SID, fence)]), Ok(Vec::new()), "its owner keeps it: nobody else knows that he would have it");
    a.write(SID, fence, &write(2, 1, &[], 0)).unwrap();
}

#[test]
fn the_grace_counts_from_the_last_sign_of_the_owner() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    let_expire(&server);
    let since_1970 = take(&b, Take::Expired).unwrap().progress.away_for.unwrap();
    assert!(since_1970 > Duration::from_secs(1_000_000), "{since_1970:?}");
    // A client that had gone before the owner did has been away for longer.
    let gone = Progress { away_for: Some(Duration::from_secs(3_000)), cancelled: true, ..progress(1, 1) };
    let fence = take(&a, Take::Any).unwrap().fence;
    a.write(SID, fence, &MirrorWrite { progress: gone, ..write(1, 1, &[], 0) }).unwrap();
    let taken = take(&b, Take::Any).unwrap().progress;
    let away = taken.away_for.unwrap();
    assert!((Duration::from_secs(3_000)..Duration::from_secs(3_600)).contains(&away), "{away:?}");
    assert!(taken.cancelled);
}

#[test]
fn a_session_that_is_over_is_nowhere() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    a.remove(SID, Fence::FIRST).unwrap();
    assert_eq!((take(&b, Take::Any), b.expired()), (None, Ok(Vec::new())));
    assert_eq!(a.write(SID, Fence::FIRST, &write(2, 1, &[], 0)), Err(MirrorError::Forgotten));
}

#[test]
fn after_a_loss_of_memory_the_latest_owner_stays() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    let taken = take(&b, Take::Any).unwrap();
    server.command(&["FLUSHALL"]);
    assert_eq!(b.write(SID, taken.fence, &write(5, 1, &[], 0)), Err(MirrorError::Forgotten));
    assert_eq!(b.renew(&[(SID, taken.fence)]), Ok(vec![(SID, MirrorError::Forgotten)]));
    // The older one may be the first to come.
    a.write(SID, Fence::FIRST, &whole(2, 1)).unwrap();
    b.write(SID, taken.fence, &whole(5, 1)).unwrap();
    assert_eq!(a.write(SID, Fence::FIRST, &write(3, 1, &[], 0)), Err(MirrorError::Fenced));
    assert_eq!(take(&a, Take::Any).unwrap().progress.rx, 5);
}

#[test]
fn without_the_server_nothing_is_mirrored_and_it_is_found_again() {
    let mut server = RedisServer::start(&[]);
    let clock = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let of_node = Arc::clone(&clock);
    let a = node_with(&server, "a", 1, move || at(of_node.load(std::sync::atomic::Ordering::Relaxed)));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    server.kill();
    assert_eq!(a.write(SID, Fence::FIRST, &write(2, 1, &[], 0)), Err(MirrorError::Unavailable));
    assert_eq!(a.take(SID, Take::Any), Err(MirrorError::Unavailable));
    server.start_again();
    assert_eq!(a.write(SID, Fence::FIRST, &write(2, 1, &[], 0)), Err(MirrorError::Unavailable), "not before a while");
    clock.store(2, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(a.write(SID, Fence::FIRST, &write(2, 1, &[], 0)), Err(MirrorError::Forgotten));
    a.write(SID, Fence::FIRST, &whole(2, 1)).unwrap();
}

#[test]
fn an_end_that_could_not_be_written_is_written_later() {
    let server = RedisServer::start(&[]);
    let clock = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let of_node = Arc::clone(&clock);
    let memory = SharedMemory::open(&patient(&server.url()), move || at(of_node.load(std::sync::atomic::Ordering::Relaxed))).unwrap();
    let a = SessionMirror::new(Arc::clone(&memory), "a", Arc::new(SealingKey::from_bytes(&[1; 32])));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    // A server without room refuses what writes.
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(a.write(SID, Fence::FIRST, &write(2, 1, &[], 0)), Err(MirrorError::Unavailable));
    assert_eq!(a.remove(SID, Fence::FIRST), Err(MirrorError::Unavailable), "nobody asks for a while");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    clock.store(2, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(a.renew(&[]), Ok(Vec::new()));
    assert_eq!(take(&node(&server, "b"), Take::Any), None);
}

#[test]
fn whoever_reads_or_writes_the_server_learns_and_makes_up_nothing() {
    let server = RedisServer::start(&[]);
    let (a, stranger) = (node(&server, "a"), node_with(&server, "b", 9, || at(1)));
    a.write(SID, Fence::FIRST, &whole(1, 1)).unwrap();
    a.write(SID, Fence::FIRST, &write(1, 2, &[1], 1)).unwrap();
    assert_eq!(stranger.take(SID, Take::Any), Err(MirrorError::Forgotten), "a key of another cluster opens nothing");
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let frames: Vec<Vec<u8>> =
        redis::cmd("LRANGE").arg(format!("{{countersign}}:frames:{SID}")).arg(0).arg(-1).query(&mut connection).unwrap();
    assert!(frames.len() == 1 && !frames[0].windows(4).any(|window| window == b"{\"n\""));
    // The frame of one number under another one.
    let text = String::from_utf8_lossy(&frames[0]).into_owned();
    let at = text.split(' ').next().unwrap().len();
    let moved = [&frames[0][..=at], b"2", &frames[0][at + 2..]].concat();
    let () = redis::cmd("LSET").arg(format!("{{countersign}}:frames:{SID}")).arg(0).arg(moved).query(&mut connection).unwrap();
    assert_eq!(a.take(SID, Take::Any), Err(MirrorError::Forgotten));
}

/// Whoever writes to the server can set numbers. None of them is one that a session cannot have: it would be counted on from there.
#[test]
fn numbers_that_no_session_can_have_are_not_believed() {
    let server = RedisServer::start(&[]);
    let (a, b) = (node(&server, "a"), node(&server, "b"));
    let hash = format!("{{countersign}}:session:{SID}");
    let highest = u64::MAX.to_string();
    let highest = highest.as_str();
    for (field, value) in [
        ("rx", "0"),
        ("rx", highest),
        ("tx", "0"),
        ("tx", highest),
        ("tx", "9007199254740993"),
        ("tx", "-1"),
        ("acked", "8"),
        ("committed", "2"),
        ("issued", highest),
        ("cancelled", "x"),
    ] {
        server.command(&["DEL", &hash]);
        a.write(SID, Fence::FIRST, &whole(4, 7)).unwrap();
        server.command(&["HSET", &hash, field, value]);
        assert_eq!(b.take(SID, Take::Any), Err(MirrorError::Forgotten), "{field} {value}");
    }
    server.command(&["DEL", &hash]);
    a.write(SID, Fence::FIRST, &whole(4, 7)).unwrap();
    assert!(take(&b, Take::Any).is_some());
}
