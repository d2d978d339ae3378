//! A halt that cancels: venues are asked, once it is in force and nothing of before is under way, to take out what rests.
//!
//! ```text
//!   raise ─▶ in force ─▶ barrier ─▶ whom does it cover? ─▶ a question each, on a connection of its own ─▶ counts: status, audit
//! ```
//!
//! | scope | a venue is asked for |
//! |---|---|
//! | `venue`, this `node` | every account with a key that may trade, and every open FIX session |
//! | `dialect` | the accounts of its keys, and the FIX sessions that logged on as there |
//! | `instrument` | orders for it, of every account, and in every FIX session |
//! | `account` | the account, and its FIX sessions |
//! | `key` | the open sessions of that key: a venue cannot tell its other orders from those of the account |
//! | `session` | that session |
//!
//! Cancelling is an act and not a state (ADR 0022): it is not in the set of halts, it does not come back with a restart, and it can be
//! asked for again. What is not confirmed is told with its reason; the audit log has the beginning and the end.
//!
//! FIX sessions are asked besides their accounts, each in itself: a FIX acceptor need not be the service that answers native questions.

mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::{CancelPermit, Refusal, Reject};
use countersign_halt::{HaltId, HaltScope};
use countersign_session::{CancelScope, OrderClass};
use countersign_store::audit::{AuditEvent, AuditRecord};
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::report::{CancelFault, CancelLine};
use crate::cancelled::ask_until_answered;
use crate::clock;
use crate::entropy::CorrelationIds;
use crate::identity::{Occasion, Subject};
use crate::native::cancel_question::Question;
use crate::routes::{RouteKind, RouteTarget};
use crate::shared::Shared;
use crate::upstream::UpstreamConfig;
use crate::websocket::connect::{UpstreamHead, connect_to_cancel};
use targets::{Target, Whom};

/// Questions under way at once: a venue that is being stopped is not to be flooded by whoever stops it.
const AT_ONCE: usize = 16;
/// Faults that are shown with their reason; the count has all.
const FAULTS_MAX: usize = 16;
/// Halts whose cancelling is remembered: as many as may be in force.
const KEPT_MAX: usize = countersign_halt::limits::HALTS_MAX;
/// The name of our question.
const QUESTION: &str = "countersign.halt";

/// What became of resting orders, by halt.
#[derive(Debug, Default)]
pub struct Cancels(Mutex<BTreeMap<HaltId, CancelLine>>);

impl Cancels {
    /// Of one halt.
    #[must_use]
    pub fn of(&self, halt: HaltId) -> Option<CancelLine> {
        self.0.lock().get(&halt).cloned()
    }

    fn begin(&self, halt: HaltId, asked: usize) {
        let mut all = self.0.lock();
        if all.len() >= KEPT_MAX {
            all.retain(|_, line| !line.done);
        }
        all.insert(halt, CancelLine { asked: asked as u64, ..CancelLine::default() });
    }

    fn note(&self, halt: HaltId, whom: &str, outcome: &Result<usize, Refusal>) {
        let mut all = self.0.lock();
        let line = all.entry(halt).or_default();
        match outcome {
            Ok(orders) => {
                line.confirmed += 1;
                line.orders += *orders as u64;
            }
            Err(refusal) => {
                line.unconfirmed += 1;
                if line.faults.len() < FAULTS_MAX {
                    line.faults.push(CancelFault { whom: whom.to_owned(), why: refusal.to_string() });
                }
            }
        }
    }

    fn end(&self, halt: HaltId) -> CancelLine {
        let mut all = self.0.lock();
        let line = all.entry(halt).or_default();
        line.done = true;
        line.clone()
    }
}

/// Whether a scope can be cancelled for.
///
/// # Errors
/// Why not: another node's traffic is not here.
pub fn check(scope: &HaltScope, node: &str) -> Result<(), String> {
    match scope {
        HaltScope::Node(name) if **name != *node => Err(format!("node {name} is not this one; ask it, or cancel for the venue")),
        HaltScope::Account(_)
        | HaltScope::Dialect(_)
        | HaltScope::Instrument(_)
        | HaltScope::Key(_)
        | HaltScope::Node(_)
        | HaltScope::Session(_)
        | HaltScope::Venue => Ok(()),
    }
}

/// Asks for everybody whom a halt covers, and puts what came of it on record. Call it when the halt's barrier was waited for: an order
/// that is still on its way would rest behind the answer.
pub async fn run(shared: Arc<Shared>, upstreams: Arc<[UpstreamConfig]>, halt: HaltId, scope: HaltScope) {
    let targets = targets::of(&shared, &scope);
    let cancels = shared.halts.cancels();
    cancels.begin(halt, targets.len());
    record(&shared, &format!("{halt} asks for {} accounts and sessions of {scope}", targets.len()));
    let mut waiting = targets.into_iter();
    let mut asking = JoinSet::new();
    loop {
        while asking.len() < AT_ONCE
            && let Some(target) = waiting.next()
        {
            let (shared, upstreams) = (Arc::clone(&shared), Arc::clone(&upstreams));
            asking.spawn(async move {
                let outcome = ask_until_answered(|_| ask(&shared, &upstreams, &target)).await;
                (target.name(), outcome)
            });
        }
        match asking.join_next().await {
            Some(Ok((whom, outcome))) => {
                if let Err(refusal) = &outcome {
                    tracing::error!(%halt, whom, %refusal, "a halt could not cancel: orders may rest");
                }
                cancels.note(halt, &whom, &outcome);
            }
            Some(Err(error)) => cancels.note(halt, "?", &Err(Refusal::operator(Reject::Internal, error.to_string()))),
            None => break,
        }
    }
    let CancelLine { asked, confirmed, orders, unconfirmed, .. } = cancels.end(halt);
    tracing::warn!(%halt, orders, confirmed, unconfirmed, "a halt cancelled resting orders");
    record(&shared, &format!("{halt} {orders} orders cancelled, {confirmed} of {asked} confirmed, {unconfirmed} NOT confirmed"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_faults_are_bounded() {
        let (cancels, halt) = (Cancels::default(), HaltId::from_bytes([7; 6]));
        assert_eq!(cancels.of(halt), None);
        cancels.begin(halt, 20);
        cancels.note(halt, "desk", &Ok(3));
        cancels.note(halt, "other", &Ok(0));
        for _ in 0..18 {
            cancels.note(halt, "gone", &Err(Reject::UpstreamTimeout.into()));
        }
        assert_eq!(cancels.of(halt).map(|line| line.done), Some(false));
        let line = cancels.end(halt);
        assert_eq!((line.asked, line.confirmed, line.orders, line.unconfirmed), (20, 2, 3, 18));
        assert_eq!((line.faults.len(), line.faults[0].whom.as_str(), line.done), (FAULTS_MAX, "gone", true));
    }

    #[test]
    fn another_node_is_not_asked_for() {
        assert!(check(&HaltScope::Node("here".into()), "here").is_ok());
        assert!(check(&HaltScope::Node("there".into()), "here").is_err());
        assert!(check(&HaltScope::Venue, "here").is_ok());
    }
}
