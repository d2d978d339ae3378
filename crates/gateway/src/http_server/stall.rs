//! Ends connections on which nothing moves: silent ones, and those whose answers nobody reads.
//!
//! The HTTP library waits for ever for a client that takes no byte of its answer: on HTTP/1.1 with a full socket, on HTTP/2 with
//! a window that stays shut. Pings do not count as life: they are answered by machines. Nor do other requests save a connection
//! with an answer that stands still, because that answer holds a connection to the upstream.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use countersign_core::Monotonic;
use http_body::{Body, Frame, SizeHint};

use crate::body::ResponseBody;
use crate::clock;
use crate::connection::Connection;

/// The answers of one connection that are on their way.
#[derive(Debug, Default)]
pub(super) struct Answers(RefCell<Vec<Rc<Progress>>>);

/// One of them.
#[derive(Debug)]
struct Progress {
    asked: Cell<Monotonic>,
    /// The upstream has to give more before the client can take any.
    waits_for_upstream: Cell<bool>,
}

impl Progress {
    /// How long it may still stand where it stands.
    fn left(&self, patience: Patience) -> Duration {
        let patience = if self.waits_for_upstream.get() { patience.upstream } else { patience.client };
        patience.saturating_sub(clock::mono().saturating_since(self.asked.get()))
    }
}

/// How long an answer may stand still, by whose turn it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Clients that take no byte.
    pub(super) client: Duration,
    /// Upstreams that give none.
    pub(super) upstream: Duration,
}

impl Answers {
    /// Watches an answer until it is dropped.
    pub(super) fn watch(self: &Rc<Self>, body: ResponseBody, connection: &Rc<Connection>) -> Watched {
        let progress = Rc::new(Progress { asked: Cell::new(clock::mono()), waits_for_upstream: Cell::new(false) });
        self.0.borrow_mut().push(Rc::clone(&progress));
        Watched { body, progress, answers: Rc::clone(self), connection: Rc::clone(connection) }
    }

    fn are_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// How long the slowest of them may still take nothing.
    fn left(&self, patience: Patience) -> Duration {
        self.0.borrow().iter().map(|progress| progress.left(patience)).min().unwrap_or(patience.client)
    }
}

/// An answer on its way to the client. The HTTP library asks for more of it when the client took what there was.
pub(super) struct Watched {
    body: ResponseBody,
    progress: Rc<Progress>,
    answers: Rc<Answers>,
    connection: Rc<Connection>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let waits = frame.is_pending();
        let waited = self.progress.waits_for_upstream.replace(waits);
        // Asked once more for what it has not got, as at every turn of the task, it still stands where it stood.
        if !(waits && waited) {
            self.progress.asked.set(clock::mono());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.answers.0.borrow_mut().retain(|each| !Rc::ptr_eq(each, &self.progress));
        self.connection.exchanges.note_moved();
    }
}

/// Waits until no request came for as long as a client is waited for (for `first` as long as there was none at all), or an answer stood
/// still for longer than it may.
pub(super) async fn stalled(connection: &Connection, answers: &Answers, first: Duration, patience: Patience) {
    loop {
        let quiet = if answers.are_empty() { connection.exchanges.still_for() } else { Duration::ZERO };
        let between = if connection.exchanges.begun() == 0 { first } else { patience.client };
        let left = between.saturating_sub(quiet).min(answers.left(patience));
        if left.is_zero() {
            return;
        }
        // An answer that begins meanwhile may have to be given up sooner.
        tokio::time::sleep(left.min(patience.upstream)).await;
    }
}
