//! How much memory the bodies of requests may hold between their first byte and the upstream.
//!
//! One HTTP/2 connection can begin a hundred bodies of a megabyte without a key, so the size of one body bounds nothing. Three
//! counts do: of a connection, of everything on one worker, and of what bodies hold beyond the size of an order. Whoever fills
//! the last one with large bodies leaves the small ones, which trade, alone.
//!
//! A body that never ends holds more than its bytes: the request that waits for it, and its stream. So those that wait are counted
//! too, with a sum each for the worker; and on a connection where nobody has proved themselves there may be few.

use std::cell::Cell;
use std::rc::Rc;

use countersign_core::{Refusal, Reject};

/// Bytes held by all bodies of one connection: one of the largest, and a hundred orders beside it.
const CONNECTION_BYTES_MAX: usize = 2 << 20;
/// Bytes held by all bodies of one worker.
const WORKER_BYTES_MAX: usize = 256 << 20;
/// Bytes held by all bodies of one worker beyond the first [`SMALL_BODY_BYTES`] of each.
const WORKER_LARGE_BYTES_MAX: usize = 64 << 20;
/// What a request holds beside its body while it waits for it: 27 KiB a stream of HTTP/2 in an unoptimised build, less in others.
const WAITING_BYTES: usize = 32 << 10;
/// What they hold together on one worker. Beside the bytes of bodies, not among them: whoever begins many bodies and ends none keeps nobody
/// waiting whose body is here.
const WORKER_WAITING_BYTES_MAX: usize = 256 << 20;
/// The part of it for connections on which nobody has proved themselves.
const WORKER_STRANGERS_WAITING_BYTES_MAX: usize = 64 << 20;
/// Requests of a connection that wait for their bodies before anybody proved themselves on it. Clients send body behind head: those
/// that begin with a burst of orders have hardly two on their way at a time.
const STRANGER_WAITING_MAX: usize = 16;
/// The longest signed order list is below 4 KiB.
const SMALL_BODY_BYTES: usize = 16 << 10;

/// A count of bytes with a limit.
#[derive(Debug)]
struct Budget {
    held: Cell<usize>,
    max: usize,
}

impl Budget {
    const fn new(max: usize) -> Self {
        Self { held: Cell::new(0), max }
    }

    fn add(&self, bytes: usize) -> bool {
        self.held.set(self.held.get().saturating_add(bytes));
        self.held.get() <= self.max
    }

    fn remove(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }
}

/// What the bodies of one connection hold.
#[derive(Clone, Debug)]
pub struct ConnectionBodies(Rc<OfConnection>);

#[derive(Debug)]
struct OfConnection {
    bytes: Budget,
    waiting: Budget,
    is_authenticated: Cell<bool>,
}

impl Default for ConnectionBodies {
    fn default() -> Self {
        let (bytes, waiting) = (Budget::new(CONNECTION_BYTES_MAX), Budget::new(STRANGER_WAITING_MAX));
        Self(Rc::new(OfConnection { bytes, waiting, is_authenticated: Cell::new(false) }))
    }
}

impl ConnectionBodies {
    /// Somebody proved themselves: as many may wait as the connection has streams.
    pub fn note_authenticated(&self) {
        self.0.is_authenticated.set(true);
    }
}

/// What the bodies of one worker hold.
#[derive(Clone, Debug)]
pub struct WorkerBodies(Rc<OfWorker>);

#[derive(Debug)]
struct OfWorker {
    bytes: Budget,
    beyond_small: Budget,
    waiting: Budget,
    strangers_waiting: Budget,
}

impl Default for WorkerBodies {
    fn default() -> Self {
        Self(Rc::new(OfWorker {
            bytes: Budget::new(WORKER_BYTES_MAX),
            beyond_small: Budget::new(WORKER_LARGE_BYTES_MAX),
            waiting: Budget::new(WORKER_WAITING_BYTES_MAX),
            strangers_waiting: Budget::new(WORKER_STRANGERS_WAITING_BYTES_MAX),
        }))
    }
}

/// What one body holds; given back when dropped.
#[derive(Debug)]
pub struct Held {
    connection: ConnectionBodies,
    worker: WorkerBodies,
    bytes: usize,
}

impl Held {
    /// Nothing yet.
    #[must_use]
    pub const fn new(connection: ConnectionBodies, worker: WorkerBodies) -> Self {
        Self { connection, worker, bytes: 0 }
    }

    /// Counts the request as one that waits for its body, until the answer is dropped.
    ///
    /// # Errors
    /// [`Reject::Busy`] when too many wait.
    pub fn wait(&self) -> Result<Waiting, Refusal> {
        let is_strange = !self.connection.0.is_authenticated.get();
        let waiting = Waiting { connection: self.connection.clone(), worker: self.worker.clone(), is_strange };
        let OfWorker { waiting: all, strangers_waiting, .. } = &*self.worker.0;
        // All are counted in any case, because all are given back.
        let few = self.connection.0.waiting.add(1) || !is_strange;
        let fits = [all.add(WAITING_BYTES), !is_strange || strangers_waiting.add(WAITING_BYTES)];
        if few && fits == [true; 2] { Ok(waiting) } else { Err(Refusal::operator(Reject::Busy, "too many requests wait for their bodies")) }
    }

