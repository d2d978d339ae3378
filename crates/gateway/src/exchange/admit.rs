//! Who asks, whether they may, and what it costs them: the one way to a permit for a request, whoever parsed it.
//!
//! ```text
//!   one method ─┬─ public route ─▶ charge where it comes from ───────────────────────────────────────────┐
//!               └─ any other ─▶ authenticate ─▶ page and body as they were read ─▶ authorize ─▶ charge the key ─▶ halts ─▶ permit
//! ```

use std::num::NonZeroU32;
use std::rc::Rc;

use countersign_core::rate::KeyCounters;
use countersign_core::{Access, Detail, KeyRate, Purpose, Refusal, Reject, authorize_needing, permit_public};
use countersign_dialects::answer::{Charged, Counter};
use countersign_dialects::risk::SignedText;
use countersign_dialects::{Answer, Header, RequestView, Security, body_form, method_override, order_count};
use http::header::ORIGIN;

use super::may_show_token;
use super::target::of_another_venue;
use crate::authenticate::{Login, authenticate};
use crate::clock;
use crate::connection::Connection;
use crate::halts::{Asked, Cleared};
use crate::respond::Words;
use crate::routes::{Route, RouteKind};
use crate::worker::Worker;
use crate::{audit, explanations, tokens};

/// What admission came to.
pub struct Admitted {
    /// Permission to forward, which no halt takes away.
    pub permit: Cleared,
    /// Who; `None` on a public route.
    pub login: Option<Login>,
    /// What was charged.
    pub usage: Charged,
}

/// Authenticates, authorizes and charges: the one way to a permit for a request, whoever parsed it. Of a request that is refused, `words`
/// are told what the venue repeats of it.
///
/// # Errors
/// The refusal.
pub(crate) fn admit(
    worker: &Rc<Worker>,
    connection: &Connection,
    route: &Route,
    request: &RequestView<'_>,
    subject: &mut audit::Subject,
    words: &mut Words,
) -> Result<Admitted, Refusal> {
    method_override::check(request)?;
    let echo = || route.family.dialect().and_then(|dialect| dialect.echo(request));
    if route.requirement.access == Access::Public {
        if may_show_token(route) {
            check_public_call(worker, route, request)?;
        }
        if route.kind == RouteKind::Http {
            charge_stranger(worker, connection, route, request, words)?;
        }
        let asked = Asked::of(route, None, Some(signed_text(request)));
        let permit = worker.shared.halts.gate().clear(worker, connection, permit_public(&route.requirement)?, asked)?;
        return Ok(Admitted { permit, login: None, usage: Charged::default() });
    }
    words.by_token = tokens::bearer::shown(request.headers).is_some();
    let login = authenticate(worker, connection, route.family, route.effect, request, subject).map_err(|refusal| {
        words.echo = echo();
        words.explained = explanations::of_request(worker, connection, route.family, request, &refusal);
        of_another_venue(worker, route, request, &refusal, words).unwrap_or(refusal)
    })?;
    subject.note_login(&login);
    admit_login(worker, (connection, route), request, login, words).inspect_err(|_| words.echo = echo())
}

/// What asks nobody who they are is not to be read as a call that would, and shows no token.
fn check_public_call(worker: &Worker, route: &Route, request: &RequestView<'_>) -> Result<(), Refusal> {
    if tokens::bearer::is_sealed_in_query(worker, request.query()) {
        return Err(Refusal::with(Reject::Malformed, Detail::Parameter("access_token")));
    }
    match route.family.dialect().map(|dialect| dialect.present(request, Security::None)) {
        Some(Answer::Malformed(refusal)) => Err(refusal),
        Some(Answer::NotMine | Answer::Presented(_) | Answer::Token { .. }) | None => Ok(()),
    }
}

