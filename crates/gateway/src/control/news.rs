//! What others changed in the store: asked for from time to time, and heard at once where the database tells.
//!
//! ```text
//!   every 200 ms ────────┐
//!   notice of a node ────┤
//!   notice: keys, tokens ┼──▶ revocations, credentials        notice: halts ──▶ the keeper of halts reads
//! ```
//!
//! A notice only makes somebody look sooner: what is true is what the store says when it is asked.

use std::sync::Arc;
use std::time::Duration;

use countersign_store::shared::Topic;
use countersign_store::{Notice, Notices};
use tokio::sync::Notify;

use super::reload_credentials;
use crate::shared::Shared;
use crate::tokens::sync_revocations;

/// How often the store is asked whether somebody changed it: a revocation made by another process takes effect within this.
const STORE_POLL: Duration = Duration::from_millis(200);
/// And while it cannot answer: a log that fills the disk would stop more than the store does.
const STORE_POLL_FAILED: Duration = Duration::from_secs(1);

/// Keeps what is read from the store up to date.
pub(super) async fn watch_store(shared: Arc<Shared>) {
    let news = Notify::new();
    tokio::join!(ask(&shared, &news), hear(&shared, &news));
}

/// Reads the credentials again when the store changed, and what was revoked.
async fn ask(shared: &Shared, news: &Notify) {
    let mut seen = None;
    let mut told = false;
    loop {
        let mut wait = STORE_POLL;
        if let Err(error) = sync_revocations(shared).await {
            tracing::error!(%error, "revoked tokens cannot be read; soon no token is taken");
            wait = STORE_POLL_FAILED;
        }
        match shared.store.change_counter().await {
            Ok(counter) if seen == Some(counter) => {}
            Ok(counter) => match reload_credentials(shared).await {
                Ok(count) => {
                    tracing::debug!(count, "credentials read");
                    // A command on this machine changed them. Others are told once, by whoever was not told.
                    if seen.replace(counter).is_some() && !told {
                        shared.announce(Topic::Credentials);
                    }
                }
                Err(error) => tracing::error!(%error, "credentials cannot be read; the last good ones stay in force"),
            },
            Err(error) => {
                tracing::error!(%error, "the store cannot be read; the last good credentials stay in force");
                wait = STORE_POLL_FAILED;
            }
        }
        told = tokio::select! {
            () = tokio::time::sleep(wait) => false,
            () = news.notified() => true,
            () = told_by_a_node(shared) => true,
        };
    }
}

/// Another node said, over the memory that all share, that the store has something new.
async fn told_by_a_node(shared: &Shared) {
    match &shared.cluster {
        Some(cluster) => cluster.store_changed().notified().await,
        None => std::future::pending().await,
    }
}

/// Passes on what the database tells. A database that is a file tells nothing, and is asked.
async fn hear(shared: &Shared, news: &Notify) {
    let Some(mut notices) = shared.store.notices() else { return };
    loop {
        match notices.next().await {
            Ok(Notice::Halts) => shared.halts.look(),
            Ok(Notice::Keys | Notice::Tokens) => news.notify_one(),
            Ok(Notice::Anything) => {
                shared.halts.look();
                news.notify_one();
            }
            Err(error) => {
                tracing::warn!(%error, "changes of other nodes are not told at once; the store is asked as before");
                tokio::time::sleep(Notices::PAUSE).await;
            }
        }
    }
}
