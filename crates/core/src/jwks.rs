//! The published keys of an issuer (RFC 7517, 5).
//!
//! Keys of kinds that are not known, and keys for encryption, are left out, as the standard asks. A set without one usable key is an
//! error, so that a page of HTML or an empty set never takes the place of the last good one.

use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::limits::{JWKS_BYTES_MAX, JWKS_KEYS_MAX};
use crate::public_key::{PublicKey, VerifyingKey};

/// Keys by their names.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<(String, Option<String>, PublicKey)>);

/// Why bytes are no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetError {
    /// No key that could verify a token: each needs a `kid` of its own, a known kind and a sound size.
    NoKey,
    /// Not a JSON object with a list `keys`.
    NotAKeySet,
    /// Two keys of one name.
    Repeated,
    /// More bytes or keys than are read.
    TooLarge,
}

impl std::fmt::Display for KeySetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoKey => "there is no key in it that could verify a token",
            Self::NotAKeySet => "it is not a JSON Web Key Set",
            Self::Repeated => "two of its keys have one kid",
            Self::TooLarge => "it is too large",
        })
    }
}

impl std::error::Error for KeySetError {}

impl KeySet {
    /// Reads a key set.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > JWKS_BYTES_MAX {
            return Err(KeySetError::TooLarge);
        }
        let set: Value = serde_json::from_slice(bytes).map_err(|_| KeySetError::NotAKeySet)?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::NotAKeySet)?;
        if listed.len() > JWKS_KEYS_MAX {
            return Err(KeySetError::TooLarge);
        }
        let mut keys: Vec<(String, Option<String>, PublicKey)> = Vec::new();
        for key in listed.iter().filter_map(usable) {
            if keys.iter().any(|(name, ..)| *name == key.0) {
                return Err(KeySetError::Repeated);
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeySetError::NoKey) } else { Ok(Self(keys)) }
    }

    /// Whether there is a key of this name.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|(name, ..)| name == kid)
    }

    /// The key of this name, for this algorithm; `None` when there is none, or it is for another.
    #[must_use]
    pub fn find(&self, kid: &str, algorithm: Algorithm) -> Option<VerifyingKey> {
        let (_, own, key) = self.0.iter().find(|(name, ..)| name == kid)?;
        let same = |own: &String| *own == algorithm.name() || (algorithm == Algorithm::Ed25519 && own == "EdDSA");
        own.as_ref().is_none_or(same).then(|| key.verifying_key(algorithm).ok()).flatten()
    }

    /// How many keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none; never so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Name, algorithm if it names one, key.
fn usable(jwk: &Value) -> Option<(String, Option<String>, PublicKey)> {
    let for_signatures = jwk.get("use").is_none_or(|used| used == "sig");
    let verifies = jwk.get("key_ops").and_then(Value::as_array).is_none_or(|list| list.iter().any(|each| each == "verify"));
    if !for_signatures || !verifies {
        return None;
    }
    let name = jwk.get("kid")?.as_str().filter(|name| !name.is_empty())?;
    let algorithm = jwk.get("alg").and_then(Value::as_str).map(str::to_owned);
    let key = PublicKey::parse(jwk.to_string().as_bytes()).ok()?;
    Some((name.to_owned(), algorithm, key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn okp(kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": kid})
    }

    fn parse(keys: &Value) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn keys_are_found_by_name_for_their_algorithm_only() {
        let mut fixed = okp("b");
        fixed["alg"] = "ES256".into();
        let set = parse(&json!([okp("a"), fixed])).unwrap();
        assert!(set.find("a", Algorithm::Ed25519).is_some());
        assert!(set.find("a", Algorithm::EcdsaP256Sha256).is_none());
        assert!(set.find("a", Algorithm::HmacSha256).is_none());
        assert!(set.find("b", Algorithm::Ed25519).is_none(), "published for another algorithm");
        assert!(set.find("c", Algorithm::Ed25519).is_none() && !set.has("c") && set.has("b"));
    }

    #[test]
    fn what_is_no_key_set_never_takes_the_place_of_one() {
        let mut encryption = okp("a");
        encryption["use"] = "enc".into();
        let mut private = okp("a");
        private["d"] = "AAAA".into();
        let mut nameless = okp("a");
        nameless.as_object_mut().unwrap().remove("kid");
        for keys in [
            json!([]),
            json!([encryption]),
            json!([private]),
            json!([nameless]),
            json!([{"kty": "oct", "k": "AAAA", "kid": "a"}]),
            json!([1]),
        ] {
            assert_eq!(parse(&keys).unwrap_err(), KeySetError::NoKey, "{keys}");
        }
        assert_eq!(parse(&json!([okp("a"), okp("a")])).unwrap_err(), KeySetError::Repeated);
        assert_eq!(parse(&json!(vec![okp("a"); JWKS_KEYS_MAX + 1])).unwrap_err(), KeySetError::TooLarge);
        assert_eq!(parse(&json!({})).unwrap_err(), KeySetError::NotAKeySet);
        assert_eq!(KeySet::parse(b"<html>").unwrap_err(), KeySetError::NotAKeySet);
        assert_eq!(KeySet::parse(&vec![b' '; JWKS_BYTES_MAX + 1]).unwrap_err(), KeySetError::TooLarge);
        assert_eq!(parse(&json!([okp("a"), encryption, {"kty": "new"}])).unwrap().len(), 1, "what is not known is left out");
    }
}
