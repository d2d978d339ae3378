//! The replay journal: what a crash must not make forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use countersign_core::{Effect, MemoryReplayGuard, Reject, ReplayGuard as _};
use countersign_store::JournaledReplayGuard;
use proptest::prelude::*;

use super::replay_contract::{at, id, write};
use super::support::Place;

fn open(place: &Place, seconds: u64) -> JournaledReplayGuard {
    JournaledReplayGuard::open(&place.dir.journal(), at(seconds)).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_next_process_refuses_what_this_one_accepted() {
    let place = Place::new();
    let guard = open(&place, 0);
    assert_eq!(write(&guard, 1, at(1)), Ok(()));
    assert_eq!(guard.check_and_insert(id(2, 1), Effect::Read, at(1).wall, at(1).mono), Ok(()));
    drop(guard);
    let guard = open(&place, 2);
    assert_eq!(guard.recovered(), 1, "reads are not kept");
    assert_eq!(write(&guard, 1, at(2)), Err(Reject::Replayed));
    assert_eq!(guard.check_and_insert(id(1, 1), Effect::Read, at(2).wall, at(2).mono), Ok(()));
    assert_eq!(write(&guard, 3, at(2)), Ok(()));
}

#[test]
fn what_survives_one_restart_survives_the_next() {
    let place = Place::new();
    write(&open(&place, 0), 1, at(0)).unwrap();
    for restart in 1..=60 {
        let guard = open(&place, restart);
        assert_eq!(write(&guard, 1, at(restart)), Err(Reject::Replayed), "restart {restart}");
        write(&guard, 100 + u8::try_from(restart).unwrap(), at(restart)).unwrap();
    }
}

#[test]
fn generations_change_places_and_old_ones_go() {
    let place = Place::new();
    let guard = open(&place, 0);
    let mut largest = 0;
    for second in 0..2_000_u64 {
        let mut bytes = [7; 20];
        bytes[..8].copy_from_slice(&second.to_be_bytes());
        let fresh = countersign_core::ReplayId::from_bytes(&bytes);
        guard.check_and_insert(fresh, Effect::Write, at(second).wall, at(second).mono).unwrap();
        let total: u64 = files(&place.dir.journal()).iter().map(|path| path.metadata().unwrap().len()).sum();
        largest = largest.max(total);
    }
    assert!(largest <= 28 * 530, "two generations of 260 s at one write a second, not {largest} bytes");
    assert!(files(&place.dir.journal()).len() <= 2, "this thread writes one pair");
    drop(guard);
    let guard = open(&place, 2_000);
    assert!((259..=520).contains(&guard.recovered()), "{}", guard.recovered());
}

#[test]
fn a_clock_set_back_between_two_starts_re_opens_nothing() {
    let place = Place::new();
    let guard = open(&place, 1_000);
    for second in [1_000, 1_270, 1_540] {
        write(&guard, u8::try_from(second / 10 - 90).unwrap(), at(second)).unwrap();
    }
    drop(guard);
    // The generation of second 1000 is overwritten; its horizon is not.
    let guard = open(&place, 1_000);
    assert_eq!(write(&guard, 10, at(1_000)), Err(Reject::TimestampStale), "forgotten, but not new");
    assert_eq!(write(&guard, 64, at(1_540)), Err(Reject::Replayed), "from the future, and kept");
    assert_eq!(write(&guard, 200, at(1_001)), Ok(()));
    let later = at(1_000 + 540 + 261);
    assert_eq!(guard.check_and_insert(id(64, 1), Effect::Write, at(1_540).wall, later.mono), Err(Reject::TimestampStale.into()));
    assert_eq!(guard.recovered(), 0, "the memory is given back");
}

#[test]
fn a_torn_record_costs_nothing_but_itself() {
    let place = Place::new();
    write(&open(&place, 0), 1, at(0)).unwrap();
    let path = files(&place.dir.journal()).remove(0);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[9; 13]).unwrap();
    let guard = open(&place, 1);
    assert_eq!(guard.recovered(), 1);
    // Threads choose their files; enough of them that the torn file is written again.
    for message in 100..132 {
        std::thread::scope(|scope| {
            scope.spawn(|| write(&guard, message, at(1)).unwrap());
        });
    }
    drop(guard);
    assert_eq!(open(&place, 2).recovered(), 33);
    assert!(files(&place.dir.journal()).iter().all(|path| path.metadata().unwrap().len() % 28 == 0));
}

