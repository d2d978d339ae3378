//! The client's side, one type per state; a step consumes the state it leaves.
//!
//! ```text
//!   state            | hello()      | nonce frame      | welcome ok    | nonce.stale | other err, bad welcome | deadline
//!   ClientHandshake  | AwaitWelcome | (argument)       | -             | -           | -                      | -
//!     resume() in place of hello(): AwaitWelcome, for the session that was left
//!   AwaitWelcome     | -            | ignored          | ClientSession | retry, once | HandshakeError         | HandshakeError
//! ```
//!
//! Nothing is ever retried with weaker settings (HS-61): the errors say which check failed, and that is the end of it.

mod await_welcome;
mod renewal;
mod resumption;

use std::fmt;
use std::sync::Arc;

pub use await_welcome::{AwaitWelcome, ClientSession, ClientStep};
use countersign_core::{Algorithm, Binding, Entropy, Monotonic, Now};
pub use renewal::AwaitRegrant;
pub use resumption::Resumption;

use crate::binding::{Channel, transcript_start};
use crate::encoding;
use crate::error::HandshakeError;
use crate::hello::{Hello, VERSION};
use crate::label;
use crate::limits;
use crate::need::Offer;
use crate::resume::{self, Resume};
use crate::signing_key::Signer;
use crate::token::{Kind, Token};
use crate::transcript::Transcript;

/// What a client brings.
#[derive(Clone)]
pub struct ClientConfig {
    /// The key.
    pub key: Arc<dyn Signer>,
    /// The algorithms of all keys it could have used, this one's included.
    pub algorithms: Vec<Algorithm>,
    /// Gateway roots, by kid; the first is the one the hello names.
    pub pins: Vec<String>,
    /// The authority dialled, `host:port`.
    pub host: String,
    /// Binding, wishes and hard limits.
    pub offer: Offer,
    /// Whether messages will follow before the welcome.
    pub pipe: bool,
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("kid", self.key.kid())
            .field("host", &self.host)
            .field("offer", &self.offer)
            .finish_non_exhaustive()
    }
}

/// What the first token said, as far as the answer is judged by it.
#[derive(Debug)]
struct Said {
    /// The root we count on.
    gw: String,
    /// The versions we speak.
    vers: Vec<u64>,
    t1: Transcript,
    token: String,
    /// The session that was left, when it was a resume.
    resumed: Option<Resumption>,
}

/// A connection whose TLS handshake is done; nothing said yet.
#[derive(Debug)]
#[must_use]
pub struct ClientHandshake {
    config: Arc<ClientConfig>,
    channel: Channel,
    deadline: Monotonic,
    retried: bool,
}

impl ClientHandshake {
    /// Checks that the configuration can be kept on this channel.
    ///
    /// # Errors
    /// [`HandshakeError::Pins`], [`HandshakeError::BindingTooWeak`], [`HandshakeError::BindingUnavailable`].
    pub fn new(config: Arc<ClientConfig>, channel: Channel, now: Now) -> Result<Self, HandshakeError> {
        let bind = config.offer.bind;
        if config.pins.is_empty() || config.pins.len() > limits::PINS_MAX || !config.pins.iter().all(|pin| encoding::is_kid(pin)) {
            return Err(HandshakeError::Pins);
        }
        if config.offer.need.min_bind.is_some_and(|weakest| bind < weakest) {
            return Err(HandshakeError::BindingTooWeak);
        }
        // HS-23: what is configured cannot be had, so nothing is sent.
        if bind == Binding::Exp && channel.exporter.is_none() {
            return Err(HandshakeError::BindingUnavailable(bind));
        }
        let deadline = now.mono.saturating_add(limits::WELCOME_DEADLINE);
        Ok(Self { config, channel, deadline, retried: false })
    }

