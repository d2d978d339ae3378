//! A resume was read and its ticket opened; the shell has the proof verified and asks the session.

use std::sync::Arc;

use countersign_core::presented::SignedBytes;
use countersign_core::{Entropy, Monotonic, Now, PresentedResumption, Purpose, Refusal, Reject, SessionId, Timestamp, VerifiedIdentity};

use super::countersign::Grant;
use super::{Established, ServerConfig, TokenContext};
use crate::contract::Contract;
use crate::label;
use crate::limits;
use crate::resume::{Resume, proof_key};
use crate::secret_text::SecretText;
use crate::ticket::Ticket;
use crate::token::Token;
use crate::transcript::{PayloadHash, Transcript};
use crate::welcome::{Gap, Numbers};

/// Waits for the verdict on the proof, and for the session.
#[derive(Debug)]
#[must_use]
pub struct AwaitResumption {
    config: Arc<ServerConfig>,
    resume: Resume,
    ticket: Ticket,
    t0: Transcript,
    t1: Transcript,
    presented: PresentedResumption,
    held_bytes: usize,
    deadline: Monotonic,
}

/// What the session says when it is taken up again.
#[derive(Clone, Debug)]
pub struct Continuation {
    /// The contract it was opened with, unchanged.
    pub contract: Contract,
    /// The generation of the ticket to give (session crate, `Generations`).
    pub generation: u64,
    /// Where both sides stand.
    pub seq: Numbers,
    /// What the client missed.
    pub gap: Option<Gap>,
    /// The end of the session's life, as when it began.
    pub until: Timestamp,
}

impl AwaitResumption {
    pub(super) fn new(config: Arc<ServerConfig>, resume: Resume, ticket: Ticket, start: Transcript, token: &Token, now: Now) -> Self {
        let payload = PayloadHash::of(&token.payload);
        // HS-81
        let presented = PresentedResumption {
            credential: ticket.credential.clone(),
            key_id: ticket.key_id.clone(),
            key: proof_key(&ticket.secret),
            signed: SignedBytes::from_piece(start.proof_input_hashed(&label::RESUME, &payload).to_vec()),
            mac: token.proof.clone(),
        };
        let deadline = now.mono.saturating_add(limits::DECISION_DEADLINE);
        Self { config, resume, ticket, t0: start, t1: start.then_hashed(&payload), presented, held_bytes: 0, deadline }
    }

    /// What `countersign_core::verify_resumption` judges; look the key up by `(Purpose::Native, presented.key_id)`.
    #[must_use]
    pub const fn presented(&self) -> &PresentedResumption {
        &self.presented
    }

    /// The session to take up, as the ticket has it. Ask it only after the proof.
    #[must_use]
    pub const fn sid(&self) -> SessionId {
        self.ticket.sid
    }

    /// Which of the session's tickets was shown.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.ticket.generation
    }

    /// The authority that the client dialled. Not believed before the proof.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.resume.host
    }

    /// Where the client stands: `rx` is the next number it expects, `tx` its own next number. Not believed before the proof.
    #[must_use]
    pub const fn numbers(&self) -> Numbers {
        Numbers { rx: self.resume.rx, tx: self.resume.tx }
    }

    /// Counts a frame that arrived behind the resume; the shell holds it until the welcome is sent.
    ///
    /// # Errors
    /// As [`super::AwaitVerification::hold`].
    pub fn hold(&mut self, frame_bytes: usize) -> Result<(), Refusal> {
        // HS-37
        if !self.resume.pipe {
            return Err(Reject::UnexpectedMessage.into());
        }
        self.held_bytes = self.held_bytes.saturating_add(frame_bytes);
        if self.held_bytes > limits::PIPELINED_BYTES_MAX { Err(Reject::TooLarge.into()) } else { Ok(()) }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Monotonic> {
        Some(self.deadline)
    }

    /// Whether the decision took too long.
    ///
    /// # Errors
    /// [`Reject::Busy`]: it is not the client's fault.
    pub fn handle_timeout(&self, now: Now) -> Result<(), Refusal> {
        if now.mono >= self.deadline { Err(Reject::Busy.into()) } else { Ok(()) }
    }

    /// Whether a verified identity may ask the session at all: it is the ticket's, and the channel is bound as the contract says.
    ///
    /// # Errors
    /// [`Reject::Internal`] when the identity is another than presented, [`Reject::BindingTooWeak`] for another binding than that of
    /// the session or one below the key's minimum as of now.
    pub fn check_identity(&self, identity: &VerifiedIdentity) -> Result<(), Refusal> {
        let same = identity.purpose() == Purpose::Native
            && *identity.key_id() == self.ticket.key_id
            && identity.credential().id == self.ticket.credential;
        if !same {
            return Err(Refusal::operator(Reject::Internal, "the verified identity is not the one presented"));
        }
        // HS-83
        if self.resume.bind != self.ticket.bind {
            return Err(Refusal::operator(Reject::BindingTooWeak, "another binding than that of the session"));
        }
        if self.resume.bind < identity.credential().min_bind {
            return Err(Refusal::operator(Reject::BindingTooWeak, "below the minimum of this key"));
        }
        Ok(())
    }

    /// Countersigns the contract again, over the new channel.
    ///
    /// # Errors
    /// As [`Self::check_identity`]; [`Reject::Busy`] after the deadline, [`Reject::SessionExpired`] at the end of the session's
    /// life, what `mint` refuses, and [`Reject::Internal`] when our key cannot sign.
    pub fn conclude(
        self,
        identity: VerifiedIdentity,
        continuation: Continuation,
        mint: impl FnOnce(&TokenContext<'_>) -> Result<SecretText, Refusal>,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<Established, Refusal> {
        self.handle_timeout(now)?;
        self.check_identity(&identity)?;
        let Continuation { contract, generation, seq, gap, until } = continuation;
        if now.wall >= until {
            return Err(Reject::SessionExpired.into());
        }
        // HS-86
        let grant = Grant {
            config: &self.config,
            identity,
            sid: self.ticket.sid,
            contract,
            t0: self.t0,
            t1: self.t1,
            gw: &self.resume.gw,
            pipe: self.resume.pipe,
            seq,
            gap,
            generation,
            until,
        };
        grant.establish(mint, entropy, now)
    }
}
