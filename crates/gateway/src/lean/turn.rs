//! One plain request up to its permit: the same steps as in `exchange`, by the same functions.

use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use countersign_core::{CorrelationId, Refusal};
use countersign_dialects::binance::rest::API_KEY_HEADER;
use countersign_dialects::{Header, Headers as _, RequestView};
use countersign_oauth::dpop::DPOP_HEADER;
use http::HeaderValue;

use super::answer::{pass_field, write_correlation, write_field};
use super::own::{Answered, Asked};
use super::plain::Plain;
use crate::audit::{self, Subject};
use crate::body::budget::Held;
use crate::clock;
use crate::connection::Connection;
use crate::exchange::{self, Admitted};
use crate::forward::{self, FORWARDED_FOR_HEADER, FORWARDED_PROTO_HEADER, IDENTITY_HEADER, is_hop_by_hop, says_who};
use crate::respond::{self, Words};
use crate::routes::{Family, Route, RouteKind, RouteMatch};
use crate::worker::Worker;
use crate::{explanations, tokens};

/// What became of a request.
pub(super) enum Turn {
    /// Answered by us.
    Answered(Box<Answered>),
    /// May go to the upstream; the request for it is in the buffer.
    Permitted(Box<Permitted>),
}

/// A request that may pass.
pub(super) struct Permitted {
    pub(super) asked: Asked,
    pub(super) admitted: Admitted,
    pub(super) route: Arc<Route>,
    pub(super) subject: Subject,
    pub(super) words: Words,
    /// What its body holds, until the upstream has taken it.
    _held: Held,
}

/// Decides about a request; with the decision come the bytes that it takes out of the buffer. `None` when it is not for the short
/// way after all: nothing has happened then.
pub(super) fn take(
    worker: &Rc<Worker>,
    connection: &Connection,
    plain: &Plain<'_>,
    body: Result<&[u8], Refusal>,
    out: &mut BytesMut,
) -> Option<(usize, Turn)> {
    let routes = worker.shared.routes.load();
    let path = plain.path();
    if tokens::is_own(worker, path) {
        return None;
    }
    let found = routes.find_http(plain.head.method, path);
    match found {
        RouteMatch::Found(route) if !is_short(route, plain) || exceeds(worker, connection, route, plain) => return None,
        RouteMatch::MethodNotAllowed | RouteMatch::NotFound if plain.body_length > 0 => return None,
        // What has to wait is for the long way.
        RouteMatch::NotFound if explanations::asked(plain.head.method, path).is_some() => return None,
        RouteMatch::Found(_) | RouteMatch::MethodNotAllowed | RouteMatch::NotFound => {}
    }
    let asked = Asked {
        correlation: worker.correlation.next(),
        started: clock::mono(),
        to_head: plain.head.method == "HEAD",
        closes: plain.closes,
    };
    let correlation = asked.correlation;
    let answered = |answer| Some((plain.length, Turn::Answered(Box::new(Answered { asked, answer }))));
    if let Err(refusal) = admit_host(worker, connection, plain.head.host) {
        audit::refused(worker, connection, &subject(plain, None), &refusal, correlation);
        return answered(respond::refuse(&refusal, &exchange::words(worker, Family::Any), correlation));
    }
    let route = match found {
        RouteMatch::Found(route) => route,
        RouteMatch::MethodNotAllowed => return answered(exchange::method_not_allowed(worker, &routes, path, &plain.fields, correlation)),
        RouteMatch::NotFound => {
            return answered(exchange::not_found(worker, connection, (plain.head.method, path), &plain.fields, correlation));
        }
    };
    let mut about = subject(plain, Some(route));
    let mut words = exchange::words(worker, route.family);
    match permit(worker, connection, route, plain, (body, correlation), (&mut about, &mut words), out) {
        Ok((admitted, held)) => {
            let route = Arc::clone(route);
            Some((plain.length, Turn::Permitted(Box::new(Permitted { asked, admitted, route, subject: about, words, _held: held }))))
        }
        Err(refusal) => {
            let answer = exchange::refused(worker, connection, route, &about, &words, &refusal, correlation);
            worker.shared.metrics.route_answered(route.index, answer.status().as_u16());
            answered(answer)
        }
    }
}

