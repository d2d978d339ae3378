//! An upgrade request, read strictly (RFC 6455, 4.2.1): what is not exactly a WebSocket handshake is not upgraded, so that no
//! proxy in front of us can have another opinion about where the HTTP ends.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Refusal, Reject};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};

/// RFC 6455, 1.3: joined to the client's key before hashing.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request is not upgraded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// It is wrong or not permitted.
    Refused(Refusal),
    /// It asks for no upgrade, or for another version: 426 says what would be right.
    UpgradeRequired,
}

/// The value of `Sec-WebSocket-Accept` for a proper handshake.
///
/// # Security
/// Cookies log nobody in, so a foreign page gains nothing by opening a WebSocket. A client certificate is sent by browsers on
/// their own, so a route that logs in by it (`by_certificate`) is closed to foreign origins.
pub(super) fn read(parts: &Parts, authority: &HeaderValue, by_certificate: bool) -> Result<HeaderValue, Rejected> {
    let refused = |sentence| Rejected::Refused(Refusal::operator(Reject::Malformed, sentence));
    let headers = &parts.headers;
    if parts.version != Version::HTTP_11 || parts.method != Method::GET {
        return Err(refused("a WebSocket starts with GET over HTTP/1.1"));
    }
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(Rejected::UpgradeRequired);
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(refused("Upgrade without Connection: upgrade"));
    }
    if has_body(headers) {
        return Err(Rejected::Refused(Refusal::operator(Reject::FramingAmbiguous, "an upgrade request with a body")));
    }
    if only(headers, &SEC_WEBSOCKET_VERSION).is_none_or(|version| version.as_bytes() != b"13") {
        return Err(Rejected::UpgradeRequired);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).ok_or_else(|| refused("not exactly one Sec-WebSocket-Key"))?;
    if STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() != 16) || STANDARD.decode(key.as_bytes()).is_err() {
        return Err(refused("Sec-WebSocket-Key is not 16 bytes in base64"));
    }
    if by_certificate && headers.get_all(ORIGIN).iter().any(|origin| !is_origin_of(origin, authority)) {
        return Err(Rejected::Refused(Refusal::operator(
            Reject::ScopeMissing,
            "a foreign Origin on a route that logs in by client certificate",
        )));
    }
    Ok(accept_value(key.as_bytes()))
}

/// The answer to a key (RFC 6455, 4.2.2).
pub(super) fn accept_value(key: &[u8]) -> HeaderValue {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key);
    context.update(ACCEPT_SUFFIX);
    HeaderValue::try_from(STANDARD.encode(context.finish())).expect("base64 is visible ASCII")
}

/// Whether a comma-separated header has a token, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|each| each.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || headers.get_all(CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0")
}

/// Whether an origin is the authority the request was made to: `https://` and the same text.
fn is_origin_of(origin: &HeaderValue, authority: &HeaderValue) -> bool {
    let host = origin.as_bytes().strip_prefix(b"https://");
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::get("/ws");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn with(changes: &[(&str, &str)]) -> Parts {
        let kept = GOOD.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let set = changes.iter().filter(|(_, value)| *value != "-");
        parts(&kept.chain(set).copied().collect::<Vec<_>>())
    }

    fn read_from(parts: &Parts) -> Result<HeaderValue, Rejected> {
        read(parts, &HeaderValue::from_static("venue.example:8443"), false)
    }

    #[test]
    fn answers_the_key_of_the_standard() {
        assert_eq!(read_from(&parts(GOOD)).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn accepts_what_the_grammar_accepts() {
        for changes in [
            &[("upgrade", "WebSocket")][..],
            &[("upgrade", "h2c, websocket")],
            &[("connection", "UPGRADE")],
            &[("content-length", "0")],
            &[("sec-websocket-extensions", "permessage-deflate"), ("sec-websocket-protocol", "chat")],
            &[("origin", "https://elsewhere.example")],
        ] {
            assert!(read_from(&with(changes)).is_ok(), "{changes:?}");
        }
    }

    #[test]
    fn says_426_when_another_version_or_none_is_asked_for() {
        for changes in [
            &[("upgrade", "-")][..],
            &[("upgrade", "h2c")],
            &[("sec-websocket-version", "-")],
            &[("sec-websocket-version", "8")],
            &[("sec-websocket-version", "13, 8")],
            &[("sec-websocket-version", "13"), ("sec-websocket-version", "13")],
        ] {
            assert_eq!(read_from(&with(changes)), Err(Rejected::UpgradeRequired), "{changes:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_handshake() {
        for changes in [
            &[("connection", "-")][..],
            &[("connection", "keep-alive")],
            &[("sec-websocket-key", "-")],
            &[("sec-websocket-key", "")],
            &[("sec-websocket-key", "c2hvcnQ=")],
            &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ")],
            &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==x")],
            &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")],
        ] {
            let outcome = read_from(&with(changes));
            assert!(matches!(&outcome, Err(Rejected::Refused(refusal)) if refusal.reject == Reject::Malformed), "{changes:?}: {outcome:?}");
        }
        for changes in [&[("content-length", "5")][..], &[("transfer-encoding", "chunked")]] {
            let outcome = read_from(&with(changes));
            assert!(matches!(&outcome, Err(Rejected::Refused(refusal)) if refusal.reject == Reject::FramingAmbiguous), "{changes:?}");
        }
    }

    #[test]
    fn refuses_other_versions_of_http_and_other_methods() {
        for version in [Version::HTTP_10, Version::HTTP_2] {
            let mut parts = parts(GOOD);
            parts.version = version;
            assert!(matches!(read_from(&parts), Err(Rejected::Refused(_))), "{version:?}");
        }
        let mut parts = parts(GOOD);
        parts.method = Method::POST;
        assert!(matches!(read_from(&parts), Err(Rejected::Refused(_))));
    }

    #[test]
    fn refuses_a_foreign_origin_where_a_certificate_logs_in() {
        let authority = HeaderValue::from_static("venue.example:8443");
        for (origin, fine) in [
            ("https://venue.example:8443", true),
            ("https://VENUE.example:8443", true),
            ("https://venue.example", false),
            ("http://venue.example:8443", false),
            ("https://elsewhere.example", false),
            ("null", false),
        ] {
            assert_eq!(read(&with(&[("origin", origin)]), &authority, true).is_ok(), fine, "{origin}");
        }
        assert!(read(&parts(GOOD), &authority, true).is_ok(), "programs send no Origin");
    }
}
