//! The gateway's side, one type per state; a step consumes the state it leaves.
//!
//! ```text
//!   state               | hello ok          | resume ok         | nonce stale   | other frame   | deadline
//!   ServerHandshake     | AwaitVerification | AwaitResumption   | itself, once  | refused       | refused   (3 s)
//!   AwaitVerification   | refused           | refused           | -             | held, 64 KiB  | refused   (5 s)
//!     conclude(identity)               ──▶ Established { welcome, sec, contract, AwaitReady }
//!   AwaitResumption     | refused           | refused           | -             | held, 64 KiB  | refused   (5 s)
//!     conclude(identity, continuation) ──▶ Established, of the session that was left
//!   AwaitReady          | refused           | refused           | -             | by contract   | refused   (10 s)
//!     ready(ch)                        ──▶ Open
//! ```
//!
//! The machine neither looks keys up nor verifies them: it presents, the shell asks `countersign_core::verify`, and only a
//! [`VerifiedIdentity`] moves it on. Order of checks (HS-30): size and grammar, version, reserved members, binding, nonce,
//! gateway and host; then the shell's look-up and the signature; then the key's own binding, the contract and our signature.
//! Of a resume (HS-82): the same, the ticket in place of the look-up; then the session itself, which is the shell's.
//!
//! The order of states cannot be broken. A state that was left is gone:
//!
//! ```compile_fail,E0382
//! # use countersign_handshake::ServerHandshake;
//! # use countersign_core::Now;
//! fn twice(handshake: ServerHandshake, now: Now) {
//!     let _ = handshake.receive_frame(b"{}", now);
//!     let _ = handshake.receive_frame(b"{}", now);
//! }
//! ```
//!
//! Nothing is established without a verified identity, and nobody but `countersign_core` can make one:
//!
//! ```compile_fail,E0308
//! # use countersign_handshake::*;
//! # use countersign_core::{Now, Entropy, Presented};
//! fn believe(awaiting: AwaitVerification, says: Presented<'static>, terms: &Entitlements, entropy: &mut impl Entropy, now: Now) {
//!     let _ = awaiting.conclude(says, terms, |_| Ok(SecretText::new("t".to_owned())), entropy, now);
//! }
//! ```
//!
//! A session is open only through the contract hash:
//!
//! ```compile_fail,E0451
//! # use countersign_handshake::{ContractHash, server::Open};
//! fn claim(ch: ContractHash) -> Open {
//!     Open { ch }
//! }
//! ```

mod await_ready;
mod await_resumption;
mod await_verification;
mod countersign;
mod renewal;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

pub use await_ready::{AwaitReady, Open};
pub use await_resumption::{AwaitResumption, Continuation};
pub use await_verification::AwaitVerification;
pub use countersign::{Established, TokenContext};
use countersign_core::presented::SignedBytes;
use countersign_core::{
    Binding, Detail, Effect, Entropy, Freshness, Monotonic, Now, Once, Presented, PresentedSignature, Purpose, Refusal, Reject,
    SignatureForm,
};
pub use renewal::{AwaitRenewal, Renewable, Renewed, Terms};

use crate::binding::{Channel, transcript_start};
use crate::delegation::GatewayIdentity;
use crate::frame::ClientFrame;
use crate::hello::Hello;
use crate::label;
use crate::limits;
use crate::negotiate::HostPolicy;
use crate::nonce::NonceKeys;
use crate::resume::Resume;
use crate::ticket::TicketKeys;
use crate::token::{Kind, Token};
use crate::transcript::{PayloadHash, Transcript};

/// What all connections of a gateway share.
#[derive(Debug)]
pub struct ServerConfig {
    /// What it signs with.
    pub gateway: GatewayIdentity,
    /// What it offers.
    pub policy: HostPolicy,
    /// The names it goes by.
    pub authorities: Authorities,
    /// Makes and recognises nonces.
    pub nonces: NonceKeys,
    /// Seals and opens resumption tickets. Shared, because it outlives a change of the gateway's signing key.
    pub tickets: Arc<TicketKeys>,
}

/// What a connection begins with.
#[derive(Debug)]
#[must_use]
pub enum FirstToken {
    /// An offer for a new session.
    Hello(Box<AwaitVerification>),
    /// A session comes back.
    Resume(Box<AwaitResumption>),
}

/// What hello and resume both say of where they were meant to go.
struct Addressed<'m> {
    bind: Binding,
    nonce: Option<&'m str>,
    gw: &'m str,
    host: &'m str,
}

/// The names a gateway goes by, as `host:port`, or as `host` for any port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Whatever the client dialled. Mode `chl` is refused then, because the name is all it binds to.
    Any,
    /// These and no others.
    Listed(BTreeSet<String>),
}

impl Authorities {
    /// In mode `chl` the name is all that a proof is bound to, so there it is listed whole: what listens on another port of a host may
    /// be somebody else's.
    fn include(&self, host: &str, bind: Binding) -> bool {
        let Self::Listed(names) = self else { return true };
        let without_port = || host.rsplit_once(':').is_some_and(|(name, _)| names.contains(name));
        names.contains(host) || (bind != Binding::Chl && without_port())
    }
}

