//! The signing keys: one in use, one published for later, one that was in use before. Each signs with two algorithms.

use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsBigEndian as _, Curve25519SeedBin};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::Secret;

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

/// The ring, as the file has it: current, next, then previous if there is one.
pub(super) struct KeyRing {
    path: PathBuf,
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
        Ok(Self::new(path.to_owned(), keys))
    }

    fn new(path: PathBuf, keys: Vec<SigningKey>) -> Self {
        // Both kinds, always: whoever changes the algorithm signs with a key that verifiers know.
        let of = |algorithm| keys.iter().map(move |key: &SigningKey| key.of(algorithm).jwk());
        let published: Vec<_> = TokenAlgorithm::ALL.into_iter().flat_map(of).collect();
        let jwks = serde_json::json!({ "keys": published }).to_string();
        Self { path, keys, jwks }
    }

    /// The ring after a rotation, already in the file.
    pub(super) fn rotated(&self) -> Result<Self, KeyFileError> {
        let keys = vec![self.keys[1].copy(), SigningKey::generate()?, self.keys[0].copy()];
        key_file::write(&self.path, &keys)?;
        Ok(Self::new(self.path.clone(), keys))
    }

    pub(super) fn current(&self) -> &SigningKey {
        &self.keys[0]
    }

    /// A key that may have signed tokens: the current or the previous one, of either algorithm.
    pub(super) fn find_used(&self, kid: &str) -> Option<&NamedKey> {
        let used = std::iter::once(&self.keys[0]).chain(self.keys.get(2));
        used.flat_map(|key| TokenAlgorithm::ALL.map(|algorithm| key.of(algorithm))).find(|key| key.kid() == kid)
    }

    pub(super) fn jwks(&self) -> &str {
        &self.jwks
    }

    pub(super) fn public_keys(&self) -> Vec<(String, [u8; 32])> {
        self.keys.iter().map(|key| (key.kid().to_owned(), key.public)).collect()
    }
}
