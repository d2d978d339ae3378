//! WebSockets: from an upgrade request to a stream of frames.
//!
//! ```text
//!   GET + Upgrade ─▶ request (RFC 6455, strictly) ─┬─ relay:   upstream first, its 101 checked, then ours ─▶ [`relay`]
//!                                                  ├─ dialect: 101, upstream when the first message needs it ─▶ [`dialect`]
//!                                                  ├─ ws api:  101, upstream when the first message needs it ─▶ [`ws_api`]
//!                                                  └─ native:  hello of the header first, then 101 ─▶ [`crate::native`]
//! ```
//!
//! No extension and no subprotocol is ever negotiated, with neither side: no compression, so nothing to inflate and nothing
//! that leaks through lengths. Pings are answered by the library; a client that pings without reading the pongs is held back
//! by [`socket`].
//!
//! What is *not* here: what a message means (the dialect and the native session say that), and who somebody is.

pub(crate) mod connect;
mod dialect;
mod farewell;
pub(crate) mod limits;
pub(crate) mod links;
mod progress;
mod relay;
mod request;
pub(crate) mod socket;
pub mod standing;
mod ws_api;

use std::rc::Rc;
use std::sync::Arc;

use countersign_core::{CorrelationId, Purpose, Refusal, Reject};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::audit;
use crate::authenticate::Login;
use crate::body::ResponseBody;
use crate::connection::Connection;
use crate::exchange::{self, Admitted};
use crate::listen_keys::Listening;
use crate::native;
use crate::respond::{self, CORRELATION_HEADER};
use crate::rewind::Rewind;
use crate::routes::{Family, Route, RouteKind};
use crate::worker::Worker;

pub(crate) use connect::UpstreamHead;
use connect::{Declined, NotSwitched};
use dialect::DialectWebSocket;
use relay::Relay;
use request::Rejected;
use ws_api::WsApi;

/// What happens with a stream after its 101.
pub struct Upgrade(Kind);

enum Kind {
    BinanceWsApi(Box<WsApi>),
    Dialect(Box<DialectWebSocket>),
    Native(Box<native::websocket::Opening>),
    Relay(Box<Relay>),
}

impl Upgrade {
    /// Serves the stream until it ends.
    pub async fn run<S>(self, worker: &Rc<Worker>, connection: &Rc<Connection>, stream: Rewind<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        worker.shared.metrics.websocket_opened();
        match self.0 {
            Kind::BinanceWsApi(ws_api) => ws_api.run(worker, connection, stream).await,
            Kind::Dialect(socket) => socket.run(worker, connection, stream).await,
            Kind::Native(opening) => opening.run(worker, connection, stream).await,
            Kind::Relay(relay) => relay.run(worker, connection, stream).await,
        }
        worker.shared.metrics.websocket_closed();
    }
}

