//! Access tokens of an issuer outside (RFC 9068): what must be in one, and what its claims mean here.
//!
//! | claim | rule |
//! |---|---|
//! | `typ` | `at+jwt` (RFC 9068, 4): an ID token or another JWT of the same issuer is no access token |
//! | `kid` | names a published key |
//! | `iss` | this issuer, character by character |
//! | `aud` | one of ours is among them |
//! | `exp`, `iat`, `nbf` | seconds, with or without a fraction; `exp` and `iat` must be there, the life between them is bounded |
//! | `sub` | must be there; names the caller in audit records and for rate limits |
//! | account claim | the account; or a fixed one for all |
//! | scope claim | a text with blanks or a list; what is not in the issuer's ceiling is left out |
//! | `cnf` | what must be shown with the token ([`crate::confirmation`]) |
//!
//! What is *not* here: fetching keys (the shell), and verification ([`verify_issued`](crate::verify_issued)).

use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::confirmation::{Confirmation, Thumbprint};
use crate::credential::Credential;
use crate::id::{AccountId, ApiKeyId, CredentialId};
use crate::jwt::Jwt;
use crate::presented::{Effect, Freshness, Once, Presented, SignedBytes};
use crate::public_key::VerifyingKey;
use crate::purpose::Purpose;
use crate::reject::{Refusal, Reject};
use crate::scope::{Scope, Scopes};
use crate::time::Timestamp;
use crate::verifier::Verifier;
use crate::verify::check_life;
use serde_json::Value;

/// Which account a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountRule {
    /// What this claim says.
    Claim(String),
    /// Always this one.
    Fixed(AccountId),
}

/// An issuer whose tokens are taken, and what they may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its name in the configuration: `a-z 0-9 _ -`. Part of the names of its callers.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Our names: one must be in `aud`.
    pub audiences: Vec<String>,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Whose orders and balances.
    pub account: AccountRule,
    /// The claim that has the scopes.
    pub scope_claim: String,
    /// All that its tokens may ever do.
    pub scopes: Scopes,
    /// The longest life of a token.
    pub lifetime_max: Duration,
    /// Whether its tokens must be bound to a key or certificate.
    pub bound: bool,
}

/// A token as it came, read by the rules of its issuer. Nothing in it is verified.
#[derive(Debug)]
pub struct IssuedToken<'m> {
    /// The name of the key it claims to be signed with.
    pub kid: String,
    pub(crate) confirmation: Confirmation,
    pub(crate) text: &'m str,
    pub(crate) bound: bool,
    jwt: Jwt<'m>,
    key_id: ApiKeyId,
    id: CredentialId,
    account: AccountId,
    scopes: Scopes,
    freshness: Freshness,
    not_after: Timestamp,
}

fn invalid(why: &'static str) -> Refusal {
    Refusal::operator(Reject::TokenInvalid, why)
}

impl Issuer {
    /// The `iss` and `kid` of a token, to find its issuer and key by; nothing else of it is looked at.
    ///
    /// # Errors
    /// As [`Jwt::read`].
    pub fn names(text: &str) -> Result<(String, String), Refusal> {
        let jwt = Jwt::read(text).map_err(crate::jwt::JwtError::refusal)?;
        let issuer = jwt.claims.text("iss").ok_or_else(|| invalid("iss is missing"))?;
        let kid = jwt.header.text("kid").ok_or_else(|| invalid("kid is missing"))?;
        Ok((issuer.to_owned(), kid.to_owned()))
    }

