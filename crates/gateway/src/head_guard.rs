//! Stands between TLS and the HTTP/1.1 library and lets only bytes through that can be read in one way.
//!
//! The library parses; this decides what it gets to parse. A head is passed on whole and only after [`lexer`] found it
//! unambiguous, so nothing of a refused message ever reaches a request handler. After a refusal the library sees the end of the
//! stream at a message boundary, finishes the answers under way, and the refusal is written behind them before the close.
//!
//! It also holds the deadlines that the library does not know: a head must be complete in time, a body must arrive in time
//! (also one dripped byte by byte), an idle connection does not stay for ever.

pub mod lexer;
pub mod limits;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use countersign_core::{Refusal, Reject};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use lexer::{Lexer, Progress};

/// How much and how long each part of a message may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one head.
    pub head_bytes_max: usize,
    /// From the first byte of a head to its last; also from accept to the first head.
    pub head: Duration,
    /// From the end of a head to the end of its body.
    pub body: Duration,
    /// Between messages.
    pub idle: Duration,
}

/// Told when nothing happened between two messages for [`PARK_AFTER`]: the connection's buffers can be given back.
pub type Quiet = Arc<tokio::sync::Notify>;

/// How long a connection keeps its buffers between messages. Trading clients that send more often than this never lose them.
pub const PARK_AFTER: Duration = Duration::from_secs(1);

/// Told of a refusal; gives the bytes of the answer.
pub trait RefusalSink {
    /// Records the refusal and returns a complete HTTP/1.1 response.
    fn refused(&self, refusal: &Refusal) -> Vec<u8>;
}

impl<K: RefusalSink + ?Sized> RefusalSink for Rc<K> {
    fn refused(&self, refusal: &Refusal) -> Vec<u8> {
        (**self).refused(refusal)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Body,
    FirstHead,
    Idle,
    RestOfHead,
}

/// A stream of which only well-framed HTTP/1.1 can be read.
pub struct HeadGuard<S, K = Rc<dyn RefusalSink>> {
    inner: S,
    lexer: Lexer,
    /// Bytes read from `inner` and not yet passed on; the first `cleared` of them may be.
    staged: BytesMut,
    cleared: usize,
    ended: bool,
    farewell: Option<Vec<u8>>,
    bounds: Bounds,
    timer: Option<(Waiting, Pin<Box<Sleep>>)>,
    served_any: bool,
    sink: K,
    quiet: Option<Quiet>,
}

impl<S, K: RefusalSink> HeadGuard<S, K> {
    /// Guards `inner`; `already_read` was taken from it before.
    pub fn new(inner: S, already_read: &[u8], bounds: Bounds, sink: K) -> Self {
        let mut guard = Self {
            inner,
            lexer: Lexer::new(bounds.head_bytes_max),
            staged: BytesMut::from(already_read),
            cleared: 0,
            ended: false,
            farewell: None,
            bounds,
            timer: None,
            served_any: false,
            sink,
            quiet: None,
        };
        if !already_read.is_empty() {
            guard.clear_staged();
        }
        guard
    }

    /// Tells `quiet` when the connection is idle. It then has to be parked: the guard no longer reaps it.
    #[must_use]
    pub fn telling(mut self, quiet: Quiet) -> Self {
        self.quiet = Some(quiet);
        self
    }

    /// The stream, and what was read from it and not passed on: for a connection that leaves HTTP.
    pub fn into_inner(self) -> (S, BytesMut) {
        (self.inner, self.staged)
    }

    /// Whether bytes were refused, so that the stream has a gap.
    #[must_use]
    pub const fn has_refused(&self) -> bool {
        self.ended
    }

    /// Whether the client is still sending something that nobody will read.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.ended || !self.lexer.expects_head()
    }

    /// Says nothing more: the other side does not expect HTTP any longer.
    #[must_use]
    pub fn without_farewell(mut self) -> Self {
        self.farewell = None;
        self
    }

    fn clear_staged(&mut self) {
        match self.lexer.feed(&self.staged) {
            Progress::Consumed => self.cleared = self.staged.len(),
            Progress::PartialHead(at) => self.cleared = at,
            Progress::Refused(at, refusal) => {
                self.staged.truncate(at);
                self.cleared = at;
                self.refuse(&refusal);
            }
        }
        self.served_any |= self.cleared > 0;
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.ended = true;
        // In the middle of a body the handler answers: the library has a request under way.
        if self.lexer.expects_head() {
            self.farewell = Some(self.sink.refused(refusal));
        }
    }

