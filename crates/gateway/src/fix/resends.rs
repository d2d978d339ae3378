//! What a venue asks for again, looked at as if it came now: an order that was admitted before an outage is under way once more, and a halt
//! that was confirmed meanwhile means it, too.
//!
//! A cancel passes as it does in the gate. What has no permit any more, for its route or its scope is gone, is not sent again either. Rate
//! and record are of when it was admitted.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use countersign_core::{CorrelationId, Refusal, Reject, SessionId};
use countersign_fix::Message;

use super::admission::Sender;
use super::bridge::is_question;
use crate::authenticate::Login;
use crate::clock;
use crate::connection::Connection;
use crate::halts::Cleared;
use crate::worker::Worker;

/// How long what is late waits for the lease of halts when that ended before it could be sent: an order's copy and the halts come from the
/// same database, which is there again. Twelve reads of it, as many as fit into the wait for the copy; with that it is within the lease of
/// the session.
pub(super) const LEASE_WAIT_MAX: Duration = Duration::from_secs(3);

/// How often it is looked for meanwhile: one comes every 250 ms.
pub(super) const LEASE_LOOK: Duration = Duration::from_millis(20);

/// Whose messages they are.
pub(super) struct Owner {
    pub(super) worker: Rc<Worker>,
    pub(super) connection: Rc<Connection>,
    pub(super) login: Login,
    /// None while the session opens.
    pub(super) session: Option<SessionId>,
    /// Why the login holds no longer: it only cancels then.
    pub(super) fallen: Option<Reject>,
    pub(super) correlation: CorrelationId,
}

impl Owner {
    fn clear(&self, message: &Message<'_>) -> Result<Cleared, Refusal> {
        let Self { worker, connection, login, session, fallen, correlation } = self;
        let sender = Sender { worker, connection, login, session: *session, correlation: *correlation };
        let fallen = fallen.filter(|_| sender.is_order(message)).map_or(Ok(()), |reject| Err(Refusal::from(reject)));
        fallen.and_then(|()| sender.clear_again(message)).map_err(|refusal| sender.refuse(message, refusal))
    }
}

/// The looks on one line, and what came of them.
#[derive(Default)]
pub(super) struct Resends {
    /// None: nothing is looked at, as towards clients.
    owner: Option<Owner>,
    /// Messages that are sent again and not with the operating system yet: a halt waits for them.
    under_way: Vec<Cleared>,
    /// Why messages were withheld, in the order of their events.
    refused: VecDeque<Refusal>,
}

impl Resends {
    /// Looks from now on.
    pub(super) fn look(&mut self, owner: Owner) {
        self.owner = Some(owner);
    }

    /// Whether a message is not sent again.
    pub(super) fn withholds(&mut self, message: &Message<'_>) -> bool {
        // A question of ours was no client's to ask, and only cancels.
        let Some(owner) = self.owner.as_ref().filter(|_| !is_question(message)) else { return false };
        match owner.clear(message) {
            Ok(cleared) => self.under_way.push(cleared),
            Err(refusal) => {
                self.refused.push_back(refusal);
                return true;
            }
        }
        false
    }

    /// Waits for the lease of halts, where messages are looked at and it is over: a moment ago an order was admitted by it, and both come
    /// back together.
    pub(super) async fn wait_for_lease(&self) {
        let Some(owner) = &self.owner else { return };
        let until = clock::mono().saturating_add(LEASE_WAIT_MAX);
        while owner.worker.shared.halts.gate().lease_is_over() && clock::mono() < until {
            tokio::time::sleep(LEASE_LOOK).await;
        }
    }

    /// Nothing of it waits to be written any more.
    pub(super) fn sent(&mut self) {
        self.under_way.clear();
    }

    /// Whether something was withheld of which nobody was told.
    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// All were told who could be.
    pub(super) fn told(&mut self) {
        self.refused.clear();
    }

    /// Why the first of those was.
    pub(super) fn take_refused(&mut self) -> Option<Refusal> {
        self.refused.pop_front()
    }
}
