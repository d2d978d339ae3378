//! The gateway's side of an open session whose contract changes: the client proves itself again, or loses scopes.
//!
//! ```text
//!   Renewable ── nonce ──▶ (client) ── receive ──▶ AwaitRenewal ── verified by core ── renew ──▶ Renewed
//!       └────────────────────────── the key lost scopes: narrow, unasked ─────────────────────▶ Renewed
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use countersign_core::presented::SignedBytes;
use countersign_core::{
    ApiKeyId, Binding, CredentialId, Effect, Entropy, Freshness, Now, Once, Presented, PresentedSignature, Purpose, Refusal, Reject,
    Secret, SessionId, SignatureForm, Timestamp, VerifiedIdentity,
};

use super::{ServerConfig, TokenContext};
use crate::contract::{Contract, Quantity};
use crate::frame;
use crate::label;
use crate::limits;
use crate::negotiate::{Entitlements, renew};
use crate::renewal::{self, Reauth, Regrant};
use crate::secret_text::SecretText;
use crate::secrets::SessionSecrets;
use crate::signing_key::Signer as _;
use crate::ticket::Ticket;
use crate::token::{Kind, Token};
use crate::transcript::{ContractHash, Transcript, sha256};

/// What is needed to sign a session's contract anew.
#[derive(Debug)]
pub struct Renewable {
    pub(super) config: Arc<ServerConfig>,
    pub(super) sid: SessionId,
    pub(super) key_id: ApiKeyId,
    pub(super) credential: CredentialId,
    pub(super) gw: String,
    pub(super) channel_hash: [u8; 32],
    pub(super) ch: ContractHash,
    pub(super) issued: VecDeque<String>,
}

/// A re-authentication that was read; its proof is to be verified.
#[derive(Debug)]
#[must_use]
pub struct AwaitRenewal {
    reauth: Reauth,
    payload: Vec<u8>,
    ch: ContractHash,
    presented: Presented<'static>,
}

impl AwaitRenewal {
    /// What `countersign_core::verify` judges; look the key up by `(presented.purpose, presented.key_id)`.
    #[must_use]
    pub const fn presented(&self) -> &Presented<'static> {
        &self.presented
    }
}

/// A session's state, as far as a re-grant repeats it.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'c> {
    /// The contract in force.
    pub contract: &'c Contract,
    /// The end of its life.
    pub until: Timestamp,
    /// The generation of the last ticket that was given.
    pub generation: u64,
}

/// A contract that was signed anew: in force from now on. Send the frame.
#[derive(Debug)]
#[must_use]
pub struct Renewed {
    /// The contract.
    pub contract: Contract,
    /// Its hash.
    pub ch: ContractHash,
    /// The end of the session's life.
    pub until: Timestamp,
    /// `{"regrant":...,"sec":...}`
    pub frame: SecretText,
}

impl Renewable {
    /// A nonce for a re-authentication on this connection.
    pub fn nonce(&mut self, entropy: &mut impl Entropy, now: Now) -> String {
        let nonce = self.config.nonces.issue(entropy, now.wall);
        if self.issued.len() == limits::NONCES_OUTSTANDING_MAX {
            self.issued.pop_front();
        }
        self.issued.push_back(nonce.clone());
        nonce
    }

    /// Reads a re-authentication and spends its nonce.
    ///
    /// # Errors
    /// Grammar; [`Reject::NonceInvalid`] for a nonce that was not given here, or no more; [`Reject::UnknownKey`] for another key than
    /// the session's.
    pub fn receive(&mut self, token: &str, now: Now) -> Result<AwaitRenewal, Refusal> {
        let token = Token::parse_kind(token, Kind::Reauth).map_err(Refusal::from)?;
        let reauth = Reauth::read(&token.payload)?;
        // HS-121
        self.config.nonces.check(&reauth.nonce, now.wall)?;
        let place = self.issued.iter().position(|issued| *issued == reauth.nonce);
        let place = place.ok_or_else(|| Refusal::operator(Reject::NonceInvalid, "a nonce of another connection, or spent"))?;
        self.issued.remove(place);
        if reauth.kid != self.key_id {
            return Err(Refusal::operator(Reject::UnknownKey, "another key than that of the session"));
        }
        // HS-120
        let signed = self.ch.transcript().proof_input(&label::REAUTH, &token.payload);
        let presented = Presented {
            purpose: Purpose::Native,
            key_id: reauth.kid.clone(),
            signature: PresentedSignature { form: SignatureForm::Explicit(reauth.alg), bytes: Some(token.proof.into()) },
            signed: SignedBytes::from_piece(signed.to_vec()),
            passphrase: None,
            freshness: Freshness::Channel,
            once: Once::Freshness,
            effect: Effect::Write,
        };
        Ok(AwaitRenewal { reauth, payload: token.payload, ch: self.ch, presented })
    }

