//! Sessions that come from another process while a halt is in force: whoever looked for them at either did not find them.

use std::collections::BTreeSet;

use countersign_core::{Monotonic, SessionId};
use countersign_halt::{HaltId, HaltScope};

use super::answers::READ_FOR;
use super::{Call, Cancels, Ticket};
use crate::halts::report::CancelStage;

/// What there is to do about a session that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::halts::cancels) enum TakeOn {
    /// Nothing: a venue is asked for it, or was.
    Asked,
    /// This process is about to look whom it covers, and may or may not find it; or the process before it is yet to answer.
    Later,
    /// To ask.
    Now,
}

impl Cancels {
    /// A session came into the registry from another process: whoever looked for it there, or here before, did not find it.
    pub(crate) fn note_arrived(&self, session: SessionId) {
        self.book.lock().arrived.insert(session);
        self.look();
    }

    /// To be looked at again, with the next look.
    pub(in crate::halts::cancels) fn keep_arrived(&self, session: SessionId) {
        self.book.lock().arrived.insert(session);
    }

    /// Sessions that came.
    pub(in crate::halts::cancels) fn take_arrived(&self) -> BTreeSet<SessionId> {
        std::mem::take(&mut self.book.lock().arrived)
    }

    /// Calls of the last hour: what is older was carried out long before a session moved.
    pub(in crate::halts::cancels) fn recent(&self, now: Monotonic) -> Vec<(Ticket, HaltScope)> {
        let book = self.book.lock();
        let is_recent = |call: &&Call| call.told.is_none_or(|told| now.saturating_since(told) < READ_FOR);
        let named = |(halt, call): (&HaltId, &Call)| (Ticket { halt: *halt, number: call.ticket }, call.what.scope.clone());
        book.calls.iter().filter(|(_, call)| is_recent(call)).map(named).collect()
    }

    /// Takes on a session that came, unless a venue was asked for it.
    pub(in crate::halts::cancels) fn take_on(&self, ticket: Ticket, session: SessionId) -> TakeOn {
        let mut book = self.book.lock();
        // Else the part that begins here hides that the process before this one never answered.
        if book.calls.get(&ticket.halt).is_some_and(|call| call.ticket == ticket.number && book.is_unanswered(call)) {
            return TakeOn::Later;
        }
        let Some(call) = book.call(ticket) else { return TakeOn::Asked };
        if call.own.as_ref().is_some_and(|part| part.stage == CancelStage::Waiting) {
            return TakeOn::Later;
        }
        let name = session.to_string();
        if call.sessions.contains(&session) || call.others.values().any(|part| part.sessions.contains(&name)) {
            return TakeOn::Asked;
        }
        call.sessions.insert(session);
        (call.tasks, call.written) = (call.tasks + 1, false);
        let part = call.own.get_or_insert_default();
        (part.stage, part.asked) = (CancelStage::Asking, part.asked + 1);
        TakeOn::Now
    }
}
