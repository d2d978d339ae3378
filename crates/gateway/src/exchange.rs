//! One request: route, authenticate, admit, forward, answer.

mod admit;
mod in_body;
mod target;

pub use admit::{Admitted, charge};
pub(crate) use admit::{admit, charge_source, charge_stranger, check_page};
pub(crate) use in_body::route_in_body;
pub(crate) use target::{admit_host, admit_name, is_ours};

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::{Access, CorrelationId, Detail, Freshness, Refusal, Reject};
use countersign_dialects::answer::Charged;
use countersign_dialects::binance::rest::API_KEY_HEADER;
use countersign_dialects::{Dialect, Header, Headers, RequestView};
use countersign_oauth::dpop::DPOP_HEADER;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use hyper::body::Incoming;

use crate::authenticate::Login;
use crate::body::budget::Held;
use crate::body::unread::Unread;
use crate::body::{RequestBody, ResponseBody};
use crate::clock;
use crate::config::LimitSettings;
use crate::connection::Connection;
use crate::forward;
use crate::listen_keys::Listening;
use crate::respond::{self, CORRELATION_HEADER, Words};
use crate::routes::{Family, Route, RouteKind, RouteMatch, Routes};
use crate::websocket::limits::REFUSALS_PER_MINUTE_MAX;
use crate::worker::Worker;
use crate::{audit, bearer, explanations, halts, listen_keys, local, tokens, websocket};

use target::{admit_authority, check_fields, check_target, origin_form};

/// Where the keys of the identity assertions are published (RFC 7517).
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// What is sent back.
pub(crate) type Answer = Response<ResponseBody>;

