//! Beside a proxy that people keep: it asks, the gateway answers who it is and whether they may, the proxy forwards.
//!
//! ```text
//!   client ──▶ nginx, Envoy ──request──────────────────────────▶ venue, with identity headers
//!                   │   ▲
//!            asks   ▼   │ 200 + identity headers, or the refusal in the venue's words
//!               [`listener`] ─▶ [`original`] ─▶ route ─▶ admit ─▶ audit ─▶ [`answer`], [`grpc`]
//!               trusted peers   what the client  the same path as in
//!               only            really sent      `exchange`, without forwarding
//! ```
//!
//! | asked by | how | where the original request stands | the body |
//! |---|---|---|---|
//! | nginx `auth_request` | `GET /authz` | `X-Original-*`, `X-Real-IP`, all set by the proxy | never comes |
//! | Envoy `ext_authz`, HTTP | its method, `/authz/envoy` + its target | the request itself, `X-Forwarded-For` | with `with_request_body` |
//! | Envoy `ext_authz`, gRPC | `envoy.service.auth.v3.Authorization/Check` | `attributes.request.http`, `attributes.source` | with `with_request_body` |
//!
//! # Security
//! What a peer says about the client is believed, so only configured peers are let in. A signature that covers a body is verified over
//! that body or not at all: an empty body never stands in for one that the proxy kept ([`Reject::AuthzBodyMissing`]).
//!
//! What is not here: native sessions and client certificates, which are bound to a TLS connection that ends at the proxy; WebSockets
//! that log in inside; requests that the gateway answers itself. Their routes answer `unsupported`.

mod answer;
mod body;
mod clients;
mod grpc;
pub(crate) mod limits;
pub(crate) mod listener;
mod original;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::{Access, CorrelationId, Refusal, Reject};
use countersign_dialects::binance::rest::API_KEY_HEADER;
use countersign_dialects::{RequestView, head_fields, method_override};
use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue};

use crate::config::Authorities;
use crate::connection::Connection;
use crate::exchange::{self, Admitted, Answer, add_answer_headers, admit, admit_name, reads_body};
use crate::respond::{self, CORRELATION_HEADER, Words};
use crate::routes::{Family, Route, RouteKind, RouteMatch, Routes};
use crate::worker::Worker;
use crate::{audit, clock, forward};

use clients::Clients;
use original::Original;

/// What one worker needs to answer proxies.
struct Authz {
    worker: Rc<Worker>,
    clients: Clients,
}

/// What the proxy is told.
enum Verdict {
    /// The request may pass.
    Permitted(Permitted),
    /// It may not; the answer for the client.
    Refused(Answer),
}

/// What belongs to a request that may pass.
#[derive(Debug, Default)]
struct Permitted {
    /// Headers for the upstream: who it is.
    upstream: HeaderMap,
    /// Headers for the client's answer: what the key has used.
    client: HeaderMap,
}

impl Authz {
    fn new(worker: Rc<Worker>) -> Self {
        Self { worker, clients: Clients::default() }
    }

    /// Decides about one request. `proxy` is the connection that the question came on.
    fn decide(&self, proxy: &Connection, asked: Result<Original, Refusal>) -> Verdict {
        let worker = &self.worker;
        let (correlation, started) = (worker.correlation.next(), clock::mono());
        let mut verdict = match asked {
            Ok(original) => {
                let connection = self.clients.at(worker, original.address);
                judge(worker, &connection, &original, correlation)
            }
            Err(refusal) => refused_unrouted(worker, proxy, &audit::Subject::none(), &refusal, correlation),
        };
        let (headers, status) = match &mut verdict {
            Verdict::Permitted(permitted) => (&mut permitted.upstream, 200),
            Verdict::Refused(answer) => {
                let status = answer.status().as_u16();
                // The proxy's connection carries other clients.
                answer.headers_mut().remove(CONNECTION);
                (answer.headers_mut(), status)
            }
        };
        headers.entry(CORRELATION_HEADER).or_insert_with(|| respond::correlation_value(correlation));
        worker.shared.metrics.request_done(status, clock::mono().saturating_since(started));
        verdict
    }
}

fn judge(worker: &Rc<Worker>, connection: &Connection, original: &Original, correlation: CorrelationId) -> Verdict {
    let _under_way = connection.exchanges.begin();
    let (method, path) = (original.method.as_str(), original.path());
    let named_key = original.headers.get(API_KEY_HEADER).map(HeaderValue::as_bytes);
    let subject = |route| audit::Subject::target(method, path, named_key, route);
    let admitted = head_fields::check(&original.headers).and_then(|()| admit_authority(worker, connection, &original.host));
    let authority = match admitted {
        Ok(authority) => authority,
        Err(refusal) => return refused_unrouted(worker, connection, &subject(None), &refusal, correlation),
    };
    let routes = worker.shared.routes.load_full();
    match routes.find_http(method, path) {
        RouteMatch::Found(asked) => {
            let mut words = exchange::words(worker, asked.family);
            let named = route_of(&routes, asked, original, &authority, &mut words);
            let route = named.as_ref().unwrap_or(asked);
            let mut subject = subject(Some(route));
            let outcome = named
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|route| permit(worker, connection, route, original, &authority, &mut subject, &mut words, correlation));
            let verdict = outcome.map_or_else(
                |refusal| {
                    let answer = exchange::refused(worker, connection, route, &subject, &words, &refusal, correlation);
                    Verdict::Refused(answer::with_code(answer, &refusal))
                },
                Verdict::Permitted,
            );
            let status = if let Verdict::Refused(answer) = &verdict { answer.status().as_u16() } else { 200 };
            worker.shared.metrics.route_answered(route.index, status);
            verdict
        }
        RouteMatch::MethodNotAllowed => {
            Verdict::Refused(exchange::method_not_allowed(worker, &routes, path, &original.headers, correlation))
        }
        RouteMatch::NotFound => refused_unrouted(worker, connection, &subject(None), &Reject::RouteUnknown.into(), correlation),
    }
}

