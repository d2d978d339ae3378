//! Tokens that the gateway signs: identity tokens for upstreams, access tokens for native HTTP sessions.
//!
//! ```text
//!   identity+jwt   gateway ─▶ upstream   who this request is from; 60 s; verified with /.well-known/jwks.json
//!   at+jwt         gateway ─▶ client ─▶ gateway   a native session over HTTP; bound to its connection by `t1`
//!   at+jwt         gateway ─▶ client ─▶ anybody   of the token endpoint; bound by `cnf`; the claims are in `countersign-oauth`
//! ```
//!
//! All are JWTs (RFC 7519) of one key ring ([`IdentityIssuer`]): EdDSA (RFC 8037), or ES256 where the last kind is configured so.
//! They differ in `typ` (RFC 8725, 3.11) and audience, and the type is checked first: an identity token that leaks from an upstream
//! is never an access token.
//!
//! What is not here: the decision who somebody is (`countersign-core`), and the binding of an access token to its connection,
//! which the native handshake compares.

mod access;
mod cached;
mod claims;
mod fence;
mod key_file;
mod key_ring;
mod named_key;

use std::path::Path;

use arc_swap::ArcSwap;
use countersign_core::{AccountId, ApiKeyId, Purpose, Scopes, Secret, SessionId, Timestamp, VerifiedIdentity};
use http::HeaderValue;

pub use access::{ACCESS_TOKEN_LIFE_MAX, ACCESS_TYPE, AccessClaims, AccessTokenError};
pub use cached::CachedIdentity;
pub(crate) use claims::random_id;
pub use fence::{Fence, Occasion};
pub use key_file::KeyFileError;
pub use key_ring::KEY_PERIOD;
pub use named_key::TokenAlgorithm;

use claims::IdentityClaims;
use key_ring::KeyRing;

/// `iss` of every token, and `aud` of access tokens.
pub const ISSUER: &str = "countersign";
/// `typ` of identity tokens.
const IDENTITY_TYPE: &str = "identity+jwt";
/// Life of an identity token in seconds: long enough to be reused for a burst of requests, short enough that a revocation
/// which an upstream does not hear of has no effect after a minute.
pub const IDENTITY_LIFE_SECONDS: u64 = 60;

/// Who an identity token is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// Whose orders and balances (`sub`).
    pub account: &'s AccountId,
    /// The key that signed in (`client_id`).
    pub key_id: &'s ApiKeyId,
    /// What it may do here (`scope`).
    pub scopes: &'s Scopes,
    /// How it was proved (`method`).
    pub purpose: Purpose,
}

impl<'s> Subject<'s> {
    /// The subject of a session whose contract grants less than the key has.
    #[must_use]
    pub fn granted(identity: &'s VerifiedIdentity, scopes: &'s Scopes) -> Self {
        Self { scopes, ..Self::from(identity) }
    }
}

impl<'s> From<&'s VerifiedIdentity> for Subject<'s> {
    fn from(identity: &'s VerifiedIdentity) -> Self {
        Self { account: identity.account(), key_id: identity.key_id(), scopes: identity.scopes(), purpose: identity.purpose() }
    }
}

/// A signed identity token.
#[derive(Clone, Debug)]
pub struct IdentityToken {
    /// The value of the `Countersign-Identity` header; marked as sensitive.
    pub value: HeaderValue,
    /// When it ends.
    pub expires: Timestamp,
}

/// Signs tokens and verifies its own.
pub struct IdentityIssuer {
    ring: ArcSwap<KeyRing>,
    /// What access tokens of the token endpoint are signed with. Tokens of the other algorithm hold as long as they live.
    access: TokenAlgorithm,
}

impl std::fmt::Debug for IdentityIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityIssuer").field("kid", &self.kid()).finish_non_exhaustive()
    }
}

impl IdentityIssuer {
    /// Reads the key file, or makes it with fresh keys.
    ///
    /// # Errors
    /// [`KeyFileError`]: others can read it, it is not what it should be, or it cannot be written.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self { ring: ArcSwap::from_pointee(KeyRing::load_or_create(path)?), access: TokenAlgorithm::default() })
    }

    /// Keys that all nodes derive alike from a secret that they share: each day has its own. Call [`Self::follow`] now and then.
    ///
    /// # Errors
    /// [`KeyFileError::Generation`].
    pub fn shared(secret: Secret, now: Timestamp) -> Result<Self, KeyFileError> {
        Ok(Self { ring: ArcSwap::from_pointee(KeyRing::shared(secret, now)?), access: TokenAlgorithm::default() })
    }

    /// Signs access tokens of the token endpoint with this algorithm. Everything else stays EdDSA: identity tokens, which upstreams
    /// pin, and tokens of native sessions, which the gateway alone reads.
    #[must_use]
    pub fn signing_access_tokens_by(self, algorithm: TokenAlgorithm) -> Self {
        Self { access: algorithm, ..self }
    }

    /// Signs with the next key from now on. The next one was published since the last rotation, and the present one stays
    /// published until the next, so verifiers that fetch keys now and then never meet an unknown key.
    ///
    /// Keys that nodes share change by the day and not by this.
    ///
    /// # Errors
    /// [`KeyFileError`] when the file cannot be replaced; nothing changes then.
    pub fn rotate(&self) -> Result<(), KeyFileError> {
        if let Some(rotated) = self.ring.load().rotated()? {
            self.ring.store(std::sync::Arc::new(rotated));
        }
        Ok(())
    }

    /// Signs with the key of this day, where nodes share keys. Whether the keys changed.
    ///
    /// # Errors
    /// [`KeyFileError::Generation`]; the present key stays.
    pub fn follow(&self, now: Timestamp) -> Result<bool, KeyFileError> {
        let Some(ring) = self.ring.load().at(now)? else { return Ok(false) };
        self.ring.store(std::sync::Arc::new(ring));
        Ok(true)
    }

    /// Whether [`Self::rotate`] is to be called every [`KEY_PERIOD`].
    #[must_use]
    pub fn is_rotated_by_timer(&self) -> bool {
        self.ring.load().is_in_a_file()
    }

    /// Id of the key that signs now.
    #[must_use]
    pub fn kid(&self) -> String {
        self.ring.load().current().kid().to_owned()
    }

    /// The public keys, as a JWK set (RFC 7517): current, next and previous for EdDSA, then those for ES256.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.ring.load().jwks().to_owned()
    }

    /// Current, next and previous public key of identity tokens by id, for an upstream in this process.
    #[must_use]
    pub fn public_keys(&self) -> Vec<(String, [u8; 32])> {
        self.ring.load().public_keys()
    }

    /// Signs an identity token. `session` is the session id and the contract hash, where there is a native session.
    #[must_use]
    pub fn mint(&self, subject: Subject<'_>, session: Option<(SessionId, &[u8; 32])>, occasion: Occasion<'_>) -> IdentityToken {
        let expires = Timestamp::from_secs(occasion.now.as_secs().saturating_add(IDENTITY_LIFE_SECONDS));
        let claims = IdentityClaims::new(subject, session, occasion, expires);
        let text = self.ring.load().current().of(TokenAlgorithm::EdDsa).sign(IDENTITY_TYPE, &claims);
        let mut value = HeaderValue::try_from(text).expect("base64url and dots are visible ASCII");
        value.set_sensitive(true);
        IdentityToken { value, expires }
    }
}

#[cfg(test)]
mod tests;
