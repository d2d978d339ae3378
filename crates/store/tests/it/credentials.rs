//! Accounts and credentials: what is kept, what is refused, and that secrets are sealed.

use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Binding, CredentialState, IpAllowList, KeyRate, Purpose, Scopes, Secret, Timestamp, Verifier,
};
use countersign_store::{KeyChangeKind, Material, NewCredential, Store, StoreError, generate_secret};

use super::support::{Place, T0, change, contract, desk, ed25519, hmac, native};

contract!(
    accounts_are_kept_and_unique,
    an_account_says_whether_lost_connections_cancel_and_is_heard_elsewhere,
    a_credential_is_read_back_as_it_was_made,
    a_sealed_secret_does_not_open_for_another_credential,
    one_key_serves_one_purpose,
    a_name_is_taken_once_per_purpose,
    material_fits_its_purpose_or_is_refused,
    of_two_who_register_one_key_at_once_one_wins,
    every_change_of_a_key_is_on_record_with_who_and_when,
    scopes_survive_as_they_are,
);

async fn accounts_are_kept_and_unique(place: Place) {
    let store = place.store().await;
    store.create_account(desk(), "the desk", &change()).await.unwrap();
    let again = store.create_account(desk(), "another", &change()).await.unwrap_err();
    assert_eq!(again.to_string(), "there is an account desk-1 already");
    store.close().await;
    let store = place.store().await;
    let accounts = store.accounts().await.unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!((accounts[0].id.as_str(), accounts[0].label.as_str(), accounts[0].created), ("desk-1", "the desk", T0));
    let unknown = AccountId::parse("nobody").unwrap();
    assert!(matches!(store.account(&unknown).await, Err(StoreError::AccountUnknown(_))));
    let long = store.create_account(unknown, &"x".repeat(201), &change()).await.unwrap_err();
    assert!(matches!(long, StoreError::Field { .. }), "{long}");
}

async fn an_account_says_whether_lost_connections_cancel_and_is_heard_elsewhere(mut place: Place) {
    let store = place.store_with_account().await;
    assert_eq!(store.accounts_that_cancel().await.unwrap().0, []);
    let before = store.change_counter().await.unwrap();
    store.set_cancel_on_disconnect(&desk(), true).await.unwrap();
    assert_ne!(store.change_counter().await.unwrap(), before);
    assert!(store.account(&desk()).await.unwrap().cancel_on_disconnect && store.accounts().await.unwrap()[0].cancel_on_disconnect);
    store.close().await;
    let store = place.store().await;
    let unusable = "INSERT INTO accounts (id, label, created, cancel_on_disconnect) VALUES ('no account', '', -1, 1)";
    place.edit(unusable).await.unwrap();
    let (accounts, others) = store.accounts_that_cancel().await.unwrap();
    assert_eq!((accounts, others.len()), (vec![desk()], 1), "one that cannot be read hides no other");
    store.set_cancel_on_disconnect(&desk(), false).await.unwrap();
    assert!(!store.account(&desk()).await.unwrap().cancel_on_disconnect);
    assert_eq!(store.accounts_that_cancel().await.unwrap().0, []);
    let unknown = AccountId::parse("nobody").unwrap();
    assert!(matches!(store.set_cancel_on_disconnect(&unknown, true).await, Err(StoreError::AccountUnknown(_))));
}

fn full() -> NewCredential {
    let mut new = native(1);
    new.ip_allow = IpAllowList::parse(["192.0.2.0/24", "::1"]).unwrap();
    new.rate = KeyRate { weight_per_minute: 7.try_into().unwrap(), orders_per_10s: 3.try_into().unwrap() };
    new.min_bind = Binding::Sep;
    new.not_after = Some(Timestamp::from_secs(2_000_000_000));
    new.label = "laptop".to_owned();
    new
}

