//! 100 (Continue) over HTTP/2, which the HTTP library sends over HTTP/1.1 only (ADR 0053).
//!
//! A client may wait with its body for this answer, and some wait for ever (RFC 9110, 10.1.1: a server has to send it, or a final one).
//! The library gives no way to send it, so it goes out between two of the library's frames: their heads are read as they pass, and tell
//! where a frame may begin and which streams have announced a body that has not begun.
//!
//! ```text
//!   client ── HEADERS, without END_STREAM ──▶  waits
//!   client ── DATA, RST_STREAM, trailers  ──▶  waits no more
//!   ◀── HEADERS, RST_STREAM ── gateway         waits no more
//!   ◀── HEADERS :status 100 ── here            told, once
//! ```
//!
//! Headers are not decoded: when a request says that it waits, all streams that wait are told. A client that did not ask may ignore it
//! (RFC 9110, 15.2). The one field is a literal that leaves the tables of the compression as they are (RFC 7541, 6.2.2).

mod bare;
mod frames;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use http::Request;
use http::header::EXPECT;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use bare::{BareFrames, go_away};
use frames::{Frames, Head, Kind};

/// What is on record of a client whose connection ends because of that.
pub(super) const FLOOD: &str = "a flood of HTTP/2 frames that ask for nothing";

/// The block of headers: `:status` by its index (8), without indexing, `100` as it is.
const CONTINUE: [u8; 5] = *b"\x08\x03100";

/// What the stream of a connection and the answers on it share.
#[derive(Debug, Default)]
pub(super) struct Interim(RefCell<State>);

#[derive(Debug, Default)]
struct State {
    /// Streams whose body has not begun, and whether they were told.
    waiting: BTreeMap<u32, bool>,
    /// Somebody wants them told.
    asked: bool,
    /// The client sent too many frames that ask for nothing.
    flooded: bool,
    /// The task of the connection.
    task: Option<Waker>,
}

impl Interim {
    fn note_flood(&self) {
        self.0.borrow_mut().flooded = true;
    }

    /// Whether the connection was ended because of what its client sent.
    pub(super) fn is_flooded(&self) -> bool {
        self.0.borrow().flooded
    }

    /// Whoever waits with a body is to be told to go on.
    fn ask(&self) {
        let mut state = self.0.borrow_mut();
        state.asked = true;
        if let Some(task) = state.task.take() {
            task.wake();
        }
    }

    /// Makes an answer. A client that waits with its body is told to go on, unless it has its answer without it.
    pub(super) async fn telling<A: Future>(self: Rc<Self>, waits: bool, answer: A) -> A::Output {
        let mut answer = pin!(answer);
        if waits {
            if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
                return answer;
            }
            self.ask();
        }
        answer.await
    }

    /// The frames that are due.
    fn due(&self) -> Vec<u8> {
        let mut state = self.0.borrow_mut();
        let mut frames = Vec::new();
        if std::mem::take(&mut state.asked) {
            for (stream, told) in &mut state.waiting {
                if !std::mem::replace(told, true) {
                    frames.extend_from_slice(&Head::headers(*stream, CONTINUE.len()));
                    frames.extend_from_slice(&CONTINUE);
                }
            }
        }
        frames
    }
}

/// Whether a request waits with its body for 100 (Continue).
pub(super) fn waits<B: Body>(request: &Request<B>) -> bool {
    let expects = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    request.headers().get_all(EXPECT).iter().any(expects) && !request.body().is_end_stream()
}

/// The stream of a connection whose clients may be told to go on.
#[derive(Debug)]
pub(super) struct Telling<S> {
    inner: S,
    interim: Rc<Interim>,
    /// Streams that may be open at once: the library refuses more.
    streams_max: usize,
    from_client: Frames,
    to_client: Frames,
    /// The newest stream of the client.
    newest: u32,
    bare: BareFrames,
    /// What is being written between two frames.
    saying: Vec<u8>,
    said: usize,
    /// Nobody is told any more: the client shrank its table, which the next block of headers has to confirm and ours cannot, or we leave.
    silent: bool,
}

impl<S> Telling<S> {
    /// A stream that nobody has written to; a client may open as many streams on it at once.
    pub(super) fn new(inner: S, interim: Rc<Interim>, streams_max: usize) -> Self {
        Self {
            inner,
            interim,
            streams_max,
            from_client: Frames::behind_the_preface(),
            to_client: Frames::new(),
            newest: 0,
            bare: BareFrames::default(),
            saying: Vec::new(),
            said: 0,
            silent: false,
        }
    }

    fn note_received(&mut self, bytes: &[u8]) {
        let Self { from_client, interim, newest, silent, streams_max, bare, .. } = self;
        let waiting = &mut interim.0.borrow_mut().waiting;
        from_client.pass(bytes, |head| {
            bare.receive(head.kind);
            match head.kind {
                Kind::Headers if head.stream > *newest => {
                    *newest = head.stream;
                    if !head.ends_stream() && !*silent && waiting.len() < *streams_max {
                        waiting.insert(head.stream, false);
                    }
                }
                Kind::Data | Kind::Headers | Kind::Reset => {
                    waiting.remove(&head.stream);
                }
                Kind::ShrinkingTable => *silent = true,
                Kind::GoAway | Kind::Other => {}
            }
        });
    }

    fn note_sent(&mut self, bytes: &[u8]) {
        let Self { to_client, interim, silent, bare, .. } = self;
        let waiting = &mut interim.0.borrow_mut().waiting;
        to_client.pass(bytes, |head| {
            bare.pay(head);
            match head.kind {
                Kind::Data | Kind::Headers | Kind::Reset => {
                    waiting.remove(&head.stream);
                }
                Kind::GoAway => *silent = true,
                Kind::Other | Kind::ShrinkingTable => {}
            }
        });
    }
}

impl<S: AsyncWrite + Unpin> Telling<S> {
    /// Says what is due, if a frame may begin here. What was begun is said to its end before anything else.
    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.saying.is_empty() {
            // A block of headers that is on its way to us is not told of before its end.
            if self.silent || !self.to_client.is_between() || !self.from_client.is_between_blocks() {
                return Poll::Ready(Ok(()));
            }
            self.saying = self.interim.due();
        }
        while self.said < self.saying.len() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.saying[self.said..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.said += count;
        }
        self.saying = Vec::new();
        self.said = 0;
        Poll::Ready(Ok(()))
    }

    /// Says why the connection ends, unless a frame is half written. Who does not read it is not waited for.
    fn say_go_away(&mut self, cx: &mut Context<'_>) {
        if !self.to_client.is_between() {
            return;
        }
        self.silent = true;
        self.saying.extend_from_slice(&go_away(self.newest));
        if matches!(self.poll_say(cx), Poll::Ready(Ok(()))) {
            drop(Pin::new(&mut self.inner).poll_flush(cx));
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Telling<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if read.is_pending() {
            let task = &mut self.interim.0.borrow_mut().task;
            if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
                *task = Some(cx.waker().clone());
            }
        } else {
            self.note_received(&buf.filled()[before..]);
            if self.bare.is_flood() {
                self.interim.note_flood();
                self.say_go_away(cx);
                return Poll::Ready(Err(io::Error::other(FLOOD)));
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Telling<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_say(cx))?;
        let count = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.note_sent(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_say(cx))?;
        let count = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs))?;
        let mut left = count;
        for buf in bufs {
            let taken = buf.len().min(left);
            self.note_sent(&buf[..taken]);
            left -= taken;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_say(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
