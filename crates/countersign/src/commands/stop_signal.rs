//! SIGTERM and SIGINT: the wish that a server ends in order.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from when it is made: make it before the ready line, or a signal that comes right after it ends the process without a word.
pub(crate) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// Begins to listen. Needs a tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the first signal since then.
    pub(crate) async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
