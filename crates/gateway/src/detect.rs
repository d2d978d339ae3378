//! Which protocol a connection speaks: by ALPN, and without it by its first bytes.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The native protocol's ALPN name.
pub const ALPN_NATIVE: &[u8] = b"countersign/1";
/// HTTP/2.
pub const ALPN_H2: &[u8] = b"h2";
/// HTTP/1.1.
pub const ALPN_HTTP11: &[u8] = b"http/1.1";

/// What is spoken behind TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
    /// FIX messages, the first of them a Logon.
    Fix,
    /// `countersign/1` frames, one per line.
    Native,
}

/// The first bytes of an HTTP/2 connection (RFC 9113, 3.4), as far as they tell it from HTTP/1.1.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0";

impl Protocol {
    /// The protocol that ALPN names.
    #[must_use]
    pub fn from_alpn(alpn: &str) -> Option<Self> {
        match alpn.as_bytes() {
            ALPN_H2 => Some(Self::Http2),
            ALPN_HTTP11 => Some(Self::Http1),
            ALPN_NATIVE => Some(Self::Native),
            _ => None,
        }
    }

    /// The protocol that the first bytes name; `None` while they could still be of two.
    #[must_use]
    pub fn from_first_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] => None,
            [b'{', ..] => Some(Self::Native),
            // No HTTP method begins with a digit.
            [b'8', ..] => Some(Self::Fix),
            _ if bytes.starts_with(H2_PREFACE) => Some(Self::Http2),
            _ if H2_PREFACE.starts_with(bytes) => None,
            _ => Some(Self::Http1),
        }
    }
}

/// Reads until the first bytes tell the protocol; returns it with what was read. The caller sets the deadline.
///
/// # Errors
/// As the stream; `None` when it ends before it told anything.
pub async fn detect<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<Option<(Protocol, BytesMut)>> {
    let mut read = BytesMut::with_capacity(1_024);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
        if let Some(protocol) = Protocol::from_first_bytes(&read) {
            return Ok(Some((protocol, read)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_protocol() {
        for (bytes, protocol) in [
            (&b"GET / HTTP/1.1\r\n"[..], Some(Protocol::Http1)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Protocol::Http2)),
            (b"PRI", None),
            (b"P", None),
            (b"PO", Some(Protocol::Http1)),
            (b"{\"hello\":", Some(Protocol::Native)),
            (b"8=FIX.4.4\x019=", Some(Protocol::Fix)),
            (b"\x16\x03", Some(Protocol::Http1)),
            (b"", None),
        ] {
            assert_eq!(Protocol::from_first_bytes(bytes), protocol, "{bytes:?}");
        }
    }
}
