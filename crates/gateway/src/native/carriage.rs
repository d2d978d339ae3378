//! How frames travel: one per line on raw TLS, one per text message on a WebSocket.

use bytes::{Bytes, BytesMut};
use countersign_core::{Refusal, Reject};
use countersign_handshake::limits::HELLO_FRAME_BYTES_MAX;
use countersign_session::limits::CLIENT_FRAME_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_websockets::{CloseCode, Message};

use super::limits::{READ_BYTES, WRITE_BATCH_BYTES};
use crate::rewind::Rewind;
use crate::websocket::limits::{CLOSE_DEADLINE, WRITE_DEADLINE, WRITE_PROGRESS_BYTES};
use crate::websocket::socket::{Socket, SocketError};

/// Why a carriage carries nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CarriageError {
    /// The client ended it, or the transport failed.
    Ended,
    /// Not frames of this carriage.
    Malformed,
    /// The client does not take what we write.
    Slow,
    /// A frame above the limit of the state.
    TooLarge,
}

impl CarriageError {
    /// What to answer, where there is somebody to answer.
    pub(super) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Ended => None,
            Self::Malformed => Some(Reject::Malformed.into()),
            Self::Slow => Some(Reject::SlowConsumer.into()),
            Self::TooLarge => Some(Reject::TooLarge.into()),
        }
    }
}

impl From<SocketError> for CarriageError {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Lost => Self::Ended,
            SocketError::Protocol => Self::Malformed,
            SocketError::Slow => Self::Slow,
            SocketError::TooLarge => Self::TooLarge,
        }
    }
}

