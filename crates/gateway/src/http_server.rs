//! Drives one HTTP connection: HTTP/1.1 behind the head guard, HTTP/2 with its floods bounded.

mod interim;
mod stall;

use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use countersign_core::{Refusal, Reject};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::audit;
use crate::connection::Connection;
use crate::exchange::exchange;
use crate::head_guard::{Bounds, HeadGuard, Quiet, RefusalSink, limits};
use crate::lean::{self, Leave};
use crate::respond;
use crate::rewind::Rewind;
use crate::websocket::Upgrade;
use crate::worker::Worker;

use interim::{FLOOD, Interim, Telling, waits};
use stall::{Answers, Patience, Watched, stalled};

/// How long a closing connection may take to take our last bytes, and then to stop sending.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// What a client may still send behind its last answer: four bodies of the default maximum, for one whose body was refused by its length.
const LINGER_BYTES_MAX: usize = 4 << 20;
/// Taken at a time of what nobody looks at: little, for every connection may be at its end at once.
const LINGER_READ_BYTES: usize = 2 << 10;

/// Serves HTTP/1.1 until the connection ends or leaves HTTP. Plain requests go the short way ([`crate::lean`]); what is not plain
/// makes the HTTP library take over, until the connection is quiet again and gives all its buffers back.
pub async fn serve_http1<S>(worker: Rc<Worker>, connection: Rc<Connection>, mut stream: S, mut read: BytesMut)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    loop {
        match Box::pin(lean::serve(&worker, &connection, &mut stream, &mut read)).await {
            Leave::Broken => return,
            Leave::Closed => return close(&mut stream).await,
            Leave::HandedOver => {}
            Leave::Refused(refusal) => {
                let farewell = farewell(&worker, &connection, &refusal);
                let say = async { stream.write_all(&farewell).await };
                drop(tokio::time::timeout(CLOSE_DEADLINE, say).await);
                return close(&mut stream).await;
            }
        }
        match Box::pin(serve_awake(&worker, &connection, stream, read)).await {
            Awake::Ended(mut guard) => {
                // The farewell, if any, goes out here. Whether the client takes it is not our concern any more.
                drop(tokio::time::timeout(CLOSE_DEADLINE, guard.shutdown()).await);
                if guard.is_owed() {
                    linger(&mut guard.into_inner().0).await;
                }
                return;
            }
            Awake::Parked(quiet, arrived) => (stream, read) = (quiet, arrived),
            Awake::Upgraded(upgrade, stream, read) => return Box::pin(upgrade.run(&worker, &connection, Rewind::new(stream, read))).await,
        }
        tracing::trace!(connection = %connection.id, "parked");
    }
}

async fn close(stream: &mut (impl AsyncWrite + Unpin)) {
    drop(tokio::time::timeout(CLOSE_DEADLINE, stream.shutdown()).await);
}