fn permit(
    worker: &Rc<Worker>,
    connection: &Connection,
    route: &Route,
    plain: &Plain<'_>,
    (body, correlation): (Result<&[u8], Refusal>, CorrelationId),
    (subject, words): (&mut Subject, &mut Words),
    out: &mut BytesMut,
) -> Result<(Admitted, Held), Refusal> {
    let body = body?;
    let mut held = Held::new(connection.bodies.clone(), worker.bodies.clone());
    held.grow(body.len())?;
    let signed = if exchange::reads_body(route) { body } else { b"" };
    let view = RequestView {
        method: plain.head.method,
        target: plain.head.target.as_bytes(),
        headers: &plain.fields,
        body: signed,
        host: Some(plain.head.host),
    };
    let admitted = exchange::admit(worker, connection, route, &view, subject, words)?;
    audit::accepted(worker, connection, subject, &admitted, correlation)?;
    let session = admitted.login.as_ref().and_then(|login| login.session.as_ref());
    let identity = forward::identity_assertion(worker, connection, &admitted.permit, session, admitted.permit.upstream());
    let hides_authorization = exchange::hides_authorization(worker, route, &admitted, &plain.fields);
    write_request(connection, plain, identity.as_ref(), hides_authorization, correlation, out);
    out.extend_from_slice(body);
    Ok((admitted, held))
}

/// The head as the upstream gets it: target and body byte for byte, fields by the rules of `forward`.
fn write_request(
    connection: &Connection,
    plain: &Plain<'_>,
    identity: Option<&HeaderValue>,
    hides_authorization: bool,
    correlation: CorrelationId,
    out: &mut BytesMut,
) {
    out.clear();
    for part in [plain.head.method, " ", plain.head.target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    write_field("host", plain.head.host.as_bytes(), out);
    for (name, value) in plain.fields.iter() {
        let drops = |name: &[u8]| {
            name == b"host"
                || is_hop_by_hop(name)
                || says_who(name)
                || (hides_authorization && (name == b"authorization" || name == DPOP_HEADER.as_bytes()))
        };
        pass_field(name, value, drops, out);
    }
    write_field(FORWARDED_FOR_HEADER.as_str(), connection.address.as_bytes(), out);
    write_field(FORWARDED_PROTO_HEADER.as_str(), b"https", out);
    if let Some(identity) = identity {
        write_field(IDENTITY_HEADER.as_str(), identity.as_bytes(), out);
    }
    write_correlation(correlation, out);
    out.extend_from_slice(b"\r\n");
}

/// Whether there is a route for it that takes such a body.
pub(super) fn is_expected(worker: &Worker, connection: &Connection, plain: &Plain<'_>) -> bool {
    match worker.shared.routes.load().find_http(plain.head.method, plain.path()) {
        RouteMatch::Found(route) => is_short(route, plain) && !exceeds(worker, connection, route, plain),
        RouteMatch::MethodNotAllowed | RouteMatch::NotFound => false,
    }
}

/// Keys of an issuer may have to be fetched first, and nothing waits here; nor is a body changed, which may show a token.
fn is_short(route: &Route, plain: &Plain<'_>) -> bool {
    let may_change = plain.body_length > 0 && exchange::may_show_token(route);
    route.kind == RouteKind::Http && route.family != Family::BEARER && !may_change
}

/// A body that is too long is refused where long ones are read.
fn exceeds(worker: &Worker, connection: &Connection, route: &Route, plain: &Plain<'_>) -> bool {
    plain.body_length > exchange::body_bytes_max(&worker.shared.settings.limits, connection, route)
}

fn admit_host(worker: &Worker, connection: &Connection, host: &str) -> Result<(), Refusal> {
    if connection.authority.borrow().as_ref().is_some_and(|known| known.as_bytes() == host.as_bytes()) {
        return Ok(());
    }
    let host = HeaderValue::from_str(host).map_err(|_| countersign_core::Reject::HostMismatch)?;
    exchange::admit_host(worker, connection, host).map(drop)
}

fn subject(plain: &Plain<'_>, route: Option<&Arc<Route>>) -> Subject {
    Subject::target(plain.head.method, plain.path(), named_key(plain), route)
}

fn named_key<'p>(plain: &'p Plain<'_>) -> Option<&'p [u8]> {
    match plain.fields.find(API_KEY_HEADER) {
        Header::Once(value) => Some(value),
        Header::Absent | Header::Repeated => None,
    }
}
