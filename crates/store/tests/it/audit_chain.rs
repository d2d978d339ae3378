//! The chain of the log: across starts, processes, days and crashes; and every way to tamper with its files.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_audit_tree::{Fault, SignedHead};
use countersign_core::Timestamp;
use countersign_store::audit::{Verification, VerifyOptions, verify};
use countersign_store::{AuditEvent, AuditFilter, AuditLog, AuditRecord};

use super::support::{Place, T0};

const DAY: u64 = 86_400_000_000;

fn record(number: u64) -> AuditRecord {
    AuditRecord::new(Timestamp::from_micros(T0.as_micros() + number), AuditEvent::Accept)
}

fn open(place: &Place) -> AuditLog {
    AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap()
}

/// Writes these records and closes the log.
fn write(place: &Place, numbers: impl IntoIterator<Item = u64>) {
    let log = open(place);
    numbers.into_iter().for_each(|number| log.append(record(number)).unwrap());
}

fn day(place: &Place, number: u64) -> PathBuf {
    place.dir.audit().join(format!("audit-{}.jsonl", 20_231_114 + number))
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn put(path: &Path, lines: &[String]) {
    fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

fn verified(place: &Place) -> Verification {
    verified_with(place, VerifyOptions::default())
}

fn verified_with(place: &Place, options: VerifyOptions) -> Verification {
    let options = VerifyOptions { keys: vec![*place.audit_key().public()], ..options };
    verify(&place.dir.audit(), &options).unwrap()
}

fn faults(place: &Place) -> Vec<String> {
    verified(place).report.faults.iter().map(|fault| fault.to_string().split(':').next().unwrap().to_owned()).collect()
}

#[test]
fn a_log_of_many_starts_and_days_is_one_chain() {
    let place = Place::new();
    for start in 0..4 {
        write(&place, [start * DAY / 2, start * DAY / 2 + 1]);
    }
    let found = verified(&place);
    assert!(found.is_whole(), "{found:?}");
    // Eight records and one for each of three days.
    assert_eq!((found.report.size, found.report.unsigned()), (11, 0));
    // A head at each close, and the checkpoint.
    assert_eq!(found.report.proved_heads, 5);
}

#[test]
fn two_processes_write_one_chain() {
    let place = Place::new();
    let (one, other) = (open(&place), open(&place));
    std::thread::scope(|scope| {
        for (log, from) in [(&one, 0), (&other, 1_000)] {
            scope.spawn(move || {
                for number in from..from + 40 {
                    log.append(record(number)).unwrap();
                    log.flush().unwrap();
                }
            });
        }
    });
    // One is a day ahead of the other: both go on in the later file.
    one.append(record(DAY)).unwrap();
    one.flush().unwrap();
    other.append(record(2_000)).unwrap();
    drop((one, other));
    let found = verified(&place);
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.report.size, lines(&day(&place, 1)).len()), (84, 3));
}

#[test]
fn a_crash_at_any_byte_leaves_a_log_that_goes_on() {
    let place = Place::new();
    write(&place, [1]);
    let kept = |name: &str| fs::read(place.dir.audit().join(name)).unwrap();
    let (before, checkpoint, heads, key) =
        (kept("audit-20231114.jsonl"), kept("checkpoint.json"), kept("heads.jsonl"), kept("../audit-key.pem"));
    write(&place, [2]);
    let whole = kept("audit-20231114.jsonl");
    for length in before.len()..=whole.len() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        put("audit-20231114.jsonl", &whole[..length]);
        if length % 2 == 0 {
            // The process before lived long enough to leave a checkpoint.
            put("checkpoint.json", &checkpoint);
            put("heads.jsonl", &heads);
        }
        let key = || countersign_audit_tree::AuditKey::from_pem(&key).unwrap();
        let log = AuditLog::open(folder.path(), key()).unwrap();
        assert!(!log.was_cut());
        log.append(record(3)).unwrap();
        drop(log);
        let found = verify(folder.path(), &VerifyOptions { keys: vec![*key().public()], ..VerifyOptions::default() }).unwrap();
        assert!(found.is_whole(), "{length} of {}: {found:?}", whole.len());
        let survived = length + 1 >= whole.len();
        assert_eq!(found.report.size, if survived { 4 } else { 3 }, "{length} of {}", whole.len());
        let torn = usize::from(!survived && length > before.len());
        assert_eq!(found.report.torn.len(), torn, "{length} of {}", whole.len());
    }
}

