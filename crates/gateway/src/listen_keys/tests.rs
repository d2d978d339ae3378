#![allow(clippy::unwrap_used)]
use countersign_core::{AccountId, Credential, Scopes, Verifier};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn named(name: &str) -> NamedKey {
    let key_id = ApiKeyId::parse(name).unwrap();
    let credential = Arc::new(Credential {
        scopes: Scopes::parse("account:read order:read order:write").unwrap(),
        ..Credential::new(
            CredentialId::parse(&format!("cred-{name}")).unwrap(),
            AccountId::parse("desk-1").unwrap(),
            Purpose::Binance,
            key_id.clone(),
            Verifier::hmac_sha256(b"a secret for tests only"),
        )
    });
    name_key((Purpose::Binance, &key_id), Some(&credential), None, NOW).unwrap()
}

fn after(minutes: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(60 * minutes))
}

#[test]
fn a_listen_key_lives_an_hour_from_when_it_was_asked_for_last() {
    let keys = ListenKeys::default();
    let key = keys.act(Action::Start, &named("one"), NOW).unwrap().unwrap();
    assert!(keys.find(&key, after(59)).is_some());
    assert!(keys.find(&key, after(60)).is_none());
    assert_eq!(keys.act(Action::Prolong, &named("one"), after(59)).unwrap(), Some(key));
    assert!(keys.find(&key, after(118)).is_some());
    assert_eq!(keys.act(Action::Start, &named("one"), after(118)).unwrap(), Some(key), "as at the venue, the same while it lives");
    assert!(keys.find(&key, after(177)).is_some());
    assert!(keys.find(&key, after(178)).is_none());
    assert!(keys.act(Action::Prolong, &named("one"), after(178)).is_err(), "what is over is not prolonged");
    let next = keys.act(Action::Start, &named("one"), after(178)).unwrap().unwrap();
    assert!(next != key && keys.find(&key, after(178)).is_none());
}

#[test]
fn each_credential_has_its_own() {
    let keys = ListenKeys::default();
    let one = keys.act(Action::Start, &named("one"), NOW).unwrap().unwrap();
    let two = keys.act(Action::Start, &named("two"), NOW).unwrap().unwrap();
    assert!(one != two);
    assert_eq!(keys.find(&one, NOW).unwrap().key_id.as_str(), "one");
    assert_eq!(keys.act(Action::Stop, &named("two"), NOW).unwrap(), None);
    assert!(keys.find(&one, NOW).is_some() && keys.find(&two, NOW).is_none());
    assert!(keys.act(Action::Stop, &named("two"), NOW).is_err());
    assert!(keys.find(&ListenKey::from_bytes([0; 32]), NOW).is_none());
}

#[tokio::test]
async fn a_stream_ends_with_its_listen_key_and_not_before() {
    let (keys, now) = (ListenKeys::default(), clock::wall());
    let key = keys.act(Action::Start, &named("one"), now).unwrap().unwrap();
    let mut listening = keys.find(&key, now).unwrap();
    tokio::select! {
        biased;
        () = listening.over() => panic!("an hour is not over"),
        () = async {
            keys.act(Action::Prolong, &named("one"), now).unwrap();
            tokio::task::yield_now().await;
        } => {}
    }
    keys.act(Action::Stop, &named("one"), now).unwrap();
    listening.over().await;
}
