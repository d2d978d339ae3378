//! The hello is sent; everything the gateway answers is checked before anything of it is used.

use std::sync::Arc;

use countersign_core::{AlertCode, Binding, Monotonic, Now, Secret, SessionId, Timestamp};

use super::{ClientConfig, ClientHandshake, Resumption, Said};
use crate::binding::Channel;
use crate::contract::Contract;
use crate::delegation::Delegation;
use crate::error::HandshakeError;
use crate::frame::{self, ServerError, ServerFrame};
use crate::label;
use crate::limits;
use crate::secret_text::SecretText;
use crate::secrets::SessionSecrets;
use crate::token::{Kind, Token};
use crate::transcript::{ContractHash, sha256};
use crate::welcome::{Gap, Numbers, Welcome};

/// Waits for the welcome.
#[derive(Debug)]
#[must_use]
pub struct AwaitWelcome {
    config: Arc<ClientConfig>,
    channel: Channel,
    said: Said,
    sent: Now,
    retried: bool,
}

/// An open session, as the client sees it.
#[derive(Debug)]
#[must_use]
pub struct ClientSession {
    /// The session.
    pub sid: SessionId,
    /// The contract hash.
    pub ch: ContractHash,
    /// What was agreed.
    pub contract: Contract,
    /// The contract as it was signed, for the record.
    pub contract_json: String,
    /// Header `Authorization: Countersign-Token ...` of later HTTP requests.
    pub access_token: SecretText,
    /// When it ends, by our own clock.
    pub access_token_until: Timestamp,
    /// The session secret `rk`; none in `chl` sessions.
    pub session_secret: Option<Secret>,
    /// The kid of the gateway key that signed.
    pub gateway: String,
    /// Pins to add to our own.
    pub next_pins: Vec<String>,
    /// What to come back with, where the contract has `resume_s`.
    pub resumption: Option<Resumption>,
    /// Where the gateway stands: `rx` is the next number of ours it expects, all before it were applied or told as not applied.
    pub seq: Numbers,
    /// What we missed while we were away.
    pub gap: Option<Gap>,
    /// The end of the session's life, by our own clock.
    pub ends: Monotonic,
    /// What the next contract is compared with.
    pub(super) held: Contract,
    /// The gateway's clock when it signed.
    pub time: Timestamp,
    /// Gateway clock minus ours, in microseconds, give or take half a round trip.
    pub skew_us: i64,
}

impl ClientSession {
    /// The frame to send first: it confirms the contract.
    #[must_use]
    pub fn ready_frame(&self) -> String {
        frame::ready(&self.ch.text())
    }
}

/// What a frame from the gateway leads to.
#[derive(Debug)]
#[must_use]
pub enum ClientStep {
    /// The session is open; send [`ClientSession::ready_frame`].
    Open(Box<ClientSession>),
    /// The nonce was too old: make a new hello with this one. Once.
    Retry(Box<ClientHandshake>, String),
    /// Nothing yet.
    Wait(Box<AwaitWelcome>),
}

impl AwaitWelcome {
    pub(super) const fn new(config: Arc<ClientConfig>, channel: Channel, said: Said, retried: bool, sent: Now) -> Self {
        Self { config, channel, said, sent, retried }
    }

    /// The hello token: header `Authorization: Countersign ...`.
    #[must_use]
    pub fn hello_token(&self) -> &str {
        &self.said.token
    }

    /// The hello as a frame.
    #[must_use]
    pub fn hello_frame(&self) -> String {
        frame::hello(&self.said.token)
    }