/// Takes what a client still sends, for a while. A socket that is closed with something unread resets its connection, and the reset
/// can overtake the answer: whoever sent a body that is too long would be told of a broken pipe (RFC 9112, 9.6).
async fn linger(stream: &mut (impl AsyncRead + Unpin)) {
    let mut unread = vec![0; LINGER_READ_BYTES];
    let take = async {
        let mut left = LINGER_BYTES_MAX;
        while let Ok(count @ 1..) = stream.read(&mut unread).await {
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    };
    drop(tokio::time::timeout(CLOSE_DEADLINE, take).await);
}

/// What became of a connection while it had buffers.
enum Awake<S> {
    /// It is over; what is still to be said is in the guard.
    Ended(HeadGuard<S>),
    /// Nothing happened for a while; with what arrived at the last moment.
    Parked(S, BytesMut),
    /// It leaves HTTP; with the bytes that were read too far.
    Upgraded(Upgrade, S, BytesMut),
}

async fn serve_awake<S>(worker: &Rc<Worker>, connection: &Rc<Connection>, stream: S, read: BytesMut) -> Awake<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let sink: Rc<dyn RefusalSink> = Rc::new(Refusals::new(Rc::clone(worker), Rc::clone(connection)));
    let quiet = Quiet::default();
    // Awake again: from now on it counts.
    connection.exchanges.note_moved();
    let guard = HeadGuard::new(stream, &read, bounds(worker), sink).telling(Quiet::clone(&quiet));
    let answers = Rc::<Answers>::default();
    let service = {
        let (worker, connection, answers) = (Rc::clone(worker), Rc::clone(connection), Rc::clone(&answers));
        service_fn(move |request| Box::pin(answer(Rc::clone(&worker), Rc::clone(&connection), Rc::clone(&answers), request)))
    };
    let mut server = builder(worker).serve_connection(TokioIo::new(guard), service);
    let mut draining = worker.shared.drain.subscribe();
    let idle = worker.shared.settings.limits.idle_timeout;
    // A client that is gone is not noticed behind an upstream that is silent: HTTP/1.1 has no word for it.
    let patience = Patience { client: idle, upstream: worker.shared.settings.limits.upstream_silence_max };
    let (ended, park) = loop {
        let park = tokio::select! {
            biased;
            ended = poll_fn(|cx| server.poll_without_shutdown(cx)) => break (ended, false),
            () = quiet.notified() => true,
            () = draining.wait() => false,
            // Idle connections are the guard's and the parking's: what stalls here is an answer that nobody reads.
            () = stalled(connection, &answers, idle, patience) => break (Ok(()), false),
        };
        // A request under way is not quiet, however long its answer takes.
        if !park || connection.exchanges.under_way() == 0 {
            let answered = connection.exchanges.begun();
            std::pin::Pin::new(&mut server).graceful_shutdown();
            break tokio::select! {
                biased;
                // Whoever came in meanwhile was told that the connection closes.
                ended = poll_fn(|cx| server.poll_without_shutdown(cx)) => (ended, park && answered == connection.exchanges.begun()),
                // An answer that is on its way is waited for no longer than others are.
                () = stalled(connection, &answers, idle, patience) => (Ok(()), false),
            };
        }
    };
    if let Err(error) = &ended {
        tracing::debug!(connection = %connection.id, %error, "HTTP/1.1 connection failed");
    }
    let parts = server.into_parts();
    let guard = parts.io.into_inner();
    if let Some(upgrade) = connection.upgrade.take() {
        if guard.has_refused() {
            // Sent before the 101, and not there any more: what follows would begin in the middle of something.
            return Awake::Ended(guard.without_farewell());
        }
        let (stream, read) = unread(guard, &parts.read_buf);
        return Awake::Upgraded(upgrade, stream, read);
    }
    if !park || ended.is_err() || guard.has_refused() {
        return Awake::Ended(guard);
    }
    let (stream, arrived) = unread(guard, &parts.read_buf);
    Awake::Parked(stream, arrived)
}

/// The stream, and what came in on it behind the last request: with the library, then with the guard.
fn unread<S>(guard: HeadGuard<S>, library: &[u8]) -> (S, BytesMut) {
    let (stream, staged) = guard.into_inner();
    let mut read = BytesMut::from(library);
    read.extend_from_slice(&staged);
    (stream, read)
}

/// Without `pipeline_flush`: with it the library keeps answers back while something behind the request is unread, however long they
/// are, and for good where it reads no more.
fn builder(worker: &Worker) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(worker.shared.settings.limits.head_bytes_max + READ_AHEAD_BYTES)
        .half_close(true)
        .max_headers(limits::HEADER_FIELDS_MAX);
    builder
}

/// Answers one request; the answer is watched until the client has it.
async fn answer(
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    answers: Rc<Answers>,
    request: Request<Incoming>,
) -> Result<Response<Watched>, Infallible> {
    let answer = exchange(worker, Rc::clone(&connection), request).await?;
    Ok(answer.map(|body| answers.watch(body, &connection)))
}

/// Room behind a head for the beginning of its body.
const READ_AHEAD_BYTES: usize = 8 * 1024;