async fn a_credential_is_read_back_as_it_was_made(place: Place) {
    let store = place.store_with_account().await;
    let made = store.create_credential(full(), &change()).await.unwrap();
    store.close().await;
    let store = place.store().await;
    let read = store.credential(&made.id).await.unwrap();
    assert_eq!(format!("{read:?}"), format!("{made:?}"));
    assert_eq!(read.key_id, ed25519(1).key_id(), "a native key is named by its hash");
    assert_eq!(read.state, CredentialState::Active);
    let credential = read.to_credential().unwrap();
    assert_eq!(credential.verifier.algorithm(), Some(Algorithm::Ed25519));
    assert_eq!((credential.scopes.len(), credential.rate.orders_per_10s.get()), (2, 3));
    let found = store.find_credential(Purpose::Native, &read.key_id).await.unwrap();
    assert_eq!(found.unwrap().id, read.id);
    assert!(store.find_credential(Purpose::Binance, &read.key_id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_secret_comes_back_but_is_nowhere_in_the_files() {
    let place = Place::new();
    let store = place.store_with_account().await;
    let secret = "5up3rS3cretT3xtThatMustNotBeFoundOnAnyDisk";
    let made = store.create_credential(hmac(secret), &change()).await.unwrap();
    assert_eq!(made.key_id.as_str().len(), 64);
    assert!(made.key_id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    for entry in std::fs::read_dir(place.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(12).any(|window| secret.as_bytes().windows(12).any(|part| part == window)), "{}", path.display());
        }
    }
    assert!(!format!("{made:?}").contains(&secret[..8]));
    let read = store.credential(&made.id).await.unwrap();
    let Material::Secret(kept, _) = &read.material else { panic!("not a secret") };
    assert!(kept.ct_eq(secret.as_bytes()));
    assert!(matches!(read.to_credential().unwrap().verifier, Verifier::Mac(_)));
}

async fn a_sealed_secret_does_not_open_for_another_credential(mut place: Place) {
    let store = place.store_with_account().await;
    let one = store.create_credential(hmac(&"a".repeat(64)), &change()).await.unwrap();
    let other = store.create_credential(hmac(&"b".repeat(64)), &change()).await.unwrap();
    store.close().await;
    let (from, to) = (&one.id, &other.id);
    let swap =
        format!("UPDATE credentials SET sealed_secret = (SELECT sealed_secret FROM credentials WHERE id = '{from}') WHERE id = '{to}'");
    place.edit(&swap).await.unwrap();
    let store = place.store().await;
    let error = store.credential(&other.id).await.unwrap_err();
    assert!(error.to_string().contains("does not open"), "{error}");
    assert!(store.credentials().await.is_err(), "a list with a record that cannot be used is no list");
    assert!(error.is_infrastructure());
    assert!(store.credential(&one.id).await.is_ok());
}

async fn refused(store: &Store, new: NewCredential) -> StoreError {
    let before = store.credentials().await.unwrap().len();
    let error = store.create_credential(new, &change()).await.unwrap_err();
    assert_eq!(store.credentials().await.unwrap().len(), before);
    assert!(!error.is_infrastructure(), "{error}");
    error
}

async fn one_key_serves_one_purpose(place: Place) {
    let store = place.store_with_account().await;
    let made = store.create_credential(native(1), &change()).await.unwrap();
    let same = refused(&store, native(1)).await;
    assert_eq!(
        same.to_string(),
        format!("this key is registered already, for native (credential {}); one key serves one purpose, make a new one", made.id)
    );
    let mut dialect = native(1);
    dialect.purpose = Purpose::Binance;
    assert!(matches!(refused(&store, dialect).await, StoreError::KeyTaken { purpose: Purpose::Native, .. }));
    let certificate = Material::Certificate { key_id: ed25519(1).key_id() };
    let certificate = NewCredential::new(desk(), Purpose::ClientCertificate, certificate);
    assert!(matches!(refused(&store, certificate).await, StoreError::KeyTaken { .. }), "not even as the key of a certificate");
    store.set_state(&made.id, CredentialState::Revoked, &change()).await.unwrap();
    assert!(matches!(refused(&store, native(1)).await, StoreError::KeyTaken { .. }), "nor when it was revoked");
}

async fn a_name_is_taken_once_per_purpose(place: Place) {
    let store = place.store_with_account().await;
    let named = |number: u8, purpose| {
        let mut new = native(number);
        new.purpose = purpose;
        new.key_id = Some(ApiKeyId::parse("my-key").unwrap());
        new
    };
    store.create_credential(named(1, Purpose::Native), &change()).await.unwrap();
    assert!(matches!(refused(&store, named(2, Purpose::Native)).await, StoreError::NameTaken { .. }));
    store.create_credential(named(2, Purpose::Binance), &change()).await.unwrap();
}

async fn material_fits_its_purpose_or_is_refused(place: Place) {
    let store = place.store_with_account().await;
    let with = |purpose, material| NewCredential::new(desk(), purpose, material);
    let secret = |text: &str| Material::Secret(Secret::new(text.as_bytes().to_vec()), Algorithm::HmacSha256);
    let key = |algorithm| Material::PublicKey(ed25519(3), algorithm);
    let certificate = || Material::Certificate { key_id: ApiKeyId::parse("desk.example").unwrap() };
    let long = "s".repeat(64);
    for (new, part) in [
        (with(Purpose::Native, secret(&long)), "not made from a shared secret"),
        (with(Purpose::ClientCertificate, secret(&long)), "not made from a shared secret"),
        (with(Purpose::Native, key(Algorithm::RsaPssSha256)), "makes no PS256 signatures"),
        (with(Purpose::Binance, key(Algorithm::HmacSha256)), "makes no HS256 signatures"),
        (with(Purpose::ClientCertificate, key(Algorithm::Ed25519)), "not made from a bare public key"),
        (with(Purpose::Native, certificate()), "not made from a certificate"),
        (with(Purpose::Binance, secret("too short")), "the secret must have 16 to 512 bytes"),
        (with(Purpose::Binance, secret(&"s".repeat(513))), "the secret must have 16 to 512 bytes"),
        (with(Purpose::Binance, secret(&ed25519(4).to_pem())), "the secret is a public key"),
        (
            with(Purpose::Binance, Material::Secret(Secret::new(ed25519(4).spki_der().to_vec()), Algorithm::HmacSha256)),
            "the secret is a public key",
        ),
    ] {
        let error = refused(&store, new).await.to_string();
        assert!(error.contains(part), "{error}");
    }
    let mut unknown = native(5);
    unknown.account = AccountId::parse("nobody").unwrap();
    assert_eq!(refused(&store, unknown).await.to_string(), "there is no account nobody");
    let mut labelled = native(5);
    labelled.label = "two\nlines".to_owned();
    assert!(matches!(refused(&store, labelled).await, StoreError::Field { .. }));
    let mut renamed = with(Purpose::ClientCertificate, certificate());
    renamed.key_id = Some(ApiKeyId::parse("other.example").unwrap());
    assert!(matches!(refused(&store, renamed).await, StoreError::MaterialRefused { .. }));
    let record = store.create_credential(with(Purpose::ClientCertificate, certificate()), &change()).await.unwrap();
    assert_eq!(record.key_id.as_str(), "desk.example");
    assert!(
        store
            .create_credential(with(Purpose::Binance, Material::Secret(generate_secret(), Algorithm::HmacSha256)), &change())
            .await
            .is_ok()
    );
}

async fn of_two_who_register_one_key_at_once_one_wins(place: Place) {
    let (one, other) = (place.store_with_account().await, place.store().await);
    let by = change();
    for number in 10..20 {
        let (first, second) = tokio::join!(one.create_credential(native(number), &by), other.create_credential(native(number), &by));
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        assert!(matches!(first.and(second), Err(StoreError::KeyTaken { .. })));
    }
}

async fn every_change_of_a_key_is_on_record_with_who_and_when(mut place: Place) {
    let store = place.store_with_account().await;
    let made = store.create_credential(native(1), &change()).await.unwrap();
    let mut later = change();
    (later.at, later.by) = (Timestamp::from_millis(T0.as_millis() + 5), "operator CN=eve".to_owned());
    store.set_state(&made.id, CredentialState::Suspended, &later).await.unwrap();
    store.set_state(&made.id, CredentialState::Suspended, &later).await.unwrap();
    let changes = store.key_changes(Some(&made.id), 10).await.unwrap();
    let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [KeyChangeKind::State, KeyChangeKind::Created], "newest first; what changes nothing is no change");
    assert_eq!((changes[0].detail.as_str(), changes[0].by.as_str(), changes[0].at), ("active -> suspended", "operator CN=eve", later.at));
    assert!(changes[1].detail.contains("scopes md:read order:write"), "{}", changes[1].detail);
    assert_eq!(store.key_changes(None, 1).await.unwrap().len(), 1);
    let nobody = countersign_store::Change::new(T0, "");
    assert!(matches!(store.set_state(&made.id, CredentialState::Active, &nobody).await, Err(StoreError::Field { .. })));
    store.close().await;
    for sql in ["UPDATE key_changes SET by = 'x'", "DELETE FROM key_changes"] {
        assert!(place.edit(sql).await.is_err(), "the history is append-only");
    }
}

async fn scopes_survive_as_they_are(place: Place) {
    let store = place.store_with_account().await;
    let mut new = native(1);
    new.scopes = Scopes::none();
    let made = store.create_credential(new, &change()).await.unwrap();
    let read = store.credential(&made.id).await.unwrap();
    assert!(read.scopes.is_empty() && read.ip_allow.is_any() && read.not_after.is_none());
}
