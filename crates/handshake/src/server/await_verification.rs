//! A hello was read; the shell looks the key up and has it verified.

use std::sync::Arc;

use countersign_core::{Detail, Entropy, Monotonic, Now, Presented, Purpose, Refusal, Reject, SessionId, VerifiedIdentity};

use super::countersign::Grant;
use super::{Established, ServerConfig, TokenContext};
use crate::hello::Hello;
use crate::limits;
use crate::negotiate::{Entitlements, negotiate};
use crate::secret_text::SecretText;
use crate::transcript::{PayloadHash, Transcript};
use crate::welcome::Numbers;

/// Waits for the verdict on the presented proof.
#[derive(Debug)]
#[must_use]
pub struct AwaitVerification {
    config: Arc<ServerConfig>,
    hello: Hello,
    channel_value: Transcript,
    t1: Transcript,
    presented: Presented<'static>,
    held_bytes: usize,
    deadline: Monotonic,
}

impl AwaitVerification {
    pub(super) fn new(
        config: Arc<ServerConfig>,
        hello: Hello,
        channel_value: Transcript,
        payload: &PayloadHash,
        presented: Presented<'static>,
        now: Now,
    ) -> Self {
        let deadline = now.mono.saturating_add(limits::DECISION_DEADLINE);
        Self { config, hello, channel_value, t1: channel_value.then_hashed(payload), presented, held_bytes: 0, deadline }
    }

    /// What `countersign_core::verify` judges; look the key up by `(presented.purpose, presented.key_id)`.
    #[must_use]
    pub const fn presented(&self) -> &Presented<'static> {
        &self.presented
    }

    /// What the client offered. Not believed before the proof.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Counts a frame that arrived behind the hello; the shell holds it until the welcome is sent.
    ///
    /// # Errors
    /// [`Reject::UnexpectedMessage`] when the hello did not announce any, [`Reject::TooLarge`] above
    /// [`limits::PIPELINED_BYTES_MAX`].
    pub fn hold(&mut self, frame_bytes: usize) -> Result<(), Refusal> {
        // HS-37
        if !self.hello.pipe {
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

    /// Turns proof into contract. `entitlements` may narrow what the credential has, never widen it. `mint` makes the access token; it is called once, when all else is decided.
    ///
    /// # Errors
    /// [`Reject::Busy`] after the deadline, [`Reject::BindingTooWeak`] below the key's own minimum, [`Reject::NeedUnmet`] with names, what `mint` refuses, and
    /// [`Reject::Internal`] when the identity is another than presented or our key cannot sign.
    pub fn conclude(
        self,
        identity: VerifiedIdentity,
        entitlements: &Entitlements,
        mint: impl FnOnce(&TokenContext<'_>) -> Result<SecretText, Refusal>,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<Established, Refusal> {
        self.handle_timeout(now)?;
        self.check_identity(&identity)?;
        let entitlements = Entitlements::of(identity.credential(), now.wall).narrowed_by(entitlements);
        let contract = negotiate(&self.hello.offer, &entitlements, &self.config.policy)
            .map_err(|unmet| Refusal::with(Reject::NeedUnmet, Detail::Names(unmet.names)))?;
        let until = now.wall.saturating_add(contract.life());
        let grant = Grant {
            config: &self.config,
            identity,
            sid: SessionId::random(entropy),
            contract,
            t0: self.channel_value,
            t1: self.t1,
            gw: &self.hello.gw,
            pipe: self.hello.pipe,
            seq: Numbers::START,
            gap: None,
            generation: 1,
            until,
        };
        grant.establish(mint, entropy, now)
    }

    fn check_identity(&self, identity: &VerifiedIdentity) -> Result<(), Refusal> {
        if identity.purpose() != Purpose::Native || *identity.key_id() != self.presented.key_id {
            return Err(Refusal::operator(Reject::Internal, "the verified identity is not the one presented"));
        }
        // HS-28: the key's own minimum, after the proof, so that it tells nothing to strangers.
        if self.hello.offer.bind < identity.credential().min_bind {
            return Err(Refusal::operator(Reject::BindingTooWeak, "below the minimum of this key"));
        }
        Ok(())
    }
}
