//! The gateway's name: an offline root that clients pin, and a short-lived signing key it delegates to.
//!
//! ```text
//!   root key (offline, pinned by its kid) ──signs──▶ delegation cs1d {root, gk, nbf, exp} ──names──▶ gateway key ──signs──▶ welcome
//! ```

use std::fmt;

use countersign_core::public_key::VerifyingKey;
use countersign_core::{Algorithm, Timestamp};
use serde_json::json;

use crate::encoding;
use crate::label;
use crate::limits;
use crate::signing_key::{KeyError, Signer as _, SigningKey};
use crate::strict_json::{Object, Value};
use crate::token::{Kind, Token, TokenError};
use crate::transcript::{Transcript, sha256};

/// Algorithms a gateway or its root may have.
pub const GATEWAY_ALGORITHMS: [Algorithm; 2] = [Algorithm::Ed25519, Algorithm::MlDsa65];

/// Why a delegation does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelegationError {
    /// Root or gateway key is of an algorithm that gateways do not have.
    Algorithm,
    /// Its end has passed.
    Expired,
    /// Not a delegation: the member at fault.
    Malformed(&'static str),
    /// It is not valid yet.
    NotYetValid,
    /// The root did not sign it.
    Signature,
    /// Not a token of this kind.
    Token(TokenError),
}

impl fmt::Display for DelegationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm => f.write_str("a key of the delegation is neither Ed25519 nor ML-DSA-65"),
            Self::Expired => f.write_str("the delegation of the gateway key has expired"),
            Self::Malformed(member) => write!(f, "the delegation's member {member} is missing or malformed"),
            Self::NotYetValid => f.write_str("the delegation of the gateway key is not valid yet"),
            Self::Signature => f.write_str("the delegation is not signed by the root it names"),
            Self::Token(error) => write!(f, "the delegation: {error}"),
        }
    }
}

impl std::error::Error for DelegationError {}

