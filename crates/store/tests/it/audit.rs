//! The audit log: whole lines, in order, bounded, closed when it cannot be kept.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use countersign_core::{AccountId, ApiKeyId, CorrelationId, Detail, Refusal, Reject, Timestamp};
use countersign_store::{AuditEvent, AuditFilter, AuditLog, AuditRecord, AuditText, AuditUnavailable, ChannelParameters};

use super::support::{Place, T0};

fn record(number: u64) -> AuditRecord {
    let mut record = AuditRecord::new(Timestamp::from_micros(T0.as_micros() + number), AuditEvent::Accept);
    record.account = Some(AccountId::parse(&format!("desk-{}", number % 3)).unwrap());
    record
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn tail(folder: &Path, count: usize) -> Vec<u64> {
    AuditLog::tail(folder, count, &AuditFilter::default()).unwrap().iter().map(|entry| entry.at().as_micros() - T0.as_micros()).collect()
}

#[test]
fn a_line_says_everything_and_no_more() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    let mut refused = record(1).refusal(&Refusal::with(Reject::ScopeMissing, Detail::Names(vec!["order:write".to_owned()])));
    refused.event = AuditEvent::Refuse;
    refused.key_id = Some(ApiKeyId::parse("k\"ey").unwrap());
    refused.correlation = Some(CorrelationId::from_bytes([0; 16]));
    refused.remote = Some("192.0.2.1".parse().unwrap());
    refused.route = Some("orders".into());
    refused.method = Some("POST");
    refused.path = Some(AuditText::path("/api/v3/order?signature=00ff"));
    refused.status = Some(403);
    refused.channel =
        Some(Arc::new(ChannelParameters { tls: Some("TLSv1_3"), alpn: Some(AuditText::name("h2")), ..ChannelParameters::default() }));
    log.append(refused).unwrap();
    log.append(AuditRecord::new(T0, AuditEvent::Start).words("first start")).unwrap();
    assert!(log.waiting() <= 2);
    log.flush().unwrap();
    assert_eq!(log.waiting(), 0);
    let text = std::fs::read_to_string(place.dir.audit().join("audit-20231114.jsonl")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "a file begins with a record of its own");
    let leaf = |number: usize| countersign_audit_tree::leaf_hash(lines[number].as_bytes());
    assert_eq!(lines[0], format!(r#"{{"n":0,"prev":"{}","at":1700000000000001,"event":"log_file","tree":[]}}"#, "0".repeat(64)));
    assert_eq!(
        lines[1],
        format!(
            concat!(
                r#"{{"n":1,"prev":"{}","at":1700000000000001,"event":"refuse","correlation":"AAAAAAAAAAAAAAAAAAAAAA","account":"desk-1","#,
                r#""key_id":"k\"ey","route":"orders","remote":"192.0.2.1","method":"POST","path":"/api/v3/order","status":403,"#,
                r#""reject":"scope_missing","detail":"order:write","channel":{{"tls":"TLSv1_3","alpn":"h2","resumed":false}}}}"#,
            ),
            leaf(0)
        )
    );
    assert_eq!(lines[2], format!(r#"{{"n":2,"prev":"{}","at":1700000000000000,"event":"start","detail":"first start"}}"#, leaf(1)));
    let mode = std::fs::metadata(place.dir.audit().join("audit-20231114.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn records_of_many_threads_are_whole_lines_and_all_there() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = log.clone();
            scope.spawn(move || (0..2_500).for_each(|number| log.append(record(thread * 2_500 + number)).unwrap()));
        }
    });
    drop(log);
    let mut all = tail(&place.dir.audit(), usize::MAX);
    all.sort_unstable();
    assert_eq!(all, (0..10_000).collect::<Vec<_>>(), "the last owner writes what is left");
}

#[test]
fn a_new_day_is_a_new_file_and_the_clock_never_goes_back() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    let day = 86_400_000_000;
    for number in [1, 2, day, day + 1, 3, 2 * day] {
        log.append(record(number)).unwrap();
    }
    log.flush().unwrap();
    let days: Vec<_> = names(&place.dir.audit()).into_iter().filter(|name| name.starts_with("audit-")).collect();
    assert_eq!(days, ["audit-20231114.jsonl", "audit-20231115.jsonl", "audit-20231116.jsonl"]);
    assert_eq!(tail(&place.dir.audit(), 9), [1, 2, day, day + 1, 3, 2 * day]);
    assert_eq!(tail(&place.dir.audit(), 3), [day + 1, 3, 2 * day]);
    let since = AuditFilter { since: Some(Timestamp::from_micros(T0.as_micros() + day + 1)), ..AuditFilter::default() };
    assert_eq!(AuditLog::tail(&place.dir.audit(), 9, &since).unwrap().len(), 2);
}

#[test]
fn a_full_queue_refuses_and_loses_nothing() {
    let place = Place::new();
    let log = AuditLog::open_bounded(&place.dir.audit(), place.audit_key(), 4).unwrap();
    let outcomes: Vec<_> = (0..200_000).map(|number| (number, log.append(record(number)))).collect();
    assert!(outcomes.iter().any(|(_, outcome)| *outcome == Err(AuditUnavailable)), "four places are soon taken");
    log.flush().unwrap();
    let accepted: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(number, _)| *number).collect();
    assert_eq!(tail(&place.dir.audit(), usize::MAX), accepted);
}

#[test]
fn a_full_disk_closes_the_log_until_there_is_room() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    let file = place.dir.audit().join("audit-20231114.jsonl");
    symlink("/dev/full", &file).unwrap();
    log.append(record(1)).unwrap();
    assert_eq!(log.flush(), Err(AuditUnavailable));
    assert!(!log.is_available());
    assert_eq!(log.append(record(2)), Err(AuditUnavailable));
    assert_eq!(Reject::from(AuditUnavailable), Reject::AuditUnavailable);
    std::fs::remove_file(&file).unwrap();
    while log.flush().is_err() {}
    assert!(log.is_available());
    log.append(record(3)).unwrap();
    log.flush().unwrap();
    assert_eq!(tail(&place.dir.audit(), 9), [1, 3], "what was accepted before is kept, what was refused is not there");
}