/// Carries frames. `receive` loses nothing when its future is dropped.
pub(super) trait Carriage {
    /// The next frame, without its line end.
    async fn receive(&mut self) -> Result<Bytes, CarriageError>;
    /// Bytes that arrived behind the last frame and were not received yet, as far as is known.
    fn buffered(&self) -> usize;
    /// From now on frames of an open session are accepted, which may be longer.
    fn set_open(&mut self);
    /// Takes a frame to write.
    async fn feed(&mut self, frame: String) -> Result<(), CarriageError>;
    /// Writes what was taken.
    async fn flush(&mut self) -> Result<(), CarriageError>;
    /// Ends the carriage.
    async fn close(self, code: Option<CloseCode>, reason: &'static str);
}

/// One frame per line.
pub(super) struct LineCarriage<S> {
    stream: Rewind<S>,
    read: BytesMut,
    /// Bytes at the front that are known to have no line end.
    scanned: usize,
    written: BytesMut,
    frame_bytes_max: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> LineCarriage<S> {
    pub(super) fn new(stream: Rewind<S>) -> Self {
        Self { stream, read: BytesMut::new(), scanned: 0, written: BytesMut::new(), frame_bytes_max: HELLO_FRAME_BYTES_MAX }
    }

    fn take_line(&mut self) -> Result<Option<Bytes>, CarriageError> {
        let end = self.read[self.scanned..].iter().position(|byte| *byte == b'\n').map(|place| self.scanned + place);
        let length = end.unwrap_or(self.read.len());
        if length > self.frame_bytes_max {
            return Err(CarriageError::TooLarge);
        }
        let Some(end) = end else {
            self.scanned = self.read.len();
            return Ok(None);
        };
        let mut line = self.read.split_to(end + 1);
        line.truncate(end);
        self.scanned = 0;
        if self.read.is_empty() {
            // Idle connections hold no buffer.
            self.read = BytesMut::new();
        }
        Ok(Some(line.freeze()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carriage for LineCarriage<S> {
    async fn receive(&mut self) -> Result<Bytes, CarriageError> {
        loop {
            if let Some(line) = self.take_line()? {
                return Ok(line);
            }
            self.read.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.read).await.map_err(|_| CarriageError::Ended)? == 0 {
                return Err(CarriageError::Ended);
            }
        }
    }

    fn buffered(&self) -> usize {
        self.read.len()
    }

    fn set_open(&mut self) {
        self.frame_bytes_max = CLIENT_FRAME_BYTES_MAX;
    }

    async fn feed(&mut self, frame: String) -> Result<(), CarriageError> {
        self.written.extend_from_slice(frame.as_bytes());
        self.written.extend_from_slice(b"\n");
        if self.written.len() >= WRITE_BATCH_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), CarriageError> {
        let written = std::mem::take(&mut self.written);
        for part in written.chunks(WRITE_PROGRESS_BYTES) {
            in_time(self.stream.write_all(part)).await?;
        }
        in_time(self.stream.flush()).await
    }

    async fn close(mut self, _code: Option<CloseCode>, _reason: &'static str) {
        drop(tokio::time::timeout(CLOSE_DEADLINE, async { self.flush().await.is_ok() && self.stream.shutdown().await.is_ok() }).await);
    }
}

/// A write that must get on.
async fn in_time(writing: impl Future<Output = std::io::Result<()>>) -> Result<(), CarriageError> {
    match tokio::time::timeout(WRITE_DEADLINE, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(CarriageError::Ended),
        Err(_) => Err(CarriageError::Slow),
    }
}

/// One frame per text message.
pub(super) struct WebSocketCarriage<S> {
    socket: Socket<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketCarriage<S> {
    /// Its message limit is that of a hello.
    pub(super) const fn new(socket: Socket<S>) -> Self {
        Self { socket }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carriage for WebSocketCarriage<S> {
    async fn receive(&mut self) -> Result<Bytes, CarriageError> {
        loop {
            let message = self.socket.next().await?;
            if message.is_text() {
                return Ok(message.into_payload().into());
            }
            if message.is_close() {
                return Err(CarriageError::Ended);
            }
            if message.is_binary() {
                return Err(CarriageError::Malformed);
            }
        }
    }

    fn buffered(&self) -> usize {
        // What the library has read ahead cannot be asked for; frames that come too early are refused one by one.
        0
    }

    fn set_open(&mut self) {
        self.socket.set_message_bytes_max(CLIENT_FRAME_BYTES_MAX);
    }

    async fn feed(&mut self, frame: String) -> Result<(), CarriageError> {
        Ok(self.socket.feed(Message::text(frame)).await?)
    }

    async fn flush(&mut self) -> Result<(), CarriageError> {
        Ok(self.socket.flush().await?)
    }

    async fn close(self, code: Option<CloseCode>, reason: &'static str) {
        self.socket.close(code, reason).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn lines_arrive_however_they_are_cut() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut carriage = LineCarriage::new(Rewind::new(ours, BytesMut::from(&b"{\"a\""[..])));
        theirs.write_all(b":1}\n{\"b\":2}\n{\"c").await.unwrap();
        assert_eq!(carriage.receive().await.unwrap(), &b"{\"a\":1}"[..]);
        assert_eq!(carriage.buffered(), 11);
        assert_eq!(carriage.receive().await.unwrap(), &b"{\"b\":2}"[..]);
        drop(theirs);
        assert_eq!(carriage.receive().await, Err(CarriageError::Ended), "half a frame is none");
    }

    #[tokio::test]
    async fn a_frame_without_end_is_refused_before_it_fills_memory() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut carriage = LineCarriage::new(Rewind::new(ours, BytesMut::new()));
        theirs.write_all(&vec![b'x'; HELLO_FRAME_BYTES_MAX + 1]).await.unwrap();
        assert_eq!(carriage.receive().await, Err(CarriageError::TooLarge));
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut carriage = LineCarriage::new(Rewind::new(ours, BytesMut::new()));
        carriage.set_open();
        theirs.write_all(&[vec![b'x'; CLIENT_FRAME_BYTES_MAX], vec![b'\n']].concat()).await.unwrap();
        assert_eq!(carriage.receive().await.unwrap().len(), CLIENT_FRAME_BYTES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up() {
        let (ours, _theirs) = tokio::io::duplex(64);
        let mut carriage = LineCarriage::new(Rewind::new(ours, BytesMut::new()));
        carriage.feed("x".repeat(100)).await.unwrap();
        assert_eq!(carriage.flush().await, Err(CarriageError::Slow));
    }
}
