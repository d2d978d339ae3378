//! The handshake towards an upstream: the request as the client made it, our headers in place of its claims, and an answer that
//! is checked. Anything but a 101 with the right `Sec-WebSocket-Accept` is no WebSocket, and the client gets none either.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes, BytesMut};
use countersign_core::{CancelPermit, CorrelationId, Entropy as _, Permit, Refusal, Reject};
use countersign_dialects::Dialect;
use countersign_oauth::dpop::DPOP_HEADER;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::limits::{UPSTREAM_HEAD_BYTES_MAX, UPSTREAM_HEADER_FIELDS_MAX};
use super::request::{accept_value, has_token};
use super::socket::Socket;
use crate::authenticate::SessionRef;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::forward::{self, IDENTITY_HEADER};
use crate::respond::{self, CORRELATION_HEADER};
use crate::rewind::Rewind;
use crate::tokens::bearer;
use crate::upstream::UpstreamConfig;
use crate::worker::Worker;

/// A WebSocket to an upstream.
pub(crate) type UpstreamSocket = Socket<Rewind<TcpStream>>;

/// What the upstream is asked for, without who asks.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamHead {
    target: String,
    headers: HeaderMap,
}

impl UpstreamHead {
    /// From the client's own upgrade request: path and query as received.
    pub(crate) fn of_request(
        worker: &Worker,
        connection: &Connection,
        parts: &Parts,
        authority: &HeaderValue,
        correlation: CorrelationId,
    ) -> Self {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let mut headers = parts.headers.clone();
        // Ours is the handshake with the upstream: nothing of the client's own takes part in it.
        let handshake: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with("sec-websocket-")).cloned().collect();
        for name in handshake.iter().chain([&CONTENT_LENGTH]) {
            headers.remove(name);
        }
        let native = headers.get(http::header::AUTHORIZATION).is_some_and(|value| is_native_scheme(value.as_bytes()));
        if native || bearer::shown(&headers).is_some() || bearer::is_sealed_among(worker, &headers) {
            headers.remove(http::header::AUTHORIZATION);
            headers.remove(DPOP_HEADER);
        }
        forward::rewrite_headers(&mut headers, connection, authority, None);
        headers.insert(CORRELATION_HEADER, respond::correlation_value(correlation));
        Self { target, headers }
    }

    /// Without what a machine of this dialect reads of the handshake: headers, and of the query all that the venue is not to be told.
    pub(crate) fn without_what_is_read(mut self, dialect: &dyn Dialect) -> Self {
        if let Some(told) = dialect.handshake_query()
            && let Some((path, query)) = self.target.split_once('?')
        {
            let told = |pair: &&str| pair.split_once('=').is_some_and(|(name, _)| told.contains(&name));
            let kept: Vec<&str> = query.split('&').filter(told).collect();
            self.target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
        }
        for name in dialect.handshake_headers() {
            self.headers.remove(*name);
        }
        self
    }

    /// For a session that did not come over HTTP.
    pub(crate) fn of_path(connection: &Connection, path: &str, authority: &HeaderValue, correlation: CorrelationId) -> Self {
        let mut headers = HeaderMap::new();
        forward::rewrite_headers(&mut headers, connection, authority, None);
        headers.insert(CORRELATION_HEADER, respond::correlation_value(correlation));
        Self { target: path.to_owned(), headers }
    }

    /// For a question of the gateway's own.
    pub(crate) fn own(path: &str, authority: &HeaderValue, correlation: CorrelationId) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::HOST, authority.clone());
        headers.insert(CORRELATION_HEADER, respond::correlation_value(correlation));
        Self { target: path.to_owned(), headers }
    }

    fn write(&self, key: &str, identity: Option<&HeaderValue>) -> Vec<u8> {
        let mut request = Vec::with_capacity(1_024);
        let mut line = |name: &[u8], value: &[u8]| {
            request.extend_from_slice(name);
            request.extend_from_slice(value);
            request.extend_from_slice(b"\r\n");
        };
        // Neither targets nor header values can hold a line end: the types that carried them here do not admit it.
        line(b"GET ", format!("{} HTTP/1.1", self.target).as_bytes());
        for (name, value) in &self.headers {
            line(format!("{name}: ").as_bytes(), value.as_bytes());
        }
        if let Some(identity) = identity {
            line(format!("{IDENTITY_HEADER}: ").as_bytes(), identity.as_bytes());
        }
        line(b"upgrade: ", b"websocket");
        line(b"connection: ", b"Upgrade");
        line(b"sec-websocket-version: ", b"13");
        line(b"sec-websocket-key: ", key.as_bytes());
        line(b"", b"");
        request
    }
}