/// Answers one request. Never fails: a refusal is an answer too.
///
/// # Errors
/// None; the type is what the HTTP library asks for.
pub async fn exchange(worker: Rc<Worker>, connection: Rc<Connection>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let _under_way = connection.exchanges.begin();
    let correlation = worker.correlation.next();
    let started = clock::mono();
    let (parts, body) = request.into_parts();
    let body = Unread::from(body);
    let unread = body.clone();
    let waits = parts.headers.contains_key(EXPECT);
    let version = parts.version;
    let correlation_value = respond::correlation_value(correlation);
    let is_bodiless = parts.method == Method::HEAD && parts.version == Version::HTTP_2;
    let mut answer =
        match check_target(&parts.uri).and_then(|()| check_fields(&parts)).and_then(|()| admit_authority(&worker, &connection, &parts)) {
            Ok(authority) => {
                let told = correlation_value.clone();
                dispatch(&worker, &connection, Arrived { parts, body, authority, correlation, correlation_value: told }).await
            }
            Err(refusal) => {
                audit::refused(&worker, &connection, &audit::Subject::request(&parts, None), &refusal, correlation);
                respond::refuse(&refusal, &words(&worker, Family::Any), correlation)
            }
        };
    if is_refused_too_often(&connection) || (version < Version::HTTP_2 && is_in_the_way(&answer, waits, unread).await) {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer.headers_mut().entry(CORRELATION_HEADER).or_insert(correlation_value);
    let answer = if is_bodiless { respond::to_head(answer) } else { answer };
    worker.shared.metrics.request_done(answer.status().as_u16(), clock::mono().saturating_since(started));
    Ok(answer)
}

/// Whether a body that nobody read keeps the connection from going on, and the answer does not say so yet. Who waits for leave to send it
/// (`Expect`) is not given that.
async fn is_in_the_way(answer: &Answer, waits: bool, body: Unread) -> bool {
    if answer.headers().contains_key(CONNECTION) {
        return false;
    }
    if waits { !body.is_taken() } else { !body.discard().await }
}

/// Whether the connection ends because of what was refused on it.
pub(crate) fn is_refused_too_often(connection: &Connection) -> bool {
    !connection.refusals.is_new() && connection.refusals.used(clock::wall()) >= REFUSALS_PER_MINUTE_MAX
}

/// A request with what was established about it so far.
pub(crate) struct Arrived<B = Unread> {
    pub(crate) parts: Parts,
    pub(crate) body: B,
    pub(crate) authority: HeaderValue,
    pub(crate) correlation: CorrelationId,
    pub(crate) correlation_value: HeaderValue,
}

impl Arrived {
    /// The same with its body, of at most so many bytes.
    ///
    /// # Errors
    /// As [`RequestBody::read`].
    pub(crate) async fn whole(self, worker: &Worker, connection: &Connection, bytes_max: usize) -> Result<Arrived<RequestBody>, Refusal> {
        let Self { parts, body, authority, correlation, correlation_value } = self;
        let held = Held::new(connection.bodies.clone(), worker.bodies.clone());
        let body = body.read(bytes_max, worker.shared.settings.limits.body_deadline, held).await?;
        Ok(Arrived { parts, body, authority, correlation, correlation_value })
    }
}

async fn dispatch(worker: &Rc<Worker>, connection: &Rc<Connection>, request: Arrived) -> Answer {
    let routes = worker.shared.routes.load_full();
    let path = request.parts.uri.path();
    let method = request.parts.method.as_str();
    let correlation = request.correlation;
    if tokens::is_own(worker, path) {
        return tokens::answer(worker, connection, request).await;
    }
    match routes.find_http(method, path) {
        RouteMatch::Found(route) => {
            let route = Arc::clone(route);
            on_route(worker, connection, &route, request).await
        }
        RouteMatch::MethodNotAllowed => method_not_allowed(worker, &routes, path, &request.parts.headers, correlation),
        RouteMatch::NotFound => {
            if let Some(id) = explanations::asked(method, path)
                && let Some(answer) = explanations::answer(worker, id, &request.parts.headers, correlation).await
            {
                return answer;
            }
            not_found(worker, connection, (method, path), &request.parts.headers, correlation)
        }
    }
}

/// The answer to a method that a known path does not have, in the words of its neighbours.
pub(crate) fn method_not_allowed(
    worker: &Worker,
    routes: &Routes,
    path: &str,
    headers: &dyn Headers,
    correlation: CorrelationId,
) -> Answer {
    respond::method_not_allowed(&routes.allowed_methods(path), &words(worker, routes.family_near(path, headers)), correlation)
}

/// The answer to a request without a route: what the gateway itself publishes, or 404 in the words of
/// its neighbours.
pub(crate) fn not_found(
    worker: &Worker,
    connection: &Connection,
    (method, path): (&str, &str),
    headers: &dyn Headers,
    correlation: CorrelationId,
) -> Answer {
    if path == JWKS_PATH && method == "GET" {
        return jwks(worker);
    }
    let refusal = Reject::RouteUnknown.into();
    let named_key = match headers.find(API_KEY_HEADER) {
        Header::Once(key) => Some(key),
        Header::Absent | Header::Repeated => None,
    };
    audit::refused(worker, connection, &audit::Subject::target(method, path, named_key, None), &refusal, correlation);
    let family = worker.shared.routes.load().family_near(path, headers);
    respond::refuse(&refusal, &words(worker, family), correlation)
}

async fn on_route(worker: &Rc<Worker>, connection: &Rc<Connection>, route: &Arc<Route>, request: Arrived) -> Answer {
    if route.family == Family::BEARER {
        bearer::prepare(worker, &request.parts.headers).await;
    }
    let correlation = request.correlation;
    let mut subject = audit::Subject::request(&request.parts, Some(route));
    let mut words = words(worker, route.family);
    let outcome = match route.kind {
        RouteKind::Http => http(worker, connection, route, request, &mut subject, &mut words).await,
        RouteKind::InBody => return in_body::answer(worker, connection, route, request, &subject, words).await,
        RouteKind::Halt => halts::own::answer(worker, connection, route, request, &mut subject, &mut words).await,
        RouteKind::Local => local::answer(worker, connection, route, request, &mut subject, &mut words).await,
        RouteKind::BinanceWsApi | RouteKind::DialectSocket | RouteKind::NativeSession | RouteKind::WebSocketRelay => {
            match admit_upgrade(worker, connection, route, &request, &mut subject, &mut words) {
                Ok((admitted, listening)) => {
                    websocket::begin(worker, connection, route, &request.parts, (admitted, listening), &request.authority).await
                }
                Err(refusal) => Err(refusal),
            }
        }
    };
    let answer = outcome.unwrap_or_else(|refusal| refused(worker, connection, route, &subject, &words, &refusal, correlation));
    worker.shared.metrics.route_answered(route.index, answer.status().as_u16());
    answer
}

/// Admits a WebSocket handshake: as a request, or by the listen key that it shows.
fn admit_upgrade(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Route,
    request: &Arrived,
    subject: &mut audit::Subject,
    words: &mut Words,
) -> Result<(Admitted, Option<Listening>), Refusal> {
    match listen_keys::shown(worker, route, &request.parts)? {
        Some(listening) => {
            let admitted = listen_keys::admit_stream(worker, connection, route, &listening, subject)?;
            Ok((admitted, Some(listening)))
        }
        None => {
            let admitted = admit(worker, connection, route, &view(&request.parts, &request.authority, b""), subject, words)?;
            Ok((admitted, None))
        }
    }
}

/// Records a refusal on a route and makes its answer.
pub(crate) fn refused(
    worker: &Worker,
    connection: &Connection,
    route: &Route,
    subject: &audit::Subject,
    words: &Words,
    refusal: &Refusal,
    correlation: CorrelationId,
) -> Answer {
    audit::refused(worker, connection, subject, refusal, correlation);
    let mut answer = respond::refuse(refusal, words, correlation);
    connection.native.add_nonce(worker, connection, route.family, answer.headers_mut());
    if route.family == Family::BEARER {
        bearer::add_nonce(worker, answer.headers_mut());
    }
    answer
}

/// A request as the dialects see it.
pub(crate) fn view<'r>(parts: &'r Parts, authority: &'r HeaderValue, body: &'r [u8]) -> RequestView<'r> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let host = authority.to_str().ok();
    RequestView { method: parts.method.as_str(), target: target.as_bytes(), headers: &parts.headers, body, host }
}

