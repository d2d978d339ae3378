//! A halt that cancels: venues are asked, once it is in force and nothing of before is under way, to take out what rests.
//!
//! ```text
//!   raise ─▶ in force ─▶ barrier ─▶ whom does it cover? ─▶ a question each, on a connection of its own ─▶ counts: status, audit
//!    └─▶ the other nodes: the same, for what is open at them
//! ```
//!
//! The barrier is waited for longer than by whoever typed: as long as a venue may take to answer what it was sent before, and a lease. Where
//! that is not enough, venues are asked all the same, and the counts say that orders may rest.
//!
//! | scope | a venue is asked for |
//! |---|---|
//! | `venue`, `node` | every account with a key that may trade, and every open FIX session; of a node, those that are open there |
//! | `dialect` | the accounts of its keys, and the FIX sessions that logged on as there |
//! | `instrument` | orders for it, of every account, and in every FIX session |
//! | `account` | the account, and its FIX sessions |
//! | `key` | the open sessions of that key: a venue cannot tell its other orders from those of the account |
//! | `session` | that session |
//!
//! Cancelling is an act and not a state (ADR 0022): it is not in the set of halts, it does not come back with a restart, and it can be
//! asked for again. Accounts are asked for where it was said, sessions where they are. What is not confirmed is told with its reason; the audit log has the beginning and the end.
//!
//! FIX sessions are asked besides their accounts, each in itself: a FIX acceptor need not be the service that answers native questions.

mod books;
pub(crate) mod follow;
pub(super) mod targets;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{CancelPermit, Refusal, Reject};
use countersign_halt::limits::LEASE_LIFE;
use countersign_halt::{HaltId, HaltScope};
use countersign_session::{CancelScope, OrderClass};
use countersign_store::NewCancel;
use countersign_store::audit::{AuditEvent, AuditRecord};
use http::HeaderValue;
use tokio::task::JoinSet;

use super::report::CancelPart;
use crate::cancelled::ask_until_answered;
use crate::clock;
use crate::entropy::CorrelationIds;
use crate::identity::{Occasion, Subject};
use crate::native::cancel_question::Question;
use crate::routes::{RouteKind, RouteTarget};
use crate::shared::Shared;
use crate::upstream::UpstreamConfig;
use crate::websocket::connect::{UpstreamHead, connect_to_cancel};
pub use books::Cancels;
use books::Ticket;
use targets::{Target, Whom};

/// Questions under way at once: a venue that is being stopped is not to be flooded by whoever stops it.
const AT_ONCE: usize = 16;
/// Faults that are shown with their reason; the count has all.
const FAULTS_MAX: usize = 16;
/// What is waited for requests of before beyond their venue's answer and a lease: connecting, and a machine that has much to do.
const BARRIER_MARGIN: Duration = Duration::from_secs(2);
/// The name of our question.
const QUESTION: &str = "countersign.halt";

/// What a process has to do about a halt that cancels.
pub(crate) struct Asks {
    ticket: Ticket,
    scope: HaltScope,
    /// For accounts, too: the node where it was said does that.
    accounts: bool,
}

/// Whether a scope can be cancelled for.
///
/// # Errors
/// Why not: another node that does not hear of it.
pub fn check(shared: &Shared, scope: &HaltScope) -> Result<(), String> {
    match scope {
        HaltScope::Node(name) if !shared.store.is_shared() && !follow::is_of_here(shared, scope) => {
            Err(format!("node {name} is not this one; ask it, or cancel for the venue"))
        }
        HaltScope::Account(_)
        | HaltScope::Dialect(_)
        | HaltScope::Instrument(_)
        | HaltScope::Key(_)
        | HaltScope::Node(_)
        | HaltScope::Session(_)
        | HaltScope::Venue => Ok(()),
    }
}

