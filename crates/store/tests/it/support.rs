//! A state folder with a store in it, and keys to put there.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::{AccountId, Algorithm, PublicKey, Purpose, Scopes, Secret, Timestamp};
use countersign_store::{Change, Material, NewCredential, SealingKey, StateDir, Store};
use tempfile::TempDir;

pub const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub struct Place {
    pub folder: TempDir,
    pub dir: StateDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = StateDir::create(folder.path().join("state")).unwrap();
        Self { folder, dir }
    }

    pub fn sealing(&self) -> SealingKey {
        SealingKey::load_or_create(&self.dir.sealing_key()).unwrap()
    }

    pub fn audit_key(&self) -> countersign_audit_tree::AuditKey {
        self.dir.load_or_create_audit_key().unwrap()
    }

    pub async fn store(&self) -> Store {
        Store::open(&self.dir.database(), self.sealing()).await.unwrap()
    }

    /// A store with the account `desk-1`.
    pub async fn store_with_account(&self) -> Store {
        let store = self.store().await;
        store.create_account(desk(), "the desk", &change()).await.unwrap();
        store
    }
}

pub fn desk() -> AccountId {
    AccountId::parse("desk-1").unwrap()
}

pub fn change() -> Change {
    Change::new(T0, "test")
}

/// A public key that no other test has.
pub fn ed25519(number: u8) -> PublicKey {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap();
    PublicKey::parse(pair.public_key().as_ref()).unwrap()
}

pub fn native(number: u8) -> NewCredential {
    let mut new = NewCredential::new(desk(), Purpose::Native, Material::PublicKey(ed25519(number), Algorithm::Ed25519));
    new.scopes = Scopes::parse("md:read order:write").unwrap();
    new
}

pub fn hmac(secret: &str) -> NewCredential {
    NewCredential::new(desk(), Purpose::Binance, Material::Secret(Secret::new(secret.as_bytes().to_vec()), Algorithm::HmacSha256))
}
