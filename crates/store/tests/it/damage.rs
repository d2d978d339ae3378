//! What is wrong with a state folder is said in one sentence, and nothing is touched.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_store::{SealingKey, Store, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::support::{Place, T0, change, desk, native};

pub async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn try_edit(path: &Path, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = raw(path).await;
    let done = sqlx::raw_sql(sql).execute(&mut connection).await.map(|_| ());
    connection.close().await?;
    done
}

async fn open_error(place: &Place) -> StoreError {
    let path = place.dir.database();
    let before = std::fs::read(&path).unwrap();
    let error = Store::open(&path, place.sealing()).await.unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), before, "untouched: {error}");
    assert!(!error.to_string().contains('\n') && error.to_string().contains("state"), "{error}");
    error
}

fn private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged() {
    let place = Place::new();
    private(&place.dir.database(), &b"not a database at all, but long enough to look like one ".repeat(100));
    let error = open_error(&place).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_database_with_a_destroyed_page_is_damaged() {
    let place = Place::new();
    let store = place.store_with_account().await;
    for number in 1..40 {
        store.create_credential(native(number), &change()).await.unwrap();
    }
    store.close().await;
    let path = place.dir.database();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xa5);
    private(&path, &bytes);
    let error = open_error(&place).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    bytes.truncate(middle);
    private(&path, &bytes);
    assert!(matches!(open_error(&place).await, StoreError::Corrupt { .. }));
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let place = Place::new();
    private(&place.dir.database(), b"");
    try_edit(&place.dir.database(), "CREATE TABLE recipes (name TEXT)").await.unwrap();
    assert!(matches!(open_error(&place).await, StoreError::ForeignDatabase { .. }));
}

#[tokio::test]
async fn a_newer_schema_is_left_to_the_newer_program() {
    let place = Place::new();
    place.store().await.close().await;
    try_edit(&place.dir.database(), "PRAGMA user_version = 99").await.unwrap();
    let error = open_error(&place).await;
    assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn another_sealing_key_is_noticed_at_once() {
    let place = Place::new();
    place.store().await.close().await;
    std::fs::remove_file(place.dir.sealing_key()).unwrap();
    let error = open_error(&place).await;
    assert!(matches!(error, StoreError::SealingKeyMismatch { .. }), "{error}");
    private(&place.dir.sealing_key(), &[7; 31]);
    assert!(matches!(SealingKey::load(&place.dir.sealing_key()), Err(StoreError::SealingKeyMalformed { .. })));
}

#[tokio::test]
async fn files_that_others_may_read_are_refused() {
    let place = Place::new();
    place.store().await.close().await;
    for path in [place.dir.database(), place.dir.sealing_key()] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "made private: {}", path.display());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    }
    let error = SealingKey::load_or_create(&place.dir.sealing_key()).unwrap_err();
    assert!(error.to_string().ends_with(&format!("run: chmod 600 {}", place.dir.sealing_key().display())), "{error}");
    let error = Store::open(&place.dir.database(), SealingKey::from_bytes(&[1; 32])).await.unwrap_err();
    assert!(matches!(error, StoreError::Permissions { mode: 0o640, .. }), "{error}");
}

#[tokio::test]
async fn files_beside_the_database_are_private_too() {
    let place = Place::new();
    let _store = place.store_with_account().await;
    for name in ["countersign.db-wal", "countersign.db-shm"] {
        let mode = std::fs::metadata(place.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_writer_elsewhere_makes_it_locked_not_broken() {
    let place = Place::new();
    let store = place.store().await;
    let mut other = raw(&place.dir.database()).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let error = store.create_account(desk(), "", &change()).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(store.accounts().await.unwrap().is_empty(), "reading goes on");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    store.create_account(desk(), "", &change()).await.unwrap();
}

#[tokio::test]
async fn a_record_changed_by_hand_is_noticed() {
    let place = Place::new();
    let store = place.store_with_account().await;
    store.create_credential(native(1), &change()).await.unwrap();
    store.close().await;
    for sql in [
        "UPDATE credentials SET state = 'super'",
        "UPDATE credentials SET state = 'active', scopes = 'everything'",
        "UPDATE credentials SET scopes = 'md:read', algorithm = 'PS256'",
        "UPDATE credentials SET algorithm = NULL",
        "UPDATE credentials SET algorithm = 'Ed25519', orders_per_10s = 0",
        "UPDATE credentials SET orders_per_10s = 1, spki = zeroblob(44)",
    ] {
        try_edit(&place.dir.database(), sql).await.unwrap();
        let store = place.store().await;
        let error = store.credentials().await.unwrap_err();
        assert!(matches!(error, StoreError::BadRecord { .. }) && error.is_infrastructure(), "{sql}: {error}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said_so() {
    let place = Place::new();
    let path = place.folder.path().join("no-state/countersign.db");
    let error = Store::open(&path, SealingKey::from_bytes(&[1; 32])).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { action: "create", .. }), "{error}");
}

#[tokio::test]
async fn a_first_start_that_died_early_goes_on() {
    let place = Place::new();
    private(&place.dir.database(), b"");
    let store = place.store().await;
    store.create_account(desk(), "", &change()).await.unwrap();
    assert_eq!(store.accounts().await.unwrap()[0].created, T0);
}
