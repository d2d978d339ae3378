//! What an open session tells its caller.

use std::time::Duration;

use countersign_session::frame::Range;

/// What the gateway says on an open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The connection is gone, for this reason; the session is being resumed.
    Away(String),
    /// The node leaves within this time. A session that can be resumed moves by itself, and [`Incoming::Resumed`] says so.
    Drain(Duration),
    /// Messages that nobody has any more: ask for the state of what they told of.
    Lost {
        /// The number of the first.
        from: u64,
        /// How many.
        count: u64,
    },
    /// A halt covers this client: its name, what it stops, why.
    Halt {
        /// Its name.
        id: String,
        /// What it stops.
        action: String,
        /// Why, as a code.
        reason: String,
    },
    /// No halt covers this client any more.
    Lift,
    /// A message body (JSON), as received.
    Message(String),
    /// These messages of ours were not applied; never sent again by this crate.
    NotApplied {
        /// The number of the first.
        from: u64,
        /// How many.
        count: u64,
    },
    /// The gateway refused something; the member `err` (JSON), as received.
    Refused(String),
    /// The contract was signed anew ([`Session::agreed`](super::Session::agreed)): scopes or life changed.
    Regranted {
        /// Whether we asked for it. If not, scopes were taken away.
        asked: bool,
    },
    /// We asked for the contract to be signed anew and were refused: the member `err` (JSON), as received. The session goes on.
    RegrantRefused(String),
    /// The session goes on on a new connection. What was missed follows as messages.
    Resumed(Box<Resumed>),
}

/// How a session was resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// Connections tried, the last one included.
    pub attempts: u32,
    /// From the loss to the welcome.
    pub took: Duration,
    /// Messages of the gateway that follow because we missed them.
    pub replayed: u64,
    /// Messages of ours that were never applied: the first, and how many. Whether they are still wanted is for the caller.
    pub not_applied: Option<(u64, u64)>,
    /// Messages of the gateway that are gone: the first, and how many.
    pub lost: Option<(u64, u64)>,
}

/// What the peer's `bye` says, with what it sent and never arrived.
pub(super) fn end_of(code: String, missed: Option<Range>) -> String {
    match missed {
        None => code,
        Some(Range { from, count }) => {
            format!("{code}; {count} messages from number {from} on never arrived: ask for the state of your orders")
        }
    }
}
