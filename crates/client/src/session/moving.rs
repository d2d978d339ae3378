//! The node leaves: the next connection is made while the present one is still good.
//!
//! ```text
//!   Up ── drain ─▶ Up, dialling ── TLS and nonce are there ─▶ Moving ── welcome ──▶ Up, elsewhere       told: Drain, Resumed
//!                   ▲   │ no connection: again, another node     │ refused, no answer
//!                   └───┴────────────────────────────────────────┘
//!   Up ── the node is gone before that came about ─▶ as with any connection that is lost
//! ```
//!
//! While it dials, both directions go on over the present connection. From the moment when the resume is written until its answer nothing
//! is read there and nothing is sent: what the gateway still writes to it is in its replay, and what we would send might be applied there
//! or not. When the resume is refused, nothing was lost by that: the present connection goes on, with what waited in it.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::Monotonic;
use countersign_handshake::{Numbers, Resumption};
use countersign_session::Standing;
use tokio::task::JoinHandle;

use super::{Incoming, Link, Session};
use crate::clock::{self, SystemEntropy};
use crate::error::ClientError;
use crate::ladder::Ladder;
use crate::opening::{Prepared, conclude, prepare};
use crate::options::{Endpoint, Options};
use crate::reconnect::{Returned, wait};

/// Nodes that we remember besides our own: a gateway that names more than that has no reason to.
const ALSO_MAX: usize = 32;

/// A node that leaves.
pub(super) struct Leaving {
    since: Monotonic,
    attempts: u32,
    /// The next connection, on its way; it begins with a wait where the one before failed.
    dialling: JoinHandle<Result<Prepared, ClientError>>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.dialling.abort();
    }
}

impl Leaving {
    pub(super) fn begin(options: &Arc<Options>) -> Self {
        Self { since: clock::now().mono, attempts: 1, dialling: dial_after(Duration::ZERO, options, 1) }
    }

    fn again(&mut self, options: &Arc<Options>) {
        let wait = wait(self.attempts, &mut SystemEntropy);
        self.attempts = self.attempts.saturating_add(1);
        self.dialling = dial_after(wait, options, self.attempts);
    }

    /// Waits for the next connection. Safe to cancel.
    pub(super) async fn dialled(&mut self) -> Result<Prepared, ClientError> {
        (&mut self.dialling).await.unwrap_or(Err(ClientError::Closed))
    }
}

fn dial_after(pause: Duration, options: &Arc<Options>, attempt: u32) -> JoinHandle<Result<Prepared, ClientError>> {
    let options = options.of_attempt(attempt);
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        prepare(&options, Ladder::default()).await
    })
}

/// The options with the nodes that the gateway names, those that we did not know behind those that we did.
fn with_others(options: &Arc<Options>, to: &[String]) -> Arc<Options> {
    let mut known = Options::clone(options);
    learn(&known.endpoint, &mut known.also, to);
    Arc::new(known)
}

fn learn(own: &Endpoint, also: &mut Vec<Endpoint>, to: &[String]) {
    for endpoint in to.iter().filter_map(|text| Endpoint::parse(text).ok()) {
        if also.len() < ALSO_MAX && endpoint != *own && !also.contains(&endpoint) {
            also.push(endpoint);
        }
    }
}

impl Session {
    /// HS-131: the node leaves. A session that cannot be resumed stays until it is told goodbye.
    pub(super) fn begin_to_leave(&mut self, to: &[String]) {
        if self.agreed.resumption.is_none() || self.leaving.is_some() {
            return;
        }
        self.options = with_others(&self.options, to);
        self.leaving = Some(Leaving::begin(&self.options));
    }

    /// The next connection is there, or it is tried again.
    pub(super) fn on_dialled(&mut self, dialled: Result<Prepared, ClientError>) {
        let Some(leaving) = &mut self.leaving else { return };
        let (Ok(prepared), Some(resumption)) = (dialled, self.agreed.resumption.clone()) else { return leaving.again(&self.options) };
        let link = std::mem::replace(&mut self.link, Link::Lost(String::new()));
        let Link::Up(transport) = link else {
            self.link = link;
            return;
        };
        let Standing { rx, tx } = self.machine.standing();
        let resumption = Resumption { numbers: Numbers { rx, tx }, ..resumption };
        let (attempts, since) = (leaving.attempts, leaving.since);
        let resuming = tokio::spawn(async move {
            let (shaken, ladder) = conclude(prepared, Some(&resumption)).await?;
            Ok(Returned { shaken, ladder, attempts, took: clock::now().mono.saturating_since(since) })
        });
        self.link = Link::Moving(transport, resuming);
    }

    /// Waits for the answer to the resume. Safe to cancel. `None`: the present connection goes on.
    pub(super) async fn finish_moving(&mut self) -> Option<Incoming> {
        let Link::Moving(_, resuming) = &mut self.link else { return None };
        let outcome = resuming.await.unwrap_or(Err(ClientError::Closed));
        match outcome {
            Ok(returned) => {
                // The older connection is fenced; whatever is still in it follows on this one.
                self.machine.leave();
                self.unsent = None;
                // What was asked on the former connection is answered by the welcome of this one.
                self.renewal.forget();
                self.leaving = None;
                Some(self.go_on(returned))
            }
            Err(_) => {
                let link = std::mem::replace(&mut self.link, Link::Lost(String::new()));
                if let Link::Moving(transport, _) = link {
                    self.link = Link::Up(transport);
                }
                if let Some(leaving) = &mut self.leaving {
                    leaving.again(&self.options);
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nodes_that_are_named_come_behind_those_that_we_know() {
        let own = Endpoint::parse("a:1").unwrap();
        let mut also = vec![Endpoint::parse("b:1").unwrap()];
        let named = ["a:1", "c:1", "no port", "b:1", "c:1", "[::1]:2"].map(str::to_owned);
        learn(&own, &mut also, &named);
        assert_eq!(also.iter().map(Endpoint::authority).collect::<Vec<_>>(), ["b:1", "c:1", "[::1]:2"]);
        let many: Vec<_> = (1..=100).map(|port| format!("d:{port}")).collect();
        learn(&own, &mut also, &many);
        assert_eq!(also.len(), ALSO_MAX);
    }
}
