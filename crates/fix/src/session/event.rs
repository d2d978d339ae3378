//! What a session tells its shell.

use crate::framer::Garble;
use crate::message::{FieldFault, Message};
use crate::session::presented_logon::PresentedLogon;
use crate::store::StoreError;

/// An application message, accepted and counted.
#[derive(Clone, PartialEq, Eq)]
pub struct ApplicationMessage {
    frame: Vec<u8>,
    seq: u64,
    poss_dup: bool,
    poss_resend: bool,
}

impl ApplicationMessage {
    pub(super) fn new(message: &Message<'_>, seq: u64, poss_dup: bool, poss_resend: bool) -> Self {
        Self { frame: message.frame().to_vec(), seq, poss_dup, poss_resend }
    }

    /// The message; its bytes are those received.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.frame).expect("only a message that was read without a fault is delivered")
    }

    /// Its MsgSeqNum.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// PossDupFlag: sent before under this number; the session did not see it.
    #[must_use]
    pub const fn poss_dup(&self) -> bool {
        self.poss_dup
    }

    /// PossResend: its content may have been sent before under another number. Only the application can tell.
    #[must_use]
    pub const fn poss_resend(&self) -> bool {
        self.poss_resend
    }
}

impl std::fmt::Debug for ApplicationMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let msg_type = String::from_utf8_lossy(self.message().msg_type()).into_owned();
        write!(
            f,
            "ApplicationMessage {{ type: {msg_type}, seq: {}, poss_dup: {}, poss_resend: {} }}",
            self.seq, self.poss_dup, self.poss_resend
        )
    }
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// A CompID, BeginString or form that no Logon here has; nothing was answered.
    NotLogon,
    /// The peer sent more than is held while its Logon is verified.
    HeldTooMuch,
    /// Both sides said Logout.
    LoggedOut,
    /// The peer broke the rules of the session and was told so.
    Protocol(&'static str),
    /// The Logon was refused: by the shell, or by the peer.
    Refused,
    /// The peer does not read what is sent to it.
    SlowConsumer,
    /// The store failed; what cannot be recorded is not sent.
    Store(StoreError),
    /// Silence for 2.4 heartbeat intervals.
    TimedOut,
    /// No Logon, no verdict, or no Logout in time.
    TimedOutWaiting,
    /// More garbled messages than a working connection has.
    TooManyGarbled,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Act on this message.
    Application(ApplicationMessage),
    /// Send what is left, then close the connection.
    Disconnect(DisconnectReason),
    /// A message was ignored because it was garbled.
    Garbled(Garble),
    /// Numbers are missing: a ResendRequest was sent, or NextExpectedMsgSeqNum told the peer.
    GapFound {
        /// The first missing.
        expected: u64,
        /// The number received in its place.
        received: u64,
    },
    /// The session is open. For an initiator: with the acceptor's Logon.
    LoggedOn(Option<PresentedLogon>),
    /// The peer sent a Logout.
    LogoutReceived {
        /// Its Text.
        text: Option<String>,
        /// The message as received: venues let their clients say more in it.
        frame: Vec<u8>,
    },
    /// A Logon asks to be verified.
    LogonPresented(PresentedLogon),
    /// The peer rejected a message of ours at session level.
    RejectReceived {
        /// RefSeqNum.
        ref_seq: u64,
        /// SessionRejectReason.
        reason: Option<u64>,
        /// Text.
        text: Option<String>,
    },
    /// We rejected a message of the peer at session level.
    RejectSent {
        /// Its number.
        ref_seq: u64,
        /// Why.
        fault: FieldFault,
    },
    /// The peer asked for messages again.
    ResendRequested {
        /// From this number on.
        begin: u64,
        /// Up to this one, with the open end replaced by the last message sent.
        end: u64,
    },
    /// The store no longer has all of the messages asked for; a gap fill took their place.
    ResendIncomplete {
        /// The first number it is not sure of.
        begin: u64,
        /// The last.
        end: u64,
    },
    /// The peer asked for a message again that the shell withholds; a gap fill took its place ([`Session::poll_transmit_unless`]).
    ///
    /// [`Session::poll_transmit_unless`]: crate::Session::poll_transmit_unless
    ResendWithheld {
        /// Its number.
        seq: u64,
        /// The message as it was sent first.
        frame: Vec<u8>,
    },
    /// The peer moved the expected number with SequenceReset.
    SequenceMoved {
        /// It was expected before.
        from: u64,
        /// It is expected now.
        to: u64,
        /// Gap fill, or reset: the second gives messages up.
        gap_fill: bool,
    },
    /// Both sequence numbers were set to 1 by ResetSeqNumFlag.
    SequencesReset,
}
