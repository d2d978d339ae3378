//! What became of a question to a venue to cancel orders: tried as often as it makes sense, and on record with its counts.
//!
//! ```text
//!   session lost (native, FIX) ─┐
//!                               ├─▶ ask, at most three times ─▶ one audit record, one line in the log
//!   halt that cancels ──────────┘
//! ```
//!
//! What is not here: how the question is asked, which each protocol does in its own words.

use std::future::Future;
use std::time::Duration;

use countersign_core::{Blame, Refusal, Reject, SessionId, VerifiedIdentity};
use countersign_session::{CancelScope, OrderClass};
use countersign_store::{AuditEvent, AuditRecord};

use crate::clock;
use crate::connection::Connection;
use crate::worker::Worker;

/// How long one attempt to cancel orders may take: connection, question and answer.
pub(crate) const CANCEL_DEADLINE: Duration = Duration::from_secs(5);

/// Attempts to cancel orders before the operator is told that they stay.
pub(crate) const CANCEL_ATTEMPTS: u32 = 3;

/// Pause between two of them.
pub(crate) const CANCEL_PAUSE: Duration = Duration::from_millis(250);

/// Asks until there is an answer. `ask` is given the number of the attempt; only what is nobody's fault is tried again.
pub(crate) async fn ask_until_answered<T, F>(mut ask: impl FnMut(u32) -> F) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    let mut attempt = 0;
    loop {
        let outcome = once(ask(attempt)).await;
        attempt += 1;
        if attempt == CANCEL_ATTEMPTS || !is_worth_another(&outcome) {
            return outcome;
        }
        tokio::time::sleep(CANCEL_PAUSE).await;
    }
}

/// One attempt, within its time.
pub(crate) async fn once<T>(ask: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    tokio::time::timeout(CANCEL_DEADLINE, ask).await.unwrap_or_else(|_| Err(Reject::UpstreamTimeout.into()))
}

/// Whether somebody has to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executed {
    /// Orders are cancelled, or the venue said that it does not.
    Done,
    /// The venue did not answer.
    NotYet,
}

impl Executed {
    pub(crate) fn of<T>(outcome: &Result<T, Refusal>) -> Self {
        if is_worth_another(outcome) { Self::NotYet } else { Self::Done }
    }
}

/// Whether another attempt may come to something.
pub(crate) fn is_worth_another<T>(outcome: &Result<T, Refusal>) -> bool {
    outcome.as_ref().is_err_and(|refusal| refusal.reject.blame() == Blame::Infrastructure)
}

/// A session that was left, and what that did to its orders.
pub(crate) struct Cancelled<'c> {
    pub(crate) scope: CancelScope,
    pub(crate) class: OrderClass,
    /// Why, in words of ours.
    pub(crate) why: &'static str,
    /// How many orders were cancelled.
    pub(crate) outcome: &'c Result<usize, Refusal>,
    pub(crate) identity: Option<&'c VerifiedIdentity>,
    pub(crate) session: Option<SessionId>,
}

impl Cancelled<'_> {
    /// Puts it on record.
    pub(crate) fn record(&self, worker: &Worker, connection: &Connection) {
        let Self { scope, class, why, outcome, identity, session } = self;
        let scope = scope.name();
        let class = if *class == OrderClass::All { String::new() } else { format!(", class {}", class.name()) };
        let words = match outcome {
            Ok(count) => format!("{count} orders cancelled, scope {scope}{class}: {why}"),
            Err(refusal) => format!("orders NOT cancelled, scope {scope}{class}: {why}; {refusal}"),
        };
        match outcome {
            Ok(_) => tracing::info!(sid = ?session, words, "cancel on disconnect"),
            Err(_) => tracing::error!(sid = ?session, words, "cancel on disconnect failed: orders of a session that was left may rest"),
        }
        let mut record = AuditRecord::new(clock::wall(), AuditEvent::CancelOnDisconnect).sentence(&words);
        if let Some(identity) = identity {
            record = record.identity(identity);
        }
        record.session = *session;
        record.remote = Some(connection.remote.ip());
        if worker.shared.audit.append_waiting(record).is_err() {
            worker.shared.metrics.audit_lost();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_asked_again_and_a_refusal_is_not() {
        let asked = Cell::new(0);
        let ask = |outcome: Result<usize, Reject>| {
            asked.set(asked.get() + 1);
            std::future::ready(outcome.map_err(Refusal::from))
        };
        assert!(ask_until_answered(|_| ask(Err(Reject::UpstreamUnavailable))).await.is_err());
        assert_eq!(asked.replace(0), CANCEL_ATTEMPTS);
        assert!(ask_until_answered(|_| ask(Err(Reject::ScopeMissing))).await.is_err());
        assert_eq!(asked.replace(0), 1);
        let second = ask_until_answered(|attempt| ask(if attempt == 0 { Err(Reject::UpstreamTimeout) } else { Ok(7) })).await;
        assert_eq!((second.ok(), asked.get()), (Some(7), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_a_timeout() {
        let outcome = ask_until_answered(|_| std::future::pending::<Result<usize, Refusal>>()).await;
        assert_eq!(outcome.map_err(|refusal| refusal.reject), Err(Reject::UpstreamTimeout));
    }
}