/// An operator said it here: this node begins, and tells the others.
pub(crate) fn say(shared: &Arc<Shared>, upstreams: &Arc<[UpstreamConfig]>, halt: HaltId, scope: HaltScope, by: String) {
    let cancels = shared.halts.cancels();
    let new = NewCancel { halt, scope: scope.clone(), by, run: cancels.run().to_owned(), at: clock::wall() };
    let asks = Asks { ticket: cancels.say(new), scope, accounts: true };
    tokio::spawn(run(Arc::clone(shared), Arc::clone(upstreams), asks));
}

/// How long requests of before are waited for: a venue's answer, a node that goes by its lease, and what there is to do around both.
fn patience(upstreams: &[UpstreamConfig]) -> Duration {
    let answer = upstreams.iter().map(|upstream| upstream.response_timeout).max().unwrap_or_default();
    answer.saturating_add(LEASE_LIFE).saturating_add(BARRIER_MARGIN)
}

/// Waits until nothing of before is under way: an order that is still on its way would rest behind the answer. Then asks for everybody
/// whom a halt covers, and puts what came of it on record.
async fn run(shared: Arc<Shared>, upstreams: Arc<[UpstreamConfig]>, asks: Asks) {
    let patience = patience(&upstreams);
    run_within(shared, upstreams, asks, patience).await;
}

async fn run_within(shared: Arc<Shared>, upstreams: Arc<[UpstreamConfig]>, asks: Asks, patience: Duration) {
    let is_past = follow::is_known(&shared, &asks, patience).await && is_past(&shared, asks.ticket.halt, patience).await;
    let Asks { ticket, ref scope, accounts } = asks;
    let targets = targets::of(&shared, scope, accounts);
    shared.halts.cancels().note_asking(ticket, targets.len(), targets.iter().filter_map(Target::sid), !is_past);
    ask_all(&shared, &upstreams, (ticket, scope), targets, !is_past).await;
}

/// The same for a session that came here while the halt was in force: nobody may have found it where it was.
async fn run_for_arrived(shared: Arc<Shared>, upstreams: Arc<[UpstreamConfig]>, ticket: Ticket, scope: HaltScope, target: Target) {
    let is_past = is_past(&shared, ticket.halt, patience(&upstreams)).await;
    if !is_past {
        shared.halts.cancels().note_late(ticket);
    }
    ask_all(&shared, &upstreams, (ticket, &scope), vec![target], !is_past).await;
}

async fn ask_all(
    shared: &Arc<Shared>,
    upstreams: &Arc<[UpstreamConfig]>,
    (ticket, scope): (Ticket, &HaltScope),
    targets: Vec<Target>,
    late: bool,
) {
    let (halt, cancels) = (ticket.halt, shared.halts.cancels());
    let mut part = CancelPart { asked: targets.len() as u64, late, ..CancelPart::default() };
    if part.late {
        tracing::error!(%halt, "a halt cancels, though requests of before may still arrive: orders may rest");
    }
    record(shared, &format!("{halt} asks for {} accounts and sessions of {scope}{}", part.asked, warning(&part)));
    let mut waiting = targets.into_iter();
    let mut asking = JoinSet::new();
    loop {
        while asking.len() < AT_ONCE
            && let Some(target) = waiting.next()
        {
            let (shared, upstreams) = (Arc::clone(shared), Arc::clone(upstreams));
            asking.spawn(async move {
                let outcome = ask_until_answered(|_| ask(&shared, &upstreams, &target)).await;
                (target.name(), target.sid(), outcome)
            });
        }
        let (whom, sid, outcome) = match asking.join_next().await {
            Some(Ok(asked)) => asked,
            Some(Err(error)) => ("?".to_owned(), None, Err(Refusal::operator(Reject::Internal, error.to_string()))),
            None => break,
        };
        match &outcome {
            Ok(orders) => (part.confirmed, part.orders) = (part.confirmed + 1, part.orders + *orders as u64),
            Err(refusal) => {
                part.unconfirmed += 1;
                tracing::error!(%halt, whom, %refusal, "a halt could not cancel: orders may rest");
            }
        }
        cancels.note(ticket, (&whom, sid), &outcome);
    }
    cancels.end(ticket);
    let CancelPart { asked, confirmed, orders, unconfirmed, .. } = part;
    tracing::warn!(%halt, orders, confirmed, unconfirmed, "a halt cancelled resting orders");
    let words = format!("{halt} {orders} orders cancelled, {confirmed} of {asked} confirmed, {unconfirmed} NOT confirmed");
    record(shared, &format!("{words}{}", warning(&part)));
}

