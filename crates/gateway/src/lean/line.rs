//! Connections to an upstream that carry one plain request at a time, kept by the worker that made them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;

use bytes::BytesMut;
use countersign_core::{Monotonic, Reject};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

use crate::clock;
use crate::halts::Cleared;
use crate::upstream::Upstream;

/// The idle ones, the youngest last.
#[derive(Debug, Default)]
pub(crate) struct Lines(RefCell<VecDeque<(TcpStream, Monotonic)>>);

impl Lines {
    /// The youngest that is still good. One on which something arrived is not: it was closed, or has an answer to no question.
    fn take(&self, upstream: &Upstream, now: Monotonic) -> Option<TcpStream> {
        let mut idle = self.0.borrow_mut();
        while idle.front().is_some_and(|(_, since)| now.saturating_since(*since) > upstream.config().idle_for) {
            idle.pop_front();
        }
        std::iter::from_fn(|| idle.pop_back()).map(|(stream, _)| stream).find(is_quiet)
    }

    fn keep(&self, upstream: &Upstream, stream: TcpStream) {
        let mut idle = self.0.borrow_mut();
        if idle.len() < upstream.config().idle_max {
            idle.push_back((stream, clock::mono()));
        }
    }
}

/// Costs no system call while the runtime has heard nothing of the socket.
fn is_quiet(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// One connection, in use. Dropped unless it is given back.
pub(super) struct Line {
    stream: TcpStream,
    upstream: Rc<Upstream>,
}

impl Line {
    /// Takes a connection that is idle at `now`, or makes a new one.
    ///
    /// # Errors
    /// [`Reject::UpstreamUnavailable`] or [`Reject::UpstreamTimeout`].
    pub(super) async fn lease(upstream: &Rc<Upstream>, now: Monotonic) -> Result<Self, Reject> {
        let stream = match upstream.lines.take(upstream, now) {
            Some(stream) => stream,
            None => upstream.dial().await.map_err(|error| {
                tracing::warn!(upstream = %upstream.config().authority, %error, "upstream connection failed");
                if error.kind() == io::ErrorKind::TimedOut { Reject::UpstreamTimeout } else { Reject::UpstreamUnavailable }
            })?,
        };
        Ok(Self { stream, upstream: Rc::clone(upstream) })
    }

    /// Sends a permitted request. It is never sent again: a retry could place an order twice.
    ///
    /// # Errors
    /// As the operating system says.
    pub(super) async fn send(&mut self, _permit: &Cleared, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// Reads what there is behind `read`; 0 at the end.
    ///
    /// # Errors
    /// As the operating system says.
    pub(super) async fn read(&mut self, read: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| poll_read_buf(Pin::new(&mut self.stream), cx, read)).await
    }

    /// For the log.
    pub(super) fn authority(&self) -> &str {
        &self.upstream.config().authority
    }

    /// Puts the connection back. Its answer was read to the end and nothing behind it.
    pub(super) fn give_back(self) {
        self.upstream.lines.keep(&self.upstream, self.stream);
    }
}
