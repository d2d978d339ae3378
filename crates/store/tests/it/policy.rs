//! Rotation, policy, states, and that another process's changes are noticed.

use std::time::Duration;

use countersign_core::{Algorithm, ApiKeyId, CredentialId, CredentialState, IpAllowList, Scopes, Timestamp};
use countersign_store::{KeyChangeKind, Material, PolicyUpdate, StoreError, generate_secret};

use super::support::{Place, T0, change, contract, ed25519, hmac, native};

contract!(
    rotation_keeps_the_policy_and_ends_the_old_key_with_the_overlap,
    rotation_never_prolongs_and_is_all_or_nothing,
    policy_changes_are_partial_and_stop_at_revocation,
    refusals_are_explained_where_an_operator_says_so_and_the_purpose_allows,
    the_change_counter_tells_of_every_writer,
);

async fn rotation_keeps_the_policy_and_ends_the_old_key_with_the_overlap(place: Place) {
    let store = place.store_with_account().await;
    let old = store.create_credential(native(1), &change()).await.unwrap();
    let end = T0.saturating_add(Duration::from_secs(3_600));
    let material = Material::PublicKey(ed25519(2), countersign_core::Algorithm::Ed25519);
    let new = store.rotate(&old.id, material, None, end, &change()).await.unwrap();
    assert_ne!(new.id, old.id);
    assert_eq!((new.replaces.as_ref(), &new.scopes, new.not_after), (Some(&old.id), &old.scopes, None));
    assert_eq!(new.key_id, ed25519(2).key_id());
    let kept = store.credential(&old.id).await.unwrap();
    assert_eq!((kept.state, kept.not_after), (CredentialState::Active, Some(end)), "valid until the overlap ends");
    let kinds = |changes: Vec<countersign_store::KeyChange>| changes.into_iter().map(|change| change.kind).collect::<Vec<_>>();
    assert_eq!(kinds(store.key_changes(Some(&old.id), 9).await.unwrap()), [KeyChangeKind::Superseded, KeyChangeKind::Created]);
    assert_eq!(kinds(store.key_changes(Some(&new.id), 9).await.unwrap()), [KeyChangeKind::Rotated]);
}

async fn rotation_never_prolongs_and_is_all_or_nothing(place: Place) {
    let store = place.store_with_account().await;
    let mut short = hmac(&"a".repeat(64));
    short.not_after = Some(T0);
    let old = store.create_credential(short, &change()).await.unwrap();
    let later = T0.saturating_add(Duration::from_secs(60));
    let taken =
        store.rotate(&old.id, Material::Secret(generate_secret(), Algorithm::HmacSha256), Some(old.key_id.clone()), later, &change()).await;
    assert!(matches!(taken, Err(StoreError::NameTaken { .. })));
    assert_eq!((store.credentials().await.unwrap().len(), store.key_changes(None, 9).await.unwrap().len()), (1, 1));
    let named = Some(ApiKeyId::parse("second").unwrap());
    let new = store.rotate(&old.id, Material::Secret(generate_secret(), Algorithm::HmacSha256), named, later, &change()).await.unwrap();
    assert_eq!(new.key_id.as_str(), "second");
    assert_eq!(store.credential(&old.id).await.unwrap().not_after, Some(T0));
    store.set_state(&old.id, CredentialState::Suspended, &change()).await.unwrap();
    let suspended = store.rotate(&old.id, Material::Secret(generate_secret(), Algorithm::HmacSha256), None, later, &change()).await;
    assert!(matches!(suspended, Err(StoreError::NotActive(_))));
}

