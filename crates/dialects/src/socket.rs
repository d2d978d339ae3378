//! A venue's WebSocket: a machine per connection says what happens to each frame; the shell does it.
//!
//! ```text
//!   text ─▶ handle_text ─┬─ Reply ───────────────────────────────────────────────▶ client
//!                        ├─ Verify ──▶ core::verify ───────┐
//!                        ├─ VerifyToken ─▶ core::verify_token ─┴─▶ conclude ─▶ any of these again, but Verify
//!                        ├─ Forward ─▶ route of the message ─▶ permit ─▶ charge ─▶ audit ─▶ upstream
//!                        └─ Close
//! ```
//!
//! The machine keeps who is logged in. It never verifies, never looks a key up, has no clock and no randomness: what it needs of
//! those comes in as an argument or through the [`Desk`]. A frame that is refused changes nothing.

use countersign_core::{AccountId, Monotonic, Now, Presented, Purpose, Refusal, Timestamp, Token, TokenKind, VerifiedIdentity};
use smallvec::{SmallVec, smallvec};

/// What only the shell has: randomness, the key of the tokens, the name we are called by.
pub trait Desk {
    /// The text of a token.
    fn seal(&mut self, token: &Token) -> String;

    /// Reads a token of ours.
    ///
    /// # Errors
    /// As [`countersign_core::TokenSealer::open`].
    fn open(&self, text: &str, kind: TokenKind, purpose: Purpose, now: Timestamp) -> Result<Token, Refusal>;

    /// 16 random bytes.
    fn random(&mut self) -> [u8; 16];

    /// The authority that the client dialled, with the port unless it is 443.
    fn authority(&self) -> &str;

    /// What binds to this connection: the TLS exporter value, where there is one.
    fn channel(&self) -> Option<[u8; 32]>;

    /// Whether new connections of an account cancel its orders when they are lost, as it said by a [`CancelOnDisconnect`].
    fn cancels_on_disconnect(&self, _account: &AccountId) -> bool {
        false
    }
}

/// What an account wants of all its new connections.
#[derive(Clone, Debug)]
pub struct CancelOnDisconnect {
    /// The kind of the message that says it, as the dialect's [`MessageRoute`](crate::routes::MessageRoute)s name it.
    pub message: &'static str,
    /// Who says it, for its account.
    pub identity: VerifiedIdentity,
    /// Whether they cancel its orders when they are lost.
    pub enabled: bool,
}

/// How a socket was opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'o> {
    /// Path and query of the handshake, as sent.
    pub target: &'o str,
    /// Both clocks.
    pub now: Now,
    /// A challenge that counts as issued on this connection: only recorded requests have one.
    pub issued_challenge: Option<&'o str>,
}

impl<'o> Opening<'o> {
    /// The target up to the first `?`.
    #[must_use]
    pub fn path(&self) -> &'o str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }

    /// The raw value of a query parameter, if it is there exactly once.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&'o str> {
        let (_, query) = self.target.split_once('?')?;
        let mut values = query.split('&').filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value),
            (_, _) => None,
        }
    }
}

/// A frame to pass on.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Its kind, as the dialect's [`MessageRoute`](crate::routes::MessageRoute)s name it.
    pub message: &'static str,
    /// Under whose name; `None`: nobody's, it is about public data.
    pub identity: Option<VerifiedIdentity>,
    /// What it is to be checked again before it is passed on.
    pub freshness: countersign_core::Freshness,
    /// What goes out; `None`: the frame as received.
    pub text: Option<String>,
    /// What the client gets before.
    pub reply: Option<String>,
}

impl Forward {
    /// The frame as received, about public data.
    #[must_use]
    pub const fn public(message: &'static str) -> Self {
        Self { message, identity: None, freshness: countersign_core::Freshness::Channel, text: None, reply: None }
    }

    /// The frame as received, under this identity.
    #[must_use]
    pub const fn as_identity(message: &'static str, identity: VerifiedIdentity) -> Self {
        Self { message, identity: Some(identity), freshness: countersign_core::Freshness::Channel, text: None, reply: None }
    }
}

