//! What was in the file is in the server, row by row; and nothing else is touched.

use countersign_core::{CredentialState, Purpose, SessionId};
use countersign_halt::{Action, Halt, HaltClass, HaltId, HaltScope, RaisedBy, Reason};
use countersign_oauth::RevocationTarget;
use countersign_store::migrate::{TableReport, compare, copy};
use countersign_store::{SessionRecord, Store, StoreError};

use super::postgres_server::PostgresServer;
use super::support::{Place, T0, change, desk, hmac, native};

/// A store with something in most of its tables.
async fn lived_in(place: &Place) -> Store {
    let store = place.store_with_account().await;
    let native = store.create_credential(native(1), &change()).await.unwrap();
    store.create_credential(hmac(&"s".repeat(64)), &change()).await.unwrap();
    store.set_state(&native.id, CredentialState::Suspended, &change()).await.unwrap();
    store.refresh_key().await.unwrap();
    for number in 0..3 {
        store.revoke_tokens(RevocationTarget::Token([number; 16]), &change()).await.unwrap();
    }
    let session = |number: u16| SessionRecord {
        sid: SessionId::from_bytes([number.to_be_bytes(); 8].concat().try_into().unwrap()),
        account: desk(),
        credential: native.id.clone(),
        ch: "k1Y".to_owned(),
        contract: "{\"text\":\"Ü\\u0000\"}".to_owned(),
        remote: None,
        created: T0,
        ended: Some(T0),
        end_reason: Some("logout".to_owned()),
        shown: None,
    };
    // More than are read at once.
    store.record_sessions(&(0..1_201).map(session).collect::<Vec<_>>()).await.unwrap();
    let halt = Halt {
        action: Action::Freeze,
        id: HaltId::from_bytes([1; 6]),
        scope: HaltScope::Venue,
        reason: Reason::Runaway,
        text: "words".into(),
        class: HaltClass::Manual,
        by: RaisedBy::Operator("alice".into()),
        at: T0,
        review_by: None,
    };
    let halts = store.open_halts().await.unwrap();
    halts.raise(&halt).await.unwrap();
    halts.record_drill(&halt, ("here", "run")).await.unwrap();
    store
}

#[tokio::test]
async fn everything_is_copied_into_an_empty_postgres_and_is_the_same() {
    let server = PostgresServer::start();
    let (here, mut there) = (Place::new(), Place::on(&server, "target").await);
    let source = lived_in(&here).await;
    there.dir = here.dir.clone();
    let target = there.node("a").await;
    assert!(!compare(&source, &target).await.unwrap().iter().all(TableReport::is_same));
    let copied = copy(&source, &target).await.unwrap();
    assert!(!copied.was_there && copied.tables.iter().all(TableReport::is_same), "{copied:?}");
    let rows = |name: &str| copied.tables.iter().find(|table| table.table == name).unwrap().target_rows;
    assert_eq!((rows("sessions"), rows("credentials"), rows("key_changes"), rows("token_revocations")), (1_201, 2, 3, 3));
    assert_eq!(compare(&source, &target).await.unwrap(), copied.tables);
    assert!(copy(&source, &target).await.unwrap().was_there, "once more is nothing more");

    let secret = target.credentials().await.unwrap().into_iter().find(|record| record.purpose == Purpose::Binance).unwrap();
    assert!(secret.to_credential().is_ok(), "what was sealed opens");
    assert_eq!(target.revoke_tokens(RevocationTarget::Token([9; 16]), &change()).await.unwrap().epoch, 4, "numbers go on");
    assert_eq!(target.refresh_key().await.unwrap().issue(SessionId::from_bytes([1; 16]), 1).0, {
        source.refresh_key().await.unwrap().issue(SessionId::from_bytes([1; 16]), 1).0
    });
    let refused = copy(&source, &target).await.unwrap_err();
    assert!(matches!(refused, StoreError::TargetInUse { .. }), "{refused}");
    let differing: Vec<_> = compare(&source, &target).await.unwrap().into_iter().filter(|table| !table.is_same()).collect();
    assert_eq!(differing.iter().map(|table| (table.table, table.differing)).collect::<Vec<_>>(), [("token_revocations", 1)]);
}

#[tokio::test]
async fn a_postgres_with_anything_in_it_is_not_written_to() {
    let server = PostgresServer::start();
    let (here, mut there) = (Place::new(), Place::on(&server, "taken").await);
    let source = lived_in(&here).await;
    there.dir = here.dir.clone();
    let target = there.node("a").await;
    target.create_account(countersign_core::AccountId::parse("other").unwrap(), "", &change()).await.unwrap();
    assert!(matches!(copy(&source, &target).await, Err(StoreError::TargetInUse { .. })));
    let accounts = target.accounts().await.unwrap();
    assert_eq!(accounts.len(), 1);
    assert!(target.credentials().await.unwrap().is_empty());
}
