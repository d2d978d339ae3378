//! Every way to tamper with a log is found and named.

use std::sync::Arc;

use countersign_audit_tree::{Fault, Hash, Judge, Link, Place, Report, TreeHead, leaf_hash};
use proptest::prelude::*;

use super::support::Log;

fn place(file: usize, line: usize) -> Place {
    Place { file: Arc::from(format!("file-{file}")), line: u64::try_from(line).unwrap() }
}

fn judged(files: &[Vec<String>], heads: Vec<TreeHead>, gone: bool, last: Option<(u64, Hash)>) -> Report {
    let mut judge = Judge::new(heads, gone);
    for (number, lines) in files.iter().enumerate() {
        lines.iter().enumerate().for_each(|(line, text)| judge.line(text.as_bytes(), &place(number, line + 1)));
    }
    judge.finish(last)
}

fn heads(log: &Log) -> Vec<TreeHead> {
    vec![log.head().head()]
}

fn judge(log: &Log, whole: &Log) -> Report {
    judged(&log.files, heads(whole), false, None)
}

#[test]
fn a_whole_log_is_proved_to_its_head() {
    let mut log = Log::of(3, 5);
    let head = log.head().head();
    let small = Log::of(1, 2).head().head();
    log.record();
    let report = judged(&log.files, vec![small, head], false, None);
    assert_eq!((report.faults, report.records, report.size), (vec![], 19, 19));
    assert_eq!((report.proved, report.proved_heads, report.root), (Some(head), 2, Some(log.tree.root())));
    assert_eq!(report.begins, Some((0, place(0, 1))));
    assert_eq!(judged(&log.files, vec![], false, None).unsigned(), 19);
}

#[test]
fn a_changed_record_is_named_and_the_rest_is_still_proved() {
    let whole = Log::of(2, 4);
    for n in 0..9 {
        let mut log = whole.clone();
        let (file, line) = (n / 5, n % 5);
        log.files[file][line] = log.files[file][line].replace("\"at\":1", "\"at\":2");
        let report = judge(&log, &whole);
        let changed = Fault::Changed { n: u64::try_from(n).unwrap(), place: place(file, line + 1) };
        assert!(report.faults.contains(&changed), "{n}: {:?}", report.faults);
        assert_eq!(report.proved, Some(whole.head().head()), "{n}: everything else is what the head is of");
    }
}

#[test]
fn a_changed_last_record_is_named_by_what_was_kept_of_it() {
    let whole = Log::of(1, 4);
    let mut log = whole.clone();
    log.files[0][4] = log.files[0][4].replace("accept", "refuse");
    let report = judged(&log.files, heads(&whole), false, Some((5, whole.leaves[4])));
    assert_eq!(report.faults, [Fault::Changed { n: 4, place: place(0, 5) }]);
    let report = judged(&log.files, heads(&whole), false, None);
    assert_eq!(report.faults, [Fault::Rewritten { from: 0, to: 4 }], "without it the head tells that something is");
}

#[test]
fn dropped_records_are_named() {
    let whole = Log::of(2, 4);
    let mut log = whole.clone();
    log.files[0].remove(2);
    let report = judge(&log, &whole);
    assert_eq!(report.faults, [Fault::Missing { from: 2, to: 2, before: place(0, 3) }]);
    assert_eq!(report.proved, Some(whole.head().head()), "the one after it tells the hash of the one that is gone");
    let mut log = whole.clone();
    log.files[0].drain(1..4);
    let report = judge(&log, &whole);
    assert_eq!(report.faults, [Fault::Missing { from: 1, to: 3, before: place(0, 2) }]);
    assert_eq!(report.proved, Some(whole.head().head()), "the second file begins with the tree before it");
    let mut log = whole.clone();
    log.files.remove(0);
    assert_eq!(judge(&log, &whole).faults, [Fault::Missing { from: 0, to: 4, before: place(0, 1) }]);
    let archived = judged(&log.files, heads(&whole), true, None);
    assert_eq!((archived.faults, archived.proved), (vec![], Some(whole.head().head())));
}