fn is_native_scheme(value: &[u8]) -> bool {
    value.get(..11).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"countersign"))
}

/// Why there is no WebSocket to an upstream.
#[derive(Debug)]
pub(crate) enum NotSwitched {
    /// The upstream is there, and the request is what it does not want: a client's mistake, and no failure.
    Declined(Declined),
    /// [`Reject::UpstreamUnavailable`] or [`Reject::UpstreamTimeout`], or a halt: never anything that sounds like a bad key.
    Refused(Refusal),
}

/// An upstream's 4xx in answer to an upgrade.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Declined {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<HeaderValue>,
    /// Empty where it is longer than [`UPSTREAM_HEAD_BYTES_MAX`], or of a length that is not told.
    pub(crate) body: Bytes,
}

impl Declined {
    /// Whether it is about who asks. Where that is told in an assertion of ours the client is not at fault: an upstream that does not
    /// take the assertion has lost our keys, or its clock, and no client has a bad key.
    pub(crate) fn is_of_identity(&self) -> bool {
        matches!(self.status.as_u16(), 401 | 403)
    }
}

impl From<Refusal> for NotSwitched {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl NotSwitched {
    /// Where the client has its 101 already, or where nobody waits: the reason in words of ours. What is asked for there is in our
    /// tables, so the client is at fault only where it has no login and the upstream wants one.
    pub(crate) fn into_refusal(self, identified: bool) -> Refusal {
        let declined = match self {
            Self::Refused(refusal) => return refusal,
            Self::Declined(declined) => declined,
        };
        let reject = match declined.status.as_u16() {
            401 | 403 if !identified => Reject::MissingCredentials,
            _ => Reject::UpstreamUnavailable,
        };
        Refusal::operator(reject, format!("the upstream answered {} to the upgrade", declined.status.as_u16()))
    }
}

/// Opens a WebSocket to an upstream under a permit.
///
/// # Errors
/// The upstream's 4xx, or the failure.
pub(crate) async fn connect(
    worker: &Worker,
    connection: &Connection,
    upstream: usize,
    permit: &Permit,
    session: Option<&SessionRef>,
    head: &UpstreamHead,
) -> Result<UpstreamSocket, NotSwitched> {
    let pool = &worker.upstreams[upstream];
    let identity = forward::identity_assertion(worker, connection, permit, session, upstream);
    let stream = pool.connect_tcp(permit).await.map_err(|error| {
        tracing::warn!(upstream = %pool.config().authority, %error, "upstream connection failed");
        let reject = if error.kind() == std::io::ErrorKind::TimedOut { Reject::UpstreamTimeout } else { Reject::UpstreamUnavailable };
        worker.shared.metrics.upstream_failed(reject);
        Refusal::from(reject)
    })?;
    let switched = tokio::time::timeout(pool.config().response_timeout, switch_protocols(stream, head, identity.as_ref())).await;
    let switched = switched.map_err(|_| Refusal::from(Reject::UpstreamTimeout))?;
    if matches!(switched, Ok(_) | Err(NotSwitched::Declined(_))) {
        worker.shared.metrics.forwarded(permit.route());
    }
    switched
}

/// Opens a WebSocket to the upstream of a mass cancel, from a thread that has no pool of connections.
///
/// # Errors
/// As [`connect`].
pub(crate) async fn connect_to_cancel(
    config: &UpstreamConfig,
    _permit: &CancelPermit,
    head: &UpstreamHead,
    identity: &HeaderValue,
) -> Result<UpstreamSocket, Refusal> {
    let dialled = tokio::time::timeout(config.connect_timeout, TcpStream::connect(&config.authority)).await;
    let stream = dialled.map_err(|_| Reject::UpstreamTimeout)?.map_err(|_| Reject::UpstreamUnavailable)?;
    // Latency only: without it the question waits for an acknowledgement.
    drop(stream.set_nodelay(true));
    let switched = tokio::time::timeout(config.response_timeout, switch_protocols(stream, head, Some(identity))).await;
    // It has an identity: whatever else the upstream says, there is no cancel.
    switched.map_err(|_| Reject::UpstreamTimeout)?.map_err(|_| Reject::UpstreamUnavailable.into())
}

/// The handshake on a connected stream.
async fn switch_protocols<S>(mut stream: S, head: &UpstreamHead, identity: Option<&HeaderValue>) -> Result<Socket<Rewind<S>>, NotSwitched>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |sentence: &'static str| Refusal::operator(Reject::UpstreamUnavailable, sentence);
    let key = STANDARD.encode(SystemEntropy.array::<16>());
    stream.write_all(&head.write(&key, identity)).await.map_err(|_| failed("the upstream did not take the upgrade request"))?;
    stream.flush().await.map_err(|_| failed("the upstream did not take the upgrade request"))?;
    let mut read = BytesMut::with_capacity(2_048);
    loop {
        match check_answer(&read, &key)? {
            Some(Answered::Switched(length)) => {
                read.advance(length);
                return Ok(Socket::of_upstream(Rewind::new(stream, read)));
            }
            Some(Answered::Declined { head, body, mut declined }) => {
                read.advance(head);
                while read.len() < body && stream.read_buf(&mut read).await.map_err(|_| failed("the upstream's answer broke off"))? > 0 {}
                if read.len() >= body {
                    declined.body = read.split_to(body).freeze();
                }
                return Err(NotSwitched::Declined(declined));
            }
            None => {}
        }
        if read.len() >= UPSTREAM_HEAD_BYTES_MAX {
            return Err(failed("the upstream's answer to the upgrade is too long").into());
        }
        if stream.read_buf(&mut read).await.map_err(|_| failed("the upstream's answer broke off"))? == 0 {
            return Err(failed("the upstream closed instead of upgrading").into());
        }
    }
}