/// What happens to a frame.
#[derive(Debug)]
#[must_use]
#[expect(clippy::large_enum_variant, reason = "made once per frame and taken apart at once; a box would cost an allocation")]
pub enum Step<'f> {
    /// Send this, then end the connection with this code and reason (RFC 6455, 7.4).
    Close {
        /// What the client gets before.
        reply: Option<String>,
        /// Close code.
        code: u16,
        /// Close reason.
        reason: &'static str,
    },
    /// Pass it on.
    Forward(Forward),
    /// Send these, one frame each; nothing is forwarded. None at all: the frame is dropped.
    Reply(SmallVec<[String; 1]>),
    /// The frame is refused: this goes on record, and the client gets the reply.
    Refuse {
        /// Why.
        refusal: Refusal,
        /// In the venue's words.
        reply: String,
        /// Whether the connection ends with it.
        close: bool,
    },
    /// Look the key up, verify, and hand the result to [`DialectSocket::conclude`].
    Verify(Presented<'f>),
    /// Look the credential of this token up, verify, and hand the result to [`DialectSocket::conclude`].
    VerifyToken(Token),
}

impl Step<'_> {
    /// One reply.
    pub fn reply(text: impl Into<String>) -> Self {
        Self::Reply(smallvec![text.into()])
    }

    /// Nothing.
    pub fn ignore() -> Self {
        Self::Reply(SmallVec::new())
    }
}

/// What becomes of a text that the venue sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downstream {
    /// It stays here.
    Drop,
    /// It goes to the client as it is.
    Pass,
    /// This goes to the client instead.
    Replace(String),
}

/// The state of one connection.
pub trait DialectSocket: Send {
    /// What the client gets first, before it sent anything; or what its handshake asks for, which may be to verify a proof.
    fn greet(&mut self, _now: Timestamp, _desk: &mut dyn Desk) -> Step<'static> {
        Step::ignore()
    }

    /// Takes a text frame of the client.
    fn handle_text<'f>(&mut self, text: &'f str, now: Timestamp, desk: &mut dyn Desk) -> Step<'f>;

    /// The other reading of the proof that the last step asked to verify, where a signature can be over one of two texts: for when
    /// nobody has the key that the first one names, if signatures name their keys; otherwise both name one key, and it is for when the
    /// first one is not proved.
    fn take_other_reading(&mut self) -> Option<Presented<'static>> {
        None
    }

    /// What is to be kept for the account before the reply of the last step goes out; where it cannot be, [`Self::refuse`] says so instead.
    fn take_cancel_on_disconnect(&mut self) -> Option<CancelOnDisconnect> {
        None
    }

    /// Takes the result of the verification that the last step asked for. Never answers with [`Step::Verify`].
    fn conclude(&mut self, result: Result<VerifiedIdentity, Refusal>, now: Timestamp, desk: &mut dyn Desk) -> Step<'static>;

    /// The venue's words for a refusal of the frame that was to be forwarded last: scope, rate, a venue that does not answer.
    fn refuse(&mut self, refusal: &Refusal, now: Timestamp) -> String;

    /// Takes a text of the venue, which comes on the upstream connection of one identity (or of nobody).
    fn handle_upstream(&mut self, _whose: Option<&VerifiedIdentity>, _text: &str, _now: Timestamp) -> Downstream {
        Downstream::Pass
    }

    /// Who is logged in on the connection as a whole, if anybody. The shell asks again and again whether that may still be.
    fn identity(&self) -> Option<&VerifiedIdentity>;

    /// When [`Self::handle_timeout`] wants to be called.
    fn poll_timeout(&self) -> Option<Monotonic> {
        None
    }

    /// The client is gone without a goodbye: what is to be passed on in its name now, in this order. The answers go nowhere. Asked
    /// again with each answer that comes as long as [`Self::awaits_answers`], and a last time, with `waited`, when none comes any more.
    fn unclean_end(&mut self, _waited: bool) -> Vec<Forward> {
        Vec::new()
    }

    /// Whether what is to be passed on in the name of a client that is gone depends on answers which the venue owes.
    fn awaits_answers(&self) -> bool {
        false
    }

    /// Time went by: heartbeats, silence.
    fn handle_timeout(&mut self, _now: Now) -> Step<'static> {
        Step::ignore()
    }
}