/// The route of a request, which may be named in its body.
fn route_of(
    routes: &Routes,
    asked: &Arc<Route>,
    original: &Original,
    authority: &HeaderValue,
    words: &mut Words,
) -> Result<Arc<Route>, Refusal> {
    if asked.kind != RouteKind::InBody {
        return Ok(Arc::clone(asked));
    }
    let body = signed_body(asked, original)?;
    let view = view(original, &body, authority);
    words.echo = asked.family.dialect().and_then(|dialect| dialect.echo(&view));
    exchange::route_in_body(routes, asked, &view)
}

fn view<'r>(original: &'r Original, body: &'r [u8], authority: &'r HeaderValue) -> RequestView<'r> {
    let (method, target) = (original.method.as_str(), original.target.as_bytes());
    RequestView { method, target, headers: &original.headers, body, host: authority.to_str().ok() }
}

/// A refusal before there is a route, in plain words.
fn refused_unrouted(
    worker: &Worker,
    connection: &Connection,
    subject: &audit::Subject,
    refusal: &Refusal,
    correlation: CorrelationId,
) -> Verdict {
    audit::refused(worker, connection, subject, refusal, correlation);
    let answer = respond::refuse(refusal, &exchange::words(worker, Family::Any), correlation);
    Verdict::Refused(answer::with_code(answer, refusal))
}

/// The same steps as for a request that the gateway forwards, up to the permit; what is left of forwarding is done by the proxy.
#[expect(clippy::too_many_arguments, reason = "the state of one request, as in `exchange`")]
fn permit(
    worker: &Rc<Worker>,
    connection: &Connection,
    route: &Route,
    original: &Original,
    authority: &HeaderValue,
    subject: &mut audit::Subject,
    words: &mut Words,
    correlation: CorrelationId,
) -> Result<Permitted, Refusal> {
    check_offered(route)?;
    method_override::check_headers(&original.headers)?;
    let body = signed_body(route, original)?;
    let asked = view(original, &body, authority);
    if route.family.dialect().is_some_and(|dialect| dialect.body_without_token(&asked).is_some()) {
        return Err(Refusal::operator(Reject::Unsupported, "a token of ours in a body that the proxy would pass on"));
    }
    let admitted = admit(worker, connection, route, &asked, subject, words)?;
    audit::accepted(worker, connection, subject, &admitted, correlation)?;
    let Admitted { permit, login, usage } = admitted;
    let mut permitted = Permitted::default();
    if let Some(identity) = permit.identity() {
        answer::name_identity(&mut permitted.upstream, identity);
    }
    if let Some(assertion) = forward::identity_assertion(worker, connection, &permit, None, route.upstream) {
        permitted.upstream.insert(forward::IDENTITY_HEADER, assertion);
    }
    if let Some(login) = login {
        add_answer_headers(&mut permitted.client, route, login, usage, words);
    }
    // The proxy sends it now: whoever stood still for longer than its lease permits nothing by what held before.
    worker.shared.halts.gate().confirm(&permit)?;
    Ok(permitted)
}

/// What can be decided about a request without the TLS connection that it came on, and without being in the way of its frames.
fn check_offered(route: &Route) -> Result<(), Refusal> {
    let unsupported = |sentence| Err(Refusal::operator(Reject::Unsupported, sentence));
    match route.kind {
        RouteKind::Http | RouteKind::WebSocketRelay => {}
        RouteKind::Halt | RouteKind::InBody | RouteKind::Local => {
            return unsupported("the gateway answers this itself: let the proxy pass it to the public port");
        }
        RouteKind::BinanceWsApi | RouteKind::DialectSocket | RouteKind::NativeSession => {
            return unsupported("logins happen inside this WebSocket: let the proxy pass it to the public port");
        }
    }
    match route.family {
        Family::NATIVE | Family::CLIENT_CERTIFICATE if route.requirement.access != Access::Public => {
            unsupported("this login is bound to a TLS connection, which ends at the proxy")
        }
        Family::Any | Family::Of(_) => Ok(()),
    }
}

/// The body that a signature covers, or that names its route; nothing where neither does.
fn signed_body(route: &Route, original: &Original) -> Result<Bytes, Refusal> {
    match &original.body {
        Some(body) => Ok(body.clone()),
        None if reads_body(route) || route.kind == RouteKind::InBody => {
            Err(Refusal::operator(Reject::AuthzBodyMissing, "the proxy did not pass the body on, or not whole"))
        }
        None => Ok(Bytes::new()),
    }
}

/// The names that the proxy may be asked by: its own list, or that of the public port.
fn admit_authority(worker: &Worker, connection: &Connection, host: &HeaderValue) -> Result<HeaderValue, Refusal> {
    match &worker.shared.settings.authz.authorities {
        Authorities::Any => admit_name(worker, connection, host.clone()),
        listed @ Authorities::Listed(_) => {
            let admitted = host.to_str().is_ok_and(|host| listed.admits(host));
            if admitted { Ok(host.clone()) } else { Err(Reject::HostMismatch.into()) }
        }
    }
}
