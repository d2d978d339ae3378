//! From an application message to a permit: route by MsgType, scope, rate, record.

use std::sync::Arc;

use countersign_core::{Refusal, Reject, Risk, SessionId, authorize};
use countersign_fix::Message;

use super::order_count;
use crate::audit::{self, Subject};
use crate::authenticate::Login;
use crate::connection::Connection;
use crate::exchange::{Admitted, charge};
use crate::halts::{Asked, Cleared};
use crate::respond::Words;
use crate::routes::Route;
use crate::worker::Worker;

/// Who sends, and on what.
pub(super) struct Sender<'s> {
    pub(super) worker: &'s Worker,
    pub(super) connection: &'s Connection,
    pub(super) login: &'s Login,
    /// The FIX session: halts may name it. None while it opens.
    pub(super) session: Option<SessionId>,
    pub(super) correlation: countersign_core::CorrelationId,
}

impl Sender<'_> {
    /// The route of a message.
    fn route(&self, message: &Message<'_>) -> Option<Arc<Route>> {
        let msg_type = std::str::from_utf8(message.msg_type()).ok()?;
        self.worker.shared.routes.load().find_fix_message(msg_type).cloned()
    }

    /// Permits a message, or says why not; both are on record then. Of one that is refused, `words` are told which limit it was.
    ///
    /// # Errors
    /// No route for its MsgType, scope, rate, a halt, or a record that cannot be made.
    pub(super) fn admit(&self, message: &Message<'_>, words: &mut Words) -> Result<Cleared, Refusal> {
        self.permit(message, self.route(message).as_ref(), words).map_err(|refusal| self.refuse(message, refusal))
    }

    /// Permits a message that the venue asks for again, as it stands now; it was charged and put on record when it was admitted.
    ///
    /// # Errors
    /// No route for its MsgType any more, scope, a halt.
    pub(super) fn clear_again(&self, message: &Message<'_>) -> Result<Cleared, Refusal> {
        let route = self.route(message).ok_or(Reject::RouteUnknown)?;
        let permit = authorize(&self.login.identity, self.login.granted(), &route.requirement)?;
        let asked = Asked { session: self.session, ..Asked::of(&route, Some(self.login), None) };
        let gate = self.worker.shared.halts.gate();
        let cleared = if route.risk >= Risk::Reduce {
            gate.clear(self.worker, self.connection, permit, asked)?
        } else {
            // Its client may be gone, and what cancels is wanted just then.
            gate.clear_of_the_gone(self.worker, permit, asked)?
        };
        gate.confirm(&cleared)?;
        Ok(cleared)
    }

    /// Records a refusal of a message.
    pub(super) fn refuse(&self, message: &Message<'_>, refusal: Refusal) -> Refusal {
        let subject = Subject::message(self.route(message).as_ref()).by(Some(self.login));
        audit::refused(self.worker, self.connection, &subject, &refusal, self.correlation);
        refusal
    }

    /// Whether a message does more than read and cancel: it must not be applied twice.
    pub(super) fn is_order(&self, message: &Message<'_>) -> bool {
        self.route(message).is_some_and(|route| route.risk >= Risk::Reduce)
    }

    fn permit(&self, message: &Message<'_>, route: Option<&Arc<Route>>, words: &mut Words) -> Result<Cleared, Refusal> {
        let route = route.ok_or(Reject::RouteUnknown)?;
        let permit = authorize(&self.login.identity, self.login.granted(), &route.requirement)?;
        let rate = self.login.identity.credential().rate;
        words.limits = rate;
        let usage = charge(&self.login.counters, rate, route.weight, order_count::of_message(message, route.orders), words)?;
        let permit = self.worker.shared.halts.gate().clear(
            self.worker,
            self.connection,
            permit,
            Asked { session: self.session, ..Asked::of(route, Some(self.login), None) },
        )?;
        // Here, for what is refused later has a number at the venue already: a node that stood still passes nothing by what held before.
        self.worker.shared.halts.gate().confirm(&permit)?;
        let admitted = Admitted { permit, login: Some(self.login.again()), usage };
        audit::accepted(self.worker, self.connection, &Subject::message(Some(route)), &admitted, self.correlation)?;
        self.worker.shared.metrics.forwarded(admitted.permit.route());
        Ok(admitted.permit)
    }
}