#[test]
fn a_torn_or_foreign_checkpoint_is_not_believed() {
    let place = Place::new();
    write(&place, [1, DAY]);
    let path = place.dir.audit().join("checkpoint.json");
    let whole = fs::read_to_string(&path).unwrap();
    for text in [&whole[..whole.len() / 2], "", &whole.replace("\"size\":4", "\"size\":3")] {
        fs::write(&path, text).unwrap();
        write(&place, [DAY + 1]);
    }
    let found = verified(&place);
    assert!(found.is_whole(), "{found:?}");
    assert_eq!(found.report.size, 7);
}

#[test]
fn a_log_from_before_the_chain_goes_on_with_a_marked_beginning() {
    let place = Place::new();
    write(&place, []);
    let old = [r#"{"at":1700000000000000,"event":"start"}"#.to_owned(), r#"{"at":1700000000000001,"event":"accept"}"#.to_owned()];
    put(&day(&place, 0), &old);
    write(&place, [2, 3]);
    let all = lines(&day(&place, 0));
    assert_eq!((all.len(), &all[..2]), (5, &old[..]));
    assert!(all[2].contains("\"event\":\"log_file\""));
    let found = verified(&place);
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.report.before_chain, found.report.begins.unwrap().1.line), (2, 3));
    assert_eq!(AuditLog::tail(&place.dir.audit(), 9, &AuditFilter::default()).unwrap().len(), 4, "old and new are shown alike");
}

