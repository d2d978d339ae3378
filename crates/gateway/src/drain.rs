//! Shutting down in order: no new connections, open ones end after the request under way.

use tokio::sync::watch;

/// Tells every connection that the node is leaving.
#[derive(Debug)]
pub struct Drain(watch::Sender<bool>);

/// One connection's ear for it.
#[derive(Debug)]
pub struct DrainWatch(watch::Receiver<bool>);

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Drain {
    /// Starts draining; it cannot be taken back.
    pub fn start(&self) {
        self.0.send_replace(true);
    }

    /// Whether draining has started.
    #[must_use]
    pub fn is_started(&self) -> bool {
        *self.0.borrow()
    }

    /// An ear.
    #[must_use]
    pub fn subscribe(&self) -> DrainWatch {
        DrainWatch(self.0.subscribe())
    }
}

impl DrainWatch {
    /// Waits until draining starts.
    pub async fn wait(&mut self) {
        // The sender lives in the shared state, longer than any connection; if it is gone, the node is gone.
        drop(self.0.wait_for(|started| *started).await);
    }
}