#[test]
fn a_journal_that_cannot_be_written_refuses_the_write() {
    let place = Place::new();
    let guard = open(&place, 0);
    std::fs::remove_dir(place.dir.journal()).unwrap();
    assert_eq!(write(&guard, 1, at(0)), Err(Reject::StoreUnavailable));
    assert_eq!(write(&guard, 1, at(0)), Err(Reject::Replayed), "and its id stays spent");
    std::fs::create_dir(place.dir.journal()).unwrap();
    assert_eq!(write(&guard, 2, at(0)), Ok(()), "the next one finds the folder again");
}

#[test]
fn a_full_disk_refuses_the_write() {
    let place = Place::new();
    let guard = JournaledReplayGuard::open_with(&place.dir.journal(), MemoryReplayGuard::default(), at(0)).unwrap();
    for shard in 0..countersign_store::limits::JOURNAL_SHARDS {
        std::os::unix::fs::symlink("/dev/full", place.dir.journal().join(format!("replay-{shard:02}-a.journal"))).unwrap();
    }
    assert_eq!(write(&guard, 1, at(0)), Err(Reject::StoreUnavailable));
}

#[test]
fn a_journal_in_the_way_is_an_error_not_an_empty_memory() {
    let place = Place::new();
    std::fs::create_dir_all(place.dir.journal().join("replay-00-a.journal")).unwrap();
    assert!(JournaledReplayGuard::open(&place.dir.journal(), at(0)).is_err());
}

/// What happens to a guard: time passes, its process is started anew, a message arrives.
#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Restart,
    Write { message: u8, age: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..90_u64).prop_map(Event::Pass),
        1 => Just(Event::Restart),
        6 => (0..12_u8, 0..=60_u64).prop_map(|(message, age)| Event::Write { message, age }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Against a memory without end: nothing passes twice, and nothing new is refused.
    #[test]
    fn no_write_passes_twice_through_any_history(events in prop::collection::vec(event(), 1..120)) {
        let place = Place::new();
        let mut second = 1_000;
        let mut guard = open(&place, second);
        // A message is signed once, so its time never changes.
        let mut signed = BTreeMap::new();
        let mut accepted = BTreeSet::new();
        for event in events {
            match event {
                Event::Pass(seconds) => second += seconds,
                Event::Restart => {
                    drop(guard);
                    guard = open(&place, second);
                }
                Event::Write { message, age } => {
                    let time = *signed.entry(message).or_insert(second - age);
                    if time + 60 < second {
                        // Outside its window: verification never asks the guard, and the client signs a new message.
                        signed.remove(&message);
                        accepted.remove(&message);
                        continue;
                    }
                    let mut bytes = [message; 20];
                    bytes[..8].copy_from_slice(&time.to_be_bytes());
                    let id = countersign_core::ReplayId::from_bytes(&bytes);
                    let outcome = guard.check_and_insert(id, Effect::Write, at(time).wall, at(second).mono);
                    prop_assert_eq!(outcome.is_ok(), accepted.insert(message), "{:?} at {}", outcome, second);
                }
            }
        }
    }
}

const CHILD: &str = "COUNTERSIGN_TEST_JOURNAL";

/// The body of the process that is killed below; nothing when run as a test of its own.
#[test]
fn child_that_accepts_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let guard = JournaledReplayGuard::open(Path::new(&folder), at(0)).unwrap();
    let mut out = std::io::stdout();
    for message in (0..=255).cycle().take(200) {
        write(&guard, message, at(0)).unwrap();
        writeln!(out, "accepted {message}").unwrap();
    }
    // Waits for the kill with its files open: nothing is closed in an orderly way.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_killed_process_forgets_nothing_it_answered() {
    let place = Place::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "it::journal::child_that_accepts_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD, place.dir.journal())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answered = |line: &str| line.split("accepted ").nth(1).and_then(|number| number.trim().parse().ok());
    let accepted: Vec<u8> = lines.map_while(Result::ok).filter_map(|line| answered(&line)).take(100).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(accepted.len(), 100);
    let guard = open(&place, 1);
    for message in accepted {
        assert_eq!(write(&guard, message, at(1)), Err(Reject::Replayed), "{message}");
    }
}
