//! One set of statements over two databases.
//!
//! ```text
//!   Db ──┬─ SQLite       a pool of connections to a file       embedded, nothing to install
//!        └─ PostgreSQL   links to a server (links.rs)           when there is more than one node
//!   Tx   a transaction of either that writes: of all that take one lock, in all processes, one runs at a time
//! ```
//!
//! Statements are fixed text with `$1` for values, which both databases read; where their languages differ, [`Sql`] holds both texts.
//! There are three kinds of values (text, number, bytes; each may be null) and the same three in a [`Row`], read by name and
//! checked.
//!
//! What is not here: a library that hides which database it is. The difference matters for locks, for durability and for what can go
//! wrong, and those places say so.

pub(crate) mod address;
pub(crate) mod links;
mod value;

use std::path::Path;
use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

pub(crate) use value::{Row, Sql, Value};

use self::links::{Link, Links};
use crate::error::StoreError;
use crate::limits;

/// Binds values to a statement; a macro, because the two databases have no type in common.
macro_rules! bound {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match value {
                Value::Bytes(bytes) => query.bind(bytes.as_deref()),
                Value::Number(number) => query.bind(*number),
                Value::Text(text) => query.bind(text.as_deref()),
            };
        }
        query
    }};
}

/// A database.
#[derive(Clone)]
pub(crate) struct Db {
    place: Arc<Path>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Postgres(Arc<Links>),
    Sqlite(SqlitePool),
}

/// What a transaction keeps others from doing until it ends. The number is part of the lock's name in PostgreSQL; SQLite has one lock
/// for all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    /// Halts and lifts: a stop waits for nothing but another stop.
    Halts = 1,
    /// Accounts, credentials and their history.
    Keys = 2,
    /// The shape of the database.
    Schema = 3,
    /// Families of refresh tokens, and revocations.
    Tokens = 4,
}

impl Lock {
    /// How a transaction under it begins at a server.
    const fn begin(self) -> &'static str {
        match self {
            Self::Halts => BEGIN_UNDER_LOCK_OF_HALTS,
            // What changes by hand waits for nobody's life: the limit of every link is enough.
            Self::Keys | Self::Schema | Self::Tokens => BEGIN_UNDER_LOCK,
        }
    }
}

/// Rows are locked by nodes that renew leases on others of them: whoever falls silent with one in hand holds them up for a second at most,
/// which is well below a lease.
const BEGIN_ON_ROWS: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL idle_in_transaction_session_timeout = '1s'";

/// Whoever falls silent with its own row in hand holds up itself when it is back.
/// What it writes is of no worth after a crash: it waits for no disk, and for no standby.
const BEGIN_VIEW_AND_WRITE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE; SET LOCAL synchronous_commit = off; SET LOCAL idle_in_transaction_session_timeout = '1s'";

/// Not a stricter level: its view would be of before the lock.
const BEGIN_UNDER_LOCK: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// A stop waits for this lock. Whoever has it and stands still (a process that was stopped, a machine that is suspended) loses it while the
/// stop still waits; its own transaction is undone, and made again when it goes on. Between two statements there are microseconds.
/// Three quarters of a second, so that all of it, with what the server and the next in line have to do, stays below a second.
const BEGIN_UNDER_LOCK_OF_HALTS: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL idle_in_transaction_session_timeout = '750ms'";

impl Db {
    /// The file at `place`.
    pub(crate) fn sqlite(place: &Path, pool: SqlitePool) -> Self {
        Self { place: place.into(), kind: Kind::Sqlite(pool) }
    }

    /// The server behind `links`.
    pub(crate) fn postgres(links: Links) -> Self {
        Self { place: Arc::clone(links.place()), kind: Kind::Postgres(Arc::new(links)) }
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// The links to a server, if it is one.
    pub(crate) const fn links(&self) -> Option<&Arc<Links>> {
        match &self.kind {
            Kind::Postgres(links) => Some(links),
            Kind::Sqlite(_) => None,
        }
    }

    /// All rows.
    pub(crate) async fn rows(&self, sql: impl Into<Sql>, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let sql = sql.into();
        match &self.kind {
            Kind::Postgres(links) => {
                let mut link = links.take().await?;
                let found = link.answer(|link| bound!(sql.postgres, values).fetch_all(link)).await;
                links.give_back(link);
                found.map(rows_of_server)
            }
            Kind::Sqlite(pool) => {
                let found = bound!(sql.sqlite, values).fetch_all(pool).await;
                found.map(rows_of_file).map_err(|source| self.failed(source))
            }
        }
    }

    /// The row, if there is one.
    pub(crate) async fn row(&self, sql: impl Into<Sql>, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Changes rows, in one transaction; how many there were.
    pub(crate) async fn run(&self, sql: impl Into<Sql>, values: &[Value]) -> Result<u64, StoreError> {
        let sql = sql.into();
        match &self.kind {
            Kind::Postgres(links) => {
                let mut link = links.take().await?;
                let mut done = link.answer(|link| bound!(sql.postgres.clone(), values).execute(link)).await;
                for _ in 1..limits::CONFLICT_TRIES {
                    if !matches!(done, Err(StoreError::Locked { .. })) {
                        break;
                    }
                    // The server chose this one to give way; nothing of it was done.
                    done = link.answer(|link| bound!(sql.postgres.clone(), values).execute(link)).await;
                }
                links.give_back(link);
                done.map(|done| done.rows_affected())
            }
            Kind::Sqlite(pool) => {
                let done = bound!(sql.sqlite, values).execute(pool).await;
                done.map(|done| done.rows_affected()).map_err(|source| self.failed(source))
            }
        }
    }

    /// A transaction that will write: takes its lock at once, so that it cannot fail half-way for want of it, and sees what everybody
    /// who had the lock before it left.
    pub(crate) async fn begin(&self, lock: Lock) -> Result<Tx, StoreError> {
        let kind = match &self.kind {
            Kind::Postgres(links) => {
                let mut link = links.take().await?;
                link.order(lock.begin()).await?;
                link.lock(lock).await?;
                TxKind::Postgres(link, Arc::clone(links))
            }
            Kind::Sqlite(pool) => TxKind::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await.map_err(|source| self.failed(source))?),
        };
        Ok(Tx { place: Arc::clone(&self.place), kind })
    }

    /// A transaction that writes and is kept apart from others by the rows that it locks. Of a server: a file has one lock for all.
    pub(crate) async fn begin_on_rows(&self) -> Result<Tx, StoreError> {
        let kind = match &self.kind {
            Kind::Postgres(links) => {
                let mut link = links.take().await?;
                // Whoever waited for a row sees it as it is then.
                link.order(BEGIN_ON_ROWS).await?;
                TxKind::Postgres(link, Arc::clone(links))
            }
            Kind::Sqlite(pool) => TxKind::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await.map_err(|source| self.failed(source))?),
        };
        Ok(Tx { place: Arc::clone(&self.place), kind })
    }

