//! What each dialect reads of recorded requests, header by header: `Connection` may take none of it off, and each dialect declares it.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{Monotonic, Now, Purpose, Reject};
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::VectorFile;
use super::connection::family;
use super::format::{Request, Vector, purpose_of};
use super::tamper::FILES;
use crate::dialect::{Dialect, Header, Headers, RequestView, Security};
use crate::head_fields;
use crate::registry::{ALL, of_purpose};
use crate::socket::Opening;

const HTTP_SIGNATURES: &str = include_str!("../../../../tests/vectors/rfc9421.json");

/// Headers of a request, and which of them were asked for.
struct Watched<'h> {
    headers: &'h [(String, String)],
    asked: RefCell<BTreeSet<String>>,
}

impl Headers for Watched<'_> {
    fn find(&self, name: &str) -> Header<'_> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.headers.find(name)
    }
}

/// What a dialect asks for to recognize and to verify a request, and to open a socket by it.
fn asked(dialect: &dyn Dialect, vector: &Vector, target: &str, headers: &[(String, String)]) -> BTreeSet<String> {
    let (method, body) = match &vector.request {
        Request::Http { method, body, .. } => (method.as_str(), body.as_bytes()),
        Request::Fix { .. } | Request::Other | Request::Ws { .. } | Request::WsHandshake { .. } => ("GET", &b""[..]),
    };
    let watched = Watched { headers, asked: RefCell::default() };
    let request = RequestView { method, target: target.as_bytes(), headers: &watched, body, host: Some("localhost") };
    dialect.recognizes(&watched);
    for security in [Security::None, Security::ApiKey, Security::Signed] {
        let _ = dialect.present(&request, security);
    }
    let _ = dialect.present_otherwise(&request);
    let now = Now { wall: vector.now(), mono: Monotonic::from_micros(vector.now().as_micros()) };
    for target in dialect.socket_routes().iter().map(|route| route.path).chain([target]) {
        let _ = dialect.open_socket_with(&Opening { target, now, issued_challenge: None }, &watched);
    }
    watched.asked.into_inner()
}

/// Whether a head with these headers is refused where `Connection` takes this one off.
fn may_not_be_taken_off(name: &str, headers: &[(String, String)]) -> bool {
    let mut head = HeaderMap::new();
    for (name, value) in headers {
        head.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    head.entry(HeaderName::from_bytes(name.as_bytes()).unwrap()).or_insert(HeaderValue::from_static(""));
    head.insert(CONNECTION, HeaderValue::from_str(name).unwrap());
    head_fields::check(&head).is_err_and(|refusal| refusal.reject == Reject::Malformed)
}

/// The headers of a vector, whole and without each of them in turn, and each that the dialect declares alone: what is read only where
/// another is there, or missing, is read, too.
fn ways_to_send(dialect: &dyn Dialect, headers: &[(String, String)]) -> Vec<Vec<(String, String)>> {
    let without = |left_out: usize| headers.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, pair)| pair.clone()).collect();
    let alone = dialect.proof_headers().iter().map(|name| vec![((*name).to_owned(), "0".to_owned())]);
    (0..=headers.len()).map(without).chain(alone).collect()
}

#[test]
fn connection_takes_off_nothing_that_a_dialect_reads() {
    let mut read: BTreeMap<Purpose, BTreeSet<String>> = BTreeMap::new();
    for text in FILES.iter().chain([&HTTP_SIGNATURES]) {
        for vector in VectorFile::parse(text).unwrap().vectors {
            let (Request::Http { target, headers, .. } | Request::WsHandshake { target, headers }) = &vector.request else { continue };
            let Some(dialect) = purpose_of(family(&vector)).and_then(of_purpose) else { continue };
            let of_dialect = read.entry(dialect.purpose()).or_default();
            for headers in ways_to_send(dialect, headers) {
                for name in asked(dialect, &vector, target, &headers) {
                    assert!(may_not_be_taken_off(&name, &headers), "{} reads {name}, which Connection takes off", vector.id);
                    of_dialect.insert(name);
                }
            }
        }
    }
    for dialect in ALL {
        let read = read.get(&dialect.purpose()).unwrap_or_else(|| panic!("no request of {} is recorded", dialect.name()));
        for name in dialect.proof_headers() {
            assert!(read.contains(*name), "{} declares {name}, which nothing reads", dialect.name());
        }
    }
}
