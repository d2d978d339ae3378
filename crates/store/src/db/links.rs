//! Links to a PostgreSQL server: few, kept, and thrown away at the first doubt.
//!
//! ```text
//!   take ── an idle link that answers ── or a new one ──▶ Link ── give_back, if nothing went wrong on it
//!                                             │
//!                                  ours? writable? durable?     asked once per link: after a fail-over it may be another server
//! ```
//!
//! Not the library's pool: a link whose server fell silent would keep its place there until the kernel gives up on it, which takes a
//! quarter of an hour, and the halts have one link to read and one to write. Here whoever waited too long throws the link away, and
//! the next who asks makes a new one; so a server that comes back is used again at once, and no restart is needed.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Lock;
use crate::error::StoreError;
use crate::{limits, schema};

/// The oldest major version that is taken: the oldest that its makers still mend.
const SERVER_VERSION_MIN: i64 = 14;

/// Links to one server.
pub(crate) struct Links {
    place: Arc<Path>,
    options: PgConnectOptions,
    idle: Mutex<Vec<PgConnection>>,
    permits: Arc<Semaphore>,
    count: usize,
}

/// A link that is in use.
pub(crate) struct Link {
    place: Arc<Path>,
    connection: PgConnection,
    /// Something went wrong that leaves the state of the link in doubt.
    doubtful: bool,
    /// A statement failed: a transaction on the link is over.
    failed: bool,
    _permit: OwnedSemaphorePermit,
}

impl Links {
    /// At most `count` links to the server.
    pub(crate) fn new(place: &Path, options: PgConnectOptions, count: usize) -> Self {
        Self { place: place.into(), options, idle: Mutex::default(), permits: Arc::new(Semaphore::new(count)), count }
    }

    /// The same server, with links apart from these.
    pub(crate) fn apart(&self, count: usize) -> Self {
        Self::new(&self.place, self.options.clone(), count)
    }

    /// Where the server is, for people.
    pub(crate) const fn place(&self) -> &Arc<Path> {
        &self.place
    }

    /// How it is connected to.
    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// A link that answers.
    pub(super) async fn take(&self) -> Result<Link, StoreError> {
        let permit = timeout(limits::ACQUIRE_TIMEOUT, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| self.silent())?.map_err(|_| self.closed())?;
        let link = |connection| Link { place: Arc::clone(&self.place), connection, doubtful: false, failed: false, _permit: permit };
        let kept = self.idle.lock().pop();
        if let Some(mut connection) = kept {
            if matches!(timeout(limits::SERVER_PING_MAX, connection.ping()).await, Ok(Ok(()))) {
                return Ok(link(connection));
            }
            // One that is gone is seldom alone.
            self.idle.lock().clear();
        }
        self.connect().await.map(link)
    }

    /// Keeps a link for the next who asks.
    pub(super) fn give_back(&self, link: Link) {
        if !link.doubtful && !self.permits.is_closed() {
            self.idle.lock().push(link.connection);
        }
    }

    /// Ends all links, those in use when they are given back.
    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock());
        for connection in idle {
            // A server that does not hear the goodbye notices the end of the connection.
            let _ = timeout(limits::SERVER_PING_MAX, connection.close()).await;
        }
    }

    /// A new connection to a server that is fit. One that takes connections and says nothing is not waited for.
    pub(crate) async fn connect(&self) -> Result<PgConnection, StoreError> {
        timeout(limits::SERVER_CONNECT_MAX, self.connected()).await.map_err(|_| self.silent())?
    }

    async fn connected(&self) -> Result<PgConnection, StoreError> {
        let failed = |source| StoreError::database(&self.place, source);
        let mut connection = self.options.connect().await.map_err(failed)?;
        // Weaker than "on" would lose what was answered with success; stronger is the operator's choice.
        let durable = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";
        sqlx::query(durable).fetch_optional(&mut connection).await.map_err(failed)?;
        let facts = "SELECT pg_is_in_recovery() AS standby, current_setting('fsync') AS fsync, \
                     current_setting('synchronous_commit') AS commits, current_setting('server_encoding') AS encoding, \
                     current_setting('server_version_num')::bigint / 10000 AS version, current_schema()::text AS schema";
        let facts = sqlx::query(facts).fetch_one(&mut connection).await.map_err(failed)?;
        let text = |column: &str| facts.try_get::<Option<String>, _>(column).map(Option::unwrap_or_default).map_err(failed);
        let standby: bool = facts.try_get("standby").map_err(failed)?;
        let version: i64 = facts.try_get("version").map_err(failed)?;
        let unfit = |why: &str| Err(StoreError::ServerUnfit { path: self.place.to_path_buf(), why: why.to_owned() });
        match (text("commits")?.as_str(), text("fsync")?.as_str(), text("encoding")?.as_str(), text("schema")?.as_str()) {
            _ if standby => unfit("it is a standby, which takes no writes and may be behind; name the primary"),
            _ if version < SERVER_VERSION_MIN => unfit(&format!("it has version {version}; {SERVER_VERSION_MIN} is the oldest taken")),
            (_, "off", _, _) => unfit("it runs with fsync off and loses what it acknowledged when its machine stops"),
            (_, _, encoding, _) if encoding != "UTF8" => unfit("its encoding is not UTF8; make the database with ENCODING 'UTF8'"),
            (_, _, _, "") => unfit("its search_path names no schema that is there"),
            ("on" | "remote_apply", _, _, _) => Ok(connection),
            (_, _, _, _) => unfit("synchronous_commit cannot be switched on"),
        }
    }

    pub(crate) fn silent(&self) -> StoreError {
        StoreError::Unanswered { path: self.place.to_path_buf() }
    }

    fn closed(&self) -> StoreError {
        StoreError::database(&self.place, sqlx::Error::PoolClosed)
    }
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Links({}, at most {})", self.place.display(), self.count)
    }
}

impl Link {
    /// Asks, and waits for the answer as long as one may take. Whoever gives up, or is given up on, leaves a link in doubt.
    pub(super) async fn answer<'l, T, F>(&'l mut self, ask: impl FnOnce(&'l mut PgConnection) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, sqlx::Error>> + 'l,
    {
        let was_doubtful = std::mem::replace(&mut self.doubtful, true);
        let answer = timeout(limits::SERVER_ANSWER_MAX + limits::SERVER_PING_MAX, ask(&mut self.connection)).await;
        let answer = answer.map_err(|_| StoreError::Unanswered { path: self.place.to_path_buf() })?;
        // An error that the server itself told leaves the link as it was.
        self.doubtful = was_doubtful || answer.as_ref().is_err_and(|error| error.as_database_error().is_none());
        self.failed |= answer.is_err();
        answer.map_err(|source| StoreError::database(&self.place, source))
    }

    /// A statement without values or rows.
    pub(super) async fn order(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.answer(|link| sqlx::raw_sql(sql).execute(link)).await.map(|_| ())
    }

    /// Waits for a lock that is held until the transaction ends.
    pub(super) async fn lock(&mut self, lock: Lock) -> Result<(), StoreError> {
        let name = |link| sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(schema::LOCK_SPACE).bind(lock as i32).execute(link);
        self.answer(name).await.map(|_| ())
    }

    /// Commits. A server that is asked to commit a transaction that failed rolls it back and calls that success; so it is not asked.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        if self.failed || self.doubtful {
            return Err(StoreError::Unanswered { path: self.place.to_path_buf() });
        }
        self.order("COMMIT").await
    }
}
