//! Requests whose body names their route: JSON-RPC at one path.
//!
//! ```text
//!   POST /api/v2  {"method":"private/buy",…}  ──dialect──▶ /api/v2/private/buy ──▶ its route: scope, orders, risk, who answers
//! ```
//!
//! # Security
//! The request itself is not changed: its signature is over the path that it has, and the upstream gets that.

use std::rc::Rc;
use std::sync::Arc;

use countersign_core::{Refusal, Reject};
use countersign_dialects::{RequestView, body_form};

use super::{Answer, Arrived, body_bytes_max, forwarded, refused, view};
use crate::audit::Subject;
use crate::body::RequestBody;
use crate::connection::Connection;
use crate::local;
use crate::respond::Words;
use crate::routes::{Route, RouteKind, RouteMatch, Routes};
use crate::worker::Worker;

/// Answers a request on the route that its body names.
pub(super) async fn answer(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Arc<Route>,
    request: Arrived,
    subject: &Subject,
    mut words: Words,
) -> Answer {
    let correlation = request.correlation;
    let bytes_max = body_bytes_max(&worker.shared.settings.limits, connection, route);
    let outcome = match request.whole(worker, connection, bytes_max).await {
        Ok(mut request) => named(worker, route, &mut request, &mut words).map(|named| (named, request)),
        Err(refusal) => Err(refusal),
    };
    let answer = match outcome {
        Ok((named, request)) => return on_named(worker, connection, &named, request, words).await,
        Err(refusal) => refused(worker, connection, route, subject, &words, &refusal, correlation),
    };
    worker.shared.metrics.route_answered(route.index, answer.status().as_u16());
    answer
}

fn named(worker: &Worker, route: &Route, request: &mut Arrived<RequestBody>, words: &mut Words) -> Result<Arc<Route>, Refusal> {
    let whole = request.body.contiguous();
    let asked = view(&request.parts, &request.authority, &whole);
    words.echo = route.family.dialect().and_then(|dialect| dialect.echo(&asked));
    route_in_body(&worker.shared.routes.load(), route, &asked)
}

/// The route that the body of a request on this one names.
///
/// # Errors
/// That of the dialect for a body that names none; [`Reject::RouteUnknown`] for one without a route.
pub(crate) fn route_in_body(routes: &Routes, route: &Route, request: &RequestView<'_>) -> Result<Arc<Route>, Refusal> {
    let dialect = route.family.dialect().ok_or_else(|| Refusal::operator(Reject::Internal, "a body to be read without a dialect"))?;
    body_form::check(dialect.purpose(), request)?;
    match routes.find_http(request.method, dialect.named_in_body(request)?) {
        // Whose words it is refused in and who vouches for it were told by the path.
        RouteMatch::Found(named) if named.family == route.family => Ok(Arc::clone(named)),
        RouteMatch::Found(_) | RouteMatch::MethodNotAllowed | RouteMatch::NotFound => Err(Reject::RouteUnknown.into()),
    }
}

async fn on_named(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Arc<Route>,
    request: Arrived<RequestBody>,
    mut words: Words,
) -> Answer {
    let correlation = request.correlation;
    let mut subject = Subject::request(&request.parts, Some(route));
    let outcome = match route.kind {
        RouteKind::Http => forwarded(worker, connection, route, request, &mut subject, &mut words).await,
        RouteKind::Local => local::answer_whole(worker, connection, route, request, &mut subject, &mut words),
        RouteKind::BinanceWsApi
        | RouteKind::DialectSocket
        | RouteKind::Halt
        | RouteKind::InBody
        | RouteKind::NativeSession
        | RouteKind::WebSocketRelay => Err(Reject::RouteUnknown.into()),
    };
    let answer = outcome.unwrap_or_else(|refusal| refused(worker, connection, route, &subject, &words, &refusal, correlation));
    worker.shared.metrics.route_answered(route.index, answer.status().as_u16());
    answer
}