/// A refusal before the proof was judged.
#[derive(Debug)]
#[must_use]
pub struct Declined {
    /// Why.
    pub refusal: Refusal,
    /// Where the client may try once more on the same connection: after a stale nonce, or a resume where none is offered.
    pub retry: Option<Box<ServerHandshake>>,
}

impl<R: Into<Refusal>> From<R> for Declined {
    fn from(refusal: R) -> Self {
        Self { refusal: refusal.into(), retry: None }
    }
}

/// Waits for the first token of a connection.
#[derive(Debug)]
#[must_use]
pub struct ServerHandshake {
    config: Arc<ServerConfig>,
    channel: Channel,
    issued: VecDeque<String>,
    deadline: Monotonic,
    retried: bool,
}

impl ServerHandshake {
    /// A connection whose TLS handshake is done.
    pub fn new(config: Arc<ServerConfig>, channel: Channel, now: Now) -> Self {
        let deadline = now.mono.saturating_add(limits::HELLO_DEADLINE);
        Self { config, channel, issued: VecDeque::new(), deadline, retried: false }
    }

    /// A nonce token for this connection: the frame is [`crate::frame::nonce`], the header `Countersign-Nonce`. Give it
    /// unasked, so that no client needs a round trip for it.
    pub fn nonce(&mut self, entropy: &mut impl Entropy, now: Now) -> String {
        let nonce = self.config.nonces.issue(entropy, now.wall);
        if self.issued.len() == limits::NONCES_OUTSTANDING_MAX {
            self.issued.pop_front();
        }
        self.issued.push_back(nonce.clone());
        nonce
    }

