//! Whether a body is of the form that its `Content-Type` says: JSON, or the pairs of a form.
//!
//! ```text
//!                    the text is JSON                          the text is pairs   anything else
//!   JSON             passes                                    passes              refused
//!   a form           only where it is one name: no `&`, `;`, `=`   passes          refused
//!   nothing said     only where it is one pair: no `&`, `;`    passes              refused
//!   another type, another charset                  refused
//! ```
//!
//! Orders, reductions and instruments are read from bodies by their first letter. A venue reads them by the type: what is
//! `{"pair":"ETHUSD","z":"&pair=XBTUSD&"}` to one is `pair=XBTUSD` to the other. So a body is let through where both come to the same.
//! Nothing is said by no type, by `text/plain` and by `application/octet-stream`, which libraries of HTTP write for texts and bytes
//! (`fetch`, .NET, aiohttp); `curl -d` and axios call every text a form.
//!
//! # Security
//! Pairs that are called JSON are no JSON to any reader, a lenient one included: they begin as no value does. Charsets are those in
//! which every byte of ASCII is itself: in UTF-7 and UTF-16 other bytes are quotes and braces.

use countersign_core::{Purpose, Refusal, Reject};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::dialect::{Header, RequestView};

/// What a `Content-Type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Form,
    Json,
    Nothing,
}

/// Refuses a body that an upstream could see as another than was looked at: one that it unpacks, and one that is of another form than its
/// type says, or could be of two. No venue takes those, and orders in them would be neither counted nor found by halts. Bodies under HTTP
/// message signatures are the operator's own affair.
///
/// # Errors
/// [`Reject::Malformed`], with what is wrong for the operator.
pub fn check(purpose: Purpose, request: &RequestView<'_>) -> Result<(), Refusal> {
    if purpose == Purpose::HttpSignature || request.body.is_empty() {
        return Ok(());
    }
    if !matches!(request.headers.find(CONTENT_ENCODING.as_str()), Header::Absent | Header::Once(b"identity" | b"")) {
        return Err(malformed("a body with a Content-Encoding, where orders are read"));
    }
    check_type(request.headers.find(CONTENT_TYPE.as_str()), request.body)
}

fn check_type(content_type: Header<'_>, body: &[u8]) -> Result<(), Refusal> {
    let said = match content_type {
        Header::Absent => Said::Nothing,
        Header::Once(text) => said(text).ok_or_else(|| malformed("a body of a Content-Type or charset in which no orders are read"))?,
        Header::Repeated => return Err(malformed("a body with two Content-Types, where orders are read")),
    };
    let holds = |marks: &[u8]| body.iter().any(|byte| marks.contains(byte));
    match body.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
        Some(b'{' | b'[') => match said {
            Said::Form if holds(b"&;=") => Err(malformed("JSON that is called a form and could be one, where orders are read")),
            Said::Nothing if holds(b"&;") => Err(malformed("JSON that is not called so and could be a form, where orders are read")),
            Said::Form | Said::Json | Said::Nothing => Ok(()),
        },
        Some(first) if !begins_a_name(*first) => Err(malformed("a body that is neither JSON nor a form, where orders are read")),
        Some(_) | None => Ok(()),
    }
}

/// A byte order mark, a comment or a quote begins no name that a client writes; readers of JSON may pass over it.
fn begins_a_name(first: u8) -> bool {
    first.is_ascii_alphanumeric() || b"_%&+-.~*@$".contains(&first)
}

const TYPES: [(&str, Said); 5] = [
    ("", Said::Nothing),
    ("application/json", Said::Json),
    ("application/octet-stream", Said::Nothing),
    ("application/x-www-form-urlencoded", Said::Form),
    ("text/plain", Said::Nothing),
];

/// What a type says; nothing for one in which orders are not read. Of its parameters there may be the charset.
fn said(content_type: &[u8]) -> Option<Said> {
    let mut parts = content_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next()?;
    let (_, said) = TYPES.iter().find(|(each, _)| each.as_bytes().eq_ignore_ascii_case(name))?;
    parts.all(|part| part.is_empty() || is_plain_charset(part)).then_some(*said)
}

