//! The request that the client sent to the proxy, as the proxy tells it.
//!
//! # Security
//! Each statement must be there exactly once. A header that the proxy sets replaces whatever the client sent under that name; two of
//! them mean that one is the client's, and nothing tells which.

use std::net::IpAddr;

use bytes::Bytes;
use countersign_core::{Refusal, Reject};
use countersign_dialects::{Header, Headers as _};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use super::body::Framing;
use crate::forward::FORWARDED_FOR_HEADER;

/// Where nginx asks.
pub(super) const NGINX_PATH: &str = "/authz";
/// What Envoy's HTTP client puts before the original target (`path_prefix`).
pub(super) const ENVOY_PREFIX: &str = "/authz/envoy";

const ORIGINAL_METHOD: &str = "x-original-method";
const ORIGINAL_URI: &str = "x-original-uri";
const ORIGINAL_HOST: &str = "x-original-host";
const ORIGINAL_FRAMING: &str = "x-original-framing";
const REAL_IP: &str = "x-real-ip";
/// Envoy's word that the body it passes on is not the whole (`allow_partial_message`).
pub(super) const PARTIAL_BODY: &str = "x-envoy-auth-partial-body";

/// The original request.
#[derive(Clone, Debug)]
pub(super) struct Original {
    /// The method.
    pub(super) method: Method,
    /// Path and query, as sent.
    pub(super) target: String,
    /// The authority it was made to.
    pub(super) host: HeaderValue,
    /// Where it came from.
    pub(super) address: IpAddr,
    /// Its headers, among those that the proxy added.
    pub(super) headers: HeaderMap,
    /// Its body; `None` where it is not known to be here as a whole.
    pub(super) body: Option<Bytes>,
}

impl Original {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for a method or target that two parsers could read differently.
    pub(super) fn new(
        method: &[u8],
        target: &str,
        host: HeaderValue,
        address: IpAddr,
        headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Self, Refusal> {
        let method = Method::from_bytes(method).map_err(|_| malformed("the original method is none"))?;
        let plain = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !plain {
            return Err(malformed("the original target has no path, or a byte that is not allowed"));
        }
        Ok(Self { method, target: target.to_owned(), host, address, headers, body })
    }

    /// Reads a question of nginx.
    ///
    /// # Errors
    /// [`Reject::Malformed`]: a statement is missing, or there twice.
    pub(super) fn of_nginx(parts: Parts) -> Result<Self, Refusal> {
        let headers = parts.headers;
        let method = once(&headers, ORIGINAL_METHOD)?;
        let target = text(&headers, ORIGINAL_URI)?;
        let host = HeaderValue::from_bytes(once(&headers, ORIGINAL_HOST)?).map_err(|_| malformed("X-Original-Host is no host"))?;
        let address = address(text(&headers, REAL_IP)?)?;
        let framing = Framing::of_nginx(text(&headers, ORIGINAL_FRAMING)?)
            .ok_or_else(|| malformed("X-Original-Framing is not $server_protocol;$content_length;$http_transfer_encoding"))?;
        let body = framing.whole(Bytes::new());
        Self::new(method, target, host, address, headers.clone(), body)
    }

    /// Reads a question of Envoy over HTTP: the original request under another prefix. `passed_on`: whether the configuration says that
    /// Envoy passes bodies on; over HTTP nothing in the question tells it, because Envoy writes a `Content-Length` of its own.
    ///
    /// # Errors
    /// [`Reject::Malformed`]: a statement is missing, or there twice.
    pub(super) fn of_envoy(parts: Parts, body: Bytes, passed_on: bool) -> Result<Self, Refusal> {
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let target = target.strip_prefix(ENVOY_PREFIX).ok_or_else(|| malformed("the question has not Envoy's prefix"))?;
        let host = match (parts.headers.find(HOST.as_str()), parts.uri.authority()) {
            (Header::Once(host), None) => HeaderValue::from_bytes(host).ok(),
            (Header::Absent, Some(authority)) => HeaderValue::from_str(authority.as_str()).ok(),
            (Header::Once(_) | Header::Repeated, Some(_)) | (Header::Absent, None) | (Header::Repeated, None) => None,
        };
        let host = host.ok_or_else(|| malformed("not one authority"))?;
        let address = forwarded_for(&parts.headers)?;
        let framing = Framing { partial: is_partial(parts.headers.find(PARTIAL_BODY)), passed_on, ..Framing::default() };
        let body = framing.whole(body);
        Self::new(parts.method.as_str().as_bytes(), target, host, address, parts.headers.clone(), body)
    }

    /// The target up to the first `?`.
    pub(super) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }
}

