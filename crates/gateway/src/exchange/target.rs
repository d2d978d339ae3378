//! What a request is for, before it is looked at as a request: its target, and the host that it names (RFC 9110, 7.2 and 7.4); and
//! whose client it is when that is not the one of its path.

use std::net::Ipv6Addr;

use countersign_core::{Refusal, Reject};
use countersign_dialects::{RequestView, head_fields};
use http::header::{COOKIE, HOST};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderValue, Uri, Version};

use crate::config::{Authorities, host_of};
use crate::connection::Connection;
use crate::head_guard::limits::HEADER_FIELDS_MAX;
use crate::respond::Words;
use crate::routes::Route;
use crate::worker::Worker;

/// HTTP/2 and the URI type let more bytes into a target than HTTP/1.1 has (RFC 9112, 3.2). Upstreams split request lines at some
/// of them. And what came through TLS is not for a resource without it (RFC 9110, 7.4).
pub(super) fn check_target(uri: &Uri) -> Result<(), Refusal> {
    if uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTPS) {
        return Err(Refusal::operator(Reject::HostMismatch, "the target has another scheme than https"));
    }
    let plain = uri.path_and_query().is_none_or(|target| target.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    if plain { Ok(()) } else { Err(Refusal::operator(Reject::Malformed, "request target has a byte that is not allowed")) }
}

/// The refusal of a request at the path of one venue that shows nothing of that venue's proof and is, by its headers, another one's:
/// there is no such endpoint, told in the words that its client reads. Nothing for a request that has a header of the path's own proof.
pub(super) fn of_another_venue(
    worker: &Worker,
    route: &Route,
    request: &RequestView<'_>,
    refusal: &Refusal,
    words: &mut Words,
) -> Option<Refusal> {
    let own = refusal.reject != Reject::MissingCredentials || words.by_token;
    if own || route.family.dialect()?.recognizes(request.headers) {
        return None;
    }
    let family = worker.shared.routes.load().family_of(request.headers)?;
    *words = super::words(worker, family);
    Some(Refusal::operator(Reject::RouteUnknown, "the path of one venue with the headers of another"))
}

/// Refuses fields that another reader could miss or read as others. Over HTTP/2 also those that over HTTP/1.1 do not come to here: more
/// than there may be, and values with white space around them, which are malformed (RFC 9113, 8.2.1), are not taken off by the library,
/// and would be by the upstream.
pub(super) fn check_fields(parts: &Parts) -> Result<(), Refusal> {
    head_fields::check(&parts.headers)?;
    if parts.version != Version::HTTP_2 {
        return Ok(());
    }
    // Browsers send each cookie in a field of its own, and they are joined.
    let cookies = parts.headers.get_all(COOKIE).iter().count();
    if parts.headers.len().saturating_sub(cookies) > HEADER_FIELDS_MAX {
        return Err(Reject::TooLarge.into());
    }
    let is_padded = |value: &HeaderValue| value.as_bytes().trim_ascii().len() < value.len();
    if parts.headers.values().any(is_padded) {
        return Err(Refusal::operator(Reject::Malformed, "white space around the value of a field"));
    }
    Ok(())
}

/// The one authority a request is made to: `Host` and `:authority` or absolute form must agree, and it must be ours.
pub(super) fn admit_authority(worker: &Worker, connection: &Connection, parts: &Parts) -> Result<HeaderValue, Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let from_header = hosts.next();
    if hosts.next().is_some() {
        return Err(Reject::HostMismatch.into());
    }
    let from_target = parts.uri.authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    let authority = match (from_header, from_target) {
        (Some(host), None) => host.clone(),
        (None, Some(Ok(target))) => target,
        (Some(host), Some(Ok(target))) if host.as_bytes().eq_ignore_ascii_case(target.as_bytes()) => target,
        (_, Some(_)) => return Err(Reject::HostMismatch.into()),
        (None, None) => return Err(Refusal::operator(Reject::Malformed, "no Host")),
    };
    admit_host(worker, connection, authority)
}

/// Whether an authority is ours, and the one that the connection was made to.
pub(crate) fn admit_host(worker: &Worker, connection: &Connection, authority: HeaderValue) -> Result<HeaderValue, Refusal> {
    if connection.authority.borrow().as_ref() == Some(&authority) {
        return Ok(authority);
    }
    let asked = connection.negotiated.sni.as_deref();
    let admitted = authority.to_str().is_ok_and(|text| worker.shared.settings.listen.sni.admits(asked, host_of(text)));
    if !admitted {
        return Err(Refusal::operator(Reject::HostMismatch, "the request is for another host than the TLS hello (SNI)"));
    }
    admit_name(worker, connection, authority)
}

/// Whether an authority is ours.
pub(crate) fn admit_name(worker: &Worker, connection: &Connection, authority: HeaderValue) -> Result<HeaderValue, Refusal> {
    if connection.authority.borrow().as_ref() == Some(&authority) {
        return Ok(authority);
    }
    let text = authority.to_str().map_err(|_| Reject::HostMismatch)?;
    if !is_ours(worker, text) {
        return Err(Reject::HostMismatch.into());
    }
    connection.authority.replace(Some(authority.clone()));
    Ok(authority)
}

/// Without a configured list, ours are the names that our certificate covers: no client that checks it dialled another.
pub(crate) fn is_ours(worker: &Worker, authority: &str) -> bool {
    let settings = &worker.shared.settings.listen;
    match &settings.authorities {
        // Which port clients dial is not known here: there may be a forwarded one in front.
        Authorities::Any => {
            let host = host_of(authority);
            let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let is_written_right = match bracketed {
                Some(address) => address.parse::<Ipv6Addr>().is_ok(),
                None => !host.contains(':'),
            };
            let name = bracketed.unwrap_or(host);
            is_written_right && worker.shared.tls.snapshot().certificate_for(None).is_some_and(|certificate| certificate.is_valid_for(name))
        }
        Authorities::Listed(_) => settings.admits_authority(authority),
    }
}

/// Path and query alone, as an upstream is asked.
pub(super) fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from)
}
