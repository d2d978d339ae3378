//! Families of refresh tokens and revocations on record.

use std::time::Duration;

use countersign_core::{ApiKeyId, CredentialId, Purpose, Refusal, Reject, Scopes, SessionId, Timestamp};
use countersign_oauth::{Confirmation, Family, RefreshKey, RevocationTarget, Thumbprint};
use countersign_store::{Change, Presented, Store};

use super::support::{Place, T0, contract, desk};

contract!(
    a_family_reads_back_and_rotates,
    a_second_use_ends_the_family_and_is_remembered,
    whoever_may_not_ask_changes_nothing,
    of_parallel_uses_there_is_one_successor,
    revocations_have_their_order_and_end_families,
    a_family_of_a_key_whose_tokens_were_revoked_meanwhile_is_not_opened,
    one_family_too_many_ends_the_one_that_slept_longest,
);

fn sid(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

fn credential() -> CredentialId {
    CredentialId::parse("cred-1").unwrap()
}

fn after(seconds: u64) -> Timestamp {
    T0.saturating_add(Duration::from_secs(seconds))
}

fn family(key: &RefreshKey, number: u8) -> Family {
    Family {
        sid: sid(number),
        credential: credential(),
        account: desk(),
        key_id: ApiKeyId::parse("key").unwrap(),
        purpose: Purpose::Native,
        scopes: Scopes::parse("md:read order:write").unwrap(),
        audience: "https://gw".to_owned(),
        cnf: Confirmation { jkt: Some(Thumbprint::new([3; 32])), ..Confirmation::default() },
        generation: 1,
        current: key.issue(sid(number), 1).1.hash,
        previous: None,
        rotated: after(u64::from(number)),
        created: after(u64::from(number)),
        ends: after(7 * 86_400),
        revoked: None,
    }
}

async fn present(store: &Store, key: &RefreshKey, generation: u32, at: u64) -> Presented {
    let (ticket, next) = (key.issue(sid(1), generation).1, key.issue(sid(1), generation + 1).1);
    store.present_refresh(&ticket, &next, after(at), |_| Ok(())).await.unwrap()
}

async fn a_family_reads_back_and_rotates(place: Place) {
    let store = place.store_with_account().await;
    let key = store.refresh_key().await.unwrap();
    let made = family(&key, 1);
    assert!(store.open_family(&made, 0).await.unwrap().unwrap().is_empty());
    assert_eq!(store.family(sid(1)).await.unwrap(), Some(made.clone()));
    let Presented::Given(rotated) = present(&store, &key, 1, 10).await else { panic!("not given") };
    assert_eq!((rotated.generation, rotated.previous, rotated.rotated), (2, Some(made.current), after(10)));
    assert_eq!(store.families(Some(&credential()), 9).await.unwrap(), [*rotated]);
    let Presented::Given(again) = present(&store, &key, 1, 11).await else { panic!("a lost answer is given again") };
    assert_eq!((again.generation, again.rotated), (2, after(10)), "nothing changed");
    assert!(matches!(
        store.present_refresh(&key.issue(sid(9), 1).1, &key.issue(sid(9), 2).1, T0, |_| Ok(())).await.unwrap(),
        Presented::Unknown
    ));
}

async fn a_second_use_ends_the_family_and_is_remembered(place: Place) {
    let store = place.store_with_account().await;
    let key = store.refresh_key().await.unwrap();
    store.open_family(&family(&key, 1), 0).await.unwrap();
    present(&store, &key, 1, 10).await;
    present(&store, &key, 2, 11).await;
    let Presented::Reused(_, revocation) = present(&store, &key, 1, 12).await else { panic!("a reuse was not seen") };
    assert_eq!(revocation.target, RevocationTarget::Session(sid(1)));
    assert_eq!(store.revocations_after(0).await.unwrap(), [revocation]);
    for generation in 1..=3 {
        assert!(matches!(present(&store, &key, generation, 13).await, Presented::Over(..)), "the rightful one ends, too");
    }
}

async fn whoever_may_not_ask_changes_nothing(place: Place) {
    let store = place.store_with_account().await;
    let key = store.refresh_key().await.unwrap();
    store.open_family(&family(&key, 1), 0).await.unwrap();
    present(&store, &key, 1, 10).await;
    present(&store, &key, 2, 11).await;
    let before = store.family(sid(1)).await.unwrap();
    for generation in 1..=3 {
        let (ticket, next) = (key.issue(sid(1), generation).1, key.issue(sid(1), generation + 1).1);
        let thief = store.present_refresh(&ticket, &next, after(12), |_| Err(Reject::TokenInvalid.into())).await.unwrap();
        assert!(matches!(thief, Presented::Refused(Refusal { reject: Reject::TokenInvalid, .. })));
    }
    assert_eq!(store.family(sid(1)).await.unwrap(), before);
    assert!(store.revocations_after(0).await.unwrap().is_empty());
}

async fn of_parallel_uses_there_is_one_successor(place: Place) {
    let store = place.store_with_account().await;
    let key = store.refresh_key().await.unwrap();
    store.open_family(&family(&key, 1), 0).await.unwrap();
    let (a, b, c, d) = tokio::join!(
        present(&store, &key, 1, 10),
        present(&store, &key, 1, 10),
        present(&store, &key, 1, 10),
        present(&store, &key, 1, 10)
    );
    for given in [a, b, c, d] {
        let Presented::Given(given) = given else { panic!("not given") };
        assert_eq!((given.generation, given.current), (2, key.issue(sid(1), 2).1.hash));
    }
}

async fn revocations_have_their_order_and_end_families(place: Place) {
    let store = place.store_with_account().await;
    let key = store.refresh_key().await.unwrap();
    for number in 1..=3 {
        store.open_family(&family(&key, number), 0).await.unwrap();
    }
    let change = Change::new(after(20), "operator alice");
    let token = store.revoke_tokens(RevocationTarget::Token([7; 16]), &change).await.unwrap();
    let one = store.revoke_tokens(RevocationTarget::Session(sid(2)), &change).await.unwrap();
    let all = store.revoke_tokens(RevocationTarget::Credential(credential()), &Change::new(after(21), "operator bob")).await.unwrap();
    assert!(token.epoch < one.epoch && one.epoch < all.epoch);
    assert_eq!(store.revocations_after(token.epoch).await.unwrap(), [one.clone(), all.clone()]);
    let mut reasons = Vec::new();
    for number in 1..=3 {
        reasons.push(store.family(sid(number)).await.unwrap().unwrap().revoked.unwrap());
    }
    assert_eq!(reasons, ["operator bob", "operator alice", "operator bob"], "the first reason stays");
    store.forget_tokens(after(3 * 86_400)).await.unwrap();
    assert_eq!(store.revocations_after(0).await.unwrap(), std::slice::from_ref(&all), "the latest stays for its epoch");
    let next = store.revoke_tokens(RevocationTarget::Token([8; 16]), &change).await.unwrap();
    assert!(next.epoch > all.epoch);
    store.forget_tokens(after(60 * 86_400)).await.unwrap();
    assert!(store.families(None, 9).await.unwrap().is_empty());
}

async fn one_family_too_many_ends_the_one_that_slept_longest(place: Place) {
    let store = place.store_with_account().await;
    let key = store.refresh_key().await.unwrap();
    for number in 1..=100 {
        assert!(store.open_family(&family(&key, number), 0).await.unwrap().unwrap().is_empty());
    }
    let ended = store.open_family(&family(&key, 101), 0).await.unwrap().unwrap();
    assert_eq!(ended.iter().map(|each| each.target.clone()).collect::<Vec<_>>(), [RevocationTarget::Session(sid(1))]);
    assert!(store.family(sid(1)).await.unwrap().unwrap().revoked.is_some());
}

#[tokio::test]
async fn no_token_is_in_the_database() {
    let place = Place::new();
    let store = place.store_with_account().await;
    let key = store.refresh_key().await.unwrap();
    store.open_family(&family(&key, 1), 0).await.unwrap();
    present(&store, &key, 1, 10).await;
    let path = store.path().to_owned();
    let again = store.refresh_key().await.unwrap();
    assert_eq!(again.issue(sid(1), 1).0, key.issue(sid(1), 1).0, "the key stays");
    store.close().await;
    let bytes = std::fs::read(path).unwrap();
    for generation in 1..=2 {
        let text = key.issue(sid(1), generation).0;
        assert!(!bytes.windows(40).any(|window| window == &text.as_bytes()[5..45]));
        assert!(bytes.windows(32).any(|window| window == key.issue(sid(1), generation).1.hash), "its hash is there");
    }
}

async fn a_family_of_a_key_whose_tokens_were_revoked_meanwhile_is_not_opened(place: Place) {
    let store = place.store_with_account().await;
    let key = store.refresh_key().await.unwrap();
    let change = Change::new(after(1), "operator bob");
    let of_key = store.revoke_tokens(RevocationTarget::Credential(credential()), &change).await.unwrap();
    let other = CredentialId::parse("cred-2").unwrap();
    store.revoke_tokens(RevocationTarget::Credential(other), &change).await.unwrap();
    assert_eq!(store.open_family(&family(&key, 1), of_key.epoch - 1).await.unwrap(), None);
    assert_eq!(store.family(sid(1)).await.unwrap(), None, "nothing is stored");
    assert!(store.open_family(&family(&key, 1), of_key.epoch).await.unwrap().is_some(), "proved after it");
}
