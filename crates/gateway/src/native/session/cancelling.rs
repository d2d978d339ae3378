//! Cancel on disconnect, carried out: one question to the upstream on a connection of its own, so that it neither waits behind the
//! client's messages nor mixes with their answers.
//!
//! ```text
//!   {"op":"order.cancel_all","id":"countersign.cod","scope":"session"} ─▶ upstream, with the session's identity
//!   {"re":"countersign.cod","ok":true,"canceled":[...]}                ◀─  one audit record: how many, why
//! ```
//!
//! The permit is the session's own: whoever may not place orders has none to cancel. A key that was revoked meanwhile does not keep
//! its orders: the permit is made of the identity as it was verified last.

use countersign_core::{Permit, Refusal, Reject, authorize};
use countersign_session::{CancelScope, OrderClass};

use super::Session;
use crate::cancelled::{Cancelled, ask_until_answered};
use crate::native::cancel_question::{OPERATION, Question};
use crate::native::carriage::Carriage;
use crate::websocket::connect::connect;

/// The name of our question.
const QUESTION: &str = "countersign.cod";

impl<C: Carriage + 'static> Session<C> {
    /// Cancels the orders of a scope and records it. `why` is the reason in words of ours.
    pub(super) async fn cancel_orders(&mut self, what: (CancelScope, OrderClass), why: &'static str) {
        if what.0 == CancelScope::Nothing {
            return;
        }
        let asking = &*self;
        let outcome = ask_until_answered(|_| asking.ask_to_cancel(what)).await;
        // HS-96
        let identity = self.login.as_ref().map(|login| &login.identity);
        let session = self.session_ref().map(|session| session.sid);
        Cancelled { scope: what.0, class: what.1, why, outcome: &outcome, identity, session }.record(&self.worker, &self.connection);
    }

    /// How many were cancelled; none where the contract has no right to orders.
    async fn ask_to_cancel(&self, (scope, class): (CancelScope, OrderClass)) -> Result<usize, Refusal> {
        let Some((upstream, permit)) = self.permit_to_cancel()? else { return Ok(0) };
        let session = self.session_ref();
        let socket = connect(&self.worker, &self.connection, upstream, &permit, session, &self.head).await;
        let socket = socket.map_err(|why| why.into_refusal(true))?;
        Question { id: QUESTION, scope, class, instrument: None }.put(socket).await
    }

    fn permit_to_cancel(&self) -> Result<Option<(usize, Permit)>, Refusal> {
        let routes = self.worker.shared.routes.load();
        let route = routes.find_native_op(OPERATION).ok_or(Reject::RouteUnknown)?;
        let login = self.login.as_ref().ok_or(Reject::Internal)?;
        match authorize(&login.identity, Some(&self.contract.scopes), &route.requirement) {
            Ok(permit) => Ok(Some((route.upstream, permit))),
            Err(refusal) if refusal.reject == Reject::ScopeMissing => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}