async fn policy_changes_are_partial_and_stop_at_revocation(place: Place) {
    let store = place.store_with_account().await;
    let made = store.create_credential(native(1), &change()).await.unwrap();
    let update = PolicyUpdate {
        scopes: Some(Scopes::parse("md:read").unwrap()),
        ip_allow: Some(IpAllowList::parse(["198.51.100.7"]).unwrap()),
        not_after: Some(Some(Timestamp::MAX)),
        ..PolicyUpdate::default()
    };
    store.update_policy(&made.id, update.clone(), &change()).await.unwrap();
    let noted = (store.change_counter().await.unwrap(), store.key_changes(None, 9).await.unwrap().len());
    for same in [update, PolicyUpdate::default()] {
        store.update_policy(&made.id, same, &change()).await.unwrap();
    }
    let after = (store.change_counter().await.unwrap(), store.key_changes(None, 9).await.unwrap().len());
    assert_eq!(after, noted, "what is so already is no change");
    let label = PolicyUpdate { label: Some("another".to_owned()), ..PolicyUpdate::default() };
    assert_eq!(store.update_policy(&made.id, label, &change()).await.unwrap().label, "another");
    assert_eq!(store.key_changes(None, 9).await.unwrap().len(), noted.1 + 1);
    let read = store.credential(&made.id).await.unwrap();
    assert_eq!((read.scopes.to_string().as_str(), read.rate, read.min_bind), ("md:read", made.rate, made.min_bind));
    assert!(read.not_after.is_some_and(|end| end > T0), "the far end of time stays far");
    let never = PolicyUpdate { not_after: Some(None), ..PolicyUpdate::default() };
    assert_eq!(store.update_policy(&made.id, never, &change()).await.unwrap().not_after, None);
    store.set_state(&made.id, CredentialState::Revoked, &change()).await.unwrap();
    for state in [CredentialState::Active, CredentialState::Suspended] {
        assert!(matches!(store.set_state(&made.id, state, &change()).await, Err(StoreError::Revoked(_))));
    }
    assert!(matches!(store.update_policy(&made.id, PolicyUpdate::default(), &change()).await, Err(StoreError::Revoked(_))));
    let unknown = CredentialId::parse("cred-unknown").unwrap();
    assert!(matches!(store.set_state(&unknown, CredentialState::Active, &change()).await, Err(StoreError::CredentialUnknown(_))));
}

async fn refusals_are_explained_where_an_operator_says_so_and_the_purpose_allows(place: Place) {
    let store = place.store_with_account().await;
    let made = store.create_credential(hmac(&"a".repeat(64)), &change()).await.unwrap();
    assert!(!made.explain, "off unless somebody says otherwise");
    let switch = |on| PolicyUpdate { explain: Some(on), ..PolicyUpdate::default() };
    assert!(store.update_policy(&made.id, switch(true), &change()).await.unwrap().explain);
    assert!(store.update_policy(&made.id, PolicyUpdate::default(), &change()).await.unwrap().explain, "nothing said, nothing changed");
    assert!(place.store().await.credential(&made.id).await.unwrap().explain);
    let detail = store.key_changes(Some(&made.id), 1).await.unwrap().remove(0).detail;
    assert!(detail.ends_with("refusals explained"), "{detail}");
    let later = T0.saturating_add(Duration::from_secs(60));
    let material = Material::Secret(generate_secret(), Algorithm::HmacSha256);
    let rotated = store.rotate(&made.id, material, None, later, &change()).await.unwrap();
    assert!(rotated.explain, "rotation keeps the policy");
    assert!(!store.update_policy(&rotated.id, switch(false), &change()).await.unwrap().explain);
    let native_key = store.create_credential(native(1), &change()).await.unwrap();
    let refused = store.update_policy(&native_key.id, switch(true), &change()).await;
    assert!(matches!(refused, Err(StoreError::NotExplained { .. })));
    let mut flagged = native(2);
    flagged.explain = true;
    assert!(matches!(store.create_credential(flagged, &change()).await, Err(StoreError::NotExplained { .. })));
}

async fn the_change_counter_tells_of_every_writer(place: Place) {
    let gateway = place.store_with_account().await;
    let start = gateway.change_counter().await.unwrap();
    assert_eq!(gateway.change_counter().await.unwrap(), start, "asking is no change");
    let cli = place.store().await;
    let made = cli.create_credential(native(1), &change()).await.unwrap();
    let after_create = gateway.change_counter().await.unwrap();
    assert!(after_create > start);
    gateway.set_state(&made.id, CredentialState::Suspended, &change()).await.unwrap();
    let after_own = gateway.change_counter().await.unwrap();
    assert!(after_own > after_create, "its own changes count, too");
    assert_eq!(cli.change_counter().await.unwrap(), after_own);
    gateway.end_open_sessions(T0, "test").await.unwrap();
    assert_eq!(gateway.change_counter().await.unwrap(), after_own, "sessions are no change of keys");
}
