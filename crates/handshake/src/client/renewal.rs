//! The client's side of an open session whose contract changes.

use countersign_core::{Now, Scopes, Timestamp};

use super::ClientSession;
use super::await_welcome::check_gateway;
use crate::error::HandshakeError;
use crate::label;
use crate::limits;
use crate::need::Need;
use crate::renewal::{self, Reauth, Regrant};
use crate::secret_text::SecretText;
use crate::secrets::SessionSecrets;
use crate::signing_key::Signer;
use crate::token::{Kind, Token};
use crate::transcript::{ContractHash, sha256};

/// A re-authentication that was signed: send [`Self::frame`], keep it until the answer.
#[derive(Debug)]
#[must_use]
pub struct AwaitRegrant {
    payload: String,
    token: String,
    scopes: Option<Scopes>,
}

impl AwaitRegrant {
    /// `{"reauth":"cs1a..."}`
    #[must_use]
    pub fn frame(&self) -> String {
        crate::frame::reauth(&self.token)
    }

    /// The scopes that were asked for, if others than those of the contract.
    #[must_use]
    pub const fn scopes(&self) -> Option<&Scopes> {
        self.scopes.as_ref()
    }
}

impl ClientSession {
    /// Proves the key again, over this contract and the gateway's nonce. `scopes`: others than now, or the same.
    ///
    /// # Errors
    /// [`HandshakeError::Key`].
    pub fn reauth(
        &self,
        key: &dyn Signer,
        scopes: Option<Scopes>,
        life_s: Option<u64>,
        nonce: &str,
    ) -> Result<AwaitRegrant, HandshakeError> {
        let reauth = Reauth { kid: key.kid().clone(), alg: key.algorithm(), nonce: nonce.to_owned(), scopes: scopes.clone(), life_s };
        let payload = reauth.write();
        // HS-120
        let proof = key.sign(&self.ch.transcript().proof_input(&label::REAUTH, payload.as_bytes())).map_err(HandshakeError::Key)?;
        Ok(AwaitRegrant { token: Token::write(Kind::Reauth, payload.as_bytes(), &proof), payload, scopes })
    }

    /// Takes a re-grant. `waiting` is what was asked, if something was; whether this answers it is told.
    ///
    /// # Errors
    /// The check that failed: end the session.
    pub fn regranted(
        &mut self,
        waiting: Option<&AwaitRegrant>,
        (token, sec): (&str, &SecretText),
        (gw, need): (&str, &Need),
        now: Now,
    ) -> Result<bool, HandshakeError> {
        let token = Token::parse_kind(token, Kind::Regrant).map_err(HandshakeError::Token)?;
        let regrant = Regrant::read(&token.payload).map_err(HandshakeError::WelcomeMalformed)?;
        let asked = answered(waiting, &regrant)?;
        let link = renewal::link(self.ch.transcript(), asked.map(|asked| asked.payload.as_bytes()));
        let delegation = check_gateway(&regrant.gk, &regrant.gkc, gw, now)?;
        // HS-122
        if !delegation.gateway_key().verify(&link.proof_input(&label::REGRANT, &token.payload), &token.proof) {
            return Err(HandshakeError::WelcomeSignature);
        }
        self.check(&regrant, asked, need)?;
        if sec.expose().len() > limits::SECRETS_BYTES_MAX || sha256(&[sec.expose().as_bytes()]) != regrant.sec {
            return Err(HandshakeError::Secrets);
        }
        let secrets = SessionSecrets::read(sec.expose()).ok_or(HandshakeError::Secrets)?;
        let contract_json = String::from_utf8(token.payload.clone()).map_err(|_| HandshakeError::WelcomeMalformed("payload"))?;
        self.ch = ContractHash::new(link.then(&token.payload));
        let ends = now.mono.saturating_add(left(&regrant));
        // HS-124: nobody but us makes it longer.
        self.ends = if asked.is_some() { ends } else { ends.min(self.ends) };
        self.contract_json = contract_json;
        self.adopt(regrant, secrets, now);
        Ok(asked.is_some())
    }

    fn check(&self, regrant: &Regrant, asked: Option<&AwaitRegrant>, need: &Need) -> Result<(), HandshakeError> {
        if regrant.sid != self.sid {
            return Err(HandshakeError::Continuity("sid"));
        }
        // HS-123 HS-124
        let more = asked.map(|asked| asked.scopes.clone().unwrap_or_default());
        if !regrant.grant.continues(&self.held, more.as_ref()) {
            return Err(HandshakeError::Continuity("grant"));
        }
        // HS-128
        let unmet = regrant.grant.unmet(need);
        if unmet.is_empty() { Ok(()) } else { Err(HandshakeError::NeedUnmet(unmet)) }
    }

    fn adopt(&mut self, regrant: Regrant, secrets: SessionSecrets, now: Now) {
        // HS-134
        self.held = regrant.grant.clone().remembering(&self.held);
        self.contract = regrant.grant;
        self.access_token_until = now.wall.saturating_add(std::time::Duration::from_secs(secrets.access_token_s));
        self.access_token = secrets.access_token;
        self.gateway = regrant.gk;
        self.time = regrant.time;
        if let Some(resumption) = &mut self.resumption {
            resumption.contract = self.held.clone();
            resumption.ends = self.ends;
            resumption.asked = None;
            // HS-127
            if let (Some(ticket), Some(secret)) = (secrets.ticket, &secrets.session_secret) {
                (resumption.ticket, resumption.secret) = (ticket, secret.clone());
            }
        }
        self.session_secret = secrets.session_secret;
    }
}

/// What a re-grant answers. One that answers something else was not made for us.
fn answered<'w>(waiting: Option<&'w AwaitRegrant>, regrant: &Regrant) -> Result<Option<&'w AwaitRegrant>, HandshakeError> {
    let Some(re) = regrant.re else { return Ok(None) };
    let waiting = waiting.filter(|waiting| renewal::name_of(waiting.payload.as_bytes()) == re);
    waiting.map(Some).ok_or(HandshakeError::Continuity("re"))
}

fn left(regrant: &Regrant) -> std::time::Duration {
    let Regrant { ends, time, .. } = regrant;
    Timestamp::saturating_since(*ends, *time)
}
