//! The short way of a plain HTTP/1.1 request: from the bytes of the client to the bytes for the upstream, and back.
//!
//! ```text
//!   bytes ──head_guard::lexer──▶ Plain ──exchange::admit──▶ Permit ──line──▶ upstream
//!     │                            │                                            │
//!     └─ not whole, not plain,     └─ refused: answered here                    └─ answer: filtered, streamed
//!        not permitted: http_server takes over, with every byte
//! ```
//!
//! What is here: framing, headers, buffers, deadlines of the common case. What is not: any decision. Who may pass is decided by
//! the same functions as for every other request (`exchange::admit`, `audit::accepted`, `forward::is_hop_by_hop`), and what is
//! not plain (an upgrade, `Expect`, chunks, a head in two pieces, a body that does not fit the buffer, anything that the lexer
//! does not like) is left to `http_server` untouched, so it is refused there and in its words.
//!
//! Nothing is held while a connection waits: buffers belong to the worker and are lent for a request. A connection that is quiet
//! keeps its TLS session and a few hundred bytes.

mod answer;
mod chunks;
mod client;
pub(crate) mod limits;
mod line;
mod own;
mod plain;
mod relay;
pub mod scratch;
mod timer;
mod turn;

use std::future::Future as _;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use countersign_core::{Monotonic, Refusal, Reject};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::clock;
use crate::connection::Connection;
use crate::worker::Worker;

use client::Client;
use limits::LAST_CALL_SHARE;
pub(crate) use line::Lines;
use plain::{Plain, Reading};
use turn::Turn;

/// Why the short way ends.
#[derive(Debug)]
pub(crate) enum Leave {
    /// The client broke the connection: there is nobody to say goodbye to.
    Broken,
    /// The connection is over; the stream is to be closed in order.
    Closed,
    /// What was read is not plain: whoever reads more carefully goes on with it.
    HandedOver,
    /// The client has to be told, and then the connection is over.
    Refused(Refusal),
}

/// Serves plain requests until there is another one, or the connection ends. `read` is what was read and not yet answered.
pub(crate) async fn serve<S>(worker: &Rc<Worker>, connection: &Rc<Connection>, stream: &mut S, read: &mut BytesMut) -> Leave
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut draining = worker.shared.drain.subscribe();
    let mut draining = pin!(draining.wait());
    // Since when there is a successor: until when the client may still ask here.
    let mut last_call: Option<Monotonic> = None;
    let limits = &worker.shared.settings.limits;
    let mut client = Client::new(worker, connection, stream);
    loop {
        if !read.is_empty() {
            // A box, so that a connection does not keep room for a request while it has none.
            match Box::pin(answer(&mut client, read)).await {
                Ok(()) => {}
                Err(leave) => return leave,
            }
            continue;
        }
        let wait = if connection.exchanges.begun() == 0 { limits.head_deadline } else { limits.idle_timeout };
        let heard = match last_call {
            None => client.hear(read, wait, |cx| draining.as_mut().poll(cx)).await,
            Some(until) => client.hear(read, wait.min(until.saturating_since(clock::mono())), |_| Poll::Pending).await,
        };
        match heard {
            Heard::Bytes => {}
            // A request may be on its way. It is answered, and the answer says that the next one goes to the successor.
            Heard::Draining if worker.shared.drain.successor().is_some() => {
                last_call = Some(clock::mono().saturating_add(limits.drain_deadline / LAST_CALL_SHARE));
            }
            Heard::Nothing if last_call.is_some() => return Leave::Closed,
            Heard::Draining | Heard::Ended => return Leave::Closed,
            Heard::Broken => return Leave::Broken,
            Heard::Nothing if connection.exchanges.begun() == 0 => return Leave::Refused(Reject::AuthDeadline.into()),
            Heard::Nothing => return Leave::Closed,
        }
    }
}

/// What waiting for the client came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Broken,
    Bytes,
    Draining,
    Ended,
    Nothing,
}

/// Answers the first message in `read` and takes it out.
async fn answer<S>(client: &mut Client<'_, S>, read: &mut BytesMut) -> Result<(), Leave>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = client.worker.scratch.take();
    let (length, turn) = decide(client, read, &mut out).await?;
    // The message is dealt with: what it said is in the turn, what goes upstream in `out`.
    consume(client.worker, read, length);
    let _under_way = client.connection.exchanges.begin();
    let open = match turn {
        Turn::Answered(answered) => own::send(client, *answered, &mut out).await,
        Turn::Permitted(permitted) => relay::relay(client, permitted, &mut out).await,
    };
    client.worker.scratch.give(out);
    match open {
        Ok(true) => Ok(()),
        Ok(false) => Err(Leave::Closed),
        Err(_) => Err(Leave::Broken),
    }
}

/// Decides about the first message in `read`; for a body that is not all here it waits.
async fn decide<S>(client: &mut Client<'_, S>, read: &mut BytesMut, out: &mut BytesMut) -> Result<(usize, Turn), Leave>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head_bytes_max = client.worker.shared.settings.limits.head_bytes_max;
    let needed = match Plain::read(read, head_bytes_max) {
        Reading::NotPlain => return Err(Leave::HandedOver),
        Reading::Whole(plain) => {
            return turn::take(client.worker, client.connection, &plain, Ok(plain.body), out).ok_or(Leave::HandedOver);
        }
        Reading::Needs(_) if !may_wait(client, read, head_bytes_max) => return Err(Leave::HandedOver),
        Reading::Needs(length) => length,
    };
    let in_time = rest_of_body(client, read, needed).await?;
    let plain = Plain::without_body(read, head_bytes_max).ok_or(Leave::HandedOver)?;
    let body = if in_time { Ok(plain.body) } else { Err(Reject::AuthDeadline.into()) };
    turn::take(client.worker, client.connection, &plain, body, out).ok_or(Leave::HandedOver)
}

fn consume(worker: &Worker, read: &mut BytesMut, length: usize) {
    if length >= read.len() {
        worker.scratch.give(std::mem::take(read));
    } else {
        read.advance(length);
    }
}

/// Whether the rest of a body is worth waiting for. What is too long or goes nowhere is refused at once, elsewhere.
fn may_wait<S>(client: &Client<'_, S>, read: &[u8], head_bytes_max: usize) -> bool {
    Plain::without_body(read, head_bytes_max).is_some_and(|plain| turn::is_expected(client.worker, client.connection, &plain))
}

/// Reads until `length` bytes are there; `false` when they were not in time.
async fn rest_of_body<S>(client: &mut Client<'_, S>, read: &mut BytesMut, length: usize) -> Result<bool, Leave>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = client.worker.shared.settings.limits.body_deadline;
    let until = crate::clock::mono().saturating_add(deadline);
    while read.len() < length {
        let left = until.saturating_since(crate::clock::mono());
        match client.hear(read, left, |_| Poll::Pending).await {
            Heard::Bytes => {}
            Heard::Nothing => return Ok(false),
            Heard::Broken => return Err(Leave::Broken),
            // Half a body and the end: refused by whoever reads more carefully.
            Heard::Draining | Heard::Ended => return Err(Leave::HandedOver),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
