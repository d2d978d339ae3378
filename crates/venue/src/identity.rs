//! Who is calling: the identity token the gateway puts on every request it lets through.
//!
//! `Countersign-Identity` carries an EdDSA JWT. It is the only thing about a caller that the
//! venue believes; no other header names an account. A token is accepted when
//!
//! 1. its header says `EdDSA` and names a key id of the current key set,
//! 2. the signature verifies, `iss` is `countersign` and `aud` is this venue,
//! 3. it has not expired, and lives no longer than a minute,
//! 4. it names an account (`sub`).
//!
//! Verified tokens are remembered, by their whole text and together with the key set they
//! were verified under, until they expire: the gateway reuses a token for a session's
//! requests, and an Ed25519 verification costs more than serving most of them.

mod fetch;
mod keys;

pub use keys::{IdentityKeys, KeySetError};

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation};
use parking_lot::Mutex;
use serde::Deserialize;

use crate::clock::now_ms;
use crate::limits::{
    ACCOUNT_ID_BYTES_MAX, SESSION_ID_BYTES_MAX, TOKEN_BYTES_MAX, TOKEN_LEEWAY_SECONDS, TOKEN_LIFE_SECONDS_MAX, VERIFIED_TOKENS_MAX,
};
use fetch::JwksUrl;
use keys::KeySet;

/// Header the gateway writes and the venue reads.
pub const IDENTITY_HEADER: &str = "countersign-identity";
/// The `iss` of every identity.
const ISSUER: &str = "countersign";

/// What a caller may do, from the token's `scope`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Scopes {
    /// `account:read`
    pub account_read: bool,
    /// `md:read`
    pub market_data: bool,
    /// `order:read`
    pub order_read: bool,
    /// `order:write`
    pub order_write: bool,
}

impl Scopes {
    fn parse(text: &str) -> Self {
        let has = |name: &str| text.split(' ').any(|scope| scope == name);
        Self {
            account_read: has("account:read"),
            market_data: has("md:read"),
            order_read: has("order:read"),
            order_write: has("order:write"),
        }
    }

    /// May read what belongs to the account. Which of the two reading scopes a route needs
    /// is the gateway's policy; the venue only insists on one of them.
    #[must_use]
    pub const fn reads(self) -> bool {
        self.account_read || self.order_read
    }
}

/// A caller whose token was verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Owner of orders and balances (`sub`).
    pub account: Arc<str>,
    /// The key that signed in (`client_id`).
    pub key: Arc<str>,
    /// What the token allows.
    pub scopes: Scopes,
    /// The native session it was made for (`sid`), if there is one.
    pub session: Option<Arc<str>>,
}

/// Why there is no identity. A caller whose token is refused does not learn why.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdentityError {
    /// Not a token, wrong algorithm, wrong claims, bad signature, expired.
    #[error("identity token refused")]
    Refused,
    /// The keys cannot be had, so nothing can be said about the token.
    #[error("identity keys unavailable")]
    Unavailable,
}

/// Claims the venue reads; `ch` and `jti` are for the gateway's own records.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    sid: Option<String>,
    iat: u64,
    exp: u64,
}

enum Source {
    Fixed,
    Url(Box<JwksUrl>),
}

struct Remembered {
    identity: Arc<Identity>,
    audience: Box<str>,
    expires: u64,
    generation: u64,
}

/// Verifies identity tokens.
pub struct IdentityVerifier {
    keys: IdentityKeys,
    source: Source,
    remembered: Mutex<HashMap<Box<str>, Remembered>>,
}

impl std::fmt::Debug for IdentityVerifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IdentityVerifier").finish_non_exhaustive()
    }
}

impl IdentityVerifier {
    /// A verifier for keys held by the same process. Keep a clone of the handle to rotate
    /// them: [`IdentityKeys::replace`] takes effect with the next token.
    #[must_use]
    pub fn from_keys(keys: IdentityKeys) -> Self {
        Self::with_source(keys, Source::Fixed)
    }

    /// A verifier that reads its keys from a JWKS at an `http://` address, when the first
    /// token arrives and again when a token names an unknown key (at most every five
    /// seconds). The last good set is kept while the address does not answer.
    ///
    /// # Errors
    /// [`KeySetError::Url`] when the address is not `http://host[:port]/path`.
    pub fn from_jwks_url(url: &str) -> Result<Self, KeySetError> {
        let url = JwksUrl::parse(url)?;
        Ok(Self::with_source(IdentityKeys::default(), Source::Url(Box::new(url))))
    }

