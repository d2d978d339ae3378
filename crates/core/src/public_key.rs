//! Public keys: read in every format integrators have, kept as SubjectPublicKeyInfo, named by their hash.

use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};

use crate::algorithm::Algorithm;

/// A public key under the one algorithm it is registered for, parsed once.
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// From the algorithm's own encoding: 32 bytes (Ed25519), uncompressed point (P-256), PKCS #1 DER (RSA), 1952 bytes
    /// (ML-DSA-65); or a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`PublicKeyError::Unusable`] when the bytes are no key for this algorithm.
    pub fn from_raw(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::Ed25519 => &signature::ED25519,
            Algorithm::HmacSha256 => return Err(PublicKeyError::Unusable("HMAC has no public key")),
            Algorithm::MlDsa65 => &signature::ML_DSA_65,
            Algorithm::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        };
        let key = ParsedPublicKey::new(verification, bytes).map_err(|_| PublicKeyError::Unusable("not a key for this algorithm"))?;
        Ok(Self { algorithm, key })
    }

    /// The algorithm it is registered for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.algorithm)
    }
}

/// Why a public key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeyError {
    /// Understood, but not usable; the sentence says why.
    Unusable(&'static str),
}

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PublicKeyError {}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}
