//! Numbers of calls, as the store has them: a server that took over may have lost the last ones, and gives their numbers out again.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_core::Monotonic;
use countersign_halt::HaltId;
use countersign_store::CallName;

use super::{Book, Call, Cancels, KEPT_MAX, Ticket};

/// How long the process where a call was said has to tell it again: it looks four times a second, and a server that has just taken over
/// answers slowly. Who has not by then is gone.
pub(super) const TOLD_AGAIN_WITHIN: Duration = Duration::from_secs(5);

impl Cancels {
    /// All calls that the store has. What was said here and was lost there is to be told again; what others said is there again when they
    /// have, and what comes of it here is written again then. Those that nobody tells again, each once: what becomes of them nobody can
    /// read, and who has not heard of them asks nobody.
    pub(in crate::halts::cancels) fn note_calls(&self, present: &BTreeMap<CallName, u64>, now: Monotonic) -> Vec<HaltId> {
        let mut book = self.book.lock();
        let oldest = present.values().max().map_or(0, |last| (last + 1).saturating_sub(KEPT_MAX as u64));
        let mut untold = Vec::new();
        for (halt, call) in &mut book.calls {
            match (present.get(&call.what.name()), call.number) {
                (Some(number), former) if call.gone || former != Some(*number) => {
                    (call.number, call.gone, call.written) = (Some(*number), false, false);
                    (call.missed, call.lost) = (None, false);
                }
                (None, Some(number)) if !call.gone => {
                    call.gone = true;
                    // What is older than those that the store keeps is forgotten, not lost.
                    if number < oldest {
                        continue;
                    }
                    if call.here && call.what.run == self.run {
                        (call.number, call.written) = (None, false);
                        untold.push((Ticket { halt: *halt, number: call.ticket }, call.what.clone()));
                    } else {
                        call.missed = Some(now);
                    }
                }
                (Some(_) | None, _) => {}
            }
        }
        book.untold.extend(untold);
        book.note_lost(now)
    }
}

impl Book {
    /// Calls that were to be told again and were not, each once. One that all had answered needs nobody any more.
    fn note_lost(&mut self, now: Monotonic) -> Vec<HaltId> {
        let is_late = |call: &Call| call.missed.is_some_and(|since| now.saturating_since(since) >= TOLD_AGAIN_WITHIN);
        let is_new = |call: &Call| !call.lost && is_late(call) && !self.line(call).done;
        let lost: Vec<HaltId> = self.calls.iter().filter(|(_, call)| is_new(call)).map(|(halt, _)| *halt).collect();
        for (_, call) in self.calls.iter_mut().filter(|(halt, _)| lost.contains(halt)) {
            call.lost = true;
        }
        lost
    }
}
