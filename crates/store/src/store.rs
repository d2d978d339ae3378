//! The database: accounts, credentials, their history, sessions.
//!
//! SQLite in WAL mode with `synchronous=FULL`: what was answered with success is on the disk. Each change is one transaction
//! that also writes its line of history, so there is no change without one. Several processes may have the database open (the
//! gateway and the command line); [`Store::change_counter`] tells the gateway when to read again.

mod accounts;
mod admission;
mod credentials;
mod row;
mod sessions;
mod tokens;

pub use admission::generate_secret;
pub use tokens::Presented;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::Mutex;

use crate::error::StoreError;
use crate::halts::HaltStore;
use crate::record::Change;
use crate::sealing::SealingKey;
use crate::{files, limits, schema};

/// Sealed into each database, so that a wrong sealing key is found when it is opened and not at the first login.
const SEALING_CHECK: &[u8] = b"countersign sealing check";
const SEALING_CHECK_OWNER: &str = "meta.sealing_check";

/// What must last.
pub struct Store {
    path: PathBuf,
    pool: SqlitePool,
    sealing: SealingKey,
    watch: Mutex<Watch>,
}

/// `PRAGMA data_version` tells a connection whether anybody else wrote since it last asked; it costs no read of the database.
struct Watch {
    connection: SqliteConnection,
    data_version: i64,
    counter: u64,
}

impl Store {
    /// Opens the database at `path`; makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError`], one sentence each: permissions, damage, another program's file, a newer schema, another sealing key,
    /// locked by another process. The file is left as it was found then.
    pub async fn open(path: &Path, sealing: SealingKey) -> Result<Self, StoreError> {
        reserve(path)?;
        let failed = |source| StoreError::database(path, source);
        let bare = options(path);
        let mut connection = bare.connect().await.map_err(failed)?;
        schema::prepare(&mut connection, path).await?;
        check_sealing(&mut connection, path, &sealing).await?;
        connection.close().await.map_err(failed)?;
        // Only now: switching the journal mode writes to the file, which must be ours by then.
        let durable = options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let mut connection = durable.clone().connect().await.map_err(failed)?;
        let watch = Watch { data_version: data_version(&mut connection).await.map_err(failed)?, counter: 0, connection };
        let pool = SqlitePoolOptions::new()
            .max_connections(limits::CONNECTIONS_MAX)
            .acquire_timeout(limits::ACQUIRE_TIMEOUT)
            .connect_with(durable)
            .await
            .map_err(failed)?;
        let store = Self { path: path.to_owned(), pool, sealing, watch: Mutex::new(watch) };
        let counter = store.read_counter().await?;
        store.watch.lock().await.counter = counter;
        Ok(store)
    }

    /// The halts in the same database, over connections of their own.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn open_halts(&self) -> Result<HaltStore, StoreError> {
        let durable = || options(&self.path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let reader = durable().connect().await.map_err(|source| self.failed(source))?;
        let writer = durable().connect().await.map_err(|source| self.failed(source))?;
        Ok(HaltStore::new(&self.path, reader, writer))
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A number that grows whenever an account or a credential changes, by whichever process. Cheap enough to ask every
    /// second: unless something was written it reads nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database is out of reach.
    pub async fn change_counter(&self) -> Result<u64, StoreError> {
        let mut watch = self.watch.lock().await;
        let version = data_version(&mut watch.connection).await.map_err(|source| self.failed(source))?;
        if version != watch.data_version {
            // In this order: a change between the two reads is then seen the next time.
            watch.counter = self.read_counter().await?;
            watch.data_version = version;
        }
        Ok(watch.counter)
    }

    async fn read_counter(&self) -> Result<u64, StoreError> {
        let counter: i64 =
            sqlx::query_scalar("SELECT change_counter FROM meta").fetch_one(&self.pool).await.map_err(|source| self.failed(source))?;
        Ok(u64::try_from(counter).unwrap_or(0))
    }

    /// Writes everything back into the main file and closes it.
    pub async fn close(self) {
        self.pool.close().await;
        // A failure here loses nothing: the write-ahead log is read when the file is opened next.
        let _ = self.watch.into_inner().connection.close().await;
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::database(&self.path, source)
    }

    /// A transaction that will write: takes the write lock at once, so that it cannot fail half-way for want of it.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|source| self.failed(source))
    }

    async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        transaction.commit().await.map_err(|source| self.failed(source))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

/// Makes the file private before SQLite opens it; SQLite gives the files beside it the same mode.
fn reserve(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(files::PRIVATE_FILE_MODE).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => files::check_private(path),
        Err(source) => Err(StoreError::io("create", path, source)),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(limits::BUSY_TIMEOUT)
        .disable_statement_logging()
}

async fn data_version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}

async fn check_sealing(connection: &mut SqliteConnection, path: &Path, sealing: &SealingKey) -> Result<(), StoreError> {
    let failed = |source| StoreError::database(path, source);
    let fresh = sealing.seal(SEALING_CHECK_OWNER, SEALING_CHECK);
    // Only the first opener stores its check; of two at once the second compares with what the first stored.
    sqlx::query("UPDATE meta SET sealing_check = ?1 WHERE sealing_check IS NULL")
        .bind(fresh)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let stored: Vec<u8> = sqlx::query_scalar("SELECT sealing_check FROM meta").fetch_one(connection).await.map_err(failed)?;
    match sealing.open(SEALING_CHECK_OWNER, &stored) {
        Ok(text) if text.ct_eq(SEALING_CHECK) => Ok(()),
        Ok(_) | Err(_) => Err(StoreError::SealingKeyMismatch { path: path.to_owned() }),
    }
}

fn check_text(field: &'static str, text: &str, bytes_min: usize, bytes_max: usize) -> Result<(), StoreError> {
    if text.len() < bytes_min || text.len() > bytes_max || text.chars().any(char::is_control) {
        return Err(StoreError::Field { field, bytes_min, bytes_max });
    }
    Ok(())
}

fn check_change(change: &Change) -> Result<(), StoreError> {
    check_text("the name of who makes the change", &change.by, 1, limits::ACTOR_BYTES_MAX)
}
