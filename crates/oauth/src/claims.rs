//! What an access token says (RFC 9068), and what of it must hold before it says anything.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::jwt::numeric_date;
use countersign_core::{ApiKeyId, CredentialId, Purpose, Refusal, Reject, Scopes, SessionId, Timestamp, Token, TokenKind};
use serde::{Deserialize, Serialize};

use crate::confirmation::Confirmation;
use crate::limits::{ACCESS_LIFE, EXCHANGES_MAX, PROOF_AHEAD_MAX};

/// The claims on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer's URL.
    pub iss: String,
    /// Whom it is for: one name, never a list.
    pub aud: String,
    /// The account.
    pub sub: String,
    /// The key id.
    pub client_id: String,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// How the key proves itself: its purpose.
    pub method: String,
    /// Our record of the key: a key that is made again under an old name is another.
    pub cred: String,
    /// Name of this token: 16 random bytes, base64url.
    pub jti: String,
    /// Names of the tokens that this one was exchanged for, the first of them first: what ends one of them ends this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// The session it belongs to: with refresh tokens, their family.
    pub sid: String,
    /// Made at, in seconds.
    pub iat: u64,
    /// Ends at, in seconds.
    pub exp: u64,
    /// The end of the session, in seconds; without it the session ends with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_exp: Option<u64>,
    /// The revocation epoch when it was made.
    pub epoch: u64,
    /// What it is bound to.
    pub cnf: Confirmation,
}

/// An access token whose claims hold. Whoever shows it must still hold what it is bound to, and it may be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The token, for `core::verify_token`.
    pub token: Token,
    /// Scopes it carries.
    pub scopes: Scopes,
    /// What it is bound to.
    pub cnf: Confirmation,
    /// How it can be revoked.
    pub mark: TokenMark,
    /// Until when a connection that it opened may stay open.
    pub session_ends: Timestamp,
}

/// All names under which a token can be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMark {
    /// The token.
    pub jti: [u8; 16],
    /// Those it was exchanged for.
    pub from: Vec<[u8; 16]>,
    /// Its session.
    pub sid: SessionId,
    /// The key it was made for.
    pub credential: CredentialId,
    /// The revocation epoch when it was made.
    pub epoch: u64,
}

/// A token for [`AccessClaims::new`].
#[derive(Clone, Debug)]
pub struct NewAccess<'n> {
    /// Issuer URL.
    pub issuer: &'n str,
    /// Audience.
    pub audience: &'n str,
    /// The account.
    pub account: &'n str,
    /// The key.
    pub key_id: &'n ApiKeyId,
    /// Its purpose.
    pub purpose: Purpose,
    /// Our record of the key.
    pub credential: &'n CredentialId,
    /// What it may do.
    pub scopes: &'n Scopes,
    /// Random name.
    pub jti: [u8; 16],
    /// The names of those it is exchanged for.
    pub from: &'n [[u8; 16]],
    /// The session.
    pub sid: SessionId,
    /// The end of the session, if that is not the end of the token.
    pub session_ends: Option<Timestamp>,
    /// The revocation epoch.
    pub epoch: u64,
    /// What it is bound to.
    pub cnf: Confirmation,
    /// Now.
    pub now: Timestamp,
    /// How long it lives; cut into [`ACCESS_LIFE`], and never beyond the session or `not_beyond`.
    pub life: Duration,
    /// The end of what it is made from (the subject token of an exchange, the key itself).
    pub not_beyond: Option<Timestamp>,
}

impl AccessClaims {
    /// The claims of a new token.
    #[must_use]
    pub fn new(new: &NewAccess<'_>) -> Self {
        let life = new.life.clamp(*ACCESS_LIFE.start(), *ACCESS_LIFE.end());
        let ends = [new.session_ends, new.not_beyond].into_iter().flatten().fold(new.now.saturating_add(life), Timestamp::min);
        Self {
            iss: new.issuer.to_owned(),
            aud: new.audience.to_owned(),
            sub: new.account.to_owned(),
            client_id: new.key_id.to_string(),
            scope: new.scopes.to_string(),
            method: new.purpose.name().to_owned(),
            cred: new.credential.to_string(),
            jti: URL_SAFE_NO_PAD.encode(new.jti),
            from: new.from.iter().map(|jti| URL_SAFE_NO_PAD.encode(jti)).collect(),
            sid: new.sid.to_string(),
            iat: new.now.as_secs(),
            exp: ends.as_secs(),
            session_exp: new.session_ends.map(Timestamp::as_secs),
            epoch: new.epoch,
            cnf: new.cnf,
        }
    }

    /// Checks what does not depend on who shows it: issuer, audience, times, names.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`], with a sentence for the operator.
    pub fn check(&self, issuer: &str, audience: &str, now: Timestamp) -> Result<Access, Refusal> {
        if self.iss != issuer {
            return Err(invalid("a token of another issuer"));
        }
        if self.aud != audience {
            return Err(invalid("a token for another audience"));
        }
        self.read(now)
    }

