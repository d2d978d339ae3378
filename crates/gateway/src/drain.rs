//! Shutting down in order: no new connections, open ones end after the request under way.
//!
//! ```text
//!   serving ── start ─────────────▶ draining ── finish ──▶ over
//!          └── start_handing_over ─▶    │ the next process of this node serves the same ports: sessions go to it,
//!                                       ▼ idle connections get time for one more request
//! ```

use std::sync::OnceLock;

use countersign_core::SessionId;
use tokio::sync::{mpsc, watch};

use crate::handover::Handed;

/// Where sessions go that the successor is to go on with.
pub(crate) type HandOver = mpsc::Sender<(SessionId, Handed)>;

/// Tells every connection that the node is leaving.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
    successor: OnceLock<HandOver>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    Over,
}

/// One connection's ear for it.
#[derive(Debug)]
pub struct DrainWatch(watch::Receiver<Phase>);

impl Default for Drain {
    fn default() -> Self {
        Self { phase: watch::Sender::new(Phase::Serving), successor: OnceLock::new() }
    }
}

impl Drain {
    /// Starts draining; it cannot be taken back.
    pub fn start(&self) {
        self.go_on_to(Phase::Draining);
    }

    /// Starts draining with a successor at the same ports.
    pub(crate) fn start_handing_over(&self, successor: HandOver) {
        // Known before anybody looks for it. A second successor is never taken.
        drop(self.successor.set(successor));
        self.start();
    }

    /// Nothing is open any more, or the deadline is over.
    pub(crate) fn finish(&self) {
        self.go_on_to(Phase::Over);
    }

    fn go_on_to(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = *now < phase;
            *now = phase.max(*now);
            later
        });
    }

    /// Whether draining has started.
    #[must_use]
    pub fn is_started(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        *self.phase.borrow() == Phase::Over
    }

    /// The way to the next process of this node, if there is one.
    pub(crate) fn successor(&self) -> Option<&HandOver> {
        self.successor.get()
    }

    /// An ear.
    #[must_use]
    pub fn subscribe(&self) -> DrainWatch {
        DrainWatch(self.phase.subscribe())
    }
}

impl DrainWatch {
    /// Waits until draining starts.
    pub async fn wait(&mut self) {
        // The sender lives in the shared state, longer than any connection; if it is gone, the node is gone.
        drop(self.0.wait_for(|phase| *phase >= Phase::Draining).await);
    }

    /// Waits until it is over.
    pub async fn wait_until_over(&mut self) {
        drop(self.0.wait_for(|phase| *phase == Phase::Over).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn phases_only_go_on() {
        let drain = Drain::default();
        let mut ear = drain.subscribe();
        assert!(!drain.is_started() && drain.successor().is_none());
        let (successor, _sessions) = mpsc::channel(1);
        drain.start_handing_over(successor);
        ear.wait().await;
        assert!(drain.is_started() && !drain.is_over() && drain.successor().is_some());
        drain.finish();
        drain.start();
        ear.wait_until_over().await;
        assert!(drain.is_over() && drain.is_started());
    }
}
