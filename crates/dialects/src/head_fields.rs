//! Fields of a request that another reader could miss, or read where there are none.
//!
//! ```text
//!   Connection: content-type      whoever forwards takes that field off (RFC 9110, 7.6.1): it was judged, and nobody else sees it
//!   Transfer_Encoding: chunked    whoever makes variables of names (CGI, WSGI) reads the field that frames the message
//! ```
//!
//! # Security
//! The first is refused for what describes the message, says who sends it or is signed: the RFC forbids a sender to name those. Any other
//! field is taken off, as the RFC asks: nothing was judged by it.

use countersign_core::{Refusal, Reject};
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};

use crate::limits;
use crate::registry::ALL;

/// Refuses a head whose fields two readers could tell differently.
///
/// # Errors
/// [`Reject::Malformed`] or [`Reject::FramingAmbiguous`], with what is wrong for the operator.
pub fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.keys().any(|name| is_look_alike(name.as_str().as_bytes())) {
        return Err(Refusal::operator(Reject::FramingAmbiguous, LOOK_ALIKE));
    }
    // Any field may be among the components of a signature (RFC 9421).
    let is_signed = headers.contains_key(SIGNATURE_INPUT);
    let options = headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let takes_off = |option: &[u8]| {
        let named = HeaderName::from_bytes(option.trim_ascii());
        named.is_ok_and(|name| {
            // Whether it is there comes first: a head may name many that are not.
            headers.contains_key(&name) && !is_hop_by_hop(name.as_str().as_bytes()) && (is_signed || is_read(name.as_str()))
        })
    };
    for (number, option) in options.enumerate() {
        if number >= limits::CONNECTION_OPTIONS_MAX {
            return Err(Refusal::operator(Reject::Malformed, "Connection names more fields than a head may have"));
        }
        if takes_off(option) {
            return Err(Refusal::operator(Reject::Malformed, "Connection names a field that is not for one hop (RFC 9110, 7.6.1)"));
        }
    }
    Ok(())
}

const SIGNATURE_INPUT: &str = "signature-input";

/// Whether it is judged here and means something behind: by what describes the body, by whose authority, and by the
/// proofs that each dialect reads.
fn is_read(name: &str) -> bool {
    let prefixes = ["content-", "signature"];
    let names = ["host", "authorization", "cookie", "date", "digest", "dpop"];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
        || names.contains(&name)
        || ALL.iter().any(|dialect| dialect.proof_headers().contains(&name))
}

/// What an operator is told of a field that [`is_look_alike`].
pub const LOOK_ALIKE: &str = "a field whose name some read as Content-… or Transfer-Encoding";

/// Whether some read a name as one of those that frame or describe a body, which it is not: every mark may count as a hyphen.
#[must_use]
pub fn is_look_alike(name: &[u8]) -> bool {
    let begins = |word: &[u8]| {
        let (start, rest) = name.split_at_checked(word.len())?;
        let (mark, rest) = rest.split_first()?;
        (start.eq_ignore_ascii_case(word) && *mark != b'-' && !mark.is_ascii_alphanumeric()).then_some(rest)
    };
    begins(b"content").is_some() || begins(b"transfer").is_some_and(|rest| rest.eq_ignore_ascii_case(b"encoding"))
}

/// Headers for one hop that RFC 9110, 7.6.1 and its registry name; `name` is in lower case.
#[must_use]
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection"
            | b"expect"
            | b"http2-settings"
            | b"keep-alive"
            | b"proxy-authenticate"
            | b"proxy-authorization"
            | b"proxy-connection"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn refused(fields: &[(&'static str, &'static str)]) -> Option<Reject> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        check(&headers).err().map(|refusal| refusal.reject)
    }

    #[test]
    fn connection_takes_off_nothing_that_was_judged() {
        for (name, value) in [
            ("content-type", "application/json"),
            ("content-encoding", "identity"),
            ("content-length", "2"),
            ("content-digest", "sha-256=:AA==:"),
            ("host", "localhost"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("date", "Mon, 30 Nov 2026 00:00:00 GMT"),
            ("signature", "a=:AA==:"),
            ("signature-input", "a=()"),
            ("x-bapi-sign", "00"),
        ] {
            assert_eq!(refused(&[(name, value)]), None, "{name}");
            let option: &'static str = format!("keep-alive ,\t{}", name.to_uppercase()).leak();
            assert_eq!(refused(&[("connection", option), (name, value)]), Some(Reject::Malformed), "{name}");
            assert_eq!(refused(&[("connection", "close"), ("connection", option), (name, value)]), Some(Reject::Malformed), "{name}");
        }
    }

    #[test]
    fn connection_takes_off_what_nobody_judged_by() {
        let named: &[(&'static str, &'static str)] = &[("connection", "close, X-Mine"), ("x-mine", "1"), ("host", "a")];
        assert_eq!(refused(named), None);
        let signed = [named, &[("signature-input", "a=(\"x-mine\")")]].concat();
        assert_eq!(refused(&signed), Some(Reject::Malformed), "it may be signed");
    }

    #[test]
    fn connection_may_name_what_is_for_one_hop_or_not_there() {
        for option in ["close", "keep-alive", "Upgrade, HTTP2-Settings", "TE", "x-mine", "", ", ,", "\u{7f}", "a b", "Transfer-Encoding"] {
            let there = [("te", "trailers"), ("upgrade", "websocket"), ("transfer-encoding", "chunked"), ("host", "a")];
            let Ok(value) = HeaderValue::from_str(option) else { continue };
            let mut headers: HeaderMap =
                there.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
            headers.append(CONNECTION, value);
            assert_eq!(check(&headers), Ok(()), "{option}");
        }
    }

    #[test]
    fn connection_names_no_more_than_a_head_has() {
        let many = |count: usize| vec!["a"; count].join(",").leak();
        assert_eq!(refused(&[("connection", many(limits::CONNECTION_OPTIONS_MAX)), ("a", "1")]), None);
        assert_eq!(refused(&[("connection", many(limits::CONNECTION_OPTIONS_MAX + 1)), ("a", "1")]), Some(Reject::Malformed));
        assert_eq!(refused(&[("connection", many(limits::CONNECTION_OPTIONS_MAX)), ("connection", "close")]), Some(Reject::Malformed));
    }

    #[test]
    fn names_that_are_read_as_framing_are_refused() {
        for name in ["content_type", "content.length", "content~encoding", "content_anything", "transfer_encoding", "transfer.encoding"] {
            assert!(is_look_alike(name.to_uppercase().as_bytes()), "{name}");
            assert_eq!(refused(&[(name, "x")]), Some(Reject::FramingAmbiguous), "{name}");
        }
        for name in
            ["content-type", "content-digest", "contents_type", "content", "content1", "transfer-encoding", "transfer", "transfer_id"]
        {
            assert!(!is_look_alike(name.as_bytes()), "{name}");
        }
    }
}