/// The bounds of one HTTP/1.1 message, as configured.
pub(crate) fn bounds(worker: &Worker) -> Bounds {
    let limits = &worker.shared.settings.limits;
    Bounds { head_bytes_max: limits.head_bytes_max, head: limits.head_deadline, body: limits.body_deadline, idle: limits.idle_timeout }
}

/// Records what the head guard refuses on a connection.
pub(crate) struct Refusals {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
}

impl Refusals {
    /// For one connection.
    pub(crate) const fn new(worker: Rc<Worker>, connection: Rc<Connection>) -> Self {
        Self { worker, connection }
    }
}

impl RefusalSink for Refusals {
    fn refused(&self, refusal: &Refusal) -> Vec<u8> {
        farewell(&self.worker, &self.connection, refusal)
    }
}

/// Records the refusal of something that is no request, and makes its answer.
fn farewell(worker: &Worker, connection: &Connection, refusal: &Refusal) -> Vec<u8> {
    let correlation = worker.correlation.next();
    audit::refused(worker, connection, &audit::Subject::none(), refusal, correlation);
    respond::refuse_raw(refusal, correlation)
}

/// Serves HTTP/2 until the connection ends.
pub async fn serve_http2<S>(worker: Rc<Worker>, connection: Rc<Connection>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let answers = Rc::<Answers>::default();
    let interim = Rc::<Interim>::default();
    let said = Rc::clone(&interim);
    let stream = Telling::new(stream, Rc::clone(&interim), worker.shared.settings.limits.h2_streams_max as usize);
    let service = {
        let (worker, connection, answers) = (Rc::clone(&worker), Rc::clone(&connection), Rc::clone(&answers));
        service_fn(move |request| {
            let waits = waits(&request);
            let answer = answer(Rc::clone(&worker), Rc::clone(&connection), Rc::clone(&answers), request);
            Rc::clone(&interim).telling(waits, answer)
        })
    };
    let limits_of = &worker.shared.settings.limits;
    let server = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits_of.h2_streams_max)
        .max_header_list_size(u32::try_from(limits_of.head_bytes_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(H2_PENDING_RESETS_MAX)
        .max_local_error_reset_streams(H2_LOCAL_ERROR_RESETS_MAX)
        .max_send_buf_size(H2_SEND_BUFFER_BYTES)
        .keep_alive_interval(limits_of.idle_timeout)
        .keep_alive_timeout(limits_of.head_deadline)
        .serve_connection(TokioIo::new(stream), service);
    // Here a client that is gone takes its answers with it.
    let patience = Patience { client: limits_of.idle_timeout, upstream: Duration::MAX };
    let mut server = std::pin::pin!(server);
    let mut draining = worker.shared.drain.subscribe();
    let ended = tokio::select! {
        ended = server.as_mut() => ended,
        () = draining.wait() => {
            server.as_mut().graceful_shutdown();
            server.await
        }
        () = stalled(&connection, &answers, limits_of.head_deadline, patience) => {
            server.as_mut().graceful_shutdown();
            tokio::time::timeout(CLOSE_DEADLINE, server).await.unwrap_or(Ok(()))
        }
    };
    if said.is_flooded() {
        let correlation = worker.correlation.next();
        audit::refused(&worker, &connection, &audit::Subject::none(), &Refusal::operator(Reject::Malformed, FLOOD), correlation);
    } else if let Err(error) = ended {
        tracing::debug!(connection = %connection.id, %error, "HTTP/2 connection failed");
    }
}

/// Streams reset by the peer before we took them (rapid reset, CVE-2023-44487): beyond it the connection ends.
const H2_PENDING_RESETS_MAX: usize = 20;
/// Streams that the peer made us reset (CVE-2025-8671): beyond it the connection ends.
const H2_LOCAL_ERROR_RESETS_MAX: usize = 64;
/// Bytes buffered per stream for a client that reads slowly.
const H2_SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Runs the tasks of an HTTP/2 connection on the worker's own thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