/// Whether nothing of before is under way at any node. No other node hears of a halt that is not in the store, but none passes orders longer
/// than its lease either: that is all that is waited for then.
async fn is_past(shared: &Shared, halt: HaltId, patience: Duration) -> bool {
    let lease = LEASE_LIFE.saturating_add(BARRIER_MARGIN).min(patience);
    let can_be = || !shared.store.is_shared() || shared.halts.is_committed(halt);
    // By its own epoch: halts that come meanwhile are not waited for.
    let past = async |patience| shared.halts.all_past(shared.halts.epoch_of(halt), patience).await;
    past(lease).await || (can_be() && past(patience.saturating_sub(lease)).await)
}

/// What the counts do not say.
const fn warning(part: &CancelPart) -> &'static str {
    if part.late { "; requests of before may still arrive: orders may rest" } else { "" }
}

/// A stop does not wait for its record.
fn record(shared: &Shared, words: &str) {
    if shared.audit.append_waiting(AuditRecord::new(clock::wall(), AuditEvent::HaltCancel).told(words)).is_err() {
        tracing::error!(words, "not in the audit log");
    }
}

async fn ask(shared: &Shared, upstreams: &[UpstreamConfig], target: &Target) -> Result<usize, Refusal> {
    match &target.whom {
        Whom::Fix(session) => session.cancel(target.instrument.as_deref()).await,
        Whom::Account(permit) => {
            let permit = permit.as_ref().map_err(Clone::clone)?;
            ask_native(shared, upstreams, permit, None, CancelScope::Account, target.instrument.as_deref()).await
        }
        Whom::Native { permit, sid, ch } => {
            let permit = permit.as_ref().map_err(Clone::clone)?;
            ask_native(shared, upstreams, permit, Some((*sid, ch)), CancelScope::Session, target.instrument.as_deref()).await
        }
    }
}

async fn ask_native(
    shared: &Shared,
    upstreams: &[UpstreamConfig],
    permit: &CancelPermit,
    session: Option<(countersign_core::SessionId, &[u8; 32])>,
    scope: CancelScope,
    instrument: Option<&str>,
) -> Result<usize, Refusal> {
    let unknown = |sentence: &'static str| Refusal::operator(Reject::RouteUnknown, sentence);
    let config = upstreams.get(permit.upstream()).ok_or_else(|| unknown("no such upstream"))?;
    let routes = shared.routes.load();
    let same = |route: &&Arc<crate::routes::Route>| route.kind == RouteKind::NativeSession && route.upstream == permit.upstream();
    let route = routes.all().iter().find(same).ok_or_else(|| unknown("the upstream serves no native sessions, so it cannot be asked"))?;
    let RouteTarget::Http { path, .. } = &route.target else { return Err(unknown("the route of native sessions has no path")) };
    let authority = HeaderValue::try_from(config.authority.as_str()).map_err(|_| unknown("the upstream's name is no host"))?;
    let credential = permit.credential();
    let subject = Subject { account: permit.account(), key_id: &credential.key_id, scopes: permit.scopes(), purpose: credential.purpose };
    let audience = &*shared.settings.upstreams[permit.upstream()].audience;
    let identity = shared.identity.mint(subject, session, Occasion { audience, fence: shared.halts.fence(), now: clock::wall() });
    let head = UpstreamHead::own(path.as_str(), &authority, CorrelationIds::new().next());
    tracing::debug!(account = %permit.account(), "asking a venue to cancel");
    let socket = connect_to_cancel(config, permit, &head, &identity.value).await?;
    Question { id: QUESTION, scope, class: OrderClass::All, instrument }.put(socket).await
}
