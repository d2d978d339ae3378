//! What the machine tells the shell, and the two ends of a session.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::frame::Range;
use crate::limits;

/// Which end this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The trading program.
    Client,
    /// The gateway.
    Server,
}

impl Side {
    /// Longest frame this end accepts, in bytes.
    #[must_use]
    pub const fn frame_bytes_max(self) -> usize {
        match self {
            Self::Client => limits::SERVER_FRAME_BYTES_MAX,
            Self::Server => limits::CLIENT_FRAME_BYTES_MAX,
        }
    }
}

/// What a frame means to the shell.
#[derive(Debug)]
#[must_use]
pub enum Event<'f> {
    /// The peer ended the session; nothing follows.
    Bye {
        /// Why.
        code: String,
        /// Messages that the peer sent and we never received; nobody sends them any more. Ask for the state of what they told of.
        missed: Option<Range>,
    },
    /// Act on this body.
    Deliver {
        /// The peer's number of it.
        s: u64,
        /// The contract hash, on a client's first message in place of `ready`.
        ch: Option<String>,
        /// The body, as received.
        d: &'f RawValue,
        /// Messages before it that were lost; the peer was told that they are not applied.
        missed: Option<Range>,
    },
    /// The gateway's node leaves; connect again within the time.
    Drain {
        /// The time left.
        by: Duration,
        /// Where else to go.
        to: Vec<String>,
    },
    /// A halt covers the client; it takes the place of the one before.
    Halt {
        /// Its name.
        id: String,
        /// What it stops.
        action: String,
        /// Why.
        reason: String,
    },
    /// No halt covers the client any more.
    Lift,
    /// The gateway refused something: the member `err`, as received.
    Err(&'f RawValue),
    /// Messages of the peer that we missed and nobody has any more: ask for the state of what they told of.
    Lost(Range),
    /// The peer did not apply these messages of ours. Never sent again by this crate: the application decides.
    NotApplied(Range),
    /// The gateway's nonce, for a re-authentication.
    Nonce(String),
    /// The client asks for a nonce.
    NonceAsked,
    /// Nothing to do.
    Nothing,
    /// The client proves itself again: the token, for the handshake's `Renewable`.
    Reauth(String),
    /// The gateway grants anew: token and secrets text, for the handshake's `ClientSession`.
    Regrant {
        /// The token.
        token: String,
        /// The secrets text.
        sec: String,
    },
    /// The client confirms the contract; ask the handshake's `AwaitReady`.
    Ready(String),
    /// The gateway sheds load; the connection ends.
    Busy {
        /// Come back after this.
        retry: Duration,
    },
}

/// What a deadline means to the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Liveness {
    /// All is well; send what [`SessionMachine::poll_transmit`](super::SessionMachine::poll_transmit) has.
    Alive,
    /// The peer was silent for two intervals: close, without a word.
    Dead,
    /// The session reached the end of its life: send `bye`, close.
    Expired,
}

/// Where one side stands: its own next number, and the next it expects of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The next number it expects.
    pub rx: u64,
    /// Its own next number.
    pub tx: u64,
}
