//! Whether the body that the client sent is here: known to be, known not to be, or not known. Only the first is good enough for a
//! signature.
//!
//! | the proxy delivered | length told | chunked told | HTTP/1 told | bodies are passed on | so the body is |
//! |---|---|---|---|---|---|
//! | a part, and says so | | | | | missing |
//! | as many bytes as told | yes | | | | what was delivered |
//! | another number | yes | | | | missing |
//! | some bytes | no | | | yes | what was delivered |
//! | some bytes | no | | | no | missing: nobody says that they are all |
//! | nothing | no | yes | | yes | empty |
//! | nothing | no | yes | | no | missing |
//! | nothing | no | no | yes | | empty: HTTP/1 has no body without either (RFC 9112, 6.3) |
//! | nothing | no | no | no | yes | empty |
//! | nothing | no | no | no | no | missing: HTTP/2 has bodies without a length (RFC 9113, 8.1.1) |

use bytes::Bytes;

/// What is known of the framing of the original request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Framing<'f> {
    /// `Content-Length`, as the client sent it.
    pub(super) length: Option<&'f str>,
    /// Whether it had a `Transfer-Encoding`.
    pub(super) chunked: bool,
    /// Whether it came as HTTP/1.0 or HTTP/1.1, and the proxy would have told of a `Transfer-Encoding`.
    pub(super) http1: bool,
    /// Whether the proxy says that it delivers only the first part of the body.
    pub(super) partial: bool,
    /// Whether the configuration says that the proxy passes bodies on.
    pub(super) passed_on: bool,
}

impl<'f> Framing<'f> {
    /// Reads `X-Original-Framing`: `$server_protocol;$content_length;$http_transfer_encoding`, each of which may be empty.
    pub(super) fn of_nginx(value: &'f str) -> Option<Self> {
        let (protocol, rest) = value.split_once(';')?;
        let (length, encoding) = rest.split_once(';')?;
        let length = (!length.is_empty()).then_some(length);
        Some(Self { length, chunked: !encoding.is_empty(), http1: is_http1(protocol), ..Self::default() })
    }

    /// The body of the request, if it is known that these bytes are the whole of it.
    pub(super) fn whole(&self, delivered: Bytes) -> Option<Bytes> {
        if self.partial {
            return None;
        }
        if let Some(length) = self.length {
            let told = length.bytes().all(|byte| byte.is_ascii_digit()).then(|| length.parse::<usize>().ok())??;
            return (told == delivered.len() && !self.chunked).then_some(delivered);
        }
        let known_to_be_empty = delivered.is_empty() && !self.chunked && self.http1;
        (known_to_be_empty || self.passed_on).then_some(delivered)
    }
}

/// Whether a protocol, as nginx names it, is one in which a body always tells its framing.
fn is_http1(protocol: &str) -> bool {
    matches!(protocol, "HTTP/1.0" | "HTTP/1.1")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_row_of_the_table_holds() {
        let framing = |length, chunked, http1, passed_on| Framing { length, chunked, http1, partial: false, passed_on };
        for (delivered, framing, whole) in [
            ("abc", Framing { partial: true, ..framing(Some("3"), false, true, true) }, false),
            ("abc", framing(Some("3"), false, false, false), true),
            ("ab", framing(Some("3"), false, false, true), false),
            ("", framing(Some("3"), false, true, true), false),
            ("", framing(Some("0"), false, false, false), true),
            ("", framing(Some("0"), true, true, true), false),
            ("", framing(Some("+0"), false, true, true), false),
            ("", framing(Some("99999999999999999999999"), false, true, true), false),
            ("abc", framing(None, false, false, true), true),
            ("abc", framing(None, false, true, false), false),
            ("", framing(None, true, true, true), true),
            ("", framing(None, true, true, false), false),
            ("", framing(None, false, true, false), true),
            ("", framing(None, false, false, true), true),
            ("", framing(None, false, false, false), false),
        ] {
            let body = framing.whole(Bytes::from_static(delivered.as_bytes()));
            assert_eq!(body.is_some(), whole, "{delivered:?} {framing:?}");
            assert!(body.is_none_or(|body| body == delivered));
        }
    }

    #[test]
    fn nginx_tells_protocol_length_and_encoding_in_one_header() {
        for (value, known, whole) in [
            ("HTTP/1.1;;", true, true),
            ("HTTP/1.0;0;", true, true),
            ("HTTP/1.1;12;", true, false),
            ("HTTP/1.1;;chunked", true, false),
            ("HTTP/1.1;0;chunked", true, false),
            ("HTTP/2.0;;", true, false),
            ("HTTP/2.0;0;", true, true),
            ("HTTP/3.0;;", true, false),
            (";;", true, false),
            ("HTTP/1.1;", false, false),
            ("", false, false),
        ] {
            let framing = Framing::of_nginx(value);
            assert_eq!(framing.is_some(), known, "{value}");
            assert_eq!(framing.is_some_and(|framing| framing.whole(Bytes::new()).is_some()), whole, "{value}");
        }
    }
}
