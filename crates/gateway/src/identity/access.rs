//! Access tokens (RFC 9068) for native sessions over HTTP.

use std::time::Duration;

use countersign_core::{AccountId, ApiKeyId, Scopes, SessionId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::claims::random_id;
use super::{ISSUER, IdentityIssuer, TokenAlgorithm};

/// `typ` of access tokens (RFC 9068 section 2.1).
pub const ACCESS_TYPE: &str = "at+jwt";
/// Longest life that is ever minted or believed.
pub const ACCESS_TOKEN_LIFE_MAX: Duration = Duration::from_secs(300);
/// Longest token looked at: ours have about 600 bytes, with the longest names and all scopes 3 KiB.
const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Why a token is not one of ours that holds now. For the operator; clients are told one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Another audience, issuer, life, or claims that cannot be.
    #[error("claims that no access token of ours has")]
    Claims,
    /// Past its end.
    #[error("expired")]
    Expired,
    /// Not a JWT, or longer than any of ours.
    #[error("not a token")]
    Malformed,
    /// Signed by nobody we know, or wrongly.
    #[error("signature of no key of ours")]
    Signature,
    /// A token of another type or algorithm.
    #[error("another type of token")]
    Type,
}

#[derive(Deserialize, Serialize)]
struct WireClaims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    scope: String,
    sid: String,
    /// Transcript hash T1 of the hello: the channel the token is bound to.
    t1: String,
    iat: u64,
    exp: u64,
    jti: String,
}

/// What a verified access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whose orders and balances.
    pub account: AccountId,
    /// The key that signed in.
    pub key_id: ApiKeyId,
    /// The session.
    pub sid: SessionId,
    /// Transcript hash of the hello, base64url: the caller compares it with the one of its connection.
    pub t1: String,
    /// What the contract grants.
    pub scopes: Scopes,
    /// When it was made.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl IdentityIssuer {
    /// Signs an access token for a native session. `t1_b64` is the base64url transcript hash of its hello; `life` is cut to
    /// [`ACCESS_TOKEN_LIFE_MAX`].
    #[must_use]
    #[allow(clippy::too_many_arguments)] // each is one claim
    pub fn mint_access_token(
        &self,
        account: &AccountId,
        key_id: &ApiKeyId,
        sid: SessionId,
        t1_b64: &str,
        scopes: &Scopes,
        now: Timestamp,
        life: Duration,
    ) -> String {
        let claims = WireClaims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: account.to_string(),
            client_id: key_id.to_string(),
            scope: scopes.to_string(),
            sid: sid.to_string(),
            t1: t1_b64.to_owned(),
            iat: now.as_secs(),
            exp: now.as_secs().saturating_add(life.min(ACCESS_TOKEN_LIFE_MAX).as_secs()),
            jti: random_id(),
        };
        // Signing with Ed25519 costs half as much, and nobody but the gateway reads it.
        self.ring.load().current().of(TokenAlgorithm::EdDsa).sign(ACCESS_TYPE, &claims)
    }

    /// Verifies an access token.
    ///
    /// # Errors
    /// [`AccessTokenError`], for the operator.
    ///
    /// # Security
    /// The type is pinned before anything else is believed, the algorithm is that of the key whatever the header says, and keys are
    /// only those of our own ring. The caller must compare [`AccessClaims::t1`] with its connection: a token alone is worth nothing.
    pub fn verify_access_token(&self, token: &str, now: Timestamp) -> Result<AccessClaims, AccessTokenError> {
        checked(&self.read_access_token::<WireClaims>(token)?, now)
    }

    /// Signs an access token of the token endpoint with these claims, by the algorithm that is configured for them.
    #[must_use]
    pub fn sign_access_token(&self, claims: &impl Serialize) -> String {
        self.ring.load().current().of(self.access).sign(ACCESS_TYPE, claims)
    }

    /// Whether a JWT names one of our keys. It may still be forged.
    #[must_use]
    pub fn names_our_key(&self, token: &str) -> bool {
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        kid.is_some_and(|kid| self.ring.load().find_used(&kid).is_some())
    }

    /// The claims of an access token that we signed. The caller judges them: an access token of a native session and one of the
    /// token endpoint have different claims, and neither reads as the other.
    ///
    /// # Errors
    /// [`AccessTokenError`], for the operator.
    pub fn read_access_token<C: DeserializeOwned>(&self, token: &str) -> Result<C, AccessTokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AccessTokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AccessTokenError::Malformed)?;
        let known = TokenAlgorithm::ALL.into_iter().any(|algorithm| algorithm.jose() == header.alg);
        if header.typ.as_deref() != Some(ACCESS_TYPE) || !known || header.crit.is_some() {
            return Err(AccessTokenError::Type);
        }
        let kid = header.kid.ok_or(AccessTokenError::Type)?;
        let ring = self.ring.load();
        let key = ring.find_used(&kid).ok_or(AccessTokenError::Signature)?;
        if key.algorithm().jose() != header.alg {
            // RFC 8725, 3.1: the key says how it verifies, not the token.
            return Err(AccessTokenError::Type);
        }
        key.verify(token).map_err(|_| AccessTokenError::Signature)
    }
}

fn checked(claims: &WireClaims, now: Timestamp) -> Result<AccessClaims, AccessTokenError> {
    let life = claims.exp.checked_sub(claims.iat).ok_or(AccessTokenError::Claims)?;
    if claims.iss != ISSUER || claims.aud != ISSUER || life > ACCESS_TOKEN_LIFE_MAX.as_secs() {
        return Err(AccessTokenError::Claims);
    }
    if now >= Timestamp::from_secs(claims.exp) {
        return Err(AccessTokenError::Expired);
    }
    Ok(AccessClaims {
        account: AccountId::parse(&claims.sub).map_err(|_| AccessTokenError::Claims)?,
        key_id: ApiKeyId::parse(&claims.client_id).map_err(|_| AccessTokenError::Claims)?,
        sid: SessionId::parse(&claims.sid).ok_or(AccessTokenError::Claims)?,
        t1: claims.t1.clone(),
        scopes: Scopes::parse(&claims.scope).map_err(|_| AccessTokenError::Claims)?,
        issued: Timestamp::from_secs(claims.iat),
        expires: Timestamp::from_secs(claims.exp),
    })
}
