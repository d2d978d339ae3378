//! A WebSocket with the bounds that the library leaves to its user.
//!
//! | bound | how |
//! |---|---|
//! | message size | the library's limit |
//! | pongs waiting | after a ping nothing is read until the pong is written |
//! | a peer that does not read | a write that does not get on for [`limits::WRITE_DEADLINE`] ends the connection |
//! | a peer that is gone | [`Socket::silence`] and pings |

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink as _, SinkExt as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use tokio_websockets::{ClientBuilder, CloseCode, Error, Limits, Message, ServerBuilder, WebSocketStream};

use super::limits;
use super::progress::Progress;

/// Why a socket is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketError {
    /// The transport ended or failed.
    Lost,
    /// The peer broke the protocol; the library has a close frame ready that says how.
    Protocol,
    /// The peer does not take what we write.
    Slow,
    /// A message above the limit; the library has a close frame ready that says so.
    TooLarge,
}

impl From<Error> for SocketError {
    fn from(error: Error) -> Self {
        if matches!(error, Error::PayloadTooLong { .. }) {
            Self::TooLarge
        } else if matches!(error, Error::Protocol(_)) {
            Self::Protocol
        } else {
            Self::Lost
        }
    }
}

/// A WebSocket, either role.
pub(crate) struct Socket<S> {
    stream: WebSocketStream<Progress<S>>,
    /// Runs while a write waits; with what was written when it was set.
    blocked: Option<(Pin<Box<Sleep>>, u64)>,
    pong_due: bool,
    heard: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    fn new(stream: WebSocketStream<Progress<S>>) -> Self {
        Self { stream, blocked: None, pong_due: false, heard: Instant::now() }
    }

    /// The gateway's end of a client's connection.
    pub(crate) fn of_client(stream: S, message_bytes_max: usize) -> Self {
        let limits = Limits::default().max_payload_len(Some(message_bytes_max));
        Self::new(ServerBuilder::new().limits(limits).serve(Progress::new(stream)))
    }

    /// The gateway's end of a connection to an upstream.
    pub(crate) fn of_upstream(stream: S) -> Self {
        let limits = Limits::default().max_payload_len(Some(limits::UPSTREAM_MESSAGE_BYTES_MAX));
        Self::new(ClientBuilder::new().limits(limits).take_over(Progress::new(stream)))
    }

    /// Sets the longest message that is read from now on.
    pub(crate) fn set_message_bytes_max(&mut self, bytes: usize) {
        self.stream.limits_mut().set_max_payload_len(Some(bytes));
    }

    /// For how long nothing came from the peer, not even a pong.
    pub(crate) fn silence(&self) -> Duration {
        self.heard.elapsed()
    }

    /// The next message, pings and pongs among them.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, SocketError>> {
        if self.pong_due {
            ready!(self.poll_flush(cx))?;
            self.pong_due = false;
        }
        let message = ready!(Pin::new(&mut self.stream).poll_next(cx)).ok_or(SocketError::Lost)??;
        self.heard = Instant::now();
        self.pong_due = message.is_ping();
        Poll::Ready(Ok(message))
    }

    /// The next message. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`SocketError`].
    pub(crate) async fn next(&mut self) -> Result<Message, SocketError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Whether another message may be queued.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let ready = Pin::new(&mut self.stream).poll_ready(cx);
        self.note(ready, cx)
    }

    /// Queues a message: call [`Self::poll_ready`] before, unless it is one of few.
    pub(crate) fn start_send(&mut self, message: Message) -> Result<(), SocketError> {
        Ok(Pin::new(&mut self.stream).start_send(message)?)
    }

    /// Writes what is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(flushed, cx)
    }

    /// Measures for how long writing makes no end.
    fn note(&mut self, outcome: Poll<Result<(), Error>>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        if let Poll::Ready(outcome) = outcome {
            self.blocked = None;
            return Poll::Ready(outcome.map_err(SocketError::from));
        }
        let written = self.stream.get_ref().written();
        let (deadline, mark) = self.blocked.get_or_insert_with(|| (Box::pin(tokio::time::sleep(limits::WRITE_DEADLINE)), written));
        if written - *mark >= limits::WRITE_PROGRESS_BYTES as u64 {
            deadline.as_mut().reset(Instant::now() + limits::WRITE_DEADLINE);
            *mark = written;
        }
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(SocketError::Slow))
    }

    /// Queues a message once there is room.
    ///
    /// # Errors
    /// [`SocketError`].
    pub(crate) async fn feed(&mut self, message: Message) -> Result<(), SocketError> {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await?;
        self.start_send(message)
    }

    /// Writes everything.
    ///
    /// # Errors
    /// [`SocketError`].
    pub(crate) async fn flush(&mut self) -> Result<(), SocketError> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Queues and writes a message.
    ///
    /// # Errors
    /// [`SocketError`].
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), SocketError> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Closes: our close frame if none was sent or received yet, then the end of the transport. Waits for the peer, but not long.
    pub(crate) async fn close(mut self, code: Option<CloseCode>, reason: &'static str) {
        let code = code.filter(|code| !code.is_reserved());
        // After a close frame of either side there is nothing to send, and the library says so.
        let _ = self.start_send(Message::close(code, if code.is_some() { reason } else { "" }));
        drop(tokio::time::timeout(limits::CLOSE_DEADLINE, self.stream.close()).await);
    }
}
