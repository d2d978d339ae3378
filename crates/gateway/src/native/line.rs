//! What a session is connected by: a carriage of its own, a connection that another task or worker serves, or nothing.
//!
//! ```text
//!   first connection:  session ═ carriage                               (no way between)
//!   after a resume:    session ═ channels ═ pump ═ carriage             (the session stays on its worker; connections come to it)
//!   away:              session                                          (numbers and keeps what it has to say)
//! ```

use std::convert::Infallible;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_websockets::CloseCode;

use super::carriage::{Carriage, CarriageError};
use super::early::Early;
use super::limits::{LINE_BATCHES_MAX, LINE_FRAMES_MAX, WRITE_BATCH_BYTES};
use crate::websocket::limits::WRITE_DEADLINE;

/// How a connection is to be closed.
type Close = (Option<CloseCode>, &'static str);

/// From the session to the connection.
pub(super) enum Outgoing {
    /// Close; nothing follows.
    Close(Close),
    /// Write these.
    Frames(Vec<String>),
}

/// The session's end.
pub(super) struct FarEnd {
    frames: mpsc::Receiver<Result<Bytes, CarriageError>>,
    out: mpsc::Sender<Outgoing>,
    batch: Vec<String>,
    batch_bytes: usize,
}

/// The connection's end.
pub(super) struct NearEnd {
    frames: mpsc::Sender<Result<Bytes, CarriageError>>,
    out: mpsc::Receiver<Outgoing>,
    /// What the client said before it had its answer.
    early: Early,
}

impl NearEnd {
    /// The same, where the client said something before it had its answer.
    pub(super) fn after(self, early: Early) -> Self {
        Self { early, ..self }
    }
}

/// Both ends.
pub(super) fn ends() -> (FarEnd, NearEnd) {
    let (to_session, frames) = mpsc::channel(LINE_FRAMES_MAX);
    let (out, from_session) = mpsc::channel(LINE_BATCHES_MAX);
    (FarEnd { frames, out, batch: Vec::new(), batch_bytes: 0 }, NearEnd { frames: to_session, out: from_session, early: Early::default() })
}

impl FarEnd {
    async fn flush(&mut self) -> Result<(), CarriageError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.batch_bytes = 0;
        let frames = Outgoing::Frames(std::mem::take(&mut self.batch));
        match tokio::time::timeout(WRITE_DEADLINE, self.out.send(frames)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CarriageError::Ended),
            Err(_) => Err(CarriageError::Slow),
        }
    }

    async fn close(mut self, close: Close) {
        if self.flush().await.is_ok() {
            // Whether there is room for it or not, the end of the channel says the same.
            let _ = self.out.try_send(Outgoing::Close(close));
        }
    }
}

/// What a session is connected by.
pub(super) enum Line<C> {
    /// Nobody is there.
    Away,
    /// Served by another task.
    Far(FarEnd),
    /// Its own. The task that accepted the connection waits for the sender to be dropped.
    Own(C, oneshot::Sender<Infallible>),
}

impl<C: Carriage> Line<C> {
    /// Whether nobody is there.
    pub(super) const fn is_away(&self) -> bool {
        matches!(self, Self::Away)
    }

    /// The next frame. Waits for ever while nobody is there; loses nothing when it is dropped.
    pub(super) async fn receive(&mut self) -> Result<Bytes, CarriageError> {
        match self {
            Self::Away => std::future::pending().await,
            Self::Far(line) => line.frames.recv().await.unwrap_or(Err(CarriageError::Ended)),
            Self::Own(carriage, _) => carriage.receive().await,
        }
    }

    /// Takes a frame to write. What is said to nobody is not kept here.
    pub(super) async fn feed(&mut self, frame: String) -> Result<(), CarriageError> {
        match self {
            Self::Away => Ok(()),
            Self::Far(line) => {
                line.batch_bytes += frame.len();
                line.batch.push(frame);
                if line.batch_bytes >= WRITE_BATCH_BYTES { line.flush().await } else { Ok(()) }
            }
            Self::Own(carriage, _) => carriage.feed(frame).await,
        }
    }

    /// Writes what was taken.
    pub(super) async fn flush(&mut self) -> Result<(), CarriageError> {
        match self {
            Self::Away => Ok(()),
            Self::Far(line) => line.flush().await,
            Self::Own(carriage, _) => carriage.flush().await,
        }
    }

    /// Ends it.
    pub(super) async fn close(self, code: Option<CloseCode>, reason: &'static str) {
        match self {
            Self::Away => {}
            Self::Far(line) => line.close((code, reason)).await,
            Self::Own(carriage, served) => {
                carriage.close(code, reason).await;
                drop(served);
            }
        }
    }
}

/// Serves a connection whose session is elsewhere, until one of them ends.
pub(super) async fn pump<C: Carriage>(mut carriage: C, mut line: NearEnd) {
    let mut pending = line.early.next();
    let close = loop {
        tokio::select! {
            frame = carriage.receive(), if pending.is_none() => pending = Some(frame),
            // Frames wait here while the session is busy, and writing goes on meanwhile: neither waits for the other.
            room = line.frames.reserve(), if pending.is_some() => {
                let (Ok(room), Some(frame)) = (room, pending.take()) else { break (None, "") };
                let ended = frame.is_err();
                room.send(frame);
                pending = line.early.next();
                if ended {
                    break (None, "");
                }
            }
            out = line.out.recv() => match out {
                Some(Outgoing::Frames(frames)) => {
                    if let Err(error) = write(&mut carriage, frames).await {
                        // The session learns why, if it still listens.
                        let _ = line.frames.try_send(Err(error));
                        break (None, "");
                    }
                }
                Some(Outgoing::Close(close)) => break close,
                None => break (None, ""),
            },
        }
    };
    carriage.close(close.0, close.1).await;
}

async fn write<C: Carriage>(carriage: &mut C, frames: Vec<String>) -> Result<(), CarriageError> {
    for frame in frames {
        carriage.feed(frame).await?;
    }
    carriage.flush().await
}