    /// Takes what was just read straight into the library's buffer, leaving there what may be passed on.
    fn clear_in_place(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let fresh = &buf.filled()[before..];
        let keep = match self.lexer.feed(fresh) {
            Progress::Consumed => fresh.len(),
            Progress::PartialHead(at) => {
                self.staged.extend_from_slice(&fresh[at..]);
                at
            }
            Progress::Refused(at, refusal) => {
                self.refuse(&refusal);
                at
            }
        };
        self.served_any |= keep > 0;
        buf.set_filled(before + keep);
    }

    fn waiting(&self) -> Waiting {
        if !self.lexer.expects_head() {
            Waiting::Body
        } else if !self.staged.is_empty() {
            Waiting::RestOfHead
        } else if self.served_any {
            Waiting::Idle
        } else {
            Waiting::FirstHead
        }
    }

    /// Arms the deadline of what is waited for; the deadline of one wait is never extended by more bytes of it.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = self.waiting();
        if self.timer.as_ref().is_none_or(|(armed, _)| *armed != waiting) {
            let wait = match waiting {
                Waiting::Body => self.bounds.body,
                Waiting::FirstHead | Waiting::RestOfHead => self.bounds.head,
                Waiting::Idle if self.quiet.is_some() => PARK_AFTER,
                Waiting::Idle => self.bounds.idle,
            };
            self.timer = Some((waiting, Box::pin(tokio::time::sleep(wait))));
        }
        let Some((_, sleep)) = self.timer.as_mut() else { return Poll::Pending };
        ready!(sleep.as_mut().poll(cx));
        match waiting {
            Waiting::FirstHead | Waiting::RestOfHead => self.refuse(&Reject::AuthDeadline.into()),
            Waiting::Idle => match &self.quiet {
                Some(quiet) => {
                    quiet.notify_one();
                    return Poll::Pending;
                }
                None => self.ended = true,
            },
            Waiting::Body => self.ended = true,
        }
        Poll::Ready(())
    }
}

/// What one attempt to read came to.
enum Attempt {
    Again,
    Eof,
    Passed,
}

impl<S: AsyncRead + Unpin, K: RefusalSink + Unpin> HeadGuard<S, K> {
    fn poll_attempt(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<Attempt>> {
        if self.cleared > 0 {
            let count = self.cleared.min(buf.remaining());
            buf.put_slice(&self.staged[..count]);
            self.staged.advance(count);
            self.cleared -= count;
            return Poll::Ready(Ok(Attempt::Passed));
        }
        if self.ended {
            return Poll::Ready(Ok(Attempt::Eof));
        }
        if self.staged.is_empty() {
            self.staged = BytesMut::new();
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            if buf.filled().len() == before {
                return Poll::Ready(Ok(Attempt::Eof));
            }
            self.clear_in_place(buf, before);
            return Poll::Ready(Ok(if buf.filled().len() > before { Attempt::Passed } else { Attempt::Again }));
        }
        let count = ready!(tokio_util::io::poll_read_buf(Pin::new(&mut self.inner), cx, &mut self.staged))?;
        if count == 0 {
            return Poll::Ready(Ok(Attempt::Eof));
        }
        self.clear_staged();
        Poll::Ready(Ok(Attempt::Again))
    }
}

impl<S: AsyncRead + Unpin, K: RefusalSink + Unpin> AsyncRead for HeadGuard<S, K> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match self.poll_attempt(cx, buf) {
                Poll::Ready(Ok(Attempt::Passed | Attempt::Eof)) => {
                    if self.waiting() != Waiting::Body {
                        self.timer = None;
                    }
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(Attempt::Again)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => ready!(self.poll_deadline(cx)),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin, K: Unpin> AsyncWrite for HeadGuard<S, K> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(mut farewell) = self.farewell.take() {
            match Pin::new(&mut self.inner).poll_write(cx, &farewell) {
                Poll::Ready(Ok(0)) => {}
                Poll::Ready(Ok(count)) if count < farewell.len() => self.farewell = Some(farewell.split_off(count)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.farewell = Some(farewell);
                    return Poll::Pending;
                }
            }
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
