//! To the upstream: takes a [`Permit`] that no halt takes away ([`Cleared`]), and nothing goes there without one.
//!
//! The target and the body travel as received, byte for byte: what was verified is what the upstream sees. Headers lose
//! everything that is only for one hop and everything by which a client could pass itself off as somebody: then ours are set.

mod names;

use countersign_core::{Freshness, Permit, Refusal, Reject};
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use smallvec::SmallVec;

pub(crate) use countersign_dialects::head_fields::is_hop_by_hop;
pub(crate) use names::says_who;

use crate::authenticate::SessionRef;
use crate::body::{RequestBody, ResponseBody};
use crate::clock;
use crate::connection::Connection;
use crate::halts::Cleared;
use crate::identity::{CachedIdentity, Occasion};
use crate::worker::Worker;

/// The identity assertion for the upstream: a signed JWT, verifiable by `/.well-known/jwks.json`.
pub const IDENTITY_HEADER: HeaderName = HeaderName::from_static("countersign-identity");
/// Where the request came from.
pub const FORWARDED_FOR_HEADER: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How it came.
pub const FORWARDED_PROTO_HEADER: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Forwards one request and returns the upstream's answer. `freshness` is checked again at the last moment.
///
/// # Errors
/// The window closed meanwhile, or the upstream failed. A request is never sent twice.
pub async fn forward(
    worker: &Worker,
    permit: Cleared,
    mut request: Request<RequestBody>,
    freshness: Freshness,
) -> Result<Response<ResponseBody>, Refusal> {
    *request.version_mut() = Version::HTTP_11;
    let upstream = worker.upstream(&permit);
    let metrics = &worker.shared.metrics;
    let failed = |reject: Reject| {
        metrics.upstream_failed(reject);
        Refusal::from(reject)
    };
    let lease = upstream.lease().await.map_err(failed)?;
    countersign_core::verify::check_window(freshness, clock::wall())?;
    worker.shared.halts.gate().confirm(&permit)?;
    metrics.forwarded(permit.route());
    let sent = clock::mono();
    let (response, lease) = upstream.send(&permit, lease, request).await.map_err(failed)?;
    metrics.upstream_answered(clock::mono().saturating_since(sent));
    if response.status().is_informational() {
        // Nobody asked to switch protocols: a client that believed it would read the rest of the connection as something else.
        return Err(Refusal::operator(Reject::UpstreamUnavailable, "the upstream switched protocols unasked"));
    }
    if let Err(why) = check_framing(response.headers()) {
        // The connection goes with the lease: nobody knows where this answer ends.
        metrics.upstream_failed(Reject::UpstreamUnavailable);
        return Err(Refusal::operator(Reject::UpstreamUnavailable, why));
    }
    drop(permit);
    Ok(downstream_answer(response, lease))
}

/// An answer that two readers would end in two places is none, as on the short way: the library takes the one and passes on the other.
fn check_framing(headers: &HeaderMap) -> Result<(), &'static str> {
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) if lengths > 1 => Err("an answer with more than one Content-Length"),
        (Some(_), _) if lengths > 0 => Err("an answer with Content-Length and Transfer-Encoding"),
        (Some(coding), None) if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Err("an answer with another coding than chunked"),
        (Some(_), Some(_)) => Err("an answer with more than one Transfer-Encoding"),
        (None | Some(_), _) => Ok(()),
    }
}

fn downstream_answer(response: Response<Incoming>, lease: crate::upstream::Lease) -> Response<ResponseBody> {
    let (mut parts, body) = response.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    remove_ours(&mut parts.headers);
    if parts.status == StatusCode::NO_CONTENT {
        // There is nothing to count (RFC 9110, 8.6), and HTTP/2 clients take one that counts something for an attack.
        parts.headers.remove(CONTENT_LENGTH);
    }
    parts.version = Version::default();
    parts.extensions = http::Extensions::default();
    Response::from_parts(parts, ResponseBody::from_upstream(body, lease))
}

/// Makes the headers of a client's request fit for the upstream.
pub fn rewrite_headers(headers: &mut HeaderMap, connection: &Connection, authority: &HeaderValue, identity: Option<HeaderValue>) {
    // What was read of it, `Connection` could not name: what is passed on is what was judged.
    remove_named_by_connection(headers);
    remove_where(headers, |name| is_hop_by_hop(name) || says_who(name));
    headers.insert(HOST, authority.clone());
    headers.insert(FORWARDED_FOR_HEADER, connection.address.clone());
    headers.insert(FORWARDED_PROTO_HEADER, HeaderValue::from_static("https"));
    if let Some(identity) = identity {
        headers.insert(IDENTITY_HEADER, identity);
    }
}

/// One `cookie` field of the crumbs that HTTP/2 may cut it into (RFC 9113, 8.2.3): HTTP/1.1 has no more than one.
pub fn join_cookies(headers: &mut HeaderMap) {
    if let Some(whole) = whole_cookie(headers) {
        headers.insert(COOKIE, whole);
    }
}