    /// Counts more bytes.
    ///
    /// # Errors
    /// [`Reject::Busy`] when a budget is used up: the body is then to be dropped.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let large = large_part(self.bytes + bytes) - large_part(self.bytes);
        self.bytes += bytes;
        let OfWorker { bytes: all, beyond_small, .. } = &*self.worker.0;
        // All three are counted in any case, because all three are given back.
        let fits = [self.connection.0.bytes.add(bytes), all.add(bytes), beyond_small.add(large)];
        if fits == [true; 3] { Ok(()) } else { Err(Refusal::operator(Reject::Busy, "request bodies hold all the memory they may")) }
    }
}

const fn large_part(bytes: usize) -> usize {
    bytes.saturating_sub(SMALL_BODY_BYTES)
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.0.bytes.remove(self.bytes);
        self.worker.0.bytes.remove(self.bytes);
        self.worker.0.beyond_small.remove(large_part(self.bytes));
    }
}

/// A request that waits for its body.
#[derive(Debug)]
pub struct Waiting {
    connection: ConnectionBodies,
    worker: WorkerBodies,
    /// Whether nobody had proved themselves on its connection when it began to wait.
    is_strange: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.connection.0.waiting.remove(1);
        self.worker.0.waiting.remove(WAITING_BYTES);
        self.worker.0.strangers_waiting.remove(if self.is_strange { WAITING_BYTES } else { 0 });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MIB: usize = 1 << 20;

    fn is_empty(worker: &WorkerBodies) -> bool {
        let OfWorker { bytes, beyond_small, waiting, strangers_waiting } = &*worker.0;
        [bytes, beyond_small, waiting, strangers_waiting].iter().all(|budget| budget.held.get() == 0)
    }

    #[test]
    fn a_connection_holds_two_of_the_largest_bodies_and_gives_them_back() {
        let (connection, worker) = (ConnectionBodies::default(), WorkerBodies::default());
        let body = |bytes| {
            let mut held = Held::new(connection.clone(), worker.clone());
            held.grow(bytes).map(|()| held)
        };
        let first = body(MIB).unwrap();
        let _second = body(MIB).unwrap();
        assert_eq!(body(1).unwrap_err().reject, Reject::Busy);
        drop(first);
        let _third = body(MIB).unwrap();
    }

    #[test]
    fn large_bodies_leave_room_for_orders() {
        let worker = WorkerBodies::default();
        let body = |bytes| {
            let mut held = Held::new(ConnectionBodies::default(), worker.clone());
            held.grow(bytes).map(|()| held)
        };
        let large: Vec<_> = std::iter::from_fn(|| body(MIB).ok()).collect();
        assert!((60..70).contains(&large.len()), "{}", large.len());
        let small: Vec<_> = std::iter::from_fn(|| body(SMALL_BODY_BYTES).ok()).collect();
        assert!(small.len() > 10_000, "{}", small.len());
        drop((large, small));
        assert!(is_empty(&worker), "nothing is lost by refusals");
    }

    #[test]
    fn few_requests_of_a_stranger_wait_and_those_of_a_worker_are_counted() {
        let worker = WorkerBodies::default();
        let on = |connection: &ConnectionBodies| Held::new(connection.clone(), worker.clone()).wait();
        let (stranger, client) = (ConnectionBodies::default(), ConnectionBodies::default());
        let mut waiting: Vec<_> = (0..STRANGER_WAITING_MAX).map(|_| on(&stranger).unwrap()).collect();
        assert_eq!(on(&stranger).unwrap_err().reject, Reject::Busy);
        waiting.pop();
        waiting.push(on(&stranger).unwrap());
        client.note_authenticated();
        let known: Vec<_> = std::iter::from_fn(|| on(&client).ok()).collect();
        assert_eq!(known.len() + waiting.len(), WORKER_WAITING_BYTES_MAX / WAITING_BYTES);
        assert!(
            Held::new(ConnectionBodies::default(), worker.clone()).grow(SMALL_BODY_BYTES).is_ok(),
            "a body that is here waits for nobody"
        );
        drop((waiting, known));
        assert!(is_empty(&worker) && [stranger, client].iter().all(|connection| connection.0.waiting.held.get() == 0));
    }

    #[test]
    fn strangers_on_many_connections_leave_room_for_those_who_trade() {
        let worker = WorkerBodies::default();
        let on = |connection: &ConnectionBodies| Held::new(connection.clone(), worker.clone()).wait();
        let strangers: Vec<_> = std::iter::from_fn(|| on(&ConnectionBodies::default()).ok()).collect();
        assert_eq!(strangers.len(), WORKER_STRANGERS_WAITING_BYTES_MAX / WAITING_BYTES);
        let client = ConnectionBodies::default();
        client.note_authenticated();
        assert!(on(&client).is_ok() && Held::new(ConnectionBodies::default(), worker.clone()).grow(SMALL_BODY_BYTES).is_ok());
        drop(strangers);
        assert!(is_empty(&worker));
    }
}
