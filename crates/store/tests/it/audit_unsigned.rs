//! The end of a log that nobody signed: honest writers keep it short, and one that is long stays visible for ever.

use std::fs;
use std::path::PathBuf;

use countersign_audit_tree::link::time_of;
use countersign_audit_tree::{Fault, Link, leaf_hash};
use countersign_core::Timestamp;
use countersign_store::audit::{Verification, VerifyOptions, verify};
use countersign_store::{AuditEvent, AuditLog, AuditRecord};

use super::support::{Place, T0};

const SECOND: u64 = 1_000_000;

fn open(place: &Place) -> AuditLog {
    AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap()
}

fn file(place: &Place, name: &str) -> PathBuf {
    place.dir.audit().join(name)
}

fn log_file(place: &Place) -> PathBuf {
    file(place, "audit-20231114.jsonl")
}

fn append(log: &AuditLog, seconds: u64) {
    log.append(AuditRecord::new(Timestamp::from_micros(T0.as_micros() + seconds * SECOND), AuditEvent::Refuse)).unwrap();
    log.flush().unwrap();
}

fn verified(place: &Place) -> Verification {
    verify(&place.dir.audit(), &VerifyOptions { keys: vec![*place.audit_key().public()], ..VerifyOptions::default() }).unwrap()
}

/// A process that recorded at these times, and left a head.
fn written(times: impl IntoIterator<Item = u64>) -> Place {
    let place = Place::new();
    let log = open(&place);
    times.into_iter().for_each(|seconds| append(&log, seconds));
    drop(log);
    place
}