#[test]
fn closing_on_a_full_disk_ends() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    symlink("/dev/full", place.dir.audit().join("audit-20231114.jsonl")).unwrap();
    log.append(record(1)).unwrap();
    drop(log);
}

#[test]
fn a_line_torn_by_a_crash_is_skipped_and_not_continued() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    log.append(record(1)).unwrap();
    drop(log);
    let file = place.dir.audit().join("audit-20231114.jsonl");
    let mut text = std::fs::read(&file).unwrap();
    text.extend_from_slice(b"{\"at\":17000000");
    std::fs::write(&file, &text).unwrap();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    log.append(record(2)).unwrap();
    drop(log);
    assert_eq!(tail(&place.dir.audit(), 9), [1, 2]);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 4, "the file's own record, two of ours and the torn one");
}

#[test]
fn the_tail_is_found_in_large_files_and_by_any_field() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    for number in 0..20_000 {
        let mut entry = record(number);
        if number % 1_000 == 7 {
            entry = entry.refusal(&Reject::Replayed.into());
            entry.event = AuditEvent::Refuse;
        }
        log.append(entry).unwrap();
    }
    log.flush().unwrap();
    assert_eq!(tail(&place.dir.audit(), 3), [19_997, 19_998, 19_999]);
    let find = |filter: AuditFilter| AuditLog::tail(&place.dir.audit(), usize::MAX, &filter).unwrap();
    assert_eq!(find(AuditFilter { event: Some(AuditEvent::Refuse), ..AuditFilter::default() }).len(), 20);
    assert_eq!(find(AuditFilter { reject: Some(Reject::Replayed), ..AuditFilter::default() }).len(), 20);
    let desk = find(AuditFilter { account: Some(AccountId::parse("desk-0").unwrap()), ..AuditFilter::default() });
    assert_eq!((desk.len(), desk[0].text("account")), (6_667, Some("desk-0")));
    assert!(find(AuditFilter { correlation: Some(CorrelationId::from_bytes([1; 16])), ..AuditFilter::default() }).is_empty());
    assert!(AuditLog::tail(&place.dir.path().join("none"), 1, &AuditFilter::default()).is_err());
}

#[test]
fn a_folder_that_cannot_be_written_is_said_at_the_start() {
    let place = Place::new();
    std::fs::write(place.dir.audit(), b"a file in the way").unwrap();
    assert!(AuditLog::open(&place.dir.audit(), place.audit_key()).is_err());
}

#[test]
fn a_refusal_shows_the_operator_sentence_without_its_label() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    log.append(record(1).refusal(&Refusal::operator(Reject::WrongAlgorithm, "the key is: not this"))).unwrap();
    log.append(record(2).refusal(&Reject::UnknownKey.into())).unwrap();
    log.flush().unwrap();
    let entries = AuditLog::tail(&place.dir.audit(), 2, &AuditFilter::default()).unwrap();
    assert_eq!((entries[0].text("reject"), entries[0].text("detail")), (Some("wrong_algorithm"), Some("the key is: not this")));
    assert_eq!((entries[1].text("reject"), entries[1].text("detail")), (Some("unknown_key"), None));
}