/// A delegation whose signature was verified under the root that it names. Whether that root is pinned, and whether now is
/// within its validity, is for the caller to ask.
#[derive(Debug)]
pub struct Delegation {
    root: String,
    gateway: String,
    gateway_key: VerifyingKey,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Delegation {
    /// Makes a delegation token.
    ///
    /// # Errors
    /// [`KeyError::Algorithm`] when one of the keys is not for gateways, [`KeyError::Signing`].
    pub fn sign(root: &SigningKey, gateway: &SigningKey, not_before: Timestamp, not_after: Timestamp) -> Result<String, KeyError> {
        for key in [root, gateway] {
            if !GATEWAY_ALGORITHMS.contains(&key.algorithm()) {
                return Err(KeyError::Algorithm(key.algorithm()));
            }
        }
        // HS-25
        let payload = json!({
            "exp": not_after.as_secs(),
            "gk": encoding::encode(gateway.spki_der()),
            "gk_alg": gateway.algorithm().name(),
            "nbf": not_before.as_secs(),
            "root": encoding::encode(root.spki_der()),
            "root_alg": root.algorithm().name(),
            "v": 1,
        })
        .to_string();
        let proof = root.sign(&proof_input(root.spki_der(), payload.as_bytes()))?;
        Ok(Token::write(Kind::Delegation, payload.as_bytes(), &proof))
    }

    /// Reads a delegation token and verifies it under the root that it names.
    ///
    /// # Errors
    /// [`DelegationError`], any but [`DelegationError::Expired`] and [`DelegationError::NotYetValid`].
    pub fn verify(text: &str) -> Result<Self, DelegationError> {
        let token = Token::parse_kind(text, Kind::Delegation).map_err(DelegationError::Token)?;
        let object = Object::parse(&token.payload).map_err(|_| DelegationError::Malformed("payload"))?;
        if object.member("v").and_then(Value::as_u64) != Some(1) {
            return Err(DelegationError::Malformed("v"));
        }
        let (root_spki, root_key) = key(&object, "root", "root_alg")?;
        let (gateway_spki, gateway_key) = key(&object, "gk", "gk_alg")?;
        if !root_key.verify(&proof_input(&root_spki, &token.payload), &token.proof) {
            return Err(DelegationError::Signature);
        }
        Ok(Self {
            root: encoding::kid(&root_spki),
            gateway: encoding::kid(&gateway_spki),
            gateway_key,
            not_before: time(&object, "nbf")?,
            not_after: time(&object, "exp")?,
        })
    }

    /// Whether it is valid at a time, give or take [`limits::CLOCK_LEEWAY`].
    ///
    /// # Errors
    /// [`DelegationError::Expired`], [`DelegationError::NotYetValid`].
    pub fn check_validity(&self, now: Timestamp) -> Result<(), DelegationError> {
        // HS-27
        if now.saturating_add(limits::CLOCK_LEEWAY) < self.not_before {
            return Err(DelegationError::NotYetValid);
        }
        if now >= self.not_after.saturating_add(limits::CLOCK_LEEWAY) {
            return Err(DelegationError::Expired);
        }
        Ok(())
    }

    /// The kid of the root that signed it.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The kid of the gateway key.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// The gateway key.
    #[must_use]
    pub const fn gateway_key(&self) -> &VerifyingKey {
        &self.gateway_key
    }

    /// When it ends.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

fn proof_input(root_spki: &[u8], payload: &[u8]) -> [u8; 96] {
    Transcript::of_channel(sha256(&[root_spki])).proof_input(&label::DELEGATION, payload)
}

fn key(object: &Object, name: &'static str, alg_name: &'static str) -> Result<(Vec<u8>, VerifyingKey), DelegationError> {
    let algorithm = object.member(alg_name).and_then(Value::as_text).and_then(Algorithm::parse);
    let algorithm = algorithm.filter(|algorithm| GATEWAY_ALGORITHMS.contains(algorithm)).ok_or(DelegationError::Algorithm)?;
    let spki = object.member(name).and_then(Value::as_text).and_then(encoding::decode).ok_or(DelegationError::Malformed(name))?;
    let key = VerifyingKey::from_raw(algorithm, &spki).map_err(|_| DelegationError::Malformed(name))?;
    Ok((spki, key))
}

fn time(object: &Object, name: &'static str) -> Result<Timestamp, DelegationError> {
    object.member(name).and_then(Value::as_u64).map(Timestamp::from_secs).ok_or(DelegationError::Malformed(name))
}

/// What a gateway signs with, and how it proves that it may.
#[derive(Debug)]
pub struct GatewayIdentity {
    key: SigningKey,
    delegations: Vec<(String, String)>,
    next_pins: Vec<String>,
}

impl GatewayIdentity {
    /// From the gateway's signing key, one delegation token for each root that clients may have pinned, and the pins clients
    /// should add.
    ///
    /// # Errors
    /// [`DelegationError`]; [`DelegationError::Malformed`] also when a delegation names another key or there is none at all.
    pub fn new(key: SigningKey, delegations: &[String], next_pins: &[String]) -> Result<Self, DelegationError> {
        let mut own = Vec::new();
        for text in delegations {
            let delegation = Delegation::verify(text)?;
            if delegation.gateway() != key.kid().as_str() {
                return Err(DelegationError::Malformed("gk"));
            }
            own.push((delegation.root().to_owned(), text.clone()));
        }
        if own.is_empty() || own.len() > limits::PINS_MAX {
            return Err(DelegationError::Malformed("root"));
        }
        if next_pins.len() > limits::PINS_MAX || !next_pins.iter().all(|pin| encoding::is_kid(pin)) {
            return Err(DelegationError::Malformed("next_pins"));
        }
        Ok(Self { key, delegations: own, next_pins: next_pins.to_vec() })
    }

    /// The gateway's signing key.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The kid of the first root: the gateway's name, and the pin handed out with credentials.
    #[must_use]
    pub fn root(&self) -> &str {
        self.delegations.first().map_or("", |(root, _)| root)
    }

    /// The delegation token by the root that a client pinned.
    #[must_use]
    pub fn delegation_by(&self, root: &str) -> Option<&str> {
        self.delegations.iter().find(|(own, _)| own == root).map(|(_, token)| token.as_str())
    }

    /// Pins clients should add.
    #[must_use]
    pub fn next_pins(&self) -> &[String] {
        &self.next_pins
    }
}

#[cfg(test)]
mod tests;