async fn http(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Arc<Route>,
    request: Arrived,
    subject: &mut audit::Subject,
    words: &mut Words,
) -> Result<Answer, Refusal> {
    let bytes_max = body_bytes_max(&worker.shared.settings.limits, connection, route);
    let request = request.whole(worker, connection, bytes_max).await?;
    forwarded(worker, connection, route, request, subject, words).await
}

async fn forwarded(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Arc<Route>,
    request: Arrived<RequestBody>,
    subject: &mut audit::Subject,
    words: &mut Words,
) -> Result<Answer, Refusal> {
    let Arrived { mut parts, mut body, authority, correlation, correlation_value } = request;
    let whole = if reads_body(route) || may_show_token(route) { body.contiguous() } else { Bytes::new() };
    let asked = view(&parts, &authority, &whole);
    let admitted = admit(worker, connection, route, &asked, subject, words)?;
    if let Some(text) = route.family.dialect().and_then(|dialect| dialect.body_without_token(&asked)) {
        parts.headers.insert(CONTENT_LENGTH, text.len().into());
        body = body.replaced(text);
    }
    if may_show_token(route) && tokens::bearer::is_sealed_in_body(worker, &body.contiguous()) {
        return Err(Refusal::with(Reject::Malformed, Detail::Parameter("access_token")));
    }
    audit::accepted(worker, connection, subject, &admitted, correlation)?;
    let identity = forward::identity_assertion(
        worker,
        connection,
        &admitted.permit,
        admitted.login.as_ref().and_then(|login| login.session.as_ref()),
        route.upstream,
    );
    forward::rewrite_headers(&mut parts.headers, connection, &authority, identity);
    if hides_authorization(worker, route, &admitted, &parts.headers) {
        parts.headers.remove(http::header::AUTHORIZATION);
        parts.headers.remove(DPOP_HEADER);
    }
    forward::join_cookies(&mut parts.headers);
    parts.headers.insert(CORRELATION_HEADER, correlation_value);
    parts.uri = origin_form(&parts.uri);
    let request = Request::from_parts(parts, body);
    let Admitted { permit, login, usage } = admitted;
    let freshness = login.as_ref().map_or(Freshness::Channel, |login| login.freshness);
    let mut answer = forward::forward(worker, permit, request, freshness).await?;
    if let Some(login) = login {
        add_answer_headers(answer.headers_mut(), route, login, usage, words);
    }
    Ok(answer)
}

/// What proves a session to us is nobody else's business, and neither is a token of ours, also where nobody asked for it.
pub(crate) fn hides_authorization(worker: &Worker, route: &Route, admitted: &Admitted, headers: &dyn Headers) -> bool {
    matches!(route.family, Family::BEARER | Family::NATIVE)
        || admitted.login.as_ref().is_some_and(|login| login.session.is_some() || login.token.is_some())
        || tokens::bearer::is_among(worker, headers)
        || tokens::bearer::is_sealed_among(worker, headers)
}

pub(crate) fn add_answer_headers(headers: &mut HeaderMap, route: &Route, login: Login, usage: Charged, words: &Words) {
    if let Some(dialect) = route.family.dialect() {
        for (name, value) in dialect.rate_headers(&usage, &words.context()) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
    if !login.answer_headers.is_empty() {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(login.answer_headers);
    }
}

/// What a stranger sends waits in memory for the verdict on its signature.
pub(crate) fn body_bytes_max(limits: &LimitSettings, connection: &Connection, route: &Route) -> usize {
    let is_public = route.requirement.access == Access::Public && route.kind != RouteKind::InBody;
    let stranger = !is_public && !connection.is_authenticated();
    if stranger { limits.unauthenticated_bytes_max.min(limits.body_bytes_max) } else { limits.body_bytes_max }
}

/// Whether a body is looked at before its request is admitted. Signatures of dialects cover it; a native proof does not, and there halts
/// find the instrument of an order in it.
pub(crate) fn reads_body(route: &Route) -> bool {
    let is_read = route.family == Family::Any || route.family.dialect().is_some() || route.instrument.is_some();
    route.requirement.access != Access::Public && is_read
}

/// Whether a token of ours may be in the body, also where nobody asked for it.
pub(crate) fn may_show_token(route: &Route) -> bool {
    route.family.dialect().is_some_and(Dialect::shows_token_in_body)
}

fn jwks(worker: &Worker) -> Answer {
    let mut answer = Response::new(ResponseBody::from(worker.shared.identity.jwks()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    answer
}

/// The words of a family, as configured.
#[must_use]
pub fn words(worker: &Worker, family: Family) -> Words {
    Words::of(family, worker.shared.settings.binance.unknown_key)
}

#[cfg(test)]
mod tests;