#[test]
fn tampering_is_named_with_its_line() {
    let place = Place::new();
    write(&place, 1..=6);
    let path = day(&place, 0);
    let whole = lines(&path);
    let tampered = |change: &dyn Fn(&mut Vec<String>)| {
        let mut all = whole.clone();
        change(&mut all);
        put(&path, &all);
        let found = verified(&place);
        let faults: Vec<_> = found.report.faults.iter().map(ToString::to_string).collect();
        (faults, found)
    };
    let (faults, found) = tampered(&|all| all[3] = all[3].replace("accept", "refuse"));
    assert_eq!(faults, ["changed: record 3 (audit-20231114.jsonl line 4) is not what was written"]);
    assert_eq!(found.named[0].entry.as_ref().unwrap().text("event"), Some("refuse"));
    let (faults, _) = tampered(&|all| all[6] = all[6].replace("accept", "refuse"));
    assert_eq!(faults, ["changed: record 6 (audit-20231114.jsonl line 7) is not what was written"], "the last one too");
    let (faults, _) = tampered(&|all| drop(all.remove(2)));
    assert_eq!(faults, ["missing: record 2 is before audit-20231114.jsonl line 3"]);
    let (faults, _) = tampered(&|all| all.swap(2, 4));
    assert!(faults.contains(&"moved: record 2 stands at audit-20231114.jsonl line 5, behind later ones".to_owned()), "{faults:?}");
    let (faults, _) = tampered(&|all| all.truncate(5));
    assert_eq!(faults, ["cut off: records 5 to 6 are gone from the end"]);
    let (faults, _) = tampered(&Vec::clear);
    assert_eq!(faults, ["cut off: records 0 to 6 are gone from the end"]);
    let (faults, _) = tampered(&|all| all.insert(4, r#"{"at":1,"event":"accept"}"#.to_owned()));
    assert_eq!(faults, ["smuggled in: audit-20231114.jsonl line 5 is a record outside the chain"]);
    let (faults, found) = tampered(&|_| {});
    assert!(faults.is_empty() && found.is_whole());
}

#[test]
fn a_log_that_was_cut_while_nobody_wrote_it_shows_the_hole_for_ever() {
    let place = Place::new();
    write(&place, 1..=6);
    let path = day(&place, 0);
    put(&path, &lines(&path)[..4]);
    let log = open(&place);
    assert!(log.was_cut());
    log.append(record(7)).unwrap();
    drop(log);
    assert!(lines(&path)[4].contains("\"event\":\"log_gap\""));
    write(&place, [DAY, DAY + 1]);
    let found = verified(&place);
    let hole = |fault: &Fault| matches!(fault, Fault::Missing { from: 4, to: 6, .. });
    assert!(found.report.faults.iter().any(hole) && found.report.faults_total == 1, "{found:?}");
    assert!(!open(&place).was_cut(), "it is told once");
}

#[test]
fn a_log_that_is_cut_under_a_running_gateway_shows_the_hole() {
    let place = Place::new();
    let log = open(&place);
    (1..=6).for_each(|number| log.append(record(number)).unwrap());
    log.flush().unwrap();
    let path = day(&place, 0);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(fs::metadata(&path).unwrap().len() / 2).unwrap();
    log.append(record(7)).unwrap();
    log.flush().unwrap();
    drop(log);
    assert_eq!(faults(&place), ["missing"]);
    let place = Place::new();
    let log = open(&place);
    log.append(record(1)).unwrap();
    log.flush().unwrap();
    fs::remove_file(day(&place, 0)).unwrap();
    log.append(record(2)).unwrap();
    log.flush().unwrap();
    drop(log);
    assert_eq!(lines(&day(&place, 0)).len(), 3, "a new file: its beginning, the hole, the record");
    assert_eq!(faults(&place), ["missing"]);
}

#[test]
fn heads_that_others_signed_or_nobody_are_told() {
    let place = Place::new();
    write(&place, 1..=3);
    let heads = place.dir.audit().join("heads.jsonl");
    let whole = fs::read_to_string(&heads).unwrap();
    fs::write(&heads, whole.replace("\"size\":4", "\"size\":3")).unwrap();
    assert_eq!(verified(&place).bad_heads, ["heads.jsonl line 1"]);
    fs::remove_file(&heads).unwrap();
    let found = verified(&place);
    assert_eq!(
        (found.report.faults_total, found.gone.len(), found.is_whole()),
        (0, 1, false),
        "the checkpoint proves all, and tells of others"
    );
    fs::remove_file(place.dir.audit().join("checkpoint.json")).unwrap();
    let found = verified(&place);
    assert!(found.unsigned_log && !found.is_whole());
}

#[test]
fn a_log_that_is_gone_is_not_whole() {
    let place = Place::new();
    write(&place, 1..=3);
    for entry in fs::read_dir(place.dir.audit()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let found = verified(&place);
    assert!(found.empty_log && !found.is_whole());
}

#[test]
fn a_head_that_was_kept_elsewhere_finds_what_the_folder_hides() {
    let place = Place::new();
    write(&place, 1..=6);
    let log = open(&place);
    let held: SignedHead = log.sign_head().unwrap();
    drop(log);
    // Somebody cuts the log and removes everything in the folder that says so.
    let path = day(&place, 0);
    put(&path, &lines(&path)[..3]);
    fs::remove_file(place.dir.audit().join("checkpoint.json")).unwrap();
    fs::remove_file(place.dir.audit().join("heads.jsonl")).unwrap();
    write(&place, []);
    let log = open(&place);
    log.append(record(9)).unwrap();
    drop(log);
    assert!(verified(&place).is_whole(), "the folder alone looks fine");
    let found = verified_with(&place, VerifyOptions { held: vec![held], ..VerifyOptions::default() });
    assert!(matches!(found.report.faults[..], [Fault::CutOff { from: 4, to: 6 }]), "{found:?}");
}

#[test]
fn files_of_past_days_can_be_moved_to_an_archive() {
    let place = Place::new();
    write(&place, [1, 2]);
    write(&place, [DAY]);
    fs::remove_file(day(&place, 0)).unwrap();
    assert_eq!(faults(&place), ["missing"]);
    let archived = || verified_with(&place, VerifyOptions { archived: true, ..VerifyOptions::default() });
    assert!(archived().is_whole(), "{:?}", archived());
    write(&place, [DAY + 1, 2 * DAY]);
    assert!(archived().is_whole(), "{:?}", archived());
    fs::write(place.dir.audit().join("checkpoint.json"), "").unwrap();
    write(&place, [2 * DAY + 1]);
    assert!(archived().is_whole(), "the end is found without a checkpoint: {:?}", archived());
}

#[test]
fn a_full_disk_tears_no_chain() {
    let place = Place::new();
    write(&place, [1]);
    let log = open(&place);
    let path = day(&place, 1);
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    log.append(record(DAY)).unwrap();
    assert!(log.flush().is_err() && !log.is_available());
    fs::remove_file(&path).unwrap();
    while log.flush().is_err() {}
    log.append(record(DAY + 1)).unwrap();
    drop(log);
    let found = verified(&place);
    assert!(found.is_whole(), "{found:?}");
    assert_eq!(found.report.size, 5);
}

#[test]
fn the_audit_key_is_made_once_and_missed_when_it_is_gone() {
    let place = Place::new();
    let key = place.audit_key();
    assert_eq!(place.audit_key().public(), key.public());
    let public = countersign_store::audit::read_public_key(&place.dir.audit_public_key()).unwrap();
    assert_eq!(public, *key.public());
    write(&place, [1]);
    fs::remove_file(place.dir.audit_key()).unwrap();
    let error = place.dir.load_or_create_audit_key().unwrap_err().to_string();
    assert!(error.contains("is missing") && error.contains("backup"), "{error}");
    fs::write(place.dir.audit_key(), "nonsense").unwrap();
    let error = place.dir.load_or_create_audit_key().unwrap_err().to_string();
    assert!(error.contains("can be used by others") || error.contains("damaged"), "{error}");
}
