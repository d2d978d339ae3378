//! A session that another node served until it died, or until its client came here.
//!
//! What that node was about to say is lost with it, and nobody knows whether it was anything: an answer that the upstream gave to a node
//! that was gone, a fill. So one number is left out. The client is told when it is back that this number is lost, as it is of every message
//! that nobody has any more, and looks at its orders (HS-88).
//!
//! A session that came to rest before it went has nothing under way, and no number is left out (HS-132).

use countersign_core::{Monotonic, Now};

use super::{Keeping, Kept, SessionMachine, Side, State};
use crate::sequence::Sequence;

/// Where another node left a session.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The next number expected of the client.
    pub rx: u64,
    /// The next number of ours.
    pub tx: u64,
    /// The first number of ours that the client has not acknowledged.
    pub acked: u64,
    /// Whether it had come to rest: every answer that was due is among what is kept.
    pub at_rest: bool,
    /// What is kept: since when, number, whether it has one of its own, text.
    pub kept: Vec<(Monotonic, u64, bool, String)>,
}

impl SessionMachine {
    /// The gateway's side of a session, as another node left it: nobody is there. `life` is what is left of it, `keeping` as its
    /// contract says.
    #[must_use]
    pub fn restored(heartbeat: std::time::Duration, life: std::time::Duration, keeping: Option<Keeping>, from: Restored, now: Now) -> Self {
        let mut machine = Self::new(Side::Server, heartbeat, life, now);
        machine.kept = keeping.map_or_else(Kept::default, Kept::new);
        machine.received = Sequence::from_next(from.rx);
        // A client that said nothing was not answered: nothing was under way to it.
        let hole = u64::from(from.rx > 1 && !from.at_rest);
        machine.next_out = from.tx.max(1) + hole;
        machine.peer_expects = from.acked.max(1);
        for (at, s, numbered, text) in from.kept {
            if numbered { machine.kept.message(s, &text, at) } else { machine.kept.unnumbered(s, &text, at) }
        }
        machine.state = State::Away;
        machine
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_core::Timestamp;

    use super::*;

    fn next_of(rx: u64, at_rest: bool) -> u64 {
        let now = Now { wall: Timestamp::from_millis(1_000), mono: Monotonic::from_micros(1) };
        let from = Restored { rx, tx: 5, acked: 1, at_rest, kept: Vec::new() };
        SessionMachine::restored(Duration::from_secs(5), Duration::from_secs(60), None, from, now).standing().tx
    }

    #[test]
    fn a_number_is_left_out_where_an_answer_may_have_been_lost() {
        // HS-132
        assert_eq!([next_of(3, false), next_of(3, true)], [6, 5]);
        assert_eq!([next_of(1, false), next_of(1, true)], [5, 5], "nothing was asked");
    }
}
