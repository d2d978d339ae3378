//! A disk that is full or hangs: what is refused, what waits for it, and what is there when it is back.

use std::fs::File;
use std::os::unix::fs::symlink;

use countersign_core::{CredentialId, Effect, NonceGuard as _, NoncePolicy, Reject, ReplayGuard as _, Timestamp};
use countersign_store::audit::{VerifyOptions, verify};
use countersign_store::{AuditEvent, AuditFilter, AuditLog, AuditRecord, AuditUnavailable, JournaledNonceGuard, JournaledReplayGuard};

use super::replay_contract::{at, id, write};
use super::support::{Place, T0};

fn record(number: u64) -> AuditRecord {
    AuditRecord::new(Timestamp::from_micros(T0.as_micros() + number), AuditEvent::Accept)
}

fn numbers(place: &Place) -> Vec<u64> {
    let tail = AuditLog::tail(&place.dir.audit(), 100, &AuditFilter::default()).unwrap();
    tail.iter().map(|entry| entry.at().as_micros() - T0.as_micros()).collect()
}

/// The file that the audit log of these tests writes, on a disk that is full.
struct Full(std::path::PathBuf);

impl Full {
    fn new(place: &Place, log: &AuditLog) -> Self {
        let file = place.dir.audit().join("audit-20231114.jsonl");
        symlink("/dev/full", &file).unwrap();
        log.append(record(1)).unwrap();
        assert_eq!(log.flush(), Err(AuditUnavailable));
        Self(file)
    }

    fn make_room(self, log: &AuditLog) {
        std::fs::remove_file(self.0).unwrap();
        while log.flush().is_err() {}
    }
}

#[test]
fn what_takes_risk_away_waits_for_a_full_disk() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    let full = Full::new(&place, &log);
    for number in 2..=9 {
        assert_eq!(log.append(record(100 + number)), Err(AuditUnavailable));
        assert_eq!(log.append_waiting(record(number)), Ok(()));
    }
    full.make_room(&log);
    assert_eq!(numbers(&place), (1..=9).collect::<Vec<_>>(), "in their order, and nothing that was refused");
}

#[test]
fn what_waits_for_a_full_disk_is_bounded() {
    const ROOM: usize = 64;
    let place = Place::new();
    let log = AuditLog::open_bounded(&place.dir.audit(), place.audit_key(), ROOM).unwrap();
    let full = Full::new(&place, &log);
    // The writer takes some out of the queue, as many as one batch has bytes for.
    let accepted: Vec<u64> = (2..20_000).take_while(|number| log.append_waiting(record(*number)).is_ok()).collect();
    assert!(accepted.len() >= ROOM && accepted.len() < 19_998, "{}", accepted.len());
    full.make_room(&log);
    let last = numbers(&place).last().copied();
    assert_eq!(last, accepted.last().copied(), "all that were accepted are written");
}

#[test]
fn a_disk_that_hangs_closes_the_log_until_it_answers() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    log.append(record(1)).unwrap();
    log.flush().unwrap();
    let lock = File::options().read(true).write(true).open(place.dir.audit().join("lock")).unwrap();
    lock.lock().unwrap();
    log.append(record(2)).unwrap();
    while log.is_available() {
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    assert_eq!(log.append(record(100)), Err(AuditUnavailable));
    assert_eq!(log.append_waiting(record(3)), Ok(()));
    lock.unlock().unwrap();
    while !log.is_available() {
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    log.append(record(4)).unwrap();
    log.flush().unwrap();
    assert_eq!(numbers(&place), [1, 2, 3, 4]);
    let options = VerifyOptions { keys: vec![*place.audit_key().public()], ..VerifyOptions::default() };
    assert!(verify(&place.dir.audit(), &options).unwrap().is_whole());
}

#[test]
fn journals_do_not_write_to_a_disk_that_is_full() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    let guard = JournaledReplayGuard::open(&place.dir.journal(), at(0)).unwrap().heeding(log.health());
    let cancel = |message| guard.check_and_insert(id(message, 1), Effect::Cancel, at(0).wall, at(0).mono).map_err(|refusal| refusal.reject);
    let full = Full::new(&place, &log);
    assert_eq!(write(&guard, 1, at(0)), Err(Reject::AuditUnavailable));
    assert_eq!(cancel(2), Ok(()));
    assert_eq!(cancel(2), Err(Reject::Replayed), "once all the same");
    full.make_room(&log);
    assert_eq!(write(&guard, 1, at(0)), Ok(()), "it was refused before it was spent");
    assert_eq!(write(&guard, 2, at(0)), Err(Reject::Replayed));
    drop(guard);
    let next = JournaledReplayGuard::open(&place.dir.journal(), at(1)).unwrap();
    assert_eq!(next.recovered(), 1, "only of a cancel a crash would forget");
}

#[test]
fn a_cancel_that_cannot_be_written_down_passes() {
    let place = Place::new();
    let guard = JournaledReplayGuard::open(&place.dir.journal(), at(0)).unwrap();
    for shard in 0..countersign_store::limits::JOURNAL_SHARDS {
        symlink("/dev/full", place.dir.journal().join(format!("replay-{shard:02}-a.journal"))).unwrap();
    }
    assert_eq!(write(&guard, 1, at(0)), Err(Reject::StoreUnavailable));
    assert_eq!(guard.check_and_insert(id(2, 1), Effect::Cancel, at(0).wall, at(0).mono), Ok(()));
}

#[test]
fn nonces_spent_while_a_disk_was_full_are_written_down_when_there_is_room() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    let open = || JournaledNonceGuard::open(&place.dir.journal()).unwrap().heeding(log.health());
    let key = CredentialId::parse("cred-1").unwrap();
    let spend = |guard: &JournaledNonceGuard, nonce, effect| {
        guard.spend(&key, NoncePolicy { window: 8, epoch: 0, floor: 50 }, nonce, effect).map_err(|refusal| refusal.reject)
    };
    let guard = open();
    let full = Full::new(&place, &log);
    assert_eq!(spend(&guard, 100, Effect::Write), Err(Reject::AuditUnavailable));
    assert_eq!(spend(&guard, 101, Effect::Cancel), Ok(()));
    assert_eq!(spend(&guard, 101, Effect::Cancel), Err(Reject::Replayed));
    full.make_room(&log);
    assert_eq!(spend(&guard, 100, Effect::Write), Ok(()), "what was refused was not spent");
    drop(guard);
    let next = open();
    for (nonce, why) in [(100, "written"), (101, "only in memory at first"), (49, "below the floor of the key")] {
        assert_eq!(spend(&next, nonce, Effect::Write), Err(Reject::Replayed), "{why}");
    }
    assert_eq!(spend(&next, 102, Effect::Write), Ok(()));
}
