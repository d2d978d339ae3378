//! The copy of an audit log in the database: the same bytes, however often it was interrupted, and nobody edits it.

use std::collections::BTreeMap;
use std::path::Path;

use countersign_audit_tree::Fault;
use countersign_core::Timestamp;
use countersign_store::audit::{AuditEvent, AuditLog, AuditRecord, AuditShipper, VerifyOptions, verify};

use super::postgres_server::PostgresServer;
use super::support::{Place, T0};

fn write(place: &Place, from: u64, count: u64) {
    let log = AuditLog::open(&place.dir.audit(), place.audit_key()).unwrap();
    for number in from..from + count {
        // At first half an hour apart: more than one day, so more than one file.
        let at = Timestamp::from_micros(T0.as_micros() + number.min(150) * 1_800_000_000 + number);
        log.append(AuditRecord::new(at, AuditEvent::AccountNew).words("a test")).unwrap();
        // Not all at once: how long a flush may take is bounded.
        if number % 500 == 0 {
            log.flush().unwrap();
        }
    }
    log.flush().unwrap();
}

/// Files of the log, without what is not part of it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".jsonl")).map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

async fn ship_all(shipper: &mut AuditShipper) {
    while !shipper.ship().await.unwrap() {}
}

#[tokio::test]
async fn the_copy_in_postgres_is_the_log_byte_for_byte() {
    let server = PostgresServer::start();
    let mut place = Place::on(&server, "copies").await;
    let (one, other) = (place.node("east-1").await, place.node("east-2").await);
    write(&place, 0, 100);
    let folder = place.dir.audit();
    let mut shipper = one.audit_shipper(&folder).unwrap();
    ship_all(&mut shipper).await;
    write(&place, 100, 30);
    ship_all(&mut shipper).await;
    // A process that starts again, and two that copy at once.
    write(&place, 130, 6_000);
    let (mut again, mut twice) = (one.audit_shipper(&folder).unwrap(), one.audit_shipper(&folder).unwrap());
    tokio::join!(ship_all(&mut again), ship_all(&mut twice));
    let out = place.folder.path().join("fetched");
    let lines = other.fetch_audit("east-1", &out).await.unwrap();
    assert!(lines > 6_130, "{lines}");
    assert_eq!(files(&out), files(&folder));
    let options = VerifyOptions { keys: vec![*place.audit_key().public()], ..VerifyOptions::default() };
    let found = verify(&out, &options).unwrap();
    assert!(found.is_whole() && found.report.size > 6_130, "{found:?}");
    // Of a copy without the heads of the checkpoints nobody could tell who wrote its end.
    let hour = || T0.as_micros() + 200 * 1_800_000_000;
    let log = AuditLog::open(&folder, place.audit_key()).unwrap();
    for micros in [0, 60_000_000] {
        log.append(AuditRecord::new(Timestamp::from_micros(hour() + micros), AuditEvent::AccountNew).words("a test")).unwrap();
        log.flush().unwrap();
    }
    ship_all(&mut again).await;
    let out = place.folder.path().join("fetched while it ran");
    other.fetch_audit("east-1", &out).await.unwrap();
    assert!(verify(&out, &options).unwrap().is_whole());
    std::fs::remove_file(out.join("HEADS.copied")).unwrap();
    let found = verify(&out, &options).unwrap();
    assert!(matches!(found.report.faults[..], [Fault::Unsigned { .. }]) && !found.is_whole(), "{found:?}");
    drop(log);
    assert!(other.fetch_audit("east-1", &out).await.is_err(), "nothing is overwritten");
    assert_eq!(other.fetch_audit("nobody", &place.folder.path().join("none")).await.unwrap(), 0);
    for edit in ["UPDATE audit_lines SET line = 'x'", "DELETE FROM audit_lines", "TRUNCATE audit_lines"] {
        assert!(place.edit(edit).await.is_err(), "{edit}");
    }
}

#[tokio::test]
async fn what_waits_while_postgres_is_gone_is_copied_later() {
    let mut server = PostgresServer::start();
    let place = Place::on(&server, "waits").await;
    let store = place.node("east-1").await;
    let mut shipper = store.audit_shipper(&place.dir.audit()).unwrap();
    write(&place, 0, 10);
    ship_all(&mut shipper).await;
    server.stop();
    write(&place, 10, 10);
    assert!(shipper.ship().await.unwrap_err().is_infrastructure());
    assert!(shipper.ship().await.is_err());
    server.start_again();
    ship_all(&mut shipper).await;
    let out = place.folder.path().join("fetched");
    store.fetch_audit("east-1", &out).await.unwrap();
    assert_eq!(files(&out), files(&place.dir.audit()));
}

#[tokio::test]
async fn a_name_in_postgres_that_is_a_path_writes_nowhere() {
    let server = PostgresServer::start();
    let mut place = Place::on(&server, "paths").await;
    let store = place.node("east-1").await;
    place.edit("INSERT INTO audit_lines VALUES ('east-1', '../escaped', 0, 2, 'x')").await.unwrap();
    let out = place.folder.path().join("fetched");
    assert!(store.fetch_audit("east-1", &out).await.is_err());
    assert!(!place.folder.path().join("escaped").exists());
}
