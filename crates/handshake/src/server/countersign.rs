//! The gateway's signature under a contract: the same for a new session and for one that comes back.

use std::time::Duration;

use countersign_core::{Binding, CredentialId, Entropy, Now, Refusal, Reject, Secret, SessionId, Timestamp, VerifiedIdentity};

use super::{AwaitReady, Renewable, ServerConfig};
use crate::contract::{Contract, Quantity};
use crate::frame;
use crate::label;
use crate::secret_text::SecretText;
use crate::secrets::SessionSecrets;
use crate::signing_key::Signer as _;
use crate::ticket::Ticket;
use crate::token::{Kind, Token};
use crate::transcript::{ContractHash, PayloadHash, Transcript, sha256};
use crate::welcome::{Gap, Numbers, Welcome, WelcomeText};

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
    /// What was agreed.
    pub contract: Contract,
    /// Whether the client announced messages behind its first token.
    pub pipe: bool,
    /// The welcome token: header `Countersign-Welcome`.
    pub welcome: String,
    /// The secrets text: header `Countersign-Secret` through [`crate::frame::secret_header`].
    pub sec: SecretText,
    /// The session secret `rk`; none in `chl` sessions.
    pub session_secret: Option<Secret>,
    /// The end of the session's life.
    pub until: Timestamp,
    /// For signing the contract anew while the session is open.
    pub renewable: Renewable,
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

/// What is granted, to whom, over what.
pub(super) struct Grant<'g> {
    pub(super) config: &'g std::sync::Arc<ServerConfig>,
    pub(super) identity: VerifiedIdentity,
    pub(super) sid: SessionId,
    pub(super) contract: Contract,
    pub(super) t0: Transcript,
    pub(super) t1: Transcript,
    /// The root the client counts on.
    pub(super) gw: &'g str,
    pub(super) pipe: bool,
    pub(super) seq: Numbers,
    pub(super) gap: Option<Gap>,
    /// Of the ticket that is given, if one is.
    pub(super) generation: u64,
    /// The end of the session.
    pub(super) until: Timestamp,
}

impl Grant<'_> {
    /// Makes secrets and signs. `mint` makes the access token.
    pub(super) fn establish(
        self,
        mint: impl FnOnce(&TokenContext<'_>) -> Result<SecretText, Refusal>,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<Established, Refusal> {
        let context = TokenContext {
            identity: &self.identity,
            sid: self.sid,
            t1: &self.t1,
            channel_hash: sha256(&[self.t0.as_bytes()]),
            contract: &self.contract,
            issued_at: now.wall,
            life: self.contract.token_life(),
        };
        let access_token = mint(&context)?;
        // HS-56: a session that trusts TLS alone gets no secret that outlives it.
        let session_secret = (self.contract.bind != Binding::Chl).then(|| Secret::new(entropy.array::<32>().to_vec()));
        let ticket = session_secret.as_ref().and_then(|secret| self.ticket(secret, entropy, now));
        let secrets = SessionSecrets {
            access_token,
            access_token_s: self.contract.token_life().as_secs(),
            session_secret: session_secret.clone(),
            ticket,
        };
        let sec = secrets.write()?;
        let (welcome, ch) = self.sign(&sec, now)?;
        let await_ready = AwaitReady::new(ch, self.pipe, now);
        let renewable = Renewable::new(self.config, self.sid, &self.identity, self.gw, self.t0, ch);
        let Self { sid, t1, identity, contract, pipe, until, .. } = self;
        Ok(Established { sid, ch, t1, identity, contract, pipe, welcome, sec, session_secret, until, renewable, await_ready })
    }

    fn ticket(&self, secret: &Secret, entropy: &mut impl Entropy, now: Now) -> Option<SecretText> {
        // HS-86
        let credential: &CredentialId = &self.identity.credential().id;
        (self.contract.quantity(Quantity::ResumeS) > 0).then(|| {
            let ticket = Ticket {
                sid: self.sid,
                key_id: self.identity.key_id().clone(),
                credential: credential.clone(),
                bind: self.contract.bind,
                generation: self.generation,
                expires: self.until,
                secret: secret.clone(),
            };
            self.config.tickets.seal(&ticket, entropy, now.wall)
        })
    }

    fn sign(&self, sec: &SecretText, now: Now) -> Result<(String, ContractHash), Refusal> {
        let gateway = &self.config.gateway;
        let gkc = gateway.delegation_by(self.gw).ok_or(Reject::WrongGateway)?;
        let (v, vers) = Welcome::versions();
        let payload = WelcomeText {
            v,
            vers: &vers,
            sid: self.sid,
            gk: gateway.key().kid().as_str(),
            gkc,
            time: now.wall,
            grant: &self.contract,
            seq: self.seq,
            gap: self.gap,
            // HS-58
            sec: &sha256(&[sec.expose().as_bytes()]),
            next_pins: gateway.next_pins(),
        }
        .write();
        // HS-17
        let hash = PayloadHash::of(payload.as_bytes());
        let input = self.t1.proof_input_hashed(&label::WELCOME, &hash);
        let proof = gateway.key().sign(&input).map_err(|error| Refusal::operator(Reject::Internal, error.to_string()))?;
        let ch = ContractHash::new(self.t1.then_hashed(&hash));
        Ok((Token::write(Kind::Welcome, payload.as_bytes(), &proof), ch))
    }
}
