//! The keys identities are verified with, behind a handle that can be swapped while in use.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};

use crate::limits::JWKS_KEYS_MAX;

/// Why a key set cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeySetError {
    /// The file cannot be read.
    #[error("key set file: {0}")]
    File(String),
    /// Not a JWKS, or one without a usable Ed25519 key, or with too many keys.
    #[error("not a key set with Ed25519 keys")]
    Malformed,
    /// Not an `http://` address.
    #[error("key set address must be http://host[:port]/path")]
    Url,
}

/// Numbers key sets, so that a remembered token is known to be verified under an old one.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// A set of Ed25519 public keys by key id.
pub(super) struct KeySet {
    keys: HashMap<String, DecodingKey>,
    generation: u64,
}

impl KeySet {
    fn new(keys: HashMap<String, DecodingKey>) -> Self {
        Self { keys, generation: GENERATION.fetch_add(1, Ordering::Relaxed) }
    }

    /// Reads a JWKS document; keys of other kinds, and keys without an id, are passed over.
    pub(super) fn from_jwks(text: &[u8]) -> Result<Self, KeySetError> {
        let set: JwkSet = serde_json::from_slice(text).map_err(|_| KeySetError::Malformed)?;
        if set.keys.len() > JWKS_KEYS_MAX {
            return Err(KeySetError::Malformed);
        }
        let usable = set.keys.iter().filter_map(|jwk| {
            let AlgorithmParameters::OctetKeyPair(pair) = &jwk.algorithm else {
                return None;
            };
            if pair.curve != EllipticCurve::Ed25519 {
                return None;
            }
            let key = DecodingKey::from_ed_components(&pair.x).ok()?;
            Some((jwk.common.key_id.clone()?, key))
        });
        let keys: HashMap<String, DecodingKey> = usable.collect();
        if keys.is_empty() {
            return Err(KeySetError::Malformed);
        }
        Ok(Self::new(keys))
    }

    pub(super) fn contains(&self, kid: &str) -> bool {
        self.keys.contains_key(kid)
    }

    pub(super) fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.get(kid)
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }
}

/// A shared handle on the current keys. Clones see every replacement.
#[derive(Clone)]
pub struct IdentityKeys(Arc<ArcSwap<KeySet>>);

impl std::fmt::Debug for IdentityKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let current = self.load();
        formatter.debug_set().entries(current.keys.keys()).finish()
    }
}

impl Default for IdentityKeys {
    fn default() -> Self {
        Self(Arc::new(ArcSwap::from_pointee(KeySet::new(HashMap::new()))))
    }
}

impl IdentityKeys {
    /// Keys by id: pairs of `kid` and raw Ed25519 public key.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = (String, [u8; 32])>) -> Self {
        let handle = Self::default();
        handle.replace(keys);
        handle
    }

    /// Puts other keys in the place of all present ones. Tokens verified under the old
    /// keys are verified anew.
    pub fn replace(&self, keys: impl IntoIterator<Item = (String, [u8; 32])>) {
        let keys = keys.into_iter().map(|(kid, public)| (kid, DecodingKey::from_ed_der(&public)));
        self.store(KeySet::new(keys.collect()));
    }

    pub(super) fn store(&self, keys: KeySet) {
        self.0.store(Arc::new(keys));
    }

    pub(super) fn load(&self) -> Arc<KeySet> {
        self.0.load_full()
    }
}
