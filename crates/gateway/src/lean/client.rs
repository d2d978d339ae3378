//! The client's side of the connection: reads into a lent buffer, writes with a patience.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::Heard;
use super::timer::Timer;
use crate::connection::Connection;
use crate::worker::Worker;

/// The stream of a connection, with what every step on it needs.
pub(super) struct Client<'c, S> {
    pub(super) worker: &'c Rc<Worker>,
    pub(super) connection: &'c Rc<Connection>,
    pub(super) timer: Timer,
    stream: &'c mut S,
}

impl<'c, S: AsyncRead + AsyncWrite + Unpin> Client<'c, S> {
    pub(super) fn new(worker: &'c Rc<Worker>, connection: &'c Rc<Connection>, stream: &'c mut S) -> Self {
        Self { worker, connection, timer: Timer::default(), stream }
    }

    /// Waits for bytes, at most for `wait`, and reads them behind `read`. While there are none it holds no buffer.
    pub(super) async fn hear(
        &mut self,
        read: &mut BytesMut,
        wait: Duration,
        mut draining: impl FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Heard {
        let Self { worker, stream, timer, .. } = self;
        let hearing = poll_fn(|cx| {
            if read.capacity() == 0 {
                *read = worker.scratch.take();
            }
            match poll_read_buf(Pin::new(&mut **stream), cx, read) {
                Poll::Ready(Ok(0)) => Poll::Ready(Heard::Ended),
                Poll::Ready(Ok(_)) => Poll::Ready(Heard::Bytes),
                // An end without TLS's own word for it is an end.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Heard::Ended),
                Poll::Ready(Err(_)) => Poll::Ready(Heard::Broken),
                Poll::Pending => {
                    if read.is_empty() {
                        worker.scratch.give(std::mem::take(read));
                    }
                    draining(cx).map(|()| Heard::Draining)
                }
            }
        });
        timer.within(wait, hearing).await.unwrap_or(Heard::Nothing)
    }

    /// Writes all of it. A client that takes nothing for the idle time is given up.
    ///
    /// # Errors
    /// As the stream, and [`io::ErrorKind::TimedOut`].
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let patience = self.worker.shared.settings.limits.idle_timeout;
        let Self { stream, timer, .. } = self;
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        let mut rest = bytes;
        while !rest.is_empty() {
            let writing = poll_fn(|cx| Pin::new(&mut **stream).poll_write(cx, rest));
            let count = timer.within(patience, writing).await.ok_or_else(late)??;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[count..];
        }
        timer.within(patience, poll_fn(|cx| Pin::new(&mut **stream).poll_flush(cx))).await.ok_or_else(late)?
    }
}
