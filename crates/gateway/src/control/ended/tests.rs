#![allow(clippy::unwrap_used)]

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Waker};

use countersign_core::{AccountId, Algorithm, ApiKeyId, Purpose, Secret};
use countersign_store::{Change, Material, NewCredential};

use super::*;
use crate::control::reload_credentials;
use crate::testing::on_stage;

fn change() -> Change {
    Change::new(clock::wall(), "a test")
}

async fn new_key(shared: &Shared) -> CredentialRecord {
    shared.store.create_account(AccountId::parse("desk").unwrap(), "", &change()).await.unwrap();
    let material = Material::Secret(Secret::new((*b"a secret of a key that is ended at some node").into()), Algorithm::HmacSha256);
    let mut new = NewCredential::new(AccountId::parse("desk").unwrap(), Purpose::Binance, material);
    new.key_id = Some(ApiKeyId::parse("ended").unwrap());
    shared.store.create_credential(new, &change()).await.unwrap()
}

#[tokio::test]
async fn what_reads_the_keys_waits_for_whoever_reads_them_already_and_reads_what_is_new_by_then() {
    on_stage(|stage| async move {
        let shared = &stage.worker.shared;
        let record = new_key(shared).await;
        let before = shared.reloading.lock().await;
        let mut reload = pin!(reload_credentials(shared));
        assert!(reload.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        shared.store.set_state(&record.id, CredentialState::Revoked, &change()).await.unwrap();
        drop(before);
        reload.await.unwrap();
        let state = shared.credentials.load().find(record.purpose, &record.key_id).unwrap().credential.state;
        assert_eq!(state, CredentialState::Revoked);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_did_not_end_has_no_line() {
    on_stage(|stage| async move {
        let mut record = new_key(&stage.worker.shared).await;
        for (state, event) in [
            (CredentialState::Active, None),
            (CredentialState::Revoked, Some(AuditEvent::KeyRevokedHere)),
            (CredentialState::Suspended, Some(AuditEvent::KeySuspendedHere)),
        ] {
            record.state = state;
            assert_eq!(line(&record, &[]).map(|line| line.event), event);
        }
    })
    .await;
}