/// The cookie, where it came in crumbs.
fn whole_cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    let crumbs: SmallVec<[&[u8]; 4]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return None;
    }
    HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).ok()
}

/// The identity assertion of a permit for one upstream; cached on the connection while it is young.
#[must_use]
pub fn identity_assertion(
    worker: &Worker,
    connection: &Connection,
    permit: &Permit,
    session: Option<&SessionRef>,
    upstream: usize,
) -> Option<HeaderValue> {
    let identity = permit.identity()?;
    let audience = &*worker.shared.settings.upstreams[upstream].audience;
    let occasion = Occasion { audience, fence: worker.shared.halts.fence(), now: clock::wall() };
    let mut cached = connection.assertions.borrow_mut();
    let known = cached.iter_mut().find(|(credential, of, _)| std::sync::Arc::ptr_eq(credential, identity.credential()) && *of == upstream);
    let session_parts = session.map(|session| (session.sid, &session.ch));
    let granted = session.map(|session| &session.granted);
    if let Some((_, _, token)) = known {
        return Some(token.value_granted(&worker.shared.identity, identity, granted, session_parts, occasion));
    }
    let mut token = CachedIdentity::default();
    let value = token.value_granted(&worker.shared.identity, identity, granted, session_parts, occasion);
    if cached.len() == ASSERTIONS_PER_CONNECTION_MAX {
        cached.remove(0);
    }
    cached.push((std::sync::Arc::clone(identity.credential()), upstream, token));
    Some(value)
}

/// Assertions kept per connection: a client uses one or two keys on one connection.
const ASSERTIONS_PER_CONNECTION_MAX: usize = 4;

/// Removes what RFC 9110, 7.6.1 says is for one hop: the fixed list and whatever `Connection` names.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    remove_named_by_connection(headers);
    remove_where(headers, is_hop_by_hop);
}

fn remove_named_by_connection(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: SmallVec<[HeaderName; 4]> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
}

/// Removes what only the gateway may say.
fn remove_ours(headers: &mut HeaderMap) {
    remove_where(headers, says_who);
}

fn remove_where(headers: &mut HeaderMap, unwanted: fn(&[u8]) -> bool) {
    let names: SmallVec<[HeaderName; 4]> = headers.keys().filter(|name| unwanted(name.as_str().as_bytes())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn removes_what_is_for_one_hop_and_what_connection_names() {
        let mut map =
            headers(&[("connection", "keep-alive, X-Mine"), ("x-mine", "1"), ("te", "trailers"), ("upgrade", "h2c"), ("x-kept", "2")]);
        remove_hop_by_hop(&mut map);
        assert_eq!(map, headers(&[("x-kept", "2")]));
    }

    #[test]
    fn an_answer_with_two_ends_is_none() {
        for (fields, has_one) in [
            (&[][..], true),
            (&[("content-length", "5")][..], true),
            (&[("transfer-encoding", "Chunked")][..], true),
            (&[("content-length", "5"), ("content-length", "5")][..], false),
            (&[("content-length", "5"), ("transfer-encoding", "chunked")][..], false),
            (&[("transfer-encoding", "gzip, chunked")][..], false),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")][..], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in fields {
                map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(check_framing(&map).is_ok(), has_one, "{fields:?}");
        }
    }

    #[test]
    fn crumbs_of_a_cookie_are_one_cookie() {
        let mut map = headers(&[("cookie", "a=1"), ("x-kept", "2")]);
        for crumb in ["b=2; c=3", "d=4"] {
            map.append(COOKIE, HeaderValue::from_static(crumb));
        }
        join_cookies(&mut map);
        assert_eq!(map, headers(&[("cookie", "a=1; b=2; c=3; d=4"), ("x-kept", "2")]));
        join_cookies(&mut map);
        assert_eq!(map.get(COOKIE).unwrap(), "a=1; b=2; c=3; d=4");
    }

    #[test]
    fn removes_every_spelling_of_an_identity() {
        for name in [
            "countersign-identity",
            "countersign_identity",
            "Countersign-Identity",
            "countersign-anything",
            "x-forwarded-for",
            "x_forwarded_for",
            "forwarded",
            "x-real-ip",
            "x-client-cert",
            "x-ssl-client-s-dn",
            "remote_user",
            "countersign.identity",
            "x-countersign-account",
            "X_Countersign_Scopes",
            "countersign~identity",
            "x.forwarded.for",
            "client-cert",
            "client-cert-chain",
            "x-original-uri",
            "x-http-method-override",
            "x-method-override",
            "x-http-method",
            "x_http_method_override",
        ] {
            let mut map = headers(&[(name, "spoof"), ("x-mbx-apikey", "kept")]);
            remove_ours(&mut map);
            assert_eq!(map, headers(&[("x-mbx-apikey", "kept")]), "{name}");
        }
    }
}
