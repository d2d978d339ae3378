//! Sessions on record.

use countersign_core::{CredentialId, SessionId, Timestamp};
use countersign_store::{SessionRecord, StoreError};

use super::support::{Place, T0, contract, desk};

contract!(
    sessions_are_kept_newest_first_and_end_once,
    a_new_start_ends_what_a_crash_left_open,
    a_contract_is_bounded,
    what_other_nodes_have_open_is_found_with_its_node,
);

fn session(number: u8) -> SessionRecord {
    SessionRecord {
        sid: SessionId::from_bytes([number; 16]),
        account: desk(),
        credential: CredentialId::parse("cred-1").unwrap(),
        ch: "k1Y".to_owned(),
        contract: r#"{"v":1}"#.to_owned(),
        remote: Some("2001:db8::7".parse().unwrap()),
        created: Timestamp::from_micros(T0.as_micros() + u64::from(number)),
        ended: None,
        end_reason: None,
        shown: None,
    }
}

async fn sessions_are_kept_newest_first_and_end_once(place: Place) {
    let store = place.store_with_account().await;
    for number in 1..=3 {
        store.record_session(&session(number)).await.unwrap();
    }
    store.end_session(session(2).sid, T0, "logout").await.unwrap();
    store.end_session(session(2).sid, Timestamp::MAX, "later").await.unwrap();
    let sessions = store.sessions(2).await.unwrap();
    assert_eq!(sessions[0], session(3));
    assert_eq!((sessions[1].ended, sessions[1].end_reason.as_deref()), (Some(T0), Some("logout")), "the first end counts");
    assert!(matches!(store.end_session(SessionId::from_bytes([9; 16]), T0, "x").await, Err(StoreError::SessionUnknown(_))));
}

async fn a_new_start_ends_what_a_crash_left_open(place: Place) {
    let store = place.store_with_account().await;
    for number in 1..=3 {
        store.record_session(&session(number)).await.unwrap();
    }
    store.end_session(session(1).sid, T0, "logout").await.unwrap();
    assert_eq!(store.end_open_sessions(T0, "gateway restarted").await.unwrap(), 2);
    assert_eq!(store.end_open_sessions(T0, "gateway restarted").await.unwrap(), 0);
    let reasons: Vec<_> = store.sessions(9).await.unwrap().into_iter().map(|session| session.end_reason.unwrap()).collect();
    assert_eq!(reasons, ["gateway restarted", "gateway restarted", "logout"]);
}

async fn a_contract_is_bounded(place: Place) {
    let store = place.store_with_account().await;
    let mut long = session(1);
    long.contract = "x".repeat(20_000);
    assert!(matches!(store.record_session(&long).await, Err(StoreError::Field { .. })));
    long.contract.truncate(10);
    store.record_session(&long).await.unwrap();
    let before = store.sessions(9).await.unwrap();
    store.record_session(&long).await.unwrap();
    assert_eq!(store.sessions(9).await.unwrap(), before, "a session is recorded once");
}

async fn what_other_nodes_have_open_is_found_with_its_node(place: Place) {
    let (one, other) = (place.node("a").await, place.node("b").await);
    let of = |number| SessionRecord { shown: Some(format!("{{\"number\":{number}}}")), ..session(number) };
    one.record_sessions(&[of(1), of(2), of(3)]).await.unwrap();
    other.record_session(&of(4)).await.unwrap();
    one.end_session(of(2).sid, T0, "logout").await.unwrap();
    // A file has one gateway: nobody else's sessions are in it.
    let alone = one.notices().is_none();
    let found = other.sessions_elsewhere(9).await.unwrap();
    let expected = if alone { vec![] } else { vec![of(3), of(1)] };
    assert_eq!(found.iter().map(|held| held.session.clone()).collect::<Vec<_>>(), expected);
    assert!(found.iter().all(|held| held.node == "a"));
    assert_eq!(other.sessions_elsewhere(1).await.unwrap().len(), usize::from(!alone));
    let held = other.open_session(of(1).sid).await.unwrap().unwrap();
    assert!(held.session == of(1) && (alone || held.node == "a"));
    assert_eq!(other.open_session(of(2).sid).await.unwrap(), None, "it has ended");
    assert!(alone || other.nodes_with_sessions().await.unwrap() == ["a", "b"]);
    other.record_session(&of(1)).await.unwrap();
    assert!(alone || other.open_session(of(1).sid).await.unwrap().unwrap().node == "b", "it went there");
}