/// Answers an upgrade request: 101 with [`Connection::upgrade`] set, a relay's upstream's own 4xx, or 426 when it is no WebSocket handshake of version 13.
///
/// # Errors
/// The refusal. A relay whose upstream does not switch protocols is refused, never upgraded: no tunnel without a 101 that was
/// checked on both sides.
pub async fn begin(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Arc<Route>,
    parts: &Parts,
    (admitted, listening): (Admitted, Option<Listening>),
    authority: &HeaderValue,
) -> Result<Response<ResponseBody>, Refusal> {
    let correlation = worker.correlation.next();
    if worker.shared.drain.is_started() {
        return Err(Reject::Draining.into());
    }
    let by_certificate = admitted.login.as_ref().is_some_and(logged_in_by_certificate);
    let accept = match request::read(parts, authority, by_certificate) {
        Ok(accept) => accept,
        Err(Rejected::Refused(refusal)) => return Err(refusal),
        Err(Rejected::UpgradeRequired) => return Ok(upgrade_required(worker, connection, route, parts, correlation)),
    };
    let mut answer = switching_protocols(accept, correlation);
    let kind = match route.kind {
        RouteKind::BinanceWsApi => {
            let head = UpstreamHead::of_request(worker, connection, parts, authority, correlation);
            Kind::BinanceWsApi(Box::new(WsApi::new(Arc::clone(route), head, correlation)))
        }
        RouteKind::DialectSocket => {
            let mut head = UpstreamHead::of_request(worker, connection, parts, authority, correlation);
            if let Some(dialect) = route.family.dialect() {
                head = head.without_what_is_read(dialect);
            }
            Kind::Dialect(Box::new(DialectWebSocket::open(Arc::clone(route), parts, authority, head, correlation)?))
        }
        RouteKind::NativeSession => {
            let head = UpstreamHead::of_request(worker, connection, parts, authority, correlation);
            let opening =
                native::websocket::Opening::begin(worker, connection, parts.headers.get(AUTHORIZATION), head, answer.headers_mut())?;
            Kind::Native(Box::new(opening))
        }
        RouteKind::WebSocketRelay => {
            let mut subject = audit::Subject::request(parts, Some(route));
            if listening.is_some() {
                subject = subject.saying("opened by a listen key: nothing was proved");
            }
            audit::accepted(worker, connection, &subject, &admitted, correlation)?;
            let head = UpstreamHead::of_request(worker, connection, parts, authority, correlation);
            let identified = admitted.permit.identity().is_some();
            let told = admitted.login.as_ref().map(|login| login.answer_headers.clone()).unwrap_or_default();
            answer.headers_mut().extend(told.iter().cloned());
            match Relay::connect(worker, connection, route, (admitted, listening), head, correlation).await {
                Ok(relay) => Kind::Relay(Box::new(relay)),
                Err(NotSwitched::Declined(declined)) if !(identified && declined.is_of_identity()) => {
                    let mut answer = passed_on(declined, correlation);
                    answer.headers_mut().extend(told);
                    return Ok(answer);
                }
                Err(why) => return Err(why.into_refusal(identified)),
            }
        }
        RouteKind::Halt | RouteKind::Http | RouteKind::InBody | RouteKind::Local => {
            return Err(Refusal::operator(Reject::Internal, "an upgrade on a route that is none"));
        }
    };
    *connection.upgrade.borrow_mut() = Some(Upgrade(kind));
    Ok(answer)
}

/// What the upstream said in place of its 101, as any answer of it: the request was forwarded.
fn passed_on(declined: Declined, correlation: CorrelationId) -> Response<ResponseBody> {
    let mut answer = Response::new(ResponseBody::Own(Some(declined.body)));
    *answer.status_mut() = declined.status;
    if let Some(content_type) = declined.content_type {
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    answer.headers_mut().insert(CORRELATION_HEADER, respond::correlation_value(correlation));
    answer
}

fn logged_in_by_certificate(login: &Login) -> bool {
    login.identity.purpose() == Purpose::ClientCertificate
}

fn switching_protocols(accept: HeaderValue, correlation: CorrelationId) -> Response<ResponseBody> {
    let mut answer = Response::new(ResponseBody::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(CORRELATION_HEADER, respond::correlation_value(correlation));
    answer
}

/// RFC 9110, 15.5.22 and RFC 6455, 4.4: says what would be right.
fn upgrade_required(
    worker: &Worker,
    connection: &Connection,
    route: &Arc<Route>,
    parts: &Parts,
    correlation: CorrelationId,
) -> Response<ResponseBody> {
    let refusal = Refusal::operator(Reject::Malformed, "no WebSocket handshake of version 13");
    audit::refused(worker, connection, &audit::Subject::request(parts, Some(route)), &refusal, correlation);
    let mut answer = respond::refuse(&refusal, &exchange::words(worker, route.family), correlation);
    *answer.status_mut() = StatusCode::UPGRADE_REQUIRED;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if route.family == Family::NATIVE {
        connection.native.add_nonce(worker, connection, route.family, headers);
    }
    answer
}

#[cfg(test)]
pub(crate) mod tests;
