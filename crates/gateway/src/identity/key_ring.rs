//! The signing keys: one in use, one published for later, one that was in use before. Each signs with two algorithms.
//!
//! ```text
//!   one node       a file, the keys drawn; the next one from the next rotation on
//!   several nodes  nothing to agree on: the key of a day follows from the secret that all of them have, and the day
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::encoding::{AsBigEndian as _, Curve25519SeedBin};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::{Secret, Timestamp};

use super::key_file::{self, KeyFileError};
use super::named_key::{NamedKey, TokenAlgorithm};

/// One Ed25519 key, and the P-256 key that is derived from it.
pub(super) struct SigningKey {
    public: [u8; 32],
    pkcs8: Secret,
    ed25519: NamedKey,
    p256: NamedKey,
}

impl SigningKey {
    pub(super) fn generate() -> Result<Self, KeyFileError> {
        let document = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).map_err(|_| KeyFileError::Generation)?;
        Self::from_pkcs8(Secret::new(document.as_ref().to_vec())).ok_or(KeyFileError::Generation)
    }

    /// The key of one period, which whoever has the secret makes alike.
    fn of_period(secret: &Secret, period: u64) -> Result<Self, KeyFileError> {
        let seed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()), &period.to_be_bytes());
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(|_| KeyFileError::Generation)?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyFileError::Generation)?;
        Self::from_pkcs8(Secret::new(document.as_ref().to_vec())).ok_or(KeyFileError::Generation)
    }

    /// Reads PKCS #8 DER; `None` when it is no Ed25519 key.
    pub(super) fn from_pkcs8(pkcs8: Secret) -> Option<Self> {
        let pair =
            Ed25519KeyPair::from_pkcs8(pkcs8.expose()).or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.expose())).ok()?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().ok()?;
        let seed: Curve25519SeedBin<'_> = pair.seed().ok()?.as_be_bytes().ok()?;
        let p256 = NamedKey::p256_of(seed.as_ref())?;
        Some(Self { public, p256, ed25519: NamedKey::ed25519(pair), pkcs8 })
    }

    /// The key of this algorithm.
    pub(super) const fn of(&self, algorithm: TokenAlgorithm) -> &NamedKey {
        match algorithm {
            TokenAlgorithm::EdDsa => &self.ed25519,
            TokenAlgorithm::Es256 => &self.p256,
        }
    }

    pub(super) fn kid(&self) -> &str {
        self.ed25519.kid()
    }

    pub(super) fn pkcs8(&self) -> &Secret {
        &self.pkcs8
    }

    fn copy(&self) -> Self {
        Self::from_pkcs8(self.pkcs8.clone()).expect("it was read before")
    }
}

/// How long a key is the current one. The next one is published for as long before it is used, and the previous one after.
pub const KEY_PERIOD: Duration = Duration::from_secs(24 * 3_600);

/// Where the keys come from.
enum Source {
    /// A file of this node.
    File(PathBuf),
    /// What all nodes have; these are the keys of that period.
    Secret { secret: Secret, period: u64 },
}

/// The ring: current, next, then previous if there is one.
pub(super) struct KeyRing {
    source: Source,
    keys: Vec<SigningKey>,
    jwks: String,
}

/// Keys in a file: current, next, previous.
pub(super) const KEYS_MAX: usize = 3;

impl KeyRing {
    pub(super) fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        let mut keys = key_file::read(path)?;
        if keys.len() < 2 {
            // A new file, or one with a key of the operator's own: the next key is published from the start.
            while keys.len() < 2 {
                keys.push(SigningKey::generate()?);
            }
            key_file::write(path, &keys)?;
        }
        Ok(Self::new(Source::File(path.to_owned()), keys))
    }

    /// The keys of all nodes at this time.
    pub(super) fn shared(secret: Secret, now: Timestamp) -> Result<Self, KeyFileError> {
        let period = now.as_secs() / KEY_PERIOD.as_secs();
        let periods = [period, period.saturating_add(1), period.saturating_sub(1)];
        let keys = periods.into_iter().map(|period| SigningKey::of_period(&secret, period)).collect::<Result<_, _>>()?;
        Ok(Self::new(Source::Secret { secret, period }, keys))
    }

    /// The ring of now, if this one is of another period; nothing where a file has it.
    pub(super) fn at(&self, now: Timestamp) -> Result<Option<Self>, KeyFileError> {
        match &self.source {
            Source::Secret { secret, period } if *period != now.as_secs() / KEY_PERIOD.as_secs() => {
                Self::shared(secret.clone(), now).map(Some)
            }
            Source::File(_) | Source::Secret { .. } => Ok(None),
        }
    }

    /// Whether it is for a timer to rotate it.
    pub(super) const fn is_in_a_file(&self) -> bool {
        matches!(self.source, Source::File(_))
    }

    fn new(source: Source, keys: Vec<SigningKey>) -> Self {
        // Both kinds, always: whoever changes the algorithm signs with a key that verifiers know.
        let of = |algorithm| keys.iter().map(move |key: &SigningKey| key.of(algorithm).jwk());
        let published: Vec<_> = TokenAlgorithm::ALL.into_iter().flat_map(of).collect();
        let jwks = serde_json::json!({ "keys": published }).to_string();
        Self { source, keys, jwks }
    }

    /// The ring after a rotation, already in the file; nothing where there is none.
    pub(super) fn rotated(&self) -> Result<Option<Self>, KeyFileError> {
        let Source::File(path) = &self.source else { return Ok(None) };
        let keys = vec![self.keys[1].copy(), SigningKey::generate()?, self.keys[0].copy()];
        key_file::write(path, &keys)?;
        Ok(Some(Self::new(Source::File(path.clone()), keys)))
    }

    pub(super) fn current(&self) -> &SigningKey {
        &self.keys[0]
    }

    /// A key that may have signed tokens: the current or the previous one, of either algorithm; the next one where another node's
    /// day may have begun.
    pub(super) fn find_used(&self, kid: &str) -> Option<&NamedKey> {
        let ahead = if self.is_in_a_file() { None } else { self.keys.get(1) };
        let used = std::iter::once(&self.keys[0]).chain(self.keys.get(2)).chain(ahead);
        used.flat_map(|key| TokenAlgorithm::ALL.map(|algorithm| key.of(algorithm))).find(|key| key.kid() == kid)
    }

    pub(super) fn jwks(&self) -> &str {
        &self.jwks
    }

    pub(super) fn public_keys(&self) -> Vec<(String, [u8; 32])> {
        self.keys.iter().map(|key| (key.kid().to_owned(), key.public)).collect()
    }
}