/// Whether the body is a part only. Whatever is not clearly "no" counts as "yes".
pub(super) fn is_partial(header: Header<'_>) -> bool {
    match header {
        Header::Absent | Header::Once(b"false") => false,
        Header::Once(_) | Header::Repeated => true,
    }
}

/// The address that the trusted peer added: the last one. Those before it are the client's word.
fn forwarded_for(headers: &HeaderMap) -> Result<IpAddr, Refusal> {
    let last = headers.get_all(FORWARDED_FOR_HEADER).iter().next_back().and_then(|value| value.to_str().ok());
    let last = last.and_then(|value| value.rsplit(',').next()).ok_or_else(|| malformed("no X-Forwarded-For"))?;
    address(last.trim())
}

/// An address without a port.
pub(super) fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse::<IpAddr>().map(|address| address.to_canonical()).map_err(|_| malformed("the client's address is none"))
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Refusal> {
    std::str::from_utf8(once(headers, name)?).map_err(|_| malformed("a statement of the proxy is not text"))
}

fn once<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h [u8], Refusal> {
    match headers.find(name) {
        Header::Once(value) => Ok(value),
        Header::Absent => Err(Refusal::operator(Reject::Malformed, format!("the proxy does not set {name}"))),
        Header::Repeated => Err(Refusal::operator(Reject::Malformed, format!("{name} is there twice: one of them is the client's"))),
    }
}

fn malformed(sentence: &'static str) -> Refusal {
    Refusal::operator(Reject::Malformed, sentence)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const NGINX: [(&str, &str); 5] = [
        ("x-original-method", "POST"),
        ("x-original-uri", "/api/v3/order?a=%2F&b=1"),
        ("x-original-host", "api.example"),
        ("x-real-ip", "192.0.2.7"),
        ("x-original-framing", "HTTP/1.1;;"),
    ];

    #[test]
    fn nginx_tells_the_request_in_five_headers() {
        let original = Original::of_nginx(parts("/authz", &NGINX)).unwrap();
        assert_eq!((original.method.as_str(), original.path()), ("POST", "/api/v3/order"));
        assert_eq!((original.target.as_str(), original.host.to_str().unwrap()), ("/api/v3/order?a=%2F&b=1", "api.example"));
        assert_eq!((original.address.to_string().as_str(), original.body), ("192.0.2.7", Some(Bytes::new())));
    }

    #[test]
    fn a_statement_that_is_missing_or_there_twice_is_refused() {
        for (index, (name, value)) in NGINX.iter().enumerate() {
            let mut without = NGINX.to_vec();
            without.remove(index);
            assert_eq!(Original::of_nginx(parts("/authz", &without)).unwrap_err().reject, Reject::Malformed, "{name}");
            let mut twice = NGINX.to_vec();
            twice.push((name, value));
            assert_eq!(Original::of_nginx(parts("/authz", &twice)).unwrap_err().reject, Reject::Malformed, "{name}");
        }
    }

    #[test]
    fn a_target_with_two_readings_is_refused() {
        for target in ["", "api", "http://a/b", "/a b", "/a#b", "/\u{e4}", "*"] {
            let made = Original::new(b"GET", target, HeaderValue::from_static("a"), [127, 0, 0, 1].into(), HeaderMap::new(), None);
            assert_eq!(made.unwrap_err().reject, Reject::Malformed, "{target:?}");
        }
    }

    #[test]
    fn envoy_sends_the_request_itself_under_a_prefix() {
        let sent = [("host", "api.example"), ("x-forwarded-for", "203.0.113.1, 192.0.2.7"), ("x-original-uri", "/open")];
        let original = Original::of_envoy(parts("/authz/envoy/api/v3/account?x=1", &sent), Bytes::new(), true).unwrap();
        assert_eq!(original.target, "/api/v3/account?x=1");
        assert_eq!(original.address.to_string(), "192.0.2.7", "the one that the proxy added");
        assert_eq!(original.body, Some(Bytes::new()));
        let unknown = Original::of_envoy(parts("/authz/envoy/api/v3/account?x=1", &sent), Bytes::new(), false).unwrap();
        assert_eq!(unknown.body, None, "nobody says that there was none");
        assert!(Original::of_envoy(parts("/authz/envoy", &sent), Bytes::new(), true).is_err());
        assert!(Original::of_envoy(parts("/authz/envoyance/x", &sent), Bytes::new(), true).is_err());
        assert!(Original::of_envoy(parts("/authz/envoy/x", &sent[..1]), Bytes::new(), true).is_err(), "no address");
    }

    #[test]
    fn what_is_not_clearly_whole_is_a_part() {
        for (header, partial) in
            [(Header::Absent, false), (Header::Once(b"false"), false), (Header::Once(b"true"), true), (Header::Repeated, true)]
        {
            assert_eq!(is_partial(header), partial, "{header:?}");
        }
    }
}
