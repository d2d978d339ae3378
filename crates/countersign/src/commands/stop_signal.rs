//! SIGTERM and SIGINT: the wish that what runs ends in order.

use std::io;
use std::pin::Pin;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Exit codes of shells for a process that a signal ended: 128 and its number.
const INTERRUPTED: u8 = 128 + 2;
const TERMINATED: u8 = 128 + 15;

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

    /// Waits for the first signal since then; the exit code of what it interrupts.
    pub(crate) async fn wait(mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => TERMINATED,
            _ = self.interrupt.recv() => INTERRUPTED,
        }
    }
}

/// Does something that takes a while, unless a signal comes first: then what was begun is dropped, and with it what it made.
///
/// # Errors
/// What was done failed, or was interrupted.
pub(crate) async fn unless_stopped<T>(
    stop: Pin<&mut impl Future<Output = u8>>,
    doing: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        biased;
        code = stop => Err(Failure::interrupted(code)),
        done = doing => done,
    }
}
