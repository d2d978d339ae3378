//! Answers that the gateway gives itself, on the wire.

use std::fmt::Write as _;
use std::io;

use bytes::BytesMut;
use countersign_core::CorrelationId;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE};
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::{write_correlation, write_field, write_status};
use super::client::Client;
use crate::clock;
use crate::exchange::{self, Answer};
use crate::respond::CORRELATION_HEADER;

use countersign_core::Monotonic;

/// What an answer needs to know of its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Names the decision.
    pub(super) correlation: CorrelationId,
    /// When the head was read.
    pub(super) started: Monotonic,
    /// Whether only the head of the answer is wanted.
    pub(super) to_head: bool,
    /// Whether the client wants no other answer after this.
    pub(super) closes: bool,
}

/// An answer of ours.
pub(super) struct Answered {
    pub(super) asked: Asked,
    pub(super) answer: Answer,
}

/// Sends it; whether the connection stays open.
///
/// # Errors
/// As the stream.
pub(super) async fn send<S>(client: &mut Client<'_, S>, answered: Answered, out: &mut BytesMut) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Answered { asked, answer } = answered;
    let (parts, body) = answer.into_parts();
    let says_close = parts.headers.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    let closes = says_close || closes(client, &asked);
    let status = parts.status.as_u16();
    client.worker.shared.metrics.request_done(status, clock::mono().saturating_since(asked.started));
    let body = body.into_own().unwrap_or_default();
    out.clear();
    write_status(status, out);
    for (name, value) in &parts.headers {
        if *name != CONNECTION {
            write_field(name.as_str(), value.as_bytes(), out);
        }
    }
    write!(out, "{CONTENT_LENGTH}: {}\r\n", body.len()).expect("a buffer grows");
    if !parts.headers.contains_key(CORRELATION_HEADER) {
        write_correlation(asked.correlation, out);
    }
    finish_head(client, false, closes, out);
    if !asked.to_head {
        out.extend_from_slice(&body);
    }
    client.write(out).await?;
    Ok(!closes)
}

/// Whether the connection ends after this answer.
pub(super) fn closes<S>(client: &Client<'_, S>, asked: &Asked) -> bool {
    asked.closes || client.worker.shared.drain.is_started() || exchange::is_refused_too_often(client.connection)
}

/// Adds date, `Connection` and the empty line.
pub(super) fn finish_head<S>(client: &Client<'_, S>, dated: bool, closes: bool, out: &mut BytesMut) {
    if !dated {
        out.extend_from_slice(DATE.as_str().as_bytes());
        out.extend_from_slice(b": ");
        client.worker.scratch.write_date(clock::wall(), out);
        out.extend_from_slice(b"\r\n");
    }
    if closes {
        write_field(CONNECTION.as_str(), b"close", out);
    }
    out.extend_from_slice(b"\r\n");
}
