//! Who may lift: named people with Ed25519 keys, of whom `quorum` must agree.
//!
//! A list of signatures and not one threshold signature: afterwards it says who agreed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{Algorithm, Timestamp, VerifyingKey};

use crate::error::LiftError;
use crate::lift::{Lift, OperatorSignature};
use crate::limits::{NAME_BYTES_MAX, OPERATORS_MAX};
use crate::set::HaltSet;

/// One operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name in records.
    pub name: Box<str>,
    /// The public key, 32 bytes (RFC 8032).
    pub key: [u8; 32],
}

impl Operator {
    /// Reads `NAME:KEY`, the key in base64url without padding.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, key) = text.split_once(':')?;
        let fine = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let key = URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok()?;
        fine.then(|| Self { name: name.into(), key })
    }
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, URL_SAFE_NO_PAD.encode(self.key))
    }
}

/// The operators of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorSet {
    operators: Vec<Operator>,
    quorum: usize,
    gateway: Box<str>,
}

/// Proof that enough operators agreed to a lift, and that it fits what is in force. Only [`OperatorSet::agree`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    lift: Lift,
    operators: Vec<Box<str>>,
}

impl Agreed {
    /// To what.
    #[must_use]
    pub const fn lift(&self) -> &Lift {
        &self.lift
    }

    /// Who.
    #[must_use]
    pub fn operators(&self) -> &[Box<str>] {
        &self.operators
    }
}

impl OperatorSet {
    /// The operators of the gateway whose pinned root key has this name.
    ///
    /// # Errors
    /// A sentence: a name or key twice (one person must not count for two), too many, or fewer than the quorum.
    pub fn new(gateway: &str, operators: Vec<Operator>, quorum: usize) -> Result<Self, String> {
        for (index, operator) in operators.iter().enumerate() {
            let before = &operators[..index];
            if before.iter().any(|other| other.name == operator.name) {
                return Err(format!("the operator {} is listed twice", operator.name));
            }
            if let Some(other) = before.iter().find(|other| other.key == operator.key) {
                return Err(format!("{} and {} have the same key: one person would count for two", other.name, operator.name));
            }
        }
        if operators.len() > OPERATORS_MAX {
            return Err(format!("there are more than {OPERATORS_MAX} operators"));
        }
        if quorum == 0 || (!operators.is_empty() && quorum > operators.len()) {
            return Err(format!("a quorum of {quorum} cannot be reached by {} operators", operators.len()));
        }
        Ok(Self { operators, quorum, gateway: gateway.into() })
    }

    /// The gateway they are operators of: the name of its pinned root key.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// How many must agree for the wide scopes.
    #[must_use]
    pub const fn quorum(&self) -> usize {
        self.quorum
    }

    /// All of them.
    #[must_use]
    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    /// Whether a signature under a lift is one of ours.
    ///
    /// # Errors
    /// [`LiftError::UnknownOperator`], [`LiftError::BadSignature`], [`LiftError::OtherGateway`].
    pub fn verify(&self, lift: &Lift, signature: &OperatorSignature) -> Result<(), LiftError> {
        if lift.gateway != self.gateway {
            return Err(LiftError::OtherGateway);
        }
        let known = self.operators.iter().find(|operator| operator.name == signature.operator);
        let operator = known.ok_or_else(|| LiftError::UnknownOperator(signature.operator.to_string()))?;
        let key = VerifyingKey::from_raw(Algorithm::Ed25519, &operator.key).ok();
        let good = key.is_some_and(|key| key.verify(&lift.signed_bytes(), &signature.signature));
        good.then_some(()).ok_or_else(|| LiftError::BadSignature(signature.operator.to_string()))
    }

    /// Whether enough different operators signed a lift that fits what is in force.
    ///
    /// # Errors
    /// [`LiftError`]. One bad signature spoils the whole: somebody put it there.
    pub fn agree(&self, lift: &Lift, signatures: &[OperatorSignature], set: &HaltSet, now: Timestamp) -> Result<Agreed, LiftError> {
        lift.check_against(set, now)?;
        let mut operators: Vec<Box<str>> = Vec::new();
        for signature in signatures {
            self.verify(lift, signature)?;
            if !operators.contains(&signature.operator) {
                operators.push(signature.operator.clone());
            }
        }
        let needed = lift.needed(set, self.quorum);
        if operators.len() < needed {
            return Err(LiftError::Quorum { signed: operators.len(), needed });
        }
        Ok(Agreed { lift: lift.clone(), operators })
    }
}
