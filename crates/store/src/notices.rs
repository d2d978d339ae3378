//! News from the other nodes of a cluster, in the moment they are committed.
//!
//! A notice says only what kind of thing changed: whoever hears it reads the database, which is the truth. So a notice that is lost
//! costs time and not safety, and everybody goes on asking the database from time to time.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};

use crate::db::links::Links;
use crate::{StoreError, limits};

/// What the triggers of the schema send their notices to.
const CHANNEL: &str = "countersign";

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Accounts or credentials.
    Keys,
    /// Halts.
    Halts,
    /// Revocations of tokens.
    Tokens,
    /// The connection was lost and is there again: anything may have changed.
    Anything,
}

/// A connection that is told.
pub struct Notices {
    place: std::path::PathBuf,
    pool: PgPool,
    listener: Option<PgListener>,
}

impl Notices {
    pub(crate) fn new(links: &Links) -> Self {
        // Of one connection, which the listener keeps; the pool only makes it anew.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(limits::SERVER_CONNECT_MAX)
            .connect_lazy_with(links.options().clone());
        Self { place: links.place().to_path_buf(), pool, listener: None }
    }

    /// Waits for the next change.
    ///
    /// # Errors
    /// The server is out of reach; wait for [`Notices::PAUSE`] and ask again.
    pub async fn next(&mut self) -> Result<Notice, StoreError> {
        loop {
            let Some(listener) = self.listener.as_mut() else {
                self.listener = Some(self.listen().await.map_err(|source| StoreError::database(&self.place, source))?);
                return Ok(Notice::Anything);
            };
            match listener.try_recv().await {
                Ok(Some(heard)) => match heard.payload() {
                    "keys" => return Ok(Notice::Keys),
                    "halts" => return Ok(Notice::Halts),
                    "tokens" => return Ok(Notice::Tokens),
                    // Of a newer program.
                    _ => {}
                },
                Ok(None) => return Ok(Notice::Anything),
                Err(source) => {
                    self.listener = None;
                    return Err(StoreError::database(&self.place, source));
                }
            }
        }
    }

    /// How long to wait before a server that was out of reach is asked again.
    pub const PAUSE: Duration = Duration::from_secs(1);

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notices({})", self.place.display())
    }
}
