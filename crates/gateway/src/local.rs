//! Requests that the gateway answers itself, through the dialect of their route: what is about the login, not about the market.
//!
//! ```text
//!   POST /0/private/GetWebSocketsToken, POST /api/v1/bullet-private      signed as any other request, with a scope
//!   GET  /api/v2/public/auth                                             the request itself is the login: signed, no scope
//!   POST /api/v1/bullet-public, GET /api/v2/public/hello                 for anybody
//!   POST, PUT, DELETE /fapi/v1/listenKey                                 for whoever names a key, where that is allowed
//! ```

use std::rc::Rc;
use std::sync::Arc;

use countersign_core::{Access, Refusal, Reject, authorize, permit_public};
use countersign_dialects::answer::Charged;
use countersign_dialects::binance::listen_key;
use countersign_dialects::{Dialect, LocalRequest, RequestView, Security};
use http::Response;

use crate::audit::{self, Subject};
use crate::authenticate::of_dialect;
use crate::body::{RequestBody, ResponseBody};
use crate::clock;
use crate::connection::Connection;
use crate::desk::GatewayDesk;
use crate::exchange::{Admitted, Arrived, add_answer_headers, admit, charge, charge_stranger, view};
use crate::explanations;
use crate::halts::Asked;
use crate::listen_keys;
use crate::respond::{self, Words};
use crate::routes::Route;
use crate::worker::Worker;

/// Answers one request.
///
/// # Errors
/// The refusal: of admission, or of the dialect.
pub(crate) async fn answer(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Arc<Route>,
    request: Arrived,
    subject: &mut Subject,
    words: &mut Words,
) -> Result<Response<ResponseBody>, Refusal> {
    let limits = &worker.shared.settings.limits;
    let bytes_max = limits.unauthenticated_bytes_max.min(limits.body_bytes_max);
    let request = request.whole(worker, connection, bytes_max).await?;
    answer_whole(worker, connection, route, request, subject, words)
}

/// Answers one request whose body is here.
///
/// # Errors
/// As [`answer`].
pub(crate) fn answer_whole(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Arc<Route>,
    request: Arrived<RequestBody>,
    subject: &mut Subject,
    words: &mut Words,
) -> Result<Response<ResponseBody>, Refusal> {
    let Arrived { parts, mut body, authority, correlation, .. } = request;
    let dialect = route.family.dialect().ok_or_else(|| Refusal::operator(Reject::Internal, "a local route without a dialect"))?;
    let whole = body.contiguous();
    let asked = view(&parts, &authority, &whole);
    words.echo = dialect.echo(&asked);
    if let Some(action) = listen_keys::asked(route, &asked) {
        let admitted = listen_keys::admit(worker, connection, route, &asked, words)?;
        let key = listen_keys::act(worker, connection, (action, &listen_key::named(&asked)?), correlation)?;
        audit::accepted(worker, connection, subject, &admitted, correlation)?;
        return Ok(respond::own(listen_key::answer(key), correlation));
    }
    let admitted = if route.requirement.access == Access::Public {
        admit_asker(worker, connection, route, dialect, &asked, subject, words)?
    } else {
        admit(worker, connection, route, &asked, subject, words)?
    };
    audit::accepted(worker, connection, subject, &admitted, correlation)?;
    let mut desk = GatewayDesk::new(&worker.shared, connection, authority.to_str().unwrap_or_default());
    let identity = admitted.login.as_ref().map(|login| &login.identity);
    let mut local = LocalRequest { identity, desk: &mut desk, now: clock::wall() };
    let answer = dialect.answer(&asked, &mut local)?;
    let mut answer = respond::own(answer, correlation);
    if let Some(login) = admitted.login {
        add_answer_headers(answer.headers_mut(), route, login, admitted.usage, words);
    }
    Ok(answer)
}

/// Without a scope, a request is for anybody, or is itself the login: the dialect's table says which.
fn admit_asker(
    worker: &Rc<Worker>,
    connection: &Connection,
    route: &Route,
    dialect: &'static dyn Dialect,
    request: &RequestView<'_>,
    subject: &mut Subject,
    words: &mut Words,
) -> Result<Admitted, Refusal> {
    let row = dialect.rest_routes().iter().find(|row| route.target.is_at(row.method, row.path));
    if row.is_none_or(|row| row.security == Security::None) {
        charge_stranger(worker, connection, route, request, words)?;
        let asked = Asked::of(route, None, None);
        let permit = worker.shared.halts.gate().clear(worker, permit_public(&route.requirement)?, asked)?;
        return Ok(Admitted { permit, login: None, usage: Charged::default() });
    }
    let login = of_dialect(worker, connection, Some(dialect), request, subject)
        .inspect_err(|refusal| words.explained = explanations::of_request(worker, connection, route.family, request, refusal))?;
    connection.note_authenticated(login.identity.account());
    subject.note_login(&login);
    let permit = authorize(&login.identity, login.granted(), &route.requirement)?;
    let rate = login.identity.credential().rate;
    words.limits = rate;
    let usage = charge(&login.counters, rate, route.weight, route.orders, words)?;
    let permit = worker.shared.halts.gate().clear(worker, permit, Asked::of(route, Some(&login), None))?;
    Ok(Admitted { permit, login: Some(login), usage })
}