    /// As [`AccessClaims::check`], for whoever asks about a token and does not take it: any audience.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`].
    pub fn read(&self, now: Timestamp) -> Result<Access, Refusal> {
        let impossible = || invalid("claims that no access token of ours has");
        let issued = numeric_date(self.iat).ok_or_else(impossible)?;
        let expires = numeric_date(self.exp).ok_or_else(impossible)?;
        if expires.saturating_since(issued) > *ACCESS_LIFE.end() || issued > now.saturating_add(PROOF_AHEAD_MAX) {
            return Err(impossible());
        }
        if now >= expires {
            return Err(invalid("the access token expired"));
        }
        let sid = SessionId::parse(&self.sid).ok_or_else(impossible)?;
        let name =
            |text: &String| URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).ok_or_else(impossible);
        let jti = name(&self.jti)?;
        if self.from.len() > EXCHANGES_MAX {
            return Err(impossible());
        }
        let from = self.from.iter().map(name).collect::<Result<_, _>>()?;
        let credential = CredentialId::parse(&self.cred).map_err(|_| impossible())?;
        let scopes = Scopes::parse(&self.scope).map_err(|_| impossible())?;
        let token = Token {
            kind: TokenKind::Access,
            purpose: Purpose::parse(&self.method).ok_or_else(impossible)?,
            credential: credential.clone(),
            key_id: ApiKeyId::parse(&self.client_id).map_err(|_| impossible())?,
            issued,
            expires,
            scopes: Some(scopes.clone()),
            channel: None,
            session: Some(self.sid.clone()),
            id: jti,
        };
        let session_ends = self.session_exp.map_or(Some(expires), numeric_date).ok_or_else(impossible)?;
        Ok(Access { token, scopes, cnf: self.cnf, mark: TokenMark { jti, from, sid, credential, epoch: self.epoch }, session_ends })
    }
}

fn invalid(sentence: &'static str) -> Refusal {
    Refusal::operator(Reject::TokenInvalid, sentence)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::confirmation::Thumbprint;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn claims(life: u64, session_ends: Option<u64>, not_beyond: Option<u64>) -> AccessClaims {
        AccessClaims::new(&NewAccess {
            issuer: "https://gw",
            audience: "https://gw",
            account: "desk",
            key_id: &ApiKeyId::parse("key").unwrap(),
            purpose: Purpose::Native,
            credential: &CredentialId::parse("cred-1").unwrap(),
            scopes: &Scopes::parse("md:read order:write").unwrap(),
            jti: [1; 16],
            from: &[[8; 16], [9; 16]],
            sid: SessionId::from_bytes([2; 16]),
            session_ends: session_ends.map(Timestamp::from_secs),
            epoch: 4,
            cnf: Confirmation { jkt: Some(Thumbprint::new([3; 32])), ..Confirmation::default() },
            now: NOW,
            life: Duration::from_secs(life),
            not_beyond: not_beyond.map(Timestamp::from_secs),
        })
    }

    #[test]
    fn lives_between_its_bounds_and_not_beyond_its_origin() {
        let life = |claims: AccessClaims| claims.exp - claims.iat;
        assert_eq!(life(claims(1, None, None)), 60);
        assert_eq!(life(claims(9_999, None, None)), 300);
        assert_eq!(life(claims(120, None, None)), 120);
        assert_eq!(life(claims(300, Some(NOW.as_secs() + 10), None)), 10);
        assert_eq!(life(claims(300, Some(NOW.as_secs() + 100), Some(NOW.as_secs() + 20))), 20);
    }

    #[test]
    fn holds_for_its_issuer_and_audience_until_its_end() {
        let claims = claims(300, None, None);
        let access = claims.check("https://gw", "https://gw", NOW).unwrap();
        assert_eq!((access.mark.epoch, access.session_ends), (4, NOW.saturating_add(Duration::from_secs(300))));
        assert!(claims.check("https://gw", "https://other", NOW).is_err());
        assert!(claims.check("https://other", "https://gw", NOW).is_err());
        let end = NOW.saturating_add(Duration::from_secs(300));
        assert!(claims.check("https://gw", "https://gw", end).is_err());
        assert!(claims.check("https://gw", "https://gw", end.saturating_sub(Duration::from_micros(1))).is_ok());
        assert!(claims.read(NOW.saturating_sub(Duration::from_secs(60))).is_err(), "made in the future");
    }

    #[test]
    fn refuses_claims_that_are_not_ours() {
        let good = serde_json::to_value(claims(300, None, None)).unwrap();
        let read = |name: &str, value: serde_json::Value| {
            let mut changed = good.clone();
            changed[name] = value;
            serde_json::from_value::<AccessClaims>(changed).ok().and_then(|claims| claims.check("https://gw", "https://gw", NOW).ok())
        };
        assert!(read("epoch", 5.into()).is_some());
        assert_eq!(read("scope", "md:read".into()).unwrap().mark.from, [[8; 16], [9; 16]]);
        for (name, value) in [
            ("exp", serde_json::json!("1790000300")),
            ("exp", serde_json::json!(1_790_000_300.5)),
            ("exp", serde_json::json!(u64::MAX)),
            ("exp", serde_json::json!(1_790_000_301)),
            ("iat", serde_json::json!(-1)),
            ("aud", serde_json::json!(["https://gw", "https://other"])),
            ("jti", serde_json::json!("short")),
            ("from", serde_json::json!("short")),
            ("from", serde_json::json!(["short"])),
            ("from", serde_json::json!(vec![good["jti"].clone(); EXCHANGES_MAX + 1])),
            ("sid", serde_json::json!("")),
            ("method", serde_json::json!("root")),
            ("scope", serde_json::json!("everything")),
            ("cnf", serde_json::json!({ "kid": "x" })),
            ("session_exp", serde_json::json!(u64::MAX)),
        ] {
            assert!(read(name, value.clone()).is_none(), "{name}: {value}");
        }
    }
}
