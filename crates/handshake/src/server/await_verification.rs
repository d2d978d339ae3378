//! A hello was read; the shell looks the key up and has it verified.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Algorithm, Binding, Detail, Entropy, Monotonic, Now, Presented, Purpose, Refusal, Reject, Secret, SessionId, Timestamp,
    VerifiedIdentity,
};

use super::{AwaitReady, ServerConfig};
use crate::contract::Contract;
use crate::frame;
use crate::hello::Hello;
use crate::label;
use crate::limits;
use crate::negotiate::{Entitlements, negotiate};
use crate::secret_text::SecretText;
use crate::secrets::SessionSecrets;
use crate::signing_key::Signer as _;
use crate::token::{Kind, Token};
use crate::transcript::{ContractHash, Transcript, sha256};
use crate::welcome::Welcome;

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

/// What an access token is minted from. It cannot name the contract hash, because the contract covers the token: it names the
/// session and T1, the hash of channel and offer (HS-57).
#[derive(Clone, Copy, Debug)]
pub struct TokenContext<'c> {
    /// Who.
    pub identity: &'c VerifiedIdentity,
    /// The session.
    pub sid: SessionId,
    /// T1: channel and offer.
    pub t1: &'c Transcript,
    /// SHA-256 of the channel value T0, for tokens that are good on one connection only.
    pub channel_hash: [u8; 32],
    /// What was granted.
    pub contract: &'c Contract,
    /// From when.
    pub issued_at: Timestamp,
    /// For how long.
    pub life: Duration,
}

/// A session: send the welcome, then let traffic pass as the contract says.
#[derive(Debug)]
#[must_use]
pub struct Established {
    /// The session.
    pub sid: SessionId,
    /// The contract hash.
    pub ch: ContractHash,
    /// T1: channel and offer, as in the access token.
    pub t1: Transcript,
    /// Who.
    pub identity: VerifiedIdentity,
    /// The key's algorithm.
    pub alg: Algorithm,
    /// What was agreed.
    pub contract: Contract,
    /// Whether the client announced messages behind its hello.
    pub pipe: bool,
    /// The welcome token: header `Countersign-Welcome`.
    pub welcome: String,
    /// The secrets text: header `Countersign-Secret` through [`crate::frame::secret_header`].
    pub sec: SecretText,
    /// The session secret `rk`; none in `chl` sessions.
    pub session_secret: Option<Secret>,
    /// The next state.
    pub await_ready: AwaitReady,
}

impl Established {
    /// The welcome as a frame.
    #[must_use]
    pub fn welcome_frame(&self) -> SecretText {
        frame::welcome(&self.welcome, &self.sec)
    }
}

impl AwaitVerification {
    pub(super) fn new(
        config: Arc<ServerConfig>,
        hello: Hello,
        channel_value: Transcript,
        payload: &[u8],
        presented: Presented<'static>,
        now: Now,
    ) -> Self {
        let deadline = now.mono.saturating_add(limits::DECISION_DEADLINE);
        Self { config, hello, channel_value, t1: channel_value.then(payload), presented, held_bytes: 0, deadline }
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
        let bind = self.hello.offer.bind;
        let entitlements = Entitlements::of(identity.credential(), now.wall).narrowed_by(entitlements);
        let contract = negotiate(&self.hello.offer, &entitlements, &self.config.policy)
            .map_err(|unmet| Refusal::with(Reject::NeedUnmet, Detail::Names(unmet.names)))?;
        let sid = SessionId::random(entropy);
        let context = TokenContext {
            identity: &identity,
            sid,
            t1: &self.t1,
            channel_hash: sha256(&[self.channel_value.as_bytes()]),
            contract: &contract,
            issued_at: now.wall,
            life: contract.token_life(),
        };
        // HS-56: a session that trusts TLS alone gets no secret that outlives it.
        let session_secret = (bind != Binding::Chl).then(|| Secret::new(entropy.array::<32>().to_vec()));
        let secrets = SessionSecrets {
            access_token: mint(&context)?,
            access_token_s: contract.token_life().as_secs(),
            session_secret: session_secret.clone(),
        };
        let sec = secrets.write()?;
        let (welcome, ch) = self.countersign(sid, &contract, &sec, now)?;
        let await_ready = AwaitReady::new(ch, self.hello.pipe, now);
        Ok(Established {
            sid,
            ch,
            t1: self.t1,
            identity,
            alg: self.hello.alg,
            contract,
            pipe: self.hello.pipe,
            welcome,
            sec,
            session_secret,
            await_ready,
        })
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

    fn countersign(&self, sid: SessionId, contract: &Contract, sec: &SecretText, now: Now) -> Result<(String, ContractHash), Refusal> {
        let gateway = &self.config.gateway;
        let gkc = gateway.delegation_by(&self.hello.gw).ok_or(Reject::WrongGateway)?;
        let (v, vers) = Welcome::versions();
        let payload = Welcome {
            v,
            vers: vers.to_vec(),
            sid,
            gk: gateway.key().kid().to_string(),
            gkc: gkc.to_owned(),
            time: now.wall,
            grant: contract.clone(),
            // HS-58
            sec: sha256(&[sec.expose().as_bytes()]),
            next_pins: gateway.next_pins().to_vec(),
        }
        .write();
        // HS-17
        let input = self.t1.proof_input(&label::WELCOME, payload.as_bytes());
        let proof = gateway.key().sign(&input).map_err(|error| Refusal::operator(Reject::Internal, error.to_string()))?;
        let ch = ContractHash::new(self.t1.then(payload.as_bytes()));
        Ok((Token::write(Kind::Welcome, payload.as_bytes(), &proof), ch))
    }
}
