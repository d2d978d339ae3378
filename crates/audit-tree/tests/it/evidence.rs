//! Proof files: what they show, and that no change of one is believed.

use countersign_audit_tree::evidence::{Earlier, FORMAT, ProvedRecord};
use countersign_audit_tree::proof::consistency;
use countersign_audit_tree::{AuditKey, Claim, Evidence, EvidenceError};
use proptest::prelude::*;

use super::support::{Log, collect, key};

const REVOKED: &str = r#"{"at":20,"event":"key_revoke","key_id":"k1","credential":"cred-1","purpose":"binance"}"#;
const ORDER: &str = r#"{"at":30,"event":"refuse","key_id":"k1","purpose":"binance","method":"POST","reject":"key_revoked"}"#;

fn log() -> Log {
    let mut log = Log::of(1, 2);
    log.push(REVOKED);
    log.record();
    log.push(ORDER);
    log.record();
    log
}

fn evidence(log: &Log, claim: Claim, records: &[usize]) -> Evidence {
    let proved = |n: &usize| ProvedRecord { line: log.line(*n), path: log.path(u64::try_from(*n).unwrap()) };
    Evidence { countersign: FORMAT.to_owned(), claim, records: records.iter().map(proved).collect(), head: log.head(), earlier: None }
}

#[test]
fn a_revocation_before_an_order_is_shown() {
    let log = log();
    let text = serde_json::to_vec(&evidence(&log, Claim::RevokedBefore, &[3, 5])).unwrap();
    let verdict = Evidence::parse(&text).unwrap().verify(&[*key().public()]).unwrap();
    assert_eq!(verdict.records.iter().map(|record| (record.n, record.at)).collect::<Vec<_>>(), [(3, 20), (5, 30)]);
    assert_eq!(verdict.records[1].text("reject"), Some("key_revoked"));
    assert!(!verdict.clock_went_back);
    assert_eq!(verdict.head, log.head().head());
}

/// Hashed, signed and written by Python, from the documentation.
#[test]
fn a_proof_file_that_others_made_is_believed() {
    let text = include_str!("../../../../fuzz/corpus/audit_evidence/signed-revoked-before");
    let verdict = Evidence::parse(text.as_bytes()).unwrap().verify(&[*key().public()]).unwrap();
    assert_eq!((verdict.claim, verdict.records.len(), verdict.head.size), (Claim::RevokedBefore, 2, 3));
}

/// So are the refusals of older logs: their records are in the log still, and claim no more than that.
#[test]
fn a_name_without_a_purpose_shows_no_revocation() {
    let text = include_str!("../../../../fuzz/corpus/audit_evidence/signed-of-no-purpose");
    let mut evidence = Evidence::parse(text.as_bytes()).unwrap();
    let error = evidence.verify(&[*key().public()]).unwrap_err();
    assert!(error.to_string().contains("not its purpose"), "{error}");
    evidence.claim = Claim::Included;
    assert_eq!(evidence.verify(&[*key().public()]).unwrap().records.len(), 2);
}

#[test]
fn keys_of_two_purposes_that_have_one_name_are_two_keys() {
    let mut log = Log::of(1, 2);
    log.push(REVOKED);
    log.push(&ORDER.replace("binance", "bybit"));
    log.push(ORDER);
    log.push(&ORDER.replace(r#""purpose":"binance","#, ""));
    let told =
        |decision| evidence(&log, Claim::RevokedBefore, &[3, decision]).verify(&[*key().public()]).map_err(|error| error.to_string());
    assert!(told(4).unwrap_err().contains("different keys"));
    assert!(told(5).is_ok());
    assert!(told(6).unwrap_err().contains("not its purpose"));
}

#[test]
fn records_that_do_not_show_the_claim_are_refused() {
    let mut log = log();
    log.push(r#"{"at":40,"event":"key_revoke","key_id":"k1","credential":"cred-1","purpose":"binance"}"#);
    log.push(r#"{"at":50,"event":"accept","key_id":"k1","credential":"cred-2"}"#);
    for (records, why) in [
        (&[7, 5][..], "after"),
        (&[5, 3], "no revocation"),
        (&[3, 7], "no decision"),
        (&[3, 4], "different keys"),
        (&[3, 8], "different keys"),
        (&[3], "needs"),
        (&[], "needs"),
    ] {
        let error = evidence(&log, Claim::RevokedBefore, records).verify(&[*key().public()]).unwrap_err();
        assert!(matches!(error, EvidenceError::Claim(_)) && error.to_string().contains(why), "{records:?}: {error}");
    }
    assert!(matches!(evidence(&log, Claim::Included, &[]).verify(&[*key().public()]), Err(EvidenceError::Claim(_))));
    assert!(matches!(evidence(&log, Claim::Grown, &[1]).verify(&[*key().public()]), Err(EvidenceError::Claim(_))));
}

#[test]
fn another_key_another_head_another_record_prove_nothing() {
    let log = log();
    let fine = evidence(&log, Claim::Included, &[3]);
    let keys = [*key().public()];
    assert!(fine.verify(&keys).is_ok());
    assert!(matches!(fine.verify(&[*AuditKey::from_seed(&[1; 32]).unwrap().public()]), Err(EvidenceError::Head(_))));
    let mut other = fine.clone();
    other.head.size += 1;
    assert!(matches!(other.verify(&keys), Err(EvidenceError::Head(_))));
    let mut other = fine.clone();
    other.records[0].line = other.records[0].line.replace("20", "21");
    assert_eq!(other.verify(&keys), Err(EvidenceError::NotIncluded(3)));
    let mut other = fine;
    other.records[0].line = REVOKED.to_owned();
    assert_eq!(other.verify(&keys), Err(EvidenceError::Record(0)));
}

#[test]
fn an_earlier_log_is_the_beginning_of_a_later_one() {
    let mut log = log();
    let first = log.head();
    (0..9).for_each(|_| log.record());
    let path = collect(consistency(first.size, log.tree.size()).unwrap(), &log.leaves).unwrap();
    let mut grown = evidence(&log, Claim::Grown, &[]);
    grown.earlier = Some(Earlier { head: first.clone(), path });
    assert_eq!(grown.verify(&[*key().public()]).unwrap().earlier, Some(first.head()));
    let mut forked = Log::of(1, 6);
    (0..9).for_each(|_| forked.record());
    grown.head = forked.head();
    assert_eq!(grown.verify(&[*key().public()]), Err(EvidenceError::Inconsistent));
}

#[test]
fn what_is_no_proof_file_is_said() {
    for text in ["", "{}", "[]", r#"{"countersign":"audit evidence v2"}"#] {
        assert!(matches!(Evidence::parse(text.as_bytes()), Err(EvidenceError::Format(_))), "{text}");
    }
    let text = serde_json::to_string(&evidence(&log(), Claim::Included, &[3])).unwrap();
    assert!(Evidence::parse(text.replace("evidence v1", "evidence v2").as_bytes()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any byte of the file: it does not parse, does not verify, or says the very same.
    #[test]
    fn no_changed_proof_file_says_anything_else(at in 0_usize..10_000, xor in 1_u8..128) {
        let log = log();
        let fine = evidence(&log, Claim::RevokedBefore, &[3, 5]);
        let mut bytes = serde_json::to_vec(&fine).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= xor;
        if let Ok(verdict) = Evidence::parse(&bytes).and_then(|changed| changed.verify(&[*key().public()])) {
            let said = fine.verify(&[*key().public()]).unwrap();
            prop_assert_eq!((verdict.head, verdict.records), (said.head, said.records));
        }
    }
}