#[test]
fn moved_repeated_and_smuggled_records_are_named() {
    let whole = Log::of(1, 6);
    let mut log = whole.clone();
    log.files[0].swap(2, 3);
    let report = judge(&log, &whole);
    assert_eq!(report.faults, [Fault::Moved { n: 2, place: place(0, 4) }]);
    assert_eq!(report.proved, Some(whole.head().head()));
    let mut log = whole.clone();
    let line = log.line(3);
    log.files[0].insert(5, line);
    assert_eq!(judge(&log, &whole).faults, [Fault::Repeated { n: 3, place: place(0, 6) }]);
    let mut log = whole.clone();
    log.files[0].insert(5, r#"{"at":1,"event":"accept"}"#.to_owned());
    assert_eq!(judge(&log, &whole).faults, [Fault::Smuggled { place: place(0, 6) }]);
}

#[test]
fn a_log_that_was_cut_off_is_shorter_than_its_head() {
    let whole = Log::of(2, 4);
    for keep in 0..5 {
        let mut log = whole.clone();
        log.files[1].truncate(keep);
        let from = u64::try_from(5 + keep).unwrap();
        let report = judge(&log, &whole);
        assert_eq!(report.faults, [Fault::CutOff { from, to: 9 }]);
    }
}

#[test]
fn a_log_that_was_written_anew_does_not_fit_its_head() {
    let whole = Log::of(1, 9);
    let mut anew = Log::of(1, 4);
    anew.push(r#"{"at":9,"event":"refuse"}"#);
    (0..4).for_each(|_| anew.record());
    let first = Log::of(1, 3).head().head();
    let report = judged(&anew.files, vec![first, whole.head().head()], false, None);
    assert_eq!(report.faults, [Fault::Rewritten { from: 4, to: 9 }], "the range after the head that still fits");
}

#[test]
fn lines_of_a_crash_and_of_the_time_before_the_chain_are_no_faults() {
    let mut log = Log::of(1, 2);
    log.files[0].insert(0, r#"{"at":1,"event":"start"}"#.to_owned());
    log.files[0].insert(2, r#"{"n":1,"prev":"00"#.to_owned());
    let report = judged(&log.files, vec![], false, None);
    assert_eq!((report.faults, report.before_chain, report.torn), (vec![], 1, vec![place(0, 3)]));
    assert_eq!(report.begins, Some((0, place(0, 2))));
}

#[test]
fn a_file_record_with_another_tree_is_named() {
    let mut log = Log::of(1, 3);
    let peak = log.tree.peaks()[0].to_string();
    log.new_file();
    let last = log.files[1].len() - 1;
    let line = log.files[1][last].replace(&peak, &"ab".repeat(32));
    log.files[1][last] = line;
    log.files[1].truncate(1);
    assert_eq!(judged(&log.files, vec![], false, None).faults, [Fault::Subtrees { n: 4, place: place(1, 1) }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// One byte of one line, anywhere: something is named, and a line near it is.
    #[test]
    fn any_byte_that_is_changed_is_found(records in 2_usize..20, line in 0_usize..20, at in 0_usize..200, xor in 1_u8..128) {
        let whole = Log::of(1, records);
        let mut log = whole.clone();
        let line = line % (records + 1);
        let mut bytes = log.files[0][line].clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= xor;
        let last = (whole.tree.size(), *whole.leaves.last().unwrap());
        let mut judge = Judge::new(heads(&whole), false);
        for (number, text) in log.files[0].iter_mut().enumerate() {
            judge.line(if number == line { &bytes } else { text.as_bytes() }, &place(0, number + 1));
        }
        let report = judge.finish(Some(last));
        prop_assert!(!report.faults.is_empty());
    }

    /// Without the key nobody can make a log that passes for the one that was signed: here every hash is made anew.
    #[test]
    fn a_log_that_is_chained_anew_after_a_change_is_found(records in 1_usize..20, from in 0_usize..20) {
        let whole = Log::of(1, records);
        let mut prev = Hash::ZERO;
        let from = from % (records + 1);
        let lines: Vec<_> = whole.files[0].iter().enumerate().map(|(n, line)| {
            let mut text = line.replace("\"at\":1", if n == from { "\"at\":3" } else { "\"at\":1" });
            let own = Link::parse(text.as_bytes()).unwrap().prev.to_string();
            text = text.replace(&own, &prev.to_string());
            prev = leaf_hash(text.as_bytes());
            text
        }).collect();
        let report = judged(&[lines], heads(&whole), false, Some((whole.tree.size(), prev)));
        prop_assert_eq!(report.faults, [Fault::Rewritten { from: 0, to: u64::try_from(records).unwrap() }]);
    }
}

#[test]
fn an_end_under_no_head_is_a_fault_when_a_writer_would_have_signed_it() {
    let log_until = |last: u64| {
        let mut log = Log::of(1, 3);
        let head = log.head().head();
        log.push(r#"{"at":20000000,"event":"accept"}"#);
        log.push(&format!(r#"{{"at":{last},"event":"accept"}}"#));
        (log, head)
    };
    let (log, head) = log_until(30_000_000);
    assert_eq!(judged(&log.files, vec![head], false, None).faults, vec![], "ten seconds; the pause before is none of its own");
    let (log, head) = log_until(30_000_001);
    let unsigned = Fault::Unsigned { from: 4, to: 5, first: 20_000_000, last: 30_000_001 };
    let report = judged(&log.files, vec![head], false, None);
    assert_eq!((report.unsigned(), report.faults), (2, vec![unsigned.clone()]));
    assert_eq!(unsigned.to_string(), "unsigned: records 4 to 5 are under no signed head");
    assert_eq!(judged(&log.files, vec![head, log.head().head()], false, None).faults, vec![]);
    let (back, head) = log_until(9_999_999);
    assert_eq!(judged(&back.files, vec![head], false, None).faults.len(), 1, "a clock that was set back hides nothing");
    // A head of a longer log is of none of these records: they may be others.
    let (mut longer, head) = log_until(30_000_001);
    longer.record();
    let report = judged(&log.files, vec![head, longer.head().head()], false, None);
    assert_eq!(report.faults, vec![Fault::CutOff { from: 6, to: 6 }, unsigned]);
}

#[test]
fn what_a_start_found_is_named_for_ever() {
    let mut log = Log::of(1, 1);
    log.push(r#"{"at":1,"event":"log_fault","detail":"records 3 to 9 were under no signed head\n"}"#);
    log.push(r#"{"at":1,"event":"refuse","path":"\"event\":\"log_fault\",\"detail\":\"x\""}"#);
    log.record();
    let report = judged(&log.files, vec![log.head().head()], false, None);
    let detail = "records 3 to 9 were under no signed head".to_owned();
    assert_eq!(report.faults, vec![Fault::Found { n: 2, place: place(0, 3), detail }], "and nothing that a client wrote is taken for one");
}
