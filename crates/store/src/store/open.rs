//! How the two databases are opened: whose they are, whether they are sound, and under which sealing key.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Store, Watch};
use crate::db::Db;
use crate::db::address::DatabaseAddress;
use crate::db::links::Links;
use crate::error::StoreError;
use crate::sealing::SealingKey;
use crate::{files, limits, schema};

/// Sealed into each database, so that a wrong sealing key is found when it is opened and not at the first login.
const SEALING_CHECK: &[u8] = b"countersign sealing check";
const SEALING_CHECK_OWNER: &str = "meta.sealing_check";

/// What is done to a database whose shape is not this program's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// It is brought to it.
    Prepared,
    /// It is refused: somebody only looks.
    AsFound,
}

impl Store {
    /// Opens the database at `path`; makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError`], one sentence each: permissions, damage, another program's file, a newer schema, another sealing key,
    /// locked by another process. The file is left as it was found then.
    pub async fn open(path: &Path, sealing: SealingKey) -> Result<Self, StoreError> {
        reserve(path)?;
        Self::opened(path, sealing, Shape::Prepared).await
    }

    /// As [`Self::open`], of a database that is there and has this program's shape, to look at it: nothing is made or brought up to date,
    /// also while another process works with it.
    ///
    /// # Errors
    /// As there; [`StoreError::OlderSchema`].
    pub async fn open_as_found(path: &Path, sealing: SealingKey) -> Result<Self, StoreError> {
        files::check_private(path)?;
        Self::opened(path, sealing, Shape::AsFound).await
    }

    async fn opened(path: &Path, sealing: SealingKey, shape: Shape) -> Result<Self, StoreError> {
        let failed = |source| StoreError::database(path, source);
        let bare = options(path);
        let mut connection = bare.connect().await.map_err(failed)?;
        let shaped = match shape {
            Shape::Prepared => schema::prepare(&mut connection, path).await,
            Shape::AsFound => schema::check(&mut connection, path).await,
        };
        // Also of a file that is refused: SQLite takes the files beside it away when it is closed.
        connection.close().await.map_err(failed)?;
        shaped?;
        // The check of the sealing key may write one value, and nothing else is written before it.
        let check = Db::sqlite(path, SqlitePoolOptions::new().max_connections(1).connect_with(bare).await.map_err(failed)?);
        let checked = check_sealing(&check, &sealing, shape).await;
        check.close().await;
        checked?;
        // Only now: switching the journal mode writes to the file, which must be ours by then.
        let mut connection = durable(path).connect().await.map_err(failed)?;
        let watch = Watch { data_version: data_version(&mut connection).await.map_err(failed)?, counter: 0, connection };
        let pool = pool(path, limits::CONNECTIONS_MAX).await.map_err(failed)?;
        let store = Self { db: Db::sqlite(path, pool), node: String::new(), sealing, watch: Mutex::new(None) };
        let counter = store.read_counter().await?;
        *store.watch.lock().await = Some(Watch { counter, ..watch });
        Ok(store)
    }

    /// Opens the database of a PostgreSQL server for one node; makes the tables if the schema is empty. Any number of nodes may do so
    /// at once.
    ///
    /// # Errors
    /// [`StoreError`], one sentence each: out of reach, a standby, damage, another program's tables, a newer schema, another
    /// sealing key. Nothing is written then.
    pub async fn connect(address: &DatabaseAddress, node: &str, sealing: SealingKey) -> Result<Self, StoreError> {
        Self::connected(address, node, sealing, Shape::Prepared).await
    }

    /// As [`Self::connect`], of a database that has the tables already and in this program's shape, to look at it: the nodes that work
    /// with it may be older than this program.
    ///
    /// # Errors
    /// As there; [`StoreError::NoTables`], [`StoreError::OlderSchema`].
    pub async fn connect_as_found(address: &DatabaseAddress, node: &str, sealing: SealingKey) -> Result<Self, StoreError> {
        Self::connected(address, node, sealing, Shape::AsFound).await
    }

    async fn connected(address: &DatabaseAddress, node: &str, sealing: SealingKey, shape: Shape) -> Result<Self, StoreError> {
        let place = address.place();
        let address = address.clone().of_node(node);
        let links = Links::new(place, address.options(), CONNECTIONS);
        let mut connection = links.connect().await?;
        let shaped = async {
            match shape {
                Shape::Prepared => schema::postgres::prepare(&mut connection, place).await,
                Shape::AsFound => schema::postgres::check(&mut connection, place).await,
            }
        };
        timeout(limits::SERVER_SHAPE_MAX, shaped).await.map_err(|_| links.silent())??;
        // A server that does not hear the goodbye notices the end of the connection.
        let _ = timeout(limits::SERVER_PING_MAX, connection.close()).await;
        let db = Db::postgres(links);
        check_sealing(&db, &sealing, shape).await?;
        Ok(Self { db, node: node.to_owned(), sealing, watch: Mutex::new(None) })
    }

    /// The same database, over one connection that is nobody else's.
    pub(super) async fn one_more(&self) -> Result<Db, StoreError> {
        match self.db.links() {
            Some(links) => Ok(Db::postgres(links.apart(1))),
            None => Ok(Db::sqlite(self.path(), pool(self.path(), 1).await.map_err(|source| self.failed(source))?)),
        }
    }
}

/// Links to a server: as many as connections to a file.
const CONNECTIONS: usize = limits::CONNECTIONS_MAX as usize;

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

fn durable(path: &Path) -> SqliteConnectOptions {
    options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
}

async fn pool(path: &Path, count: u32) -> Result<SqlitePool, sqlx::Error> {
    // On a disk without room SQLite ends a transaction by itself; the library then asks for its end in vain, and takes the connection to be
    // inside it for ever. Such a one is closed. It was pinged before, behind all that it was asked, so what it says is so.
    let options = SqlitePoolOptions::new().max_connections(count).acquire_timeout(limits::ACQUIRE_TIMEOUT).before_acquire(|link, _| {
        let usable = !link.is_in_transaction();
        Box::pin(async move { Ok(usable) })
    });
    options.connect_with(durable(path)).await
}

pub(super) async fn data_version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}

async fn check_sealing(db: &Db, sealing: &SealingKey, shape: Shape) -> Result<(), StoreError> {
    if shape == Shape::Prepared {
        let fresh = sealing.seal(SEALING_CHECK_OWNER, SEALING_CHECK);
        // Only the first opener stores its check; of two at once the second compares with what the first stored.
        db.run("UPDATE meta SET sealing_check = $1 WHERE sealing_check IS NULL", &[fresh.into()]).await?;
    }
    let stored = db.row("SELECT sealing_check FROM meta", &[]).await?;
    let failed = |source| StoreError::database(db.place(), source);
    let stored = stored.as_ref().map(|row| row.bytes_or_none("sealing_check")).transpose().map_err(failed)?.flatten();
    match sealing.open(SEALING_CHECK_OWNER, stored.unwrap_or_default()) {
        Ok(text) if text.ct_eq(SEALING_CHECK) => Ok(()),
        Ok(_) | Err(_) => Err(StoreError::SealingKeyMismatch { path: db.place().to_owned() }),
    }
}
