//! The handshake towards an upstream: [`head`] is what it is asked, [`answer`] what it may say. Where it gives no WebSocket, the client
//! gets none either.

mod answer;
mod head;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes, BytesMut};
use countersign_core::{CancelPermit, Entropy as _, Permit, Refusal, Reject};
use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use self::answer::{Answered, check_answer};
pub(crate) use self::head::UpstreamHead;
use super::limits::UPSTREAM_HEAD_BYTES_MAX;
use super::socket::Socket;
use crate::authenticate::SessionRef;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::forward;
use crate::rewind::Rewind;
use crate::upstream::UpstreamConfig;
use crate::worker::Worker;

/// A WebSocket to an upstream.
pub(crate) type UpstreamSocket = Socket<Rewind<TcpStream>>;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderMap;

    use super::*;
    use crate::websocket::request::accept_value;

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