    /// A verifier with the keys of a JWKS file.
    ///
    /// # Errors
    /// [`KeySetError`] when the file cannot be read or holds no usable key.
    pub fn from_jwks_file(path: &Path) -> Result<Self, KeySetError> {
        let text = std::fs::read(path).map_err(|error| KeySetError::File(error.to_string()))?;
        let keys = IdentityKeys::default();
        keys.store(KeySet::from_jwks(&text)?);
        Ok(Self::from_keys(keys))
    }

    fn with_source(keys: IdentityKeys, source: Source) -> Self {
        Self { keys, source, remembered: Mutex::new(HashMap::new()) }
    }

    /// Verifies one token for this audience at the present time.
    ///
    /// # Errors
    /// [`IdentityError::Refused`] for everything wrong with the token,
    /// [`IdentityError::Unavailable`] when its key may exist but cannot be fetched.
    pub async fn verify(&self, token: &str, audience: &str) -> Result<Arc<Identity>, IdentityError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(IdentityError::Refused);
        }
        let now = now_ms() / 1_000;
        if let Some(identity) = self.recall(token, audience, now) {
            return Ok(identity);
        }
        let kid = self.key_id(token)?;
        let mut keys = self.keys.load();
        if let Source::Url(url) = &self.source
            && !keys.contains(&kid)
        {
            let known = url.refresh(&self.keys).await;
            keys = self.keys.load();
            if !known && !keys.contains(&kid) {
                return Err(IdentityError::Unavailable);
            }
        }
        let key = keys.find(&kid).ok_or(IdentityError::Refused)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation(audience));
        let claims = claims.map_err(|_| IdentityError::Refused)?.claims;
        let identity = Arc::new(identity_of(&claims, now)?);
        let remembered =
            Remembered { identity: Arc::clone(&identity), audience: audience.into(), expires: claims.exp, generation: keys.generation() };
        self.remember(token, remembered, now);
        Ok(identity)
    }

    fn key_id(&self, token: &str) -> Result<String, IdentityError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| IdentityError::Refused)?;
        if header.alg != Algorithm::EdDSA {
            return Err(IdentityError::Refused);
        }
        header.kid.ok_or(IdentityError::Refused)
    }

    fn recall(&self, token: &str, audience: &str, now: u64) -> Option<Arc<Identity>> {
        let generation = self.keys.load().generation();
        let remembered = self.remembered.lock();
        let entry = remembered.get(token)?;
        let valid = entry.expires > now && entry.generation == generation && *entry.audience == *audience;
        valid.then(|| Arc::clone(&entry.identity))
    }

    fn remember(&self, token: &str, entry: Remembered, now: u64) {
        let mut remembered = self.remembered.lock();
        if remembered.len() >= VERIFIED_TOKENS_MAX {
            remembered.retain(|_, old| old.expires > now && old.generation == entry.generation);
        }
        if remembered.len() >= VERIFIED_TOKENS_MAX {
            remembered.clear();
        }
        remembered.insert(token.into(), entry);
    }
}

fn validation(audience: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.leeway = 0;
    validation.set_audience(&[audience]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation
}

fn identity_of(claims: &Claims, now: u64) -> Result<Identity, IdentityError> {
    let short_lived = claims.exp.saturating_sub(claims.iat) <= TOKEN_LIFE_SECONDS_MAX;
    let begun = claims.iat <= now + TOKEN_LEEWAY_SECONDS;
    let named = !claims.sub.is_empty() && claims.sub.len() <= ACCOUNT_ID_BYTES_MAX && claims.sub != crate::exchange::HOUSE_NAME;
    if !short_lived || !begun || !named {
        return Err(IdentityError::Refused);
    }
    Ok(Identity {
        account: Arc::from(claims.sub.as_str()),
        key: Arc::from(claims.client_id.as_str()),
        scopes: Scopes::parse(&claims.scope),
        session: claims.sid.as_deref().filter(|sid| sid.len() <= SESSION_ID_BYTES_MAX).map(Arc::from),
    })
}