fn is_plain_charset(parameter: &[u8]) -> bool {
    let Some((key, name)) = parameter.split_at_checked(b"charset=".len()) else { return false };
    let name = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name);
    let is_plain = ["utf-8", "utf8", "us-ascii", "iso-8859-1"].iter().any(|plain| plain.as_bytes().eq_ignore_ascii_case(name));
    key.eq_ignore_ascii_case(b"charset=") && is_plain
}

fn malformed(sentence: &'static str) -> Refusal {
    Refusal::operator(Reject::Malformed, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const HIDDEN: &str = r#"{"pair":"ETHUSD","z":"&pair=XBTUSD&"}"#;

    fn passes(content_type: Option<&str>, body: &str) -> bool {
        check_type(content_type.map_or(Header::Absent, |text| Header::Once(text.as_bytes())), body.as_bytes()).is_ok()
    }

    #[test]
    fn what_clients_send_passes() {
        let (json, list, form) = (r#"{"symbol":"BTCUSDT","qty":"1"}"#, r#"[{"instId":"BTC-USDT"}]"#, "nonce=1&pair=XBTUSD&validate=true");
        for body in [json, list, form] {
            for content_type in [
                None,
                Some(""),
                Some("application/json"),
                Some("application/json;charset=utf-8"),
                Some("Application/JSON; Charset=\"UTF-8\""),
                Some("application/json;"),
                Some(FORM),
                Some("application/x-www-form-urlencoded; charset=ISO-8859-1"),
                Some("text/plain;charset=UTF-8"),
                Some("application/octet-stream"),
            ] {
                assert!(passes(content_type, body), "{content_type:?} {body}");
            }
        }
        assert!(passes(Some("application/json"), HIDDEN), "a text with such marks, called what it is");
        assert!(passes(None, r#"{"label":"a=b"}"#));
        assert!(passes(None, "%7B%22pair%22=1"), "a name to readers of forms, and to none of JSON");
    }

    /// Each of these could be for another instrument than the one that is read, or of another length.
    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for content_type in [
            FORM,
            "APPLICATION/X-WWW-FORM-URLENCODED",
            "application/x-www-form-urlencoded ; charset=utf-8",
            "application/x-www-form-urlencoded\t",
            "",
            "text/plain",
            "application/octet-stream",
            "multipart/form-data; boundary=x",
            "application/json, application/x-www-form-urlencoded",
            "application/json; boundary=x",
            "application/json; charset=utf-7",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json\u{a0}",
            "application/xml",
            "*/*",
        ] {
            for body in [HIDDEN, r#" [{"instId":"BTC-USDT","z":"&instId=ETH-USDT&"}]"#] {
                assert!(!passes(Some(content_type), body), "{content_type} {body}");
            }
        }
        assert!(!passes(None, HIDDEN));
        assert!(!passes(Some(FORM), r#"{"pair=XBTUSD":1}"#), "one pair");
        assert!(!passes(Some(FORM), r#"{"a":";pair=XBTUSD"}"#));
        assert!(check_type(Header::Repeated, b"a=1").is_err());
        for content_type in [None, Some(FORM), Some("application/json")] {
            for first in ["\u{feff}", "\u{b}", "\0", "/**/", "//\n", "#\n", "\"", "'", "("] {
                assert!(!passes(content_type, &format!("{first}{HIDDEN}")), "{content_type:?} {first:?}");
            }
        }
    }

    #[test]
    fn only_what_is_read_is_looked_at() {
        let outcome = |purpose, coding: &str, content_type: &str, body: &str| {
            let headers = vec![("content-encoding", coding), ("content-type", content_type)];
            check(purpose, &RequestView { method: "POST", target: b"/", headers: &headers, body: body.as_bytes(), host: None }).is_ok()
        };
        assert!(outcome(Purpose::Binance, "identity", FORM, "a=1") && outcome(Purpose::Binance, "", FORM, "a=1"));
        for coding in ["gzip", "identity, gzip", "x-gzip", "IDENTITY"] {
            assert!(!outcome(Purpose::Binance, coding, FORM, "a=1"), "{coding}");
            assert!(outcome(Purpose::Binance, coding, "multipart/form-data", ""), "there is nothing to be read");
            assert!(outcome(Purpose::HttpSignature, coding, "multipart/form-data", "a=1"), "the operator's own");
        }
    }
}