    /// The weakest binding this host accepts, for the answer `bind.required`.
    #[must_use]
    pub fn min_bind(&self) -> Binding {
        self.config.policy.min_bind
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Monotonic> {
        Some(self.deadline)
    }

    /// Whether the connection has waited too long.
    ///
    /// # Errors
    /// [`Reject::AuthDeadline`].
    pub fn handle_timeout(&self, now: Now) -> Result<(), Refusal> {
        // HS-34
        if now.mono >= self.deadline { Err(Reject::AuthDeadline.into()) } else { Ok(()) }
    }

    /// The first frame of a raw TLS connection or WebSocket.
    ///
    /// # Errors
    /// [`Declined`].
    pub fn receive_frame(self, frame: &[u8], now: Now) -> Result<FirstToken, Declined> {
        match ClientFrame::read(frame)? {
            ClientFrame::Hello(token) => self.receive_kind(&token, Kind::Hello, now),
            ClientFrame::Resume(token) => self.receive_kind(&token, Kind::Resume, now),
            // HS-37: nothing is held before a hello was read.
            ClientFrame::Other | ClientFrame::Ready(_) => Err(Reject::UnexpectedMessage.into()),
            ClientFrame::Reserved(name) => Err(self.decline_once(Refusal::with(Reject::Unsupported, Detail::Parameter(name)))),
        }
    }

    /// The token of an `Authorization: Countersign` header, where sessions begin and never come back.
    ///
    /// # Errors
    /// [`Declined`]; a resume is not offered there.
    pub fn receive_hello(self, token: &str, now: Now) -> Result<AwaitVerification, Declined> {
        self.handle_timeout(now)?;
        let token = Token::parse(token).map_err(Refusal::from)?;
        match token.kind {
            Kind::Hello => self.hello(&token, now),
            Kind::Resume => Err(self.decline_once(Refusal::with(Reject::Unsupported, Detail::Parameter("resume")))),
            Kind::Delegation
            | Kind::Halt
            | Kind::Lift
            | Kind::Nonce
            | Kind::Order
            | Kind::Reauth
            | Kind::Regrant
            | Kind::Request
            | Kind::Welcome => Err(Reject::UnexpectedMessage.into()),
        }
    }

    fn receive_kind(self, token: &str, kind: Kind, now: Now) -> Result<FirstToken, Declined> {
        self.handle_timeout(now)?;
        let token = Token::parse_kind(token, kind).map_err(Refusal::from)?;
        if kind == Kind::Resume {
            self.resume(&token, now).map(|waiting| FirstToken::Resume(Box::new(waiting)))
        } else {
            self.hello(&token, now).map(|waiting| FirstToken::Hello(Box::new(waiting)))
        }
    }

    fn hello(mut self, token: &Token, now: Now) -> Result<AwaitVerification, Declined> {
        let hello = Hello::read(&token.payload)?;
        check_downgrade(&hello, &self.config.policy)?;
        let addressed = Addressed { bind: hello.offer.bind, nonce: hello.nonce.as_deref(), gw: &hello.gw, host: &hello.host };
        self.check_binding(&addressed)?;
        if let Err(refusal) = self.spend_nonce(&addressed, now) {
            return Err(self.decline_once(refusal));
        }
        let start = self.check_gateway(&addressed)?;
        let payload = PayloadHash::of(&token.payload);
        let presented = present(&hello, start, token, &payload);
        Ok(AwaitVerification::new(self.config, hello, start, &payload, presented, now))
    }

    fn resume(mut self, token: &Token, now: Now) -> Result<AwaitResumption, Declined> {
        if self.config.policy.resume_s_max == 0 {
            // HS-35: a hello may follow on this connection.
            return Err(self.decline_once(Refusal::with(Reject::Unsupported, Detail::Parameter("resume"))));
        }
        // HS-82
        let resume = Resume::read(&token.payload)?;
        let addressed = Addressed { bind: resume.bind, nonce: resume.nonce.as_deref(), gw: &resume.gw, host: &resume.host };
        self.check_binding(&addressed)?;
        if let Err(refusal) = self.spend_nonce(&addressed, now) {
            return Err(self.decline_once(refusal));
        }
        let start = self.check_gateway(&addressed)?;
        let ticket = self.config.tickets.open(resume.ticket.expose(), now.wall)?;
        Ok(AwaitResumption::new(self.config, resume, ticket, start, token, now))
    }

    /// Refuses, and lets the client try again if it has not already.
    fn decline_once(mut self, refusal: Refusal) -> Declined {
        // HS-35
        if self.retried {
            return Declined { refusal, retry: None };
        }
        self.retried = true;
        Declined { refusal, retry: Some(Box::new(self)) }
    }

    fn check_binding(&self, said: &Addressed<'_>) -> Result<(), Refusal> {
        // HS-24: the host's own minimum, before any key is looked at.
        if said.bind < self.config.policy.min_bind {
            return Err(Refusal::operator(Reject::BindingTooWeak, "below the minimum of this host"));
        }
        if said.bind == Binding::Chl && self.config.authorities == Authorities::Any {
            return Err(Refusal::operator(Reject::BindingTooWeak, "mode chl needs a list of the names this gateway goes by"));
        }
        Ok(())
    }

    /// HS-33: a nonce is good once, on the connection it was given to.
    fn spend_nonce(&mut self, said: &Addressed<'_>, now: Now) -> Result<(), Refusal> {
        if said.bind == Binding::Exp {
            return Ok(());
        }
        let nonce = said.nonce.ok_or_else(|| Refusal::operator(Reject::NonceInvalid, "the token has no nonce"))?;
        self.config.nonces.check(nonce, now.wall)?;
        let place = self.issued.iter().position(|issued| issued == nonce);
        let place = place.ok_or_else(|| Refusal::operator(Reject::NonceInvalid, "a nonce of another connection, or spent"))?;
        self.issued.remove(place);
        Ok(())
    }

    /// Whether it was meant for us, and over what.
    fn check_gateway(&self, said: &Addressed<'_>) -> Result<Transcript, Refusal> {
        // HS-26
        if self.config.gateway.delegation_by(said.gw).is_none() {
            return Err(Refusal::operator(Reject::WrongGateway, "the client pins a root that is not ours"));
        }
        // HS-36
        let named_otherwise = self.channel.authority.as_ref().is_some_and(|authority| authority != said.host);
        if said.host.len() > limits::AUTHORITY_BYTES_MAX || named_otherwise || !self.config.authorities.include(said.host, said.bind) {
            return Err(Refusal::operator(Reject::WrongGateway, "the client dialled a name that is not ours"));
        }
        transcript_start(said.bind, &self.channel, said.host, said.nonce)
            .ok_or_else(|| Refusal::operator(Reject::BindingTooWeak, "this connection has no exporter value"))
    }
}

fn check_downgrade(hello: &Hello, policy: &HostPolicy) -> Result<(), Refusal> {
    // HS-41: what the client says it could have used is signed.
    let preferred = policy.preferred_algorithm.filter(|preferred| hello.alg != *preferred);
    if preferred.is_some_and(|preferred| hello.algs.iter().any(|name| name == preferred.name())) {
        return Err(Refusal::operator(Reject::WrongAlgorithm, "the client could have used the algorithm this host prefers"));
    }
    if !policy.algorithms.contains(&hello.alg) {
        return Err(Refusal::operator(Reject::WrongAlgorithm, "an algorithm this host does not accept"));
    }
    Ok(())
}

fn present(hello: &Hello, start: Transcript, token: &Token, payload: &PayloadHash) -> Presented<'static> {
    Presented {
        purpose: Purpose::Native,
        key_id: hello.kid.clone(),
        signature: PresentedSignature { form: SignatureForm::Explicit(hello.alg), bytes: Some(token.proof.as_slice().into()) },
        // HS-16
        signed: SignedBytes::from_piece(start.proof_input_hashed(&label::HELLO, payload).to_vec()),
        passphrase: None,
        freshness: Freshness::Channel,
        once: Once::Freshness,
        effect: Effect::Write,
    }
}