    /// What was said first, as the frame to send: hello or resume. The latter holds a ticket.
    #[must_use]
    pub fn first_frame(&self) -> SecretText {
        match self.said.resumed {
            Some(_) => frame::resume(&self.said.token),
            None => SecretText::new(self.hello_frame()),
        }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Monotonic> {
        Some(self.sent.mono.saturating_add(limits::WELCOME_DEADLINE))
    }

    /// Whether the welcome took too long.
    ///
    /// # Errors
    /// [`HandshakeError::Deadline`].
    pub fn handle_timeout(&self, now: Now) -> Result<(), HandshakeError> {
        if Some(now.mono) >= self.poll_timeout() { Err(HandshakeError::Deadline) } else { Ok(()) }
    }

    /// A frame from the gateway.
    ///
    /// # Errors
    /// [`HandshakeError`]: close the connection, and do not try again with weaker settings.
    pub fn receive_frame(self, frame: &[u8], now: Now) -> Result<ClientStep, HandshakeError> {
        match ServerFrame::read(frame).ok_or(HandshakeError::UnexpectedFrame)? {
            ServerFrame::Error(error) => self.refused(error, now),
            // A gateway volunteers its nonce; a client that needs none does not look at it.
            ServerFrame::Nonce(_) => Ok(ClientStep::Wait(Box::new(self))),
            ServerFrame::Welcome { token, sec } => {
                self.receive_welcome(&token, &sec, now).map(|session| ClientStep::Open(Box::new(session)))
            }
        }
    }

    fn refused(self, error: ServerError, now: Now) -> Result<ClientStep, HandshakeError> {
        // HS-62
        match (error.code, &error.nonce) {
            (Some(AlertCode::NonceStale), Some(nonce)) if !self.retried && self.config.offer.bind != Binding::Exp => {
                let deadline = now.mono.saturating_add(limits::WELCOME_DEADLINE);
                let again = ClientHandshake { config: self.config, channel: self.channel, deadline, retried: true };
                Ok(ClientStep::Retry(Box::new(again), nonce.clone()))
            }
            _ => Err(HandshakeError::Refused(error)),
        }
    }

    /// A welcome token and the secrets beside it (HTTP: `Countersign-Welcome`, `Countersign-Secret`).
    ///
    /// # Errors
    /// [`HandshakeError`], naming the check that failed. Order: deadline, token, delegation, pin, signature, then content.
    pub fn receive_welcome(self, token: &str, sec: &SecretText, now: Now) -> Result<ClientSession, HandshakeError> {
        self.handle_timeout(now)?;
        let token = Token::parse_kind(token, Kind::Welcome).map_err(HandshakeError::Token)?;
        let welcome = Welcome::read(&token.payload).map_err(HandshakeError::WelcomeMalformed)?;
        let delegation = check_gateway(&welcome.gk, &welcome.gkc, &self.said.gw, now)?;
        // HS-18
        let input = self.said.t1.proof_input(&label::WELCOME, &token.payload);
        if !delegation.gateway_key().verify(&input, &token.proof) {
            return Err(HandshakeError::WelcomeSignature);
        }
        self.check_content(&welcome)?;
        self.check_continuity(&welcome)?;
        // HS-58
        if sec.expose().len() > limits::SECRETS_BYTES_MAX || sha256(&[sec.expose().as_bytes()]) != welcome.sec {
            return Err(HandshakeError::Secrets);
        }
        let secrets = SessionSecrets::read(sec.expose()).ok_or(HandshakeError::Secrets)?;
        let ends = self.said.resumed.as_ref().map_or_else(|| now.mono.saturating_add(welcome.grant.life()), |resumed| resumed.ends);
        // HS-134
        let held = match &self.said.resumed {
            Some(resumed) => welcome.grant.clone().remembering(&resumed.contract),
            None => welcome.grant.clone(),
        };
        let resumption = match (&secrets.session_secret, secrets.ticket) {
            (Some(secret), Some(ticket)) => Some(Resumption {
                sid: welcome.sid,
                contract: held.clone(),
                ticket,
                secret: secret.clone(),
                // What the gateway expects next may be less than we sent: then the difference was never applied.
                numbers: Numbers { rx: self.said.resumed.as_ref().map_or(1, |resumed| resumed.numbers.rx), tx: welcome.seq.rx },
                ends,
                asked: None,
            }),
            (_, None) => None,
            (None, Some(_)) => return Err(HandshakeError::Secrets),
        };
        let contract_json = String::from_utf8(token.payload.clone()).map_err(|_| HandshakeError::WelcomeMalformed("payload"))?;
        Ok(ClientSession {
            sid: welcome.sid,
            ch: ContractHash::new(self.said.t1.then(&token.payload)),
            contract: welcome.grant,
            contract_json,
            access_token: secrets.access_token,
            access_token_until: now.wall.saturating_add(std::time::Duration::from_secs(secrets.access_token_s)),
            session_secret: secrets.session_secret,
            gateway: welcome.gk,
            next_pins: welcome.next_pins,
            resumption,
            seq: welcome.seq,
            gap: welcome.gap,
            ends,
            held,
            time: welcome.time,
            skew_us: skew_us(welcome.time, self.sent, now),
        })
    }

    fn check_content(&self, welcome: &Welcome) -> Result<(), HandshakeError> {
        // HS-42
        let highest = self.said.vers.iter().filter(|version| welcome.vers.contains(version)).max();
        if highest != Some(&welcome.v) {
            return Err(HandshakeError::VersionDowngrade);
        }
        let (offered, granted) = (self.config.offer.bind, welcome.grant.bind);
        // HS-43
        if offered != granted {
            return Err(HandshakeError::BindingChanged { offered, granted });
        }
        // HS-59
        let unmet = welcome.grant.unmet(&self.config.offer.need);
        if unmet.is_empty() { Ok(()) } else { Err(HandshakeError::NeedUnmet(unmet)) }
    }
}

impl AwaitWelcome {
    /// Whether the welcome answers what was said: a new session begins at the beginning, an old one goes on.
    fn check_continuity(&self, welcome: &Welcome) -> Result<(), HandshakeError> {
        match &self.said.resumed {
            Some(resumed) => resumed.check(welcome).map_err(HandshakeError::Continuity),
            // HS-87
            None if welcome.seq != Numbers::START => Err(HandshakeError::Continuity("seq")),
            None if welcome.gap.is_some() => Err(HandshakeError::Continuity("gap")),
            None => self.check_scopes(welcome),
        }
    }