/// A complete answer to an upgrade.
#[derive(Debug, PartialEq, Eq)]
enum Answered {
    /// A proper 101 of this length.
    Switched(usize),
    /// A 4xx, with the lengths of its head and of the body that is read.
    Declined { head: usize, body: usize, declined: Declined },
}

/// The 4xx that are about what the client asked for. The others are about the way it was asked, which is ours.
const fn is_clients(status: u16) -> bool {
    matches!(status, 400..=406 | 409..=425 | 427..=499)
}

/// A 4xx without its body.
fn declined(status: u16, length: usize, headers: &HeaderMap) -> Option<Answered> {
    let status = StatusCode::from_u16(status).ok()?;
    let told = headers.get(CONTENT_LENGTH).and_then(|told| told.to_str().ok()).and_then(|told| told.parse().ok());
    let body = told.filter(|body| *body <= UPSTREAM_HEAD_BYTES_MAX && !headers.contains_key(TRANSFER_ENCODING)).unwrap_or(0);
    let content_type = headers.get(CONTENT_TYPE).filter(|_| body > 0).cloned();
    Some(Answered::Declined { head: length, body, declined: Declined { status, content_type, body: Bytes::new() } })
}

/// A complete and proper answer; `None` while it is not complete.
fn check_answer(read: &[u8], key: &str) -> Result<Option<Answered>, Refusal> {
    let failed = |sentence: String| Refusal::operator(Reject::UpstreamUnavailable, sentence);
    let mut fields = [httparse::EMPTY_HEADER; UPSTREAM_HEADER_FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut fields);
    let length = match answer.parse(read) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(failed(format!("the upstream's answer to the upgrade is not HTTP: {error}"))),
    };
    let code = answer.code.unwrap_or_default();
    if (code != 101 && !is_clients(code)) || answer.version != Some(1) {
        return Err(failed(format!("the upstream answered {code} to the upgrade")));
    }
    let mut headers = HeaderMap::new();
    for field in answer.headers.iter() {
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value)) else {
            return Err(failed("the upstream's answer has an impossible header".to_owned()));
        };
        headers.append(name, value);
    }
    if code != 101 {
        return Ok(declined(code, length, &headers));
    }
    let switches = has_token(&headers, &UPGRADE, "websocket") && has_token(&headers, &CONNECTION, "upgrade");
    let mut accepts = headers.get_all(SEC_WEBSOCKET_ACCEPT).iter();
    let right =
        accepts.next().is_some_and(|accept| verify_slices_are_equal(accept.as_bytes(), accept_value(key.as_bytes()).as_bytes()).is_ok());
    if !switches || !right || accepts.next().is_some() {
        return Err(failed("the upstream's 101 does not answer our key".to_owned()));
    }
    // RFC 6455, 4.1: what was not asked for must not be answered.
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) || headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Err(failed("the upstream negotiates what was not asked for".to_owned()));
    }
    Ok(Some(Answered::Switched(length)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn answer(status: &str, fields: &str) -> String {
        format!("HTTP/1.1 {status}\r\n{fields}\r\n")
    }

    #[test]
    fn only_a_101_that_answers_our_key_is_a_websocket() {
        let good = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        let whole = answer("101 Switching Protocols", good);
        assert_eq!(check_answer(whole.as_bytes(), KEY).unwrap(), Some(Answered::Switched(whole.len())));
        for cut in 0..whole.len() {
            assert_eq!(check_answer(&whole.as_bytes()[..cut], KEY).unwrap(), None, "{cut}");
        }
        for (status, fields) in [
            ("200 OK", good.to_owned()),
            ("408 Request Timeout", String::new()),
            ("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n".to_owned()),
            ("101 Switching Protocols", String::new()),
            ("101 Switching Protocols", good.replace("websocket", "h2c")),
            ("101 Switching Protocols", good.replace("Connection: Upgrade", "Connection: close")),
            ("101 Switching Protocols", good.replace("s3pP", "S3pP")),
            ("101 Switching Protocols", format!("{good}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")),
            ("101 Switching Protocols", format!("{good}Sec-WebSocket-Extensions: permessage-deflate\r\n")),
            ("101 Switching Protocols", format!("{good}Sec-WebSocket-Protocol: chat\r\n")),
        ] {
            let refusal = check_answer(answer(status, &fields).as_bytes(), KEY).unwrap_err();
            assert_eq!(refusal.reject, Reject::UpstreamUnavailable, "{status} {fields}");
        }
        assert!(check_answer(b"SSH-2.0-OpenSSH\r\n\r\n", KEY).is_err());
    }

    #[test]
    fn what_a_machine_reads_of_a_handshake_goes_no_further() {
        let mut headers = HeaderMap::new();
        for name in ["api-key", "api-expires", "api-signature", "user-agent"] {
            headers.append(name, HeaderValue::from_static("x"));
        }
        headers.append("api-key", HeaderValue::from_static("y"));
        let head = UpstreamHead { target: "/realtime?subscribe=trade&%73ubscribe=order?".to_owned(), headers };
        let dialect = |name| countersign_dialects::by_name(name).unwrap();
        let same = head.clone().without_what_is_read(dialect("okx"));
        assert_eq!((&same.target, &same.headers), (&head.target, &head.headers), "this one reads nothing there");
        let rest = head.without_what_is_read(dialect("bitmex"));
        assert_eq!(rest.target, "/realtime");
        assert_eq!(rest.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["user-agent"]);
        let kucoin = |query: &str| {
            let head = UpstreamHead { target: format!("/kucoin/ws{query}"), headers: HeaderMap::new() };
            head.without_what_is_read(dialect("kucoin")).target
        };
        assert_eq!(kucoin("?token=secret&connectId=c1"), "/kucoin/ws?connectId=c1", "a token of ours is for nobody behind");
        assert_eq!(kucoin("?%74oken=secret&token=secret"), "/kucoin/ws");
        assert_eq!(kucoin("?connectId=c1&token=secret?token=secret&token"), "/kucoin/ws?connectId=c1");
    }

    #[tokio::test]
    async fn frames_right_behind_the_101_are_not_lost() {
        let (ours, mut theirs) = tokio::io::duplex(4_096);
        let head = UpstreamHead { target: "/ws?x=1".to_owned(), headers: HeaderMap::new() };
        let upstream = async {
            let mut read = BytesMut::new();
            while !read.ends_with(b"\r\n\r\n") {
                theirs.read_buf(&mut read).await.unwrap();
            }
            let text = String::from_utf8(read.to_vec()).unwrap();
            assert!(text.starts_with("GET /ws?x=1 HTTP/1.1\r\n"), "{text}");
            let key = text.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
            let accept = accept_value(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 S\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {}\r\n\r\n\u{1}",
                accept.to_str().unwrap()
            );
            let mut bytes = answer.into_bytes();
            // A text frame "hi", unmasked, in place of the mark.
            bytes.pop();
            bytes.extend_from_slice(&[0x81, 2, b'h', b'i']);
            theirs.write_all(&bytes).await.unwrap();
            theirs
        };
        let (socket, _theirs) = tokio::join!(switch_protocols(ours, &head, None), upstream);
        assert_eq!(socket.unwrap().next().await.unwrap().as_text(), Some("hi"));
    }
}
