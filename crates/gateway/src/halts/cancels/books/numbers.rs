//! Numbers of calls, as the store has them: a server that took over may have lost the last ones, and gives their numbers out again.

use std::collections::BTreeMap;

use countersign_store::CallName;

use super::{Cancels, KEPT_MAX, Ticket};

impl Cancels {
    /// All calls that the store has. What was said here and was lost there is to be told again; what others said is there again when they
    /// have, and what comes of it here is written again then.
    pub(in crate::halts::cancels) fn note_calls(&self, present: &BTreeMap<CallName, u64>) {
        let mut book = self.book.lock();
        let oldest = present.values().max().map_or(0, |last| (last + 1).saturating_sub(KEPT_MAX as u64));
        let mut lost = Vec::new();
        for (halt, call) in &mut book.calls {
            match (present.get(&call.what.name()), call.number) {
                (Some(number), former) if call.gone || former != Some(*number) => {
                    (call.number, call.gone, call.written) = (Some(*number), false, false);
                }
                (None, Some(number)) if !call.gone => {
                    call.gone = true;
                    // What is older than those that the store keeps is forgotten, not lost.
                    if call.here && call.what.run == self.run && number >= oldest {
                        (call.number, call.written) = (None, false);
                        lost.push((Ticket { halt: *halt, number: call.ticket }, call.what.clone()));
                    }
                }
                (Some(_) | None, _) => {}
            }
        }
        book.untold.extend(lost);
    }
}