fn admit_login(
    worker: &Worker,
    (connection, route): (&Connection, &Route),
    request: &RequestView<'_>,
    login: Login,
    words: &mut Words,
) -> Result<Admitted, Refusal> {
    check_page(&login, request)?;
    let dialect = route.family.dialect();
    match dialect {
        Some(dialect) => body_form::check(dialect.purpose(), request).and_then(|()| dialect.check_places(request))?,
        // A native order, whose instrument halts look for.
        None if route.instrument.is_some() => body_form::check(Purpose::Native, request)?,
        None => {}
    }
    let needed = dialect.map_or(Ok(None), |dialect| dialect.scope(request))?;
    let permit = authorize_needing(&login.identity, login.granted(), &route.requirement, needed)?;
    let credential = login.identity.credential();
    words.limits = credential.rate;
    let weight = route.weight_of_query(request.query());
    let orders = dialect.map_or(route.orders, |dialect| order_count::of_request(dialect.purpose(), request, route.orders));
    let usage = charge(&login.counters, credential.rate, weight, orders, words)?;
    let asked = Asked::of(route, Some(&login), Some(signed_text(request)));
    let permit = worker.shared.halts.gate().clear(worker, connection, permit, asked)?;
    Ok(Admitted { permit, login: Some(login), usage })
}

/// Charges a request that nobody signed to where it comes from.
///
/// # Errors
/// As [`charge`].
pub(crate) fn charge_stranger(
    worker: &Worker,
    connection: &Connection,
    route: &Route,
    request: &RequestView<'_>,
    words: &mut Words,
) -> Result<(), Refusal> {
    let rates = &worker.shared.public_rates;
    words.counter = Counter::Weight;
    if let Some(weight) = NonZeroU32::new(rates.weight_max()) {
        words.limits.weight_per_minute = weight;
    }
    charge_source(worker, connection, route.weight_of_query(request.query()))
}

/// Charges what nobody vouches for to where it comes from: connections are many.
///
/// # Errors
/// [`Reject::RateLimited`].
pub(crate) fn charge_source(worker: &Worker, connection: &Connection, weight: u32) -> Result<(), Refusal> {
    worker.shared.public_rates.charge(connection.remote.ip(), weight, clock::wall()).map(drop)
}

/// What of a request its signature covers, for halts that look into it.
pub(crate) fn signed_text<'r>(request: &RequestView<'r>) -> SignedText<'r> {
    SignedText { query: request.query(), body: request.body }
}

/// Refuses a login by client certificate that a page of somebody else asked for: browsers present one for whatever page asks them to.
///
/// # Errors
/// [`Reject::ScopeMissing`].
pub(crate) fn check_page(login: &Login, request: &RequestView<'_>) -> Result<(), Refusal> {
    if login.identity.purpose() == Purpose::ClientCertificate && is_foreign_page(request) {
        return Err(Refusal::operator(Reject::ScopeMissing, "a page of another origin where a client certificate logs in"));
    }
    Ok(())
}

/// Browsers say in every such request where it comes from: `Sec-Fetch-Site` (Fetch metadata), older ones `Origin`.
fn is_foreign_page(request: &RequestView<'_>) -> bool {
    let host = request.host.unwrap_or_default().as_bytes();
    let own = |origin: &[u8]| origin.strip_prefix(b"https://").is_some_and(|origin| origin.eq_ignore_ascii_case(host));
    let says_foreign = |name: &str, own: &dyn Fn(&[u8]) -> bool| match request.headers.find(name) {
        Header::Absent => false,
        Header::Once(value) => !own(value),
        Header::Repeated => true,
    };
    says_foreign("sec-fetch-site", &|site| matches!(site, b"none" | b"same-origin")) || says_foreign(ORIGIN.as_str(), &own)
}

/// Charges one request to its key.
///
/// # Errors
/// [`Reject::RateLimited`]; `words` then say which counter it was.
pub fn charge(counters: &KeyCounters, rate: KeyRate, weight: u32, orders: u32, words: &mut Words) -> Result<Charged, Refusal> {
    let now = clock::wall();
    words.counter = Counter::Weight;
    let weight = counters.weight.charge(weight, rate.weight_per_minute.get(), now)?;
    let orders = if orders > 0 {
        words.counter = Counter::Orders;
        Some(counters.orders.charge(orders, rate.orders_per_10s.get(), now)?)
    } else {
        None
    };
    Ok(Charged { weight: Some(weight), orders })
}
