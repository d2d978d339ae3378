//! Tells open connections that credentials, halts or the CAs of clients changed or tokens were revoked, so that they are cut off without a
//! look-up per timer and connection: one timer per worker compares one pointer and three numbers.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use countersign_core::Timestamp;
use tokio::sync::watch;

use super::limits::STANDING_POLL;
use crate::clock;
use crate::worker::Worker;

/// The worker's side.
#[derive(Debug)]
pub struct Standing {
    changes: watch::Sender<u64>,
    watching: Cell<bool>,
}

/// A connection's ear for it.
#[derive(Debug)]
pub struct StandingWatch(watch::Receiver<u64>);

impl Default for Standing {
    fn default() -> Self {
        Self { changes: watch::Sender::new(0), watching: Cell::new(false) }
    }
}

impl Standing {
    /// An ear. The first one starts the watch; it ends with the worker.
    #[must_use]
    pub fn subscribe(worker: &Rc<Worker>) -> StandingWatch {
        let standing = &worker.standing;
        if !standing.watching.replace(true) {
            let mut seen = worker.shared.credentials.load_full();
            let state = |worker: &Worker| {
                let shared = &worker.shared;
                (shared.halts.gate().generation(), shared.oauth.epoch(), shared.tls.snapshot().generation())
            };
            let mut known = state(worker);
            let worker = Rc::downgrade(worker);
            tokio::task::spawn_local(async move {
                loop {
                    tokio::time::sleep(STANDING_POLL).await;
                    let Some(worker) = worker.upgrade() else { return };
                    let current = worker.shared.credentials.load();
                    let now = state(&worker);
                    if !Arc::ptr_eq(&seen, &current) || now != known {
                        (seen, known) = (Arc::clone(&current), now);
                        worker.standing.changes.send_modify(|count| *count += 1);
                    }
                }
            });
        }
        StandingWatch(standing.changes.subscribe())
    }
}

impl StandingWatch {
    /// Waits until credentials changed, or tokens were revoked, since the last call.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The worker is gone; so will be the connection.
            std::future::pending::<()>().await;
        }
    }

    /// The same, and no longer than until a time at which something ends by itself: a key, a token, a certificate.
    pub async fn changed_or(&mut self, end: Option<Timestamp>) {
        tokio::select! {
            () = self.changed() => {}
            () = clock::until_wall(end) => {}
        }
    }
}