    /// Reads a token of this issuer.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`] or [`Reject::WrongAlgorithm`], with what is wrong for the operator: to the client all look alike.
    pub fn read<'m>(&self, text: &'m str) -> Result<IssuedToken<'m>, Refusal> {
        let jwt = Jwt::read(text).map_err(crate::jwt::JwtError::refusal)?;
        if !jwt.is_of_type("at+jwt") {
            return Err(invalid("typ is not at+jwt"));
        }
        if !self.algorithms.contains(&jwt.signature.form.algorithm()) {
            return Err(Refusal::operator(Reject::WrongAlgorithm, "the issuer does not sign with this algorithm"));
        }
        if jwt.claims.text("iss") != Some(self.issuer.as_str()) {
            return Err(invalid("iss is another"));
        }
        if !texts(jwt.claims.value("aud")).iter().any(|audience| self.audiences.iter().any(|own| own == audience)) {
            return Err(invalid("aud is not us"));
        }
        let kid = jwt.header.text("kid").ok_or_else(|| invalid("kid is missing"))?.to_owned();
        let subject = jwt.claims.text("sub").filter(|subject| !subject.is_empty()).ok_or_else(|| invalid("sub is missing"))?;
        let confirmation = Confirmation::of_claim(jwt.claims.value("cnf")).ok_or_else(|| invalid("cnf asks for what cannot be checked"))?;
        let (key_id, id) = self.caller(subject);
        let (freshness, not_after) = self.life(&jwt)?;
        let account = self.account(&jwt)?;
        let scopes = self.scopes(&jwt);
        Ok(IssuedToken { kid, confirmation, text, bound: self.bound, jwt, key_id, id, account, scopes, freshness, not_after })
    }

    fn life(&self, jwt: &Jwt<'_>) -> Result<(Freshness, Timestamp), Refusal> {
        let time = |name| jwt.claims.time_if_any(name).map_err(|_| invalid("a time is not in seconds"));
        let issued = time("iat")?.ok_or_else(|| invalid("iat is missing"))?;
        let not_after = time("exp")?.ok_or_else(|| invalid("exp is missing"))?;
        if not_after.saturating_since(issued) > self.lifetime_max {
            return Err(invalid("it lives longer than tokens of this issuer may"));
        }
        let not_before = time("nbf")?.map_or(issued, |start| start.max(issued));
        Ok((Freshness::Issued { not_before, not_after }, not_after))
    }

    fn account(&self, jwt: &Jwt<'_>) -> Result<AccountId, Refusal> {
        match &self.account {
            AccountRule::Fixed(account) => Ok(account.clone()),
            AccountRule::Claim(name) => {
                let text = jwt.claims.text(name).ok_or_else(|| invalid("the claim that names the account is missing"))?;
                AccountId::parse(text).map_err(|_| invalid("the claim that names the account has no name of an account"))
            }
        }
    }

    /// What is no scope of ours means nothing here: issuers put scopes for others into the same claim.
    fn scopes(&self, jwt: &Jwt<'_>) -> Scopes {
        let named = texts(jwt.claims.value(&self.scope_claim));
        let words = named.iter().flat_map(|text| text.split(' ')).filter_map(|word| Scope::parse(word).ok());
        words.filter(|scope| self.scopes.contains(scope)).collect()
    }

    /// The names of a caller: of this issuer, so that no two issuers share one. A subject that has other characters, or is long, is named by its hash.
    fn caller(&self, subject: &str) -> (ApiKeyId, CredentialId) {
        let hash = Thumbprint::of(format!("{}\n{subject}", self.name).as_bytes());
        let id = CredentialId::parse(&format!("iss-{hash}")).expect("letters, digits, dash and underscore");
        let plain = !subject.starts_with("sha256-");
        let key_id = Some(format!("{}:{subject}", self.name)).filter(|_| plain).and_then(|name| ApiKeyId::parse(&name).ok());
        let key_id = key_id.unwrap_or_else(|| ApiKeyId::parse(&format!("{}:sha256-{hash}", self.name)).expect("short and plain"));
        (key_id, id)
    }
}

/// A claim that is a text or a list of texts.
fn texts(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(_) | None => Vec::new(),
    }
}

impl IssuedToken<'_> {
    /// The credential that the token would stand for, if it holds.
    pub(crate) fn credential(&self, key: VerifyingKey) -> Arc<Credential> {
        Arc::new(Credential {
            scopes: self.scopes.clone(),
            not_after: Some(self.not_after),
            ..Credential::new(self.id.clone(), self.account.clone(), Purpose::Bearer, self.key_id.clone(), Verifier::PublicKey(key))
        })
    }

    /// The token as any other proof.
    pub(crate) fn presented(&self) -> Presented<'_> {
        Presented {
            purpose: Purpose::Bearer,
            key_id: self.key_id.clone(),
            signature: self.jwt.signature.clone(),
            signed: SignedBytes::from_piece(self.jwt.signed.as_bytes()),
            passphrase: None,
            freshness: self.freshness,
            once: Once::Freshness,
            effect: Effect::Read,
        }
    }

    /// What it claims to be signed with: the key must be for this.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.jwt.signature.form.algorithm()
    }

    /// Whether it is bound to a client certificate (RFC 8705, 3).
    #[must_use]
    pub const fn is_bound_to_certificate(&self) -> bool {
        self.confirmation.certificate.is_some()
    }

    /// Whether its times say that it is good now; nothing of it may be verified yet.
    #[must_use]
    pub fn is_in_time(&self, now: Timestamp) -> bool {
        matches!(self.freshness, Freshness::Issued { not_before, not_after } if check_life(not_before, not_after, now).is_ok())
    }

    /// How long it is good for.
    #[must_use]
    pub const fn freshness(&self) -> Freshness {
        self.freshness
    }
}
