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
    fn still_for(&self) -> Duration {
        if self.waits_for_upstream.get() { Duration::ZERO } else { clock::mono().saturating_since(self.asked.get()) }
    }
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

    /// For how long the slowest client of them took nothing.
    fn still_for(&self) -> Duration {
        self.0.borrow().iter().map(|progress| progress.still_for()).max().unwrap_or_default()
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
        self.progress.asked.set(clock::mono());
        self.progress.waits_for_upstream.set(frame.is_pending());
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

/// Waits until no request came for `idle` (for `first` as long as there was none at all), or the client left an answer standing
/// for `idle`.
pub(super) async fn stalled(connection: &Connection, answers: &Answers, first: Duration, idle: Duration) {
    loop {
        let quiet = if answers.are_empty() { connection.exchanges.still_for() } else { Duration::ZERO };
        let patience = if connection.exchanges.begun() == 0 { first } else { idle };
        let left = patience.saturating_sub(quiet).min(idle.saturating_sub(answers.still_for()));
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}
