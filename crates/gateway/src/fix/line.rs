//! A session and the stream it is on.

use std::time::Duration;

use bytes::BytesMut;
use countersign_fix::MessageStore;
use countersign_fix::session::Session;
use countersign_store::SharedMessageStore;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::resends::Resends;
use crate::clock;

/// Bytes read at once: a few hundred orders.
const READ_BYTES: usize = 16 * 1_024;

/// Bytes written at once: one TLS record after the other, not a syscall per message.
const WRITE_BYTES: usize = 64 * 1_024;

/// How long a peer may take for [`WRITE_BYTES`]: as on WebSockets, whoever reads slower gets prices of no use, and resends will tell it
/// the rest.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// How long a stream may take to say goodbye.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// The stream is gone, or too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

/// One side of the bridge.
pub(super) struct Line<T, S = SharedMessageStore> {
    pub(super) session: Session<S>,
    stream: T,
    read: BytesMut,
    /// What the peer asks for again.
    pub(super) resends: Resends,
}

impl<T: AsyncRead + AsyncWrite + Unpin, S: MessageStore> Line<T, S> {
    pub(super) fn new(session: Session<S>, stream: T) -> Self {
        Self { session, stream, read: BytesMut::new(), resends: Resends::default() }
    }

    /// Waits for bytes. Safe to drop and call again.
    pub(super) async fn receive(&mut self) -> Result<(), Lost> {
        self.read.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => Err(Lost),
            Ok(_) => Ok(()),
        }
    }

    /// Hands what was read to the session.
    pub(super) fn take(&mut self) {
        let read = std::mem::take(&mut self.read);
        self.session.handle_input(clock::now(), &read);
    }

    /// Sends what the session has and its journal allows.
    pub(super) async fn transmit(&mut self) -> Result<(), Lost> {
        if self.session.has_resend_waiting() {
            self.resends.wait_for_lease().await;
        }
        let transmitted = self.write().await;
        // Also of a stream that is lost: nothing more is written to it.
        self.resends.sent();
        transmitted
    }

    async fn write(&mut self) -> Result<(), Lost> {
        let mut batch = Vec::new();
        loop {
            let next = self.session.poll_transmit_unless(clock::now(), &mut |message| self.resends.withholds(message));
            let last = next.is_none();
            batch.extend(next.into_iter().flatten());
            if batch.is_empty() {
                return Ok(());
            }
            if last || batch.len() >= WRITE_BYTES {
                let written = async {
                    self.stream.write_all(&batch).await?;
                    self.stream.flush().await
                };
                tokio::time::timeout(WRITE_DEADLINE, written).await.map_err(|_| Lost)?.map_err(|_| Lost)?;
                batch.clear();
                self.resends.sent();
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Ends the stream.
    pub(super) async fn close(&mut self) {
        self.resends.sent();
        drop(tokio::time::timeout(CLOSE_DEADLINE, self.stream.shutdown()).await);
    }
}
