//! Proof files and exports from a log on the disk.

use std::fs;

use countersign_audit_tree::{Claim, SignedHead};
use countersign_core::{AccountId, ApiKeyId, CorrelationId, CredentialId, Purpose, Reject, Timestamp};
use countersign_store::audit::{ProveError, Question, export, prove};
use countersign_store::{AuditEvent, AuditFilter, AuditLog, AuditRecord, AuditTags, AuditText, StoreError};

use super::support::{Place, T0};

const DAY: u64 = 86_400_000_000;

fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(T0.as_micros() + number)
}

fn of_key(number: u64, event: AuditEvent) -> AuditRecord {
    let mut record = AuditRecord::new(at(number), event);
    record.key_id = Some(ApiKeyId::parse("k1").unwrap());
    record.credential = Some(CredentialId::parse("0123456789abcdef0123456789abcdef").unwrap());
    record.account = Some(AccountId::parse("desk-1").unwrap());
    record
}

fn order(number: u64, id: u8) -> AuditRecord {
    let mut record = of_key(number, AuditEvent::Refuse).refusal(&Reject::KeyRevoked.into());
    record.correlation = Some(CorrelationId::from_bytes([id; 16]));
    record.path = Some(AuditText::path("/api/v3/order"));
    record
}

/// A log of two days: an order, the revocation, another order; and the head before the second day.
fn written(place: &Place) -> SignedHead {
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    log.append(order(1, 1)).unwrap();
    log.append(of_key(2, AuditEvent::KeyRevoke)).unwrap();
    let head = log.sign_head().unwrap();
    log.append(order(DAY, 2)).unwrap();
    head
}

fn question(id: u8) -> Question {
    Question::RevokedBefore { key: "k1".to_owned(), decision: CorrelationId::from_bytes([id; 16]) }
}

#[test]
fn a_revocation_before_an_order_is_proved_to_whoever_has_the_public_key() {
    let place = Place::new();
    written(&place);
    let keys = [*place.audit_key().public()];
    let evidence = prove(&place.dir.audit(), &keys, &question(2)).unwrap();
    let verdict = evidence.verify(&keys).unwrap();
    assert_eq!(verdict.claim, Claim::RevokedBefore);
    assert_eq!(verdict.records.iter().map(|record| record.n).collect::<Vec<_>>(), [2, 4]);
    let error = prove(&place.dir.audit(), &keys, &question(1)).unwrap_err();
    assert!(error.to_string().contains("after the decision"), "{error}");
    let missing = prove(&place.dir.audit(), &keys, &question(3));
    assert!(matches!(missing, Err(ProveError::NoRecord(_))), "{missing:?}");
    let unsigned = prove(&place.dir.audit(), &[], &question(2));
    assert!(matches!(unsigned, Err(ProveError::Unsigned)), "{unsigned:?}");
}

/// Two keys of one name, of which the first that is revoked is not the one that the order names.
#[test]
fn the_revocation_that_is_proved_is_that_of_the_key_with_the_orders_purpose() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    let of = |number, event, purpose, credential: Option<&str>| {
        let mut record = of_key(number, event);
        (record.purpose, record.credential) = (purpose, credential.and_then(|id| CredentialId::parse(id).ok()));
        record
    };
    let refused = |number, id, purpose| {
        let mut record = of(number, AuditEvent::Refuse, purpose, None);
        record.correlation = Some(CorrelationId::from_bytes([id; 16]));
        record
    };
    let (bybit, binance) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    log.append(of(1, AuditEvent::KeyRevoke, Some(Purpose::Bybit), Some(bybit))).unwrap();
    log.append(refused(2, 1, Some(Purpose::Binance))).unwrap();
    log.append(of(3, AuditEvent::KeyRevoke, Some(Purpose::Binance), Some(binance))).unwrap();
    log.append(refused(4, 2, Some(Purpose::Binance))).unwrap();
    log.append(refused(5, 3, Some(Purpose::Bybit))).unwrap();
    log.append(refused(6, 4, None)).unwrap();
    log.sign_head().unwrap();
    let keys = [*place.audit_key().public()];
    let asked =
        |id| prove(&place.dir.audit(), &keys, &question(id)).map(|found| found.verify(&keys).unwrap()).map_err(|error| error.to_string());
    let proved = |id| asked(id).unwrap().records[0].text("credential").map(str::to_owned);
    assert_eq!((proved(2).as_deref(), proved(3).as_deref()), (Some(binance), Some(bybit)));
    assert!(asked(1).unwrap_err().contains("after the decision"), "the key of that name that was revoked before is another one");
    assert!(asked(4).unwrap_err().contains("not its purpose"), "a record of an older log");
}

#[test]
fn a_later_log_is_proved_to_have_all_of_an_earlier_one() {
    let place = Place::new();
    let head = written(&place);
    let keys = [*place.audit_key().public()];
    let evidence = prove(&place.dir.audit(), &keys, &Question::Grown(Box::new(head.clone()))).unwrap();
    assert_eq!(evidence.verify(&keys).unwrap().earlier, Some(head.head()));
    let included = prove(&place.dir.audit(), &keys, &Question::Number(0)).unwrap();
    assert_eq!(included.verify(&keys).unwrap().records[0].text("event"), Some("log_file"));
}

#[test]
fn proofs_survive_an_archive_and_not_a_change() {
    let place = Place::new();
    written(&place);
    let keys = [*place.audit_key().public()];
    let first = place.dir.audit().join("audit-20231114.jsonl");
    let whole = fs::read_to_string(&first).unwrap();
    fs::remove_file(&first).unwrap();
    let included = Question::Decision(CorrelationId::from_bytes([2; 16]));
    assert!(prove(&place.dir.audit(), &keys, &included).unwrap().verify(&keys).is_ok());
    assert!(matches!(prove(&place.dir.audit(), &keys, &question(2)), Err(ProveError::NoRecord(_))));
    fs::write(&first, whole.replace("key_revoke", "key_resume")).unwrap();
    assert!(matches!(prove(&place.dir.audit(), &keys, &included), Err(ProveError::Unsound)));
}

#[test]
fn an_export_has_the_tags_of_each_records_own_time() {
    let place = Place::new();
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    let tagged = |number, desk: &str| {
        let mut record = of_key(number, AuditEvent::KeyTags);
        let tags = AuditTags { algo: Some(AuditText::name("twap-3")), desk: Some(AuditText::name(desk)), client: None };
        record.tags = Some(Box::new(tags));
        record
    };
    for record in [order(1, 1), tagged(2, "rates"), order(3, 2), tagged(4, "options"), order(5, 3), order(6, 4)] {
        log.append(record).unwrap();
    }
    drop(log);
    let filter = AuditFilter { event: Some(AuditEvent::Refuse), ..AuditFilter::default() };
    let mut seen = Vec::new();
    export::<StoreError>(&place.dir.audit(), &filter, Some(at(6)), |exported| {
        let desk = exported.tags.get("desk").and_then(serde_json::Value::as_str).map(str::to_owned);
        seen.push((exported.n.unwrap(), desk));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [(1, None), (3, Some("rates".to_owned())), (5, Some("options".to_owned()))]);
}
