//! The head of an upstream's answer: where its body ends, and what of it the client gets.

use std::fmt::Write as _;
use std::mem::MaybeUninit;

use bytes::BytesMut;
use countersign_core::CorrelationId;
use countersign_dialects::answer::RateHeaders;
use http::header::{CACHE_CONTROL, DATE};
use http::{HeaderName, HeaderValue, StatusCode};
use smallvec::SmallVec;

use super::limits::{ANSWER_FIELDS_MAX, ANSWER_HEAD_BYTES_MAX};
use crate::forward::{is_hop_by_hop, says_who};
use crate::respond::CORRELATION_HEADER;

/// How the body of an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    Chunked,
    Close,
    Length(u64),
}

/// What was read of a head.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerHead {
    pub(super) status: u16,
    pub(super) body: BodyEnd,
    /// Whether the upstream takes another request afterwards.
    pub(super) keeps_alive: bool,
    /// Whether the upstream said when it answered.
    pub(super) dated: bool,
    /// Bytes of the head.
    pub(super) length: usize,
}

/// An answer that could be read in two ways, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadAnswerError(&'static str);

/// The headers that we set on an answer.
#[derive(Debug, Default)]
pub(super) struct Ours {
    /// Rate headers of the venue.
    pub(super) rates: RateHeaders,
    /// What a login came to.
    pub(super) login: SmallVec<[(HeaderName, HeaderValue); 2]>,
}

impl Ours {
    fn replaces(&self, name: &[u8]) -> bool {
        self.rates.iter().any(|(ours, _)| ours.as_bytes() == name) || (!self.login.is_empty() && name == CACHE_CONTROL.as_str().as_bytes())
    }

    fn write(&self, out: &mut BytesMut) {
        for (name, value) in &self.rates {
            write_field(name, value.as_bytes(), out);
        }
        if !self.login.is_empty() {
            write_field(CACHE_CONTROL.as_str(), b"no-store", out);
        }
        for (name, value) in &self.login {
            write_field(name.as_str(), value.as_bytes(), out);
        }
    }
}

/// Adds a field.
pub(super) fn write_field(name: &str, value: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Adds a field as somebody sent it, its name in lower case, unless `drops` says that it stops here.
pub(super) fn pass_field(name: &[u8], value: &[u8], drops: impl FnOnce(&[u8]) -> bool, out: &mut BytesMut) {
    let start = out.len();
    out.extend_from_slice(name);
    out[start..].make_ascii_lowercase();
    if drops(&out[start..]) {
        out.truncate(start);
    } else {
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Adds the status line.
pub(super) fn write_status(status: u16, out: &mut BytesMut) {
    if status == 200 {
        // Nearly every answer.
        return out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    }
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    write!(out, "HTTP/1.1 {status} {reason}\r\n").expect("a buffer grows");
}

/// Adds the correlation id.
pub(super) fn write_correlation(correlation: CorrelationId, out: &mut BytesMut) {
    write_field(CORRELATION_HEADER.as_str(), &correlation.to_text(), out);
}

/// Reads the head of an answer and writes what the client gets of it to `out`, up to and without the empty line. `None` while it
/// is not whole. Of an interim answer (1xx) nothing is written.
///
/// # Errors
/// [`BadAnswerError`].
pub(super) fn read(bytes: &[u8], to_head: bool, ours: &Ours, out: &mut BytesMut) -> Result<Option<AnswerHead>, BadAnswerError> {
    let mut room = [const { MaybeUninit::uninit() }; ANSWER_FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut answer, bytes, &mut room);
    let length = match parsed.map_err(|_| BadAnswerError("an answer that is not HTTP/1"))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial if bytes.len() >= ANSWER_HEAD_BYTES_MAX => return Err(BadAnswerError("an answer with too long a head")),
        httparse::Status::Partial => return Ok(None),
    };
    let status = answer.code.unwrap_or_default();
    if status < 100 {
        return Err(BadAnswerError("an answer without a status"));
    }
    let framing = Framing::of(answer.headers, answer.version == Some(1))?;
    let body = framing.body(status, to_head);
    let keeps_alive = framing.keeps_alive && body != BodyEnd::Close;
    let head = AnswerHead { status, body, keeps_alive, dated: framing.dated, length };
    if status < 200 {
        return Ok(Some(head));
    }
    write_status(status, out);
    for field in &*answer.headers {
        let drops = |name: &[u8]| {
            is_hop_by_hop(name)
                || says_who(name)
                || ours.replaces(name)
                || (name == b"content-length" && (status == 204 || framing.chunked))
                || framing.connection.is_some_and(|connection| names(connection, name))
        };
        pass_field(field.name.as_bytes(), field.value, drops, out);
    }
    ours.write(out);
    if matches!(body, BodyEnd::Chunked | BodyEnd::Close) {
        write_field("transfer-encoding", b"chunked", out);
    }
    Ok(Some(head))
}

/// What the fields say about the connection and the body.
#[derive(Default)]
struct Framing<'h> {
    length: Option<u64>,
    chunked: bool,
    connection: Option<&'h [u8]>,
    keeps_alive: bool,
    dated: bool,
}

impl<'h> Framing<'h> {
    fn of(fields: &[httparse::Header<'h>], is_1_1: bool) -> Result<Self, BadAnswerError> {
        let mut framing = Self { keeps_alive: is_1_1, ..Self::default() };
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            match field.name.len() {
                4 if is(DATE.as_str()) => framing.dated = true,
                10 if is("connection") => framing.note_connection(field.value)?,
                14 if is("content-length") => {
                    let length = content_length(field.value).ok_or(BadAnswerError("Content-Length is not a plain number"))?;
                    if framing.length.replace(length).is_some() {
                        return Err(BadAnswerError("more than one Content-Length"));
                    }
                }
                17 if is("transfer-encoding") => {
                    if !is_1_1 || framing.chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                        return Err(BadAnswerError("a Transfer-Encoding that is not chunked"));
                    }
                    framing.chunked = true;
                }
                _ => {}
            }
        }
        if framing.chunked && framing.length.is_some() {
            return Err(BadAnswerError("Content-Length and Transfer-Encoding"));
        }
        Ok(framing)
    }

    fn note_connection(&mut self, value: &'h [u8]) -> Result<(), BadAnswerError> {
        if self.connection.replace(value).is_some() {
            return Err(BadAnswerError("more than one Connection"));
        }
        if names(value, b"close") {
            self.keeps_alive = false;
        } else if names(value, b"keep-alive") {
            self.keeps_alive = true;
        }
        Ok(())
    }

    /// RFC 9112, 6.3.
    const fn body(&self, status: u16, to_head: bool) -> BodyEnd {
        match (self.length, self.chunked) {
            _ if to_head || matches!(status, 100..=199 | 204 | 304) => BodyEnd::Length(0),
            (_, true) => BodyEnd::Chunked,
            (Some(length), false) => BodyEnd::Length(length),
            (None, false) => BodyEnd::Close,
        }
    }
}

/// Whether a comma-separated list has this member; `name` is in lower case.
fn names(list: &[u8], name: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|each| each.trim_ascii().eq_ignore_ascii_case(name))
}

fn content_length(value: &[u8]) -> Option<u64> {
    let plain = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    plain.then(|| value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests;
