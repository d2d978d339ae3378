//! What others say of calls, and who has said nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::Monotonic;
use countersign_halt::HaltId;
use countersign_store::{CallName, CancelAnswer};

use super::{Call, Cancels, Ticket};
use crate::halts::report::CancelPart;

/// How long what others say is read at each look: a venue that answers nothing is asked for some minutes. A node that says nothing for an
/// hour is gone, or cut off: it is listened to less often, and never forgotten.
pub(super) const READ_FOR: Duration = Duration::from_secs(3_600);

/// How often then.
const READ_SELDOM: Duration = Duration::from_secs(60);

impl Cancels {
    /// The first call of which others may still have something to say, or somebody may turn up who has to, and which is to be looked at now.
    pub(in crate::halts::cancels) fn unsettled_from(&self, now: Monotonic) -> Option<u64> {
        let book = self.book.lock();
        let is_due = |call: &Call| {
            let is_new = call.told.is_some_and(|told| now.saturating_since(told) < READ_FOR);
            is_new || call.read.is_none_or(|read| now.saturating_since(read) >= READ_SELDOM)
        };
        let gathers = |call: &Call| book.shared && call.here && call.gathers;
        let is_open = |call: &&Call| !call.gone && is_due(call) && (gathers(call) || !book.line(call).done);
        book.calls.values().filter(is_open).filter_map(|call| call.number).min()
    }

    /// What others say of the calls from a number on.
    pub(in crate::halts::cancels) fn note_answers(&self, from: u64, answers: Vec<(CancelAnswer, CancelPart)>, now: Monotonic) {
        let mut book = self.book.lock();
        let mut ours = BTreeSet::new();
        for (CancelAnswer { call, node, run, record: _ }, part) in answers {
            if run == self.run {
                ours.insert(call);
            } else if let Some(call) = book.calls.values_mut().find(|known| known.what.name() == call) {
                call.others.insert((node, run), part);
            }
        }
        for call in book.calls.values_mut().filter(|call| call.number.is_some_and(|number| number >= from)) {
            call.read = Some(now);
            // A database that lost its last commits may have lost this one.
            call.written = call.written && (call.own.is_none() || ours.contains(&call.what.name()));
        }
    }

    /// Calls of before this process for which its node is waited for: the process that should have answered is gone.
    pub(in crate::halts::cancels) fn take_unanswered(&self) -> Vec<Ticket> {
        let mut book = self.book.lock();
        let left = |(halt, call): (&HaltId, &Call)| book.is_unanswered(call).then_some(Ticket { halt: *halt, number: call.ticket });
        let left: Vec<Ticket> = book.calls.iter().filter_map(left).collect();
        for ticket in &left {
            if let Some(call) = book.call(*ticket) {
                (call.own, call.tasks) = (Some(CancelPart::default()), 1);
            }
        }
        left
    }

    /// Whether what is left of processes that are gone is still to be closed.
    pub(in crate::halts::cancels) fn is_to_close(&self) -> bool {
        !self.book.lock().closed
    }

    pub(in crate::halts::cancels) fn note_closed(&self) {
        self.book.lock().closed = true;
    }

    /// A call that nobody here can read.
    pub(in crate::halts::cancels) fn note_unreadable(&self, call: CallName, why: String) {
        self.book.lock().unreadable.push((call, why));
    }

    /// Those that were not answered yet.
    pub(in crate::halts::cancels) fn unreadable(&self) -> Vec<(CallName, String)> {
        self.book.lock().unreadable.clone()
    }

    pub(in crate::halts::cancels) fn note_refused(&self, call: &CallName) {
        self.book.lock().unreadable.retain(|(waiting, _)| waiting != call);
    }
}
