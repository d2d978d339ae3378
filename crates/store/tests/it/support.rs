//! A state folder with a store in it, and keys to put there; and how one test runs over each kind of store.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::{AccountId, Algorithm, PublicKey, Purpose, Scopes, Secret, Timestamp};
use countersign_store::{Change, DatabaseAddress, HaltStore, Material, NewCredential, SealingKey, StateDir, Store};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::postgres_server::PostgresServer;

pub const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub struct Place {
    pub folder: TempDir,
    pub dir: StateDir,
    server: Option<(DatabaseAddress, sqlx::postgres::PgConnection)>,
}

/// What every store promises: each test by itself over SQLite, and all of them over one PostgreSQL server, each in a database of its
/// own. A test takes the place where its store is.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod over_sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(super::Place::new()).await;
                }
            )*
        }

        #[tokio::test]
        async fn the_same_over_postgres() {
            let server = super::postgres_server::PostgresServer::start();
            $($name(Place::on(&server, stringify!($name)).await).await;)*
        }
    };
}

pub(crate) use contract;

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = StateDir::create(folder.path().join("state")).unwrap();
        Self { folder, dir, server: None }
    }

    /// A state folder whose store is in a database of this name.
    pub async fn on(server: &PostgresServer, name: &str) -> Self {
        // The server cuts longer names.
        let name = &name[..name.len().min(60)];
        let address = server.database(name).await;
        Self { server: Some((address, server.raw(name).await)), ..Self::new() }
    }

    pub fn sealing(&self) -> SealingKey {
        SealingKey::load_or_create(&self.dir.sealing_key()).unwrap()
    }

    pub fn audit_key(&self) -> countersign_audit_tree::AuditKey {
        self.dir.load_or_create_audit_key().unwrap()
    }

    pub async fn store(&self) -> Store {
        self.node("").await
    }

    /// The store, as one node of several opens it.
    pub async fn node(&self, node: &str) -> Store {
        match &self.server {
            Some((address, _)) => Store::connect(address, node, self.sealing()).await.unwrap(),
            None => Store::open(&self.dir.database(), self.sealing()).await.unwrap(),
        }
    }

    pub async fn halts(&self) -> HaltStore {
        self.store().await.open_halts().await.unwrap()
    }

    /// Runs a statement past the store.
    pub async fn edit(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &mut self.server {
            Some((_, connection)) => sqlx::raw_sql(sql).execute(connection).await.map(|_| ()),
            None => sqlx::raw_sql(sql).execute(&mut super::damage::raw(&self.dir.database()).await).await.map(|_| ()),
        }
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