    /// Grants anew after a valid proof: the scopes asked for that the key has now, and a life that begins again.
    ///
    /// # Errors
    /// [`Reject::Internal`] when the identity is another than presented or our key cannot sign, [`Reject::BindingTooWeak`] below the
    /// key's minimum as of now, and what `mint` refuses.
    #[expect(clippy::too_many_arguments, reason = "what is granted, to whom, and what it is made from: one call")]
    pub fn renew(
        &mut self,
        awaiting: AwaitRenewal,
        identity: &VerifiedIdentity,
        terms: Terms<'_>,
        entitlements: &Entitlements,
        mint: impl FnOnce(&TokenContext<'_>) -> Result<SecretText, Refusal>,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<Renewed, Refusal> {
        let same = *identity.key_id() == self.key_id && identity.credential().id == self.credential && awaiting.ch == self.ch;
        if identity.purpose() != Purpose::Native || !same {
            return Err(Refusal::operator(Reject::Internal, "the verified identity is not the one presented"));
        }
        // HS-28: as of a hello. A session that could not begin any more does not begin again.
        if terms.contract.bind < identity.credential().min_bind {
            return Err(Refusal::operator(Reject::BindingTooWeak, "below the minimum of this key"));
        }
        let entitlements = Entitlements::of(identity.credential(), now.wall).narrowed_by(entitlements);
        // HS-123
        let AwaitRenewal { reauth, payload, .. } = awaiting;
        let contract = renew(terms.contract, reauth.scopes.as_ref(), reauth.life_s, &entitlements, &self.config.policy);
        let until = now.wall.saturating_add(contract.life());
        self.sign(identity, contract, until, terms.generation, Some(&payload), mint, entropy, now)
    }

    /// Takes scopes away that the key no longer has. `None` when it has all of the contract's.
    ///
    /// # Errors
    /// [`Reject::Internal`] when our key cannot sign, and what `mint` refuses.
    pub fn narrow(
        &mut self,
        identity: &VerifiedIdentity,
        terms: Terms<'_>,
        mint: impl FnOnce(&TokenContext<'_>) -> Result<SecretText, Refusal>,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<Option<Renewed>, Refusal> {
        // HS-124
        let Some(contract) = terms.contract.narrowed(&identity.credential().scopes) else { return Ok(None) };
        self.sign(identity, contract, terms.until, terms.generation, None, mint, entropy, now).map(Some)
    }

    #[expect(clippy::too_many_arguments, reason = "what is signed, for whom, and what it is made from: one call")]
    fn sign(
        &mut self,
        identity: &VerifiedIdentity,
        contract: Contract,
        until: Timestamp,
        generation: u64,
        reauth: Option<&[u8]>,
        mint: impl FnOnce(&TokenContext<'_>) -> Result<SecretText, Refusal>,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<Renewed, Refusal> {
        let link = renewal::link(self.ch.transcript(), reauth);
        let context = TokenContext {
            identity,
            sid: self.sid,
            t1: &link,
            channel_hash: self.channel_hash,
            contract: &contract,
            issued_at: now.wall,
            life: contract.token_life(),
        };
        let access_token = mint(&context)?;
        let (session_secret, ticket) = self.ticket(&contract, until, generation, entropy, now);
        let secrets = SessionSecrets { access_token, access_token_s: contract.token_life().as_secs(), session_secret, ticket };
        let sec = secrets.write()?;
        let gateway = &self.config.gateway;
        let payload = Regrant {
            sid: self.sid,
            re: reauth.map(renewal::name_of),
            gk: gateway.key().kid().to_string(),
            gkc: gateway.delegation_by(&self.gw).ok_or(Reject::WrongGateway)?.to_owned(),
            time: now.wall,
            ends: until,
            grant: contract.clone(),
            sec: sha256(&[sec.expose().as_bytes()]),
        }
        .write();
        let input = link.proof_input(&label::REGRANT, payload.as_bytes());
        let proof = gateway.key().sign(&input).map_err(|error| Refusal::operator(Reject::Internal, error.to_string()))?;
        self.ch = ContractHash::new(link.then(payload.as_bytes()));
        // HS-121: what was to be signed over the former contract is of no use any more.
        self.issued.clear();
        let frame = frame::regrant(&Token::write(Kind::Regrant, payload.as_bytes(), &proof), &sec);
        Ok(Renewed { contract, ch: self.ch, until, frame })
    }

    /// A ticket that ends with the new life. It is of the last generation, as the one before it: one of the two is used, once.
    fn ticket(
        &self,
        contract: &Contract,
        until: Timestamp,
        generation: u64,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> (Option<Secret>, Option<SecretText>) {
        // HS-56
        if contract.bind == Binding::Chl {
            return (None, None);
        }
        let secret = Secret::new(entropy.array::<32>().to_vec());
        if contract.quantity(Quantity::ResumeS) == 0 {
            return (Some(secret), None);
        }
        // HS-127
        let ticket = Ticket {
            sid: self.sid,
            key_id: self.key_id.clone(),
            credential: self.credential.clone(),
            bind: contract.bind,
            generation,
            expires: until,
            secret: secret.clone(),
        };
        let sealed = self.config.tickets.seal(&ticket, entropy, now.wall);
        (Some(secret), Some(sealed))
    }
}

impl Renewable {
    /// What a new transcript of the same session needs.
    pub(super) fn new(
        config: &Arc<ServerConfig>,
        sid: SessionId,
        identity: &VerifiedIdentity,
        gw: &str,
        t0: Transcript,
        ch: ContractHash,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            sid,
            key_id: identity.key_id().clone(),
            credential: identity.credential().id.clone(),
            gw: gw.to_owned(),
            channel_hash: sha256(&[t0.as_bytes()]),
            ch,
            issued: VecDeque::new(),
        }
    }
}
