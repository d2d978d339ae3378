//! A request's body until somebody reads it.
//!
//! An answer may be made before the body is here: no route, another method, a type that is not taken. The HTTP library then ends the
//! connection once the answer is out, and says so to nobody: libraries that send head and body in two pieces, as Python's do, met the
//! end with their next request and could not know whether it was read. Who answers a request looks here what became of its body.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use countersign_core::{Refusal, Reject};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::RequestBody;
use super::budget::Held;

/// The longest body that is read only to be thrown away: longer than a signed list of orders. Whoever sends more may connect anew.
const DISCARDED_BYTES_MAX: u64 = 16 << 10;
/// How long an answer waits for such a body: it is on its way behind its head, and a slow one is not worth an answer that is late.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(1);

/// Handed over once; a copy knows whether that was done.
#[derive(Clone)]
pub struct Unread(Rc<Cell<Option<Incoming>>>);

impl std::fmt::Debug for Unread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Unread").finish_non_exhaustive()
    }
}

impl From<Incoming> for Unread {
    fn from(incoming: Incoming) -> Self {
        Self(Rc::new(Cell::new(Some(incoming))))
    }
}

impl Unread {
    /// Reads it to its end.
    ///
    /// # Errors
    /// As [`RequestBody::read`]; [`Reject::Internal`] where that was done before: what is judged must not be without its body.
    pub async fn read(self, bytes_max: usize, deadline: Duration, held: Held) -> Result<RequestBody, Refusal> {
        match self.0.take() {
            Some(incoming) => RequestBody::read(incoming, bytes_max, deadline, held).await,
            None => Err(Refusal::operator(Reject::Internal, "a body that was read already")),
        }
    }

    /// Whether it was read, or there is none.
    #[must_use]
    pub fn is_taken(self) -> bool {
        self.0.take().is_none_or(|incoming| incoming.is_end_stream())
    }

    /// Throws away what nobody read, if it is short and says how long. `false` where bytes of it are still to come: the connection
    /// cannot go on behind them, and its client should be told.
    pub async fn discard(self) -> bool {
        let Some(mut incoming) = self.0.take() else { return true };
        if incoming.is_end_stream() {
            return true;
        }
        if incoming.size_hint().exact().is_none_or(|length| length > DISCARDED_BYTES_MAX) {
            return false;
        }
        let reading = async {
            while let Some(frame) = incoming.frame().await {
                if frame.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(DISCARD_TIME_MAX, reading).await.unwrap_or(false)
    }
}