/// Chains lines from `from` on anew, after `change`, as anybody can who has no key.
fn forge(place: &Place, from: usize, change: impl FnOnce(&mut Vec<String>)) {
    let text = fs::read_to_string(log_file(place)).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    for n in from..lines.len() {
        let members = lines[n].split_once("\",\"at\"").unwrap().1;
        let (body, mut line) = (format!("{{\"at\"{members}"), Vec::new());
        Link { n: u64::try_from(n).unwrap(), prev: leaf_hash(lines[n - 1].as_bytes()) }.write(body.as_bytes(), &mut line);
        lines[n] = String::from_utf8(line).unwrap();
    }
    fs::write(log_file(place), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

/// A log of half an hour, with a head after its third record that somebody signed on demand.
fn half_an_hour() -> Place {
    let place = Place::new();
    let log = open(&place);
    append(&log, 0);
    append(&log, 1);
    log.sign_head().unwrap();
    (2..30).for_each(|minute| append(&log, minute * 60));
    drop(log);
    place
}

#[test]
fn a_forged_end_is_named_before_a_start_and_for_ever_after_it() {
    let place = half_an_hour();
    let heads = fs::read_to_string(file(&place, "heads.jsonl")).unwrap();
    fs::write(file(&place, "heads.jsonl"), heads.split_inclusive('\n').next().unwrap()).unwrap();
    fs::remove_file(file(&place, "checkpoint.json")).unwrap();
    forge(&place, 4, |lines| {
        lines[9] = lines[9].replace("refuse", "accept");
        lines.remove(7);
    });
    let found = verified(&place);
    let unsigned = |fault: &Fault| matches!(fault, Fault::Unsigned { from: 3, to: 29, .. });
    assert!(found.report.faults.iter().any(unsigned) && !found.is_whole(), "{found:?}");
    assert_eq!(found.gone.len(), 1, "the checkpoint");
    let log = open(&place);
    assert_eq!(log.found().len(), 2, "{:?}", log.found());
    let told = "records 3 to 29, 2023-11-14T22:15:20.000000Z to 2023-11-14T22:42:20.000000Z, were under no signed head";
    assert!(log.found().iter().any(|found| found == told), "{:?}", log.found());
    // Nothing else is recorded: a head alone must not hide it.
    let head = log.sign_head().unwrap();
    drop(log);
    assert_eq!(head.size, 32);
    for _ in 0..2 {
        assert!(open(&place).found().is_empty(), "it is told once");
        append(&open(&place), 3_000);
        let found = verified(&place);
        assert_eq!((found.report.unsigned(), found.gone.len()), (0, 0));
        let faults: Vec<_> = found.report.faults.iter().map(ToString::to_string).collect();
        assert!(faults.len() == 2 && faults.iter().all(|fault| fault.starts_with("found at a start: ")), "{faults:?}");
        assert!(faults[1].contains(told) && !found.is_whole(), "{faults:?}");
    }
}

#[test]
fn an_old_checkpoint_that_is_put_back_covers_nothing_newer() {
    let place = Place::new();
    let log = open(&place);
    append(&log, 0);
    let (checkpoint, heads) = (fs::read(file(&place, "checkpoint.json")).unwrap(), file(&place, "heads.jsonl"));
    append(&log, 30);
    append(&log, 60);
    drop(log);
    fs::write(file(&place, "checkpoint.json"), checkpoint).unwrap();
    fs::remove_file(heads).unwrap();
    forge(&place, 3, |lines| lines[2] = lines[2].replace("refuse", "accept"));
    assert!(matches!(verified(&place).report.faults[..], [Fault::Unsigned { from: 2, to: 3, .. }]), "{:?}", verified(&place));
    let log = open(&place);
    assert!(matches!(log.found(), [found] if found.contains("records 2 to 3, ")), "{:?}", log.found());
    append(&log, 61);
    drop(log);
    assert!(matches!(verified(&place).report.faults[..], [Fault::Found { n: 4, .. }]), "{:?}", verified(&place));
}

#[test]
fn heads_that_are_gone_or_of_a_longer_log_are_found_at_a_start() {
    let place = half_an_hour();
    fs::remove_file(file(&place, "heads.jsonl")).unwrap();
    assert_eq!(verified(&place).gone.len(), 1);
    assert!(matches!(open(&place).found(), [found] if found.contains("signed heads are gone")));
    assert!(matches!(verified(&place).report.faults[..], [Fault::Found { .. }]));
    // Cut, with what a checkpoint would tell of it; the head is left.
    let place = half_an_hour();
    fs::remove_file(file(&place, "checkpoint.json")).unwrap();
    forge(&place, 30, |lines| lines.truncate(3));
    assert!(matches!(open(&place).found(), [_, found] if found == "records 3 to 30 were signed and are gone"));
}

#[test]
fn honest_ends_are_whole() {
    // A process that is killed leaves what it wrote, and the checkpoint of a second before.
    for (times, killed_after) in [(vec![0], 0), (vec![0, 3], 1), (vec![0, 3, 3_600], 2), (vec![0, 3_600, 3_603], 2)] {
        let place = written([]);
        let log = open(&place);
        let copy = tempfile::tempdir().unwrap();
        for (number, seconds) in times.iter().enumerate() {
            append(&log, *seconds);
            if number + 1 == killed_after.max(1) {
                for entry in fs::read_dir(place.dir.audit()).unwrap() {
                    let path = entry.unwrap().path();
                    fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
                }
            }
        }
        fs::copy(log_file(&place), copy.path().join("audit-20231114.jsonl")).unwrap();
        let options = VerifyOptions { keys: vec![*place.audit_key().public()], ..VerifyOptions::default() };
        assert!(verify(copy.path(), &options).unwrap().is_whole(), "{times:?}");
        let again = AuditLog::open(copy.path(), place.audit_key()).unwrap();
        assert!(again.found().is_empty(), "{times:?}");
        append(&again, 9_000);
        drop(again);
        assert!(verify(copy.path(), &options).unwrap().is_whole(), "{times:?}");
    }
}

/// What waited while a disk hung is signed before it makes the unsigned end too long, whenever the process is killed.
#[test]
fn no_end_that_a_writer_leaves_is_too_long() {
    let place = written([0]);
    let log = open(&place);
    // All in the queue at once; the writer sleeps meanwhile.
    for minute in 1..=12 {
        let at = Timestamp::from_micros(T0.as_micros() + minute * 60 * SECOND);
        log.append_waiting(AuditRecord::new(at, AuditEvent::Refuse)).unwrap();
    }
    while log.waiting() > 0 {
        std::thread::yield_now();
    }
    let found = verified(&place);
    assert!(found.report.faults.is_empty() && found.gone.is_empty(), "{found:?}");
    drop(log);
    assert!(verified(&place).is_whole());
    let times = fs::read_to_string(log_file(&place)).unwrap();
    assert_eq!(times.lines().filter(|line| time_of(line.as_bytes()).is_some()).count(), 14);
}

/// A full disk takes no new file: a line behind the heads that are there may still fit.
#[test]
fn where_no_checkpoint_can_be_written_a_head_is_kept_before_the_end_is_too_long() {
    let place = written([0]);
    let log = open(&place);
    append(&log, 1);
    let before = fs::read(file(&place, "checkpoint.json")).unwrap();
    let heads = || fs::read_to_string(file(&place, "heads.jsonl")).unwrap().lines().count();
    let kept = heads();
    fs::create_dir(file(&place, ".checkpoint.json.tmp")).unwrap();
    (1..=30).for_each(|minute| append(&log, minute * 60));
    assert_eq!(fs::read(file(&place, "checkpoint.json")).unwrap(), before);
    let found = verified(&place);
    assert!(found.report.faults.is_empty() && found.gone.is_empty(), "{found:?}");
    assert!((kept + 1..kept + 30).contains(&heads()), "as many as are needed, and not one for each record: {}", heads());
}

#[test]
fn the_first_records_are_under_a_head_as_soon_as_anybody_can_read_them() {
    let place = Place::new();
    let log = open(&place);
    log.append(AuditRecord::new(T0, AuditEvent::Start)).unwrap();
    let found = loop {
        let found = verified(&place);
        if !found.empty_log {
            break found;
        }
        std::thread::yield_now();
    };
    assert!(found.is_whole(), "{found:?}");
}