    /// Of a new session; one that goes on may have been given others since it was offered.
    fn check_scopes(&self, welcome: &Welcome) -> Result<(), HandshakeError> {
        // HS-59
        let offer = &self.config.offer;
        let foreign = welcome.grant.scopes.iter().find(|scope| !offer.want.scopes.contains(scope) && !offer.need.scopes.contains(scope));
        foreign.map_or(Ok(()), |scope| Err(HandshakeError::ScopeNotAsked(scope.to_string())))
    }
}

/// The delegation of the key that signs, by the root that the client counts on.
pub(super) fn check_gateway(gk: &str, gkc: &str, gw: &str, now: Now) -> Result<Delegation, HandshakeError> {
    let delegation = Delegation::verify(gkc).map_err(HandshakeError::Delegation)?;
    // HS-26: the root that this very client named, and no other pin.
    if delegation.root() != gw {
        return Err(HandshakeError::PinMismatch { presented: delegation.root().to_owned() });
    }
    delegation.check_validity(now.wall).map_err(HandshakeError::Delegation)?;
    // HS-29
    if delegation.gateway() != gk { Err(HandshakeError::GatewayKeyMismatch) } else { Ok(delegation) }
}

/// HS-63: the gateway's clock, half a round trip later, minus ours.
fn skew_us(gateway: Timestamp, sent: Now, now: Now) -> i64 {
    let round_trip = now.mono.saturating_since(sent.mono).as_micros();
    let difference = i128::from(gateway.as_micros()) + i128::try_from(round_trip / 2).unwrap_or(0) - i128::from(now.wall.as_micros());
    i64::try_from(difference).unwrap_or(if difference > 0 { i64::MAX } else { i64::MIN })
}
