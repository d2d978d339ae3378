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
use countersign_store::{AuditEvent, AuditRecord};
use serde::Deserialize;
use serde_json::json;
use tokio_websockets::{CloseCode, Message};

use super::Session;
use crate::clock;
use crate::native::carriage::Carriage;
use crate::native::limits::{CANCEL_ATTEMPTS, CANCEL_DEADLINE, CANCEL_PAUSE};
use crate::websocket::connect::connect;

/// The operation of the native venue protocol that cancels.
const OPERATION: &str = "order.cancel_all";

/// The name of our question.
const QUESTION: &str = "countersign.cod";

#[derive(Deserialize)]
struct Answer {
    re: Option<String>,
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    canceled: Vec<serde::de::IgnoredAny>,
}

impl<C: Carriage + 'static> Session<C> {
    /// Cancels the orders of a scope and records it. `why` is the reason in words of ours.
    pub(super) async fn cancel_orders(&mut self, what: (CancelScope, OrderClass), why: &'static str) {
        if what.0 == CancelScope::Nothing {
            return;
        }
        let mut outcome = Err(Refusal::from(Reject::Internal));
        for attempt in 0..CANCEL_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(CANCEL_PAUSE).await;
            }
            outcome = match tokio::time::timeout(CANCEL_DEADLINE, self.ask_to_cancel(what)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Reject::UpstreamTimeout.into()),
            };
            let again = outcome.as_ref().is_err_and(|refusal| refusal.reject.blame() == countersign_core::Blame::Infrastructure);
            if !again {
                break;
            }
        }
        // HS-96
        self.record_cancelling(what, why, &outcome);
    }

    /// How many were cancelled; none where the contract has no right to orders.
    async fn ask_to_cancel(&self, (scope, class): (CancelScope, OrderClass)) -> Result<usize, Refusal> {
        let Some((upstream, permit)) = self.permit_to_cancel()? else { return Ok(0) };
        let session = self.session_ref();
        let mut socket = connect(&self.worker, &self.connection, upstream, &permit, session, &self.head).await?;
        let mut question = json!({ "op": OPERATION, "id": QUESTION, "scope": scope.name() });
        if class != OrderClass::All {
            question["class"] = json!(class.name());
        }
        let failed = |_| Refusal::from(Reject::UpstreamUnavailable);
        socket.send(Message::text(question.to_string())).await.map_err(failed)?;
        loop {
            let message = socket.next().await.map_err(failed)?;
            if message.is_close() {
                return Err(Reject::UpstreamUnavailable.into());
            }
            let answer = message.as_text().and_then(|text| serde_json::from_str::<Answer>(text).ok());
            let Some(answer) = answer.filter(|answer| answer.re.as_deref() == Some(QUESTION)) else { continue };
            tokio::task::spawn_local(socket.close(Some(CloseCode::NORMAL_CLOSURE), ""));
            let refused = || Refusal::operator(Reject::UpstreamUnavailable, "the upstream refused to cancel");
            return if answer.ok { Ok(answer.canceled.len()) } else { Err(refused()) };
        }
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

    fn record_cancelling(&self, (scope, class): (CancelScope, OrderClass), why: &'static str, outcome: &Result<usize, Refusal>) {
        let (scope, class) = (scope.name(), class.name());
        let words = match outcome {
            Ok(count) => format!("{count} orders cancelled, scope {scope}, class {class}: {why}"),
            Err(refusal) => format!("orders NOT cancelled, scope {scope}, class {class}: {why}; {refusal}"),
        };
        let sid = self.session_ref().map(|session| session.sid);
        match outcome {
            Ok(_) => tracing::info!(?sid, words, "cancel on disconnect"),
            Err(_) => tracing::error!(?sid, words, "cancel on disconnect failed: orders of a session that was left may rest"),
        }
        let mut record = AuditRecord::new(clock::wall(), AuditEvent::CancelOnDisconnect).sentence(&words);
        if let Some(login) = &self.login {
            record = record.identity(&login.identity);
        }
        record.session = sid;
        record.remote = Some(self.connection.remote.ip());
        if self.worker.shared.audit.append(record).is_err() {
            self.worker.shared.metrics.audit_lost();
        }
    }
}