    /// A transaction that only reads: all it sees is of one moment.
    pub(crate) async fn view(&self) -> Result<Tx, StoreError> {
        self.view_as("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    /// The same, and writes rows that nobody else writes.
    pub(crate) async fn view_and_write(&self) -> Result<Tx, StoreError> {
        self.view_as(BEGIN_VIEW_AND_WRITE).await
    }

    async fn view_as(&self, begin: &'static str) -> Result<Tx, StoreError> {
        let kind = match &self.kind {
            Kind::Postgres(links) => {
                let mut link = links.take().await?;
                link.order(begin).await?;
                TxKind::Postgres(link, Arc::clone(links))
            }
            Kind::Sqlite(pool) => TxKind::Sqlite(pool.begin().await.map_err(|source| self.failed(source))?),
        };
        Ok(Tx { place: Arc::clone(&self.place), kind })
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        match &self.kind {
            Kind::Postgres(links) => links.close().await,
            Kind::Sqlite(pool) => pool.close().await,
        }
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::database(&self.place, source)
    }
}

/// A transaction. What is dropped before [`Tx::commit`] did not happen.
pub(crate) struct Tx {
    place: Arc<Path>,
    kind: TxKind,
}

enum TxKind {
    Postgres(Link, Arc<Links>),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    /// All rows.
    pub(crate) async fn rows(&mut self, sql: impl Into<Sql>, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let sql = sql.into();
        match &mut self.kind {
            TxKind::Postgres(link, _) => link.answer(|link| bound!(sql.postgres, values).fetch_all(link)).await.map(rows_of_server),
            TxKind::Sqlite(transaction) => {
                let found = bound!(sql.sqlite, values).fetch_all(&mut **transaction).await;
                found.map(rows_of_file).map_err(|source| StoreError::database(&self.place, source))
            }
        }
    }

    /// The row, if there is one.
    pub(crate) async fn row(&mut self, sql: impl Into<Sql>, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// The row of a table that has one.
    pub(crate) async fn one(&mut self, sql: impl Into<Sql>, values: &[Value]) -> Result<Row, StoreError> {
        let found = self.row(sql, values).await?;
        found.ok_or_else(|| StoreError::database(&self.place, sqlx::Error::RowNotFound))
    }

    /// Changes rows; how many there were.
    pub(crate) async fn run(&mut self, sql: impl Into<Sql>, values: &[Value]) -> Result<u64, StoreError> {
        let sql = sql.into();
        match &mut self.kind {
            TxKind::Postgres(link, _) => {
                link.answer(|link| bound!(sql.postgres, values).execute(link)).await.map(|done| done.rows_affected())
            }
            TxKind::Sqlite(transaction) => {
                let done = bound!(sql.sqlite, values).execute(&mut **transaction).await;
                done.map(|done| done.rows_affected()).map_err(|source| StoreError::database(&self.place, source))
            }
        }
    }

    /// Makes it last: when this returns, it is on the disk.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self.kind {
            TxKind::Postgres(mut link, links) => {
                link.commit().await?;
                links.give_back(link);
                Ok(())
            }
            TxKind::Sqlite(transaction) => transaction.commit().await.map_err(|source| StoreError::database(&self.place, source)),
        }
    }

    /// Ends it without a change. Dropping does the same, and costs a server's link.
    pub(crate) async fn leave(self) -> Result<(), StoreError> {
        match self.kind {
            TxKind::Postgres(mut link, links) => {
                link.order("ROLLBACK").await?;
                links.give_back(link);
                Ok(())
            }
            TxKind::Sqlite(transaction) => transaction.rollback().await.map_err(|source| StoreError::database(&self.place, source)),
        }
    }
}

fn rows_of_file(rows: Vec<sqlx::sqlite::SqliteRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Sqlite).collect()
}

fn rows_of_server(rows: Vec<PgRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Postgres).collect()
}
