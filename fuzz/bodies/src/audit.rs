//! The audit log as somebody may have left it, and proof files as somebody may send them.

use std::sync::Arc;

use countersign_audit_tree::{AuditKey, Evidence, Judge, Place, Report, TreeHead};

/// Signs the seeds.
const SEED: [u8; 32] = [9; 32];

/// A log, line by line. One without a fault is proved by its own root, and by no other.
pub fn audit_log(bytes: &[u8]) {
    let report = judged(bytes, Vec::new());
    let Some(root) = report.root.filter(|_| report.faults_total == 0 && report.records > 0) else { return };
    let head = TreeHead { size: report.size, root, at: 0 };
    let again = judged(bytes, vec![head]);
    assert!(again.faults_total == 0 && again.proved == Some(head), "a log does not fit the head of itself");
    let mut other = *root.as_bytes();
    other[0] ^= 1;
    let head = TreeHead { root: countersign_audit_tree::Hash::from_bytes(other), ..head };
    assert!(judged(bytes, vec![head]).faults_total > 0, "a log fits the head of another");
    let longer = TreeHead { size: report.size + 1, ..head };
    assert!(judged(bytes, vec![longer]).faults_total > 0, "a log fits the head of a longer one");
}

fn judged(bytes: &[u8], heads: Vec<TreeHead>) -> Report {
    let mut judge = Judge::new(heads, true);
    let file: Arc<str> = Arc::from("fuzzed");
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        judge.line(line, &Place { file: Arc::clone(&file), line: number });
    }
    judge.finish(None)
}

/// A proof file. What is read is written again alike; what verifies does not do so under another key.
pub fn audit_evidence(bytes: &[u8]) {
    let Ok(evidence) = Evidence::parse(bytes) else { return };
    let text = serde_json::to_vec(&evidence).expect("evidence is JSON");
    assert_eq!(Evidence::parse(&text).as_ref(), Ok(&evidence), "written and read again it is another");
    let (Ok(key), Ok(other)) = (AuditKey::from_seed(&SEED), AuditKey::from_seed(&[8; 32])) else { return };
    if let Ok(verdict) = evidence.verify(&[*key.public()]) {
        assert!(verdict.records.iter().all(|record| record.n < verdict.head.size), "a record is behind its head");
        assert!(evidence.verify(&[*other.public()]).is_err(), "another key vouches for it");
    }
}