    /// Whether [`Self::hello`] needs a nonce: wait for the gateway's frame `{"nonce":...}` or header `Countersign-Nonce`.
    #[must_use]
    pub fn needs_nonce(&self) -> bool {
        self.config.offer.bind != Binding::Exp
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Monotonic> {
        Some(self.deadline)
    }

    /// Whether the nonce took too long.
    ///
    /// # Errors
    /// [`HandshakeError::Deadline`].
    pub fn handle_timeout(&self, now: Now) -> Result<(), HandshakeError> {
        if now.mono >= self.deadline { Err(HandshakeError::Deadline) } else { Ok(()) }
    }

    /// Signs the offer.
    ///
    /// # Errors
    /// [`HandshakeError::NonceMissing`], [`HandshakeError::Key`].
    pub fn hello(self, nonce: Option<&str>, entropy: &mut impl Entropy, now: Now) -> Result<AwaitWelcome, HandshakeError> {
        let nonce = nonce.filter(|_| self.needs_nonce());
        let hello = Hello {
            vers: vec![VERSION],
            kid: self.config.key.kid().clone(),
            alg: self.config.key.algorithm(),
            algs: self.algorithm_names(),
            gw: self.config.pins.first().cloned().ok_or(HandshakeError::Pins)?,
            host: self.config.host.clone(),
            n: Hello::fresh_n(entropy),
            nonce: nonce.map(str::to_owned),
            offer: self.config.offer.clone(),
            pipe: self.config.pipe,
            ts: Some(now.wall.as_micros()),
        };
        let start = transcript_start(self.config.offer.bind, &self.channel, &hello.host, nonce).ok_or(HandshakeError::NonceMissing)?;
        let payload = hello.write();
        let proof = self.config.key.sign(&start.proof_input(&label::HELLO, payload.as_bytes())).map_err(HandshakeError::Key)?;
        let token = Token::write(Kind::Hello, payload.as_bytes(), &proof);
        let said = Said { gw: hello.gw, vers: hello.vers, t1: start.then(payload.as_bytes()), token, resumed: None };
        Ok(AwaitWelcome::new(self.config, self.channel, said, self.retried, now))
    }

    /// Proves the session that was left, and says where we stand in it.
    ///
    /// # Errors
    /// [`HandshakeError::Continuity`] when the configured binding is another than the session's, [`HandshakeError::NonceMissing`].
    pub fn resume(
        self,
        resumption: &Resumption,
        nonce: Option<&str>,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<AwaitWelcome, HandshakeError> {
        // HS-83
        if resumption.contract.bind != self.config.offer.bind {
            return Err(HandshakeError::Continuity("bind"));
        }
        let nonce = nonce.filter(|_| self.needs_nonce());
        let resume = Resume {
            vers: vec![VERSION],
            gw: self.config.pins.first().cloned().ok_or(HandshakeError::Pins)?,
            host: self.config.host.clone(),
            n: entropy.array(),
            bind: self.config.offer.bind,
            nonce: nonce.map(str::to_owned),
            ticket: resumption.ticket.clone(),
            rx: resumption.numbers.rx,
            tx: resumption.numbers.tx,
            pipe: self.config.pipe,
        };
        let start = transcript_start(self.config.offer.bind, &self.channel, &resume.host, nonce).ok_or(HandshakeError::NonceMissing)?;
        let payload = resume.write();
        let proof = resume::prove(&resumption.secret, start, payload.as_bytes());
        let token = Token::write(Kind::Resume, payload.as_bytes(), &proof);
        let t1 = start.then(payload.as_bytes());
        let said = Said { gw: resume.gw, vers: resume.vers, t1, token, resumed: Some(resumption.clone()) };
        Ok(AwaitWelcome::new(self.config, self.channel, said, self.retried, now))
    }

    fn algorithm_names(&self) -> Vec<String> {
        let own = self.config.key.algorithm();
        let mut names: Vec<String> = self.config.algorithms.iter().map(|algorithm| algorithm.name().to_owned()).collect();
        if !self.config.algorithms.contains(&own) {
            names.push(own.name().to_owned());
        }
        names
    }
}
