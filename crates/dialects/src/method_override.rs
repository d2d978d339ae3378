//! Whether a request names another method than the one that it is made with.
//!
//! ```text
//!   POST /api/v3/order?_method=DELETE   the gateway reads a POST; a framework behind it may read a DELETE
//! ```
//!
//! Browsers' forms know GET and POST only, so frameworks take the method of a POST from elsewhere: Rack and Rails, Symfony and Laravel,
//! Spring's `HiddenHttpMethodFilter`, Express' `method-override`. Route, scope and halts were decided by the method of the request line,
//! so whoever forwards a request takes these headers out, and whoever does not forward it refuses it; a parameter is signed and cannot
//! be taken out. No venue has a parameter of this name.
//!
//! What is not seen: the parameter in a body that nobody reads here (on public routes, native routes but
//! the one that places orders, routes for bearer tokens of issuers and for client certificates).

use std::fmt;

use countersign_core::{Refusal, Reject};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::dialect::RequestView;
use crate::fields::malformed;

/// The parameter, in a query, a form or a JSON object (Laravel reads one as a form).
const PARAMETER: &str = "_method";

/// The headers, in lower case.
pub const HEADERS: &[&str] = &["x-http-method", "x-http-method-override", "x-method-override"];

/// Whether a header is one of them; every byte that is neither letter nor digit counts as a hyphen, because services that turn names into
/// variables read them all as one name.
#[must_use]
pub fn is_header(name: &[u8]) -> bool {
    let same = |(byte, wanted): (&u8, &u8)| byte.eq_ignore_ascii_case(wanted) || (*wanted == b'-' && !byte.is_ascii_alphanumeric());
    HEADERS.iter().any(|each| each.len() == name.len() && name.iter().zip(each.as_bytes()).all(same))
}

/// Refuses a request with such a header, where nobody here can take it out of what goes on.
///
/// # Errors
/// [`Reject::Malformed`].
pub fn check_headers(headers: &http::HeaderMap) -> Result<(), Refusal> {
    if headers.keys().any(|name| is_header(name.as_str().as_bytes())) {
        return Err(Refusal::operator(Reject::Malformed, "a header that names another method, which would go on with the request"));
    }
    Ok(())
}

/// Refuses a request with such a parameter in its query or its body.
///
/// # Errors
/// [`Reject::Malformed`].
pub fn check(request: &RequestView<'_>) -> Result<(), Refusal> {
    // Some readers pass over a byte order mark.
    let body = request.body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(request.body).trim_ascii_start();
    // As pairs in any case: where nothing is said of a type, or it is a form, a brace is the beginning of a name.
    let in_body = is_in_pairs(body) || (body.starts_with(b"{") && is_in_json(body));
    if in_body || is_in_pairs(request.query()) { Err(malformed(PARAMETER)) } else { Ok(()) }
}

fn is_in_pairs(text: &[u8]) -> bool {
    let starts = memchr::memchr2_iter(b'&', b';', text).map(|end| end + 1);
    std::iter::once(0).chain(starts).any(|start| is_parameter(&text[start..]))
}

/// PHP cuts blanks before a name and what follows a NUL in it, and makes an underscore of its other blanks, of dots and of an open bracket.
fn is_parameter(text: &[u8]) -> bool {
    // Hardly any other name begins so.
    if !text.first().is_some_and(|first| b"_.[ +%\t\r\n".contains(first)) {
        return false;
    }
    let end = memchr::memchr3(b'&', b';', b'=', text).unwrap_or(text.len());
    let Some((name, _)) = form_urlencoded::parse(&text[..end]).next() else { return false };
    let name = name.split('\0').next().unwrap_or_default().trim_ascii_start();
    name.strip_prefix(['_', '.', '[']) == PARAMETER.strip_prefix('_')
}

/// Also where the name stands twice, or in a text that is read to its middle only.
fn is_in_json(text: &[u8]) -> bool {
    let names = |start: usize| text[start..].starts_with(PARAMETER.as_bytes()) || text[start..].starts_with(b"\\u");
    let may_be = memchr::memchr2_iter(b'_', b'\\', text).any(names);
    may_be && serde_json::Deserializer::from_slice(text).deserialize_map(NamesMethod).unwrap_or(true)
}

/// Whether one of the members of an object has the name.
struct NamesMethod;

impl<'de> Visitor<'de> for NamesMethod {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some((name, IgnoredAny)) = map.next_entry::<std::borrow::Cow<'de, str>, _>()? {
            found |= name == PARAMETER;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(target: &str, body: &str) -> bool {
        let headers = http::HeaderMap::new();
        let request = RequestView { method: "POST", target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
        check(&request).is_ok()
    }

    #[test]
    fn each_spelling_that_some_framework_reads_is_refused() {
        for pair in [
            "_method=DELETE",
            "symbol=BTCUSDT&_method=delete",
            "a=1;_method=DELETE",
            "_method",
            "%5Fmethod=DELETE",
            "_%6dethod=DELETE",
            "%5f%6D%65%74%68%6F%64=DELETE",
            ".method=DELETE",
            "[method=DELETE",
            "+_method=DELETE",
            "%20%5bmethod=DELETE",
            "_method%00x=DELETE",
        ] {
            assert!(!passes(&format!("/order?{pair}"), ""), "{pair} in the query");
            assert!(!passes("/order", pair), "{pair} in a form");
        }
        for form in ["{=1&%5Fmethod=DELETE", r#"{"a":"&_method=DELETE&"}"#, "\u{feff}_method=DELETE", "\u{feff}{\"_method\":1}"] {
            assert!(!passes("/order", form), "{form}");
        }
        for json in [r#"{"_method":"DELETE"}"#, r#" {"a":{},"\u005fmethod":"DELETE"}"#, r#"{"_method":1,"_method":2}"#, r#"{"_method":"#] {
            assert!(!passes("/order", json), "{json}");
        }
    }

    #[test]
    fn what_clients_send_passes() {
        for pair in ["method=buy", "payment_method=1", "a=_method", "_methods=1", "__method=1", "_", "%", "", "&&", "a._method=1"] {
            assert!(passes(&format!("/order?{pair}"), pair), "{pair}");
        }
        for json in [
            r#"{"method":"private/buy","params":{"_method":1}}"#,
            r#"{"label":"_method"}"#,
            r#"{"label":"\u00e4"}"#,
            r#"[{"_method":1}]"#,
            r#"{"broken"#,
        ] {
            assert!(passes("/order", json), "{json}");
        }
        assert!(passes("/_method", "") && passes("/order", "\u{e4}"));
    }

    #[test]
    fn a_header_is_told_with_whatever_mark_between_its_words() {
        for name in ["X-HTTP-Method-Override", "x_http_method_override", "x.method.override", "X-Http-Method"] {
            assert!(is_header(name.as_bytes()), "{name}");
        }
        for name in ["x-method", "x-http-methods", "x-http-method-overrid3", "access-control-request-method"] {
            assert!(!is_header(name.as_bytes()), "{name}");
        }
    }
}
