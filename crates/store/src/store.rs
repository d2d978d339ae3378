//! The database: accounts, credentials, their history, sessions.
//!
//! Each change is one transaction that also writes its line of history, so there is no change without one, and what was answered with
//! success is on the disk. Several processes may have the database open: gateways and the command line;
//! [`Store::change_counter`] tells a gateway when to read again, and [`Store::notices`] tells it at once where the database can.
//!
//! | | SQLite | PostgreSQL |
//! |---|---|---|
//! | opened by | [`Store::open`] | [`Store::connect`] |
//! | on the disk | WAL, `synchronous=FULL` | `synchronous_commit=on`, `fsync` |
//! | writers | one at a time | one at a time per kind of thing ([`crate::db`]) |

mod accounts;
mod admission;
mod cancels;
mod credentials;
mod drills;
mod identity;
mod open;
mod row;
mod sessions;
mod tokens;

pub use admission::generate_secret;
pub use cancels::{CallName, CancelAnswer, CancelCall, CancelCalls, NewCancel, UnreadableCall};
pub use drills::{DrillAnswer, StoredDrill};
pub use identity::CommonIdentity;
pub use tokens::Presented;

use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Mutex;

use crate::audit::ship;
use crate::audit::ship::AuditShipper;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::fix::records::FixRecords;
use crate::halts::HaltStore;
use crate::limits;
use crate::notices::Notices;
use crate::record::Change;
use crate::sealing::SealingKey;
use crate::shared::SharedShelf;

/// What must last.
pub struct Store {
    db: Db,
    /// Whose sessions the new ones are.
    node: String,
    sealing: SealingKey,
    /// Of a file only: a server is asked for the counter itself.
    watch: Mutex<Option<Watch>>,
}

/// `PRAGMA data_version` tells a connection whether anybody else wrote since it last asked; it costs no read of the database.
struct Watch {
    connection: SqliteConnection,
    data_version: i64,
    counter: u64,
}

impl Store {
    /// The halts in the same database, over connections of their own.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn open_halts(&self) -> Result<HaltStore, StoreError> {
        Ok(HaltStore::new(self.one_more().await?, self.one_more().await?))
    }

    /// Whether other nodes have the same database; a file is of one node.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.db.links().is_some()
    }

    /// News from the other nodes, as they commit it; `None` where there are none, because the database is a file.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub fn notices(&self) -> Option<Notices> {
        self.db.links().map(|links| Notices::new(links))
    }

    /// Copies the audit log of this node into the database; `None` where there are no nodes, because the database is a file.
    #[must_use]
    pub fn audit_shipper(&self, folder: &Path) -> Option<AuditShipper> {
        self.db.links().map(|links| AuditShipper::new(Db::postgres(links.apart(1)), &self.node, folder))
    }

    /// The copies of this node's FIX journals, sealed under the key that all nodes have; `None` where there are no nodes, because the
    /// database is a file. `shelf` is in the memory that they share.
    #[must_use]
    pub fn fix_records(&self, key: Arc<SealingKey>, shelf: Option<SharedShelf>) -> Option<Arc<FixRecords>> {
        let links = self.db.links()?;
        let (db, renewing) = (Db::postgres(links.apart(limits::FIX_LINKS)), Db::postgres(links.apart(1)));
        Some(Arc::new(FixRecords::new(db, renewing, &self.node, key, shelf)))
    }

    /// Writes the copy of a node's audit log into a new folder, byte for byte; how many lines. A file has none.
    ///
    /// # Errors
    /// The folder is there already or cannot be written; an infrastructure failure.
    pub async fn fetch_audit(&self, node: &str, folder: &Path) -> Result<u64, StoreError> {
        if self.db.links().is_none() { Ok(0) } else { ship::fetch(&self.db, node, folder).await }
    }

    /// Where the database is: a file, or a server without its password.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.db.place()
    }

    /// A number that grows whenever an account or a credential changes, by whichever process. Cheap enough to ask every
    /// second: unless something was written it reads nothing from a file, and one row from a server.
    ///
    /// # Errors
    /// [`StoreError`] when the database is out of reach.
    pub async fn change_counter(&self) -> Result<u64, StoreError> {
        let mut watch = self.watch.lock().await;
        let Some(watch) = watch.as_mut() else { return self.read_counter().await };
        let version = open::data_version(&mut watch.connection).await.map_err(|source| self.failed(source))?;
        if version != watch.data_version {
            // In this order: a change between the two reads is then seen the next time.
            watch.counter = self.read_counter().await?;
            watch.data_version = version;
        }
        Ok(watch.counter)
    }

    async fn read_counter(&self) -> Result<u64, StoreError> {
        let row = self.one("SELECT change_counter FROM meta").await?;
        let counter = row.number("change_counter").map_err(|source| self.failed(source))?;
        Ok(u64::try_from(counter).unwrap_or(0))
    }

    /// Ends the connections; of a file, writes everything back into it first.
    pub async fn close(self) {
        self.db.close().await;
        if let Some(watch) = self.watch.into_inner() {
            // A failure here loses nothing: the write-ahead log is read when the file is opened next.
            let _ = watch.connection.close().await;
        }
    }

    /// The database itself, for those of this crate who copy it.
    pub(crate) const fn database(&self) -> &Db {
        &self.db
    }

    /// The row of a table that has one.
    async fn one(&self, sql: &'static str) -> Result<Row, StoreError> {
        let found = self.db.row(sql, &[]).await?;
        found.ok_or_else(|| self.failed(sqlx::Error::RowNotFound))
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::database(self.db.place(), source)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path().display())
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
