//! A public key under one algorithm, parsed once, ready to verify.

use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};

use super::{KeyFormat, KeyType, PublicKey, PublicKeyError, der, raw};
use crate::algorithm::Algorithm;

/// A public key under the one algorithm it is registered for, parsed once.
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
    signature_bytes: Option<usize>,
}

impl VerifyingKey {
    /// From the algorithm's own encoding: 32 bytes (Ed25519), uncompressed point (P-256), PKCS #1 DER (RSA), 1952 bytes
    /// (ML-DSA-65); or a DER SubjectPublicKeyInfo. The rules of registration apply.
    ///
    /// # Errors
    /// [`PublicKeyError`] when the bytes are no key, a weak key, or a key of another algorithm.
    pub fn from_raw(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let parts = if der::is_one_sequence(bytes) { der::read(KeyFormat::Der, bytes)? } else { raw::read(bytes)? };
        PublicKey::admit(KeyFormat::Raw, &parts)?.verifying_key(algorithm)
    }

    /// From the encoding of a key that passed the rules.
    pub(super) fn admitted(algorithm: Algorithm, key_type: KeyType, raw: &[u8]) -> Result<Self, PublicKeyError> {
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::Ed25519 => &signature::ED25519,
            Algorithm::EcdsaSecp256k1Recoverable => {
                return Err(PublicKeyError::Unusable("keys of this algorithm are registered by their address"));
            }
            Algorithm::HmacSha256 | Algorithm::HmacSha384 | Algorithm::HmacSha512 => {
                return Err(PublicKeyError::Unusable("HMAC has no public key"));
            }
            Algorithm::MlDsa65 => &signature::ML_DSA_65,
            Algorithm::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
            Algorithm::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        };
        let key = ParsedPublicKey::new(verification, raw).map_err(|_| PublicKeyError::Unusable("not a key for this algorithm"))?;
        let signature_bytes = match key_type {
            KeyType::Rsa { bits } => Some(bits.div_ceil(8)),
            KeyType::EcP256 | KeyType::Ed25519 | KeyType::MlDsa65 => None,
        };
        Ok(Self { algorithm, key, signature_bytes })
    }

    /// The algorithm it is registered for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a signature of so many bytes can be this key's: one of RSA is as long as the modulus (RFC 8017, 8.2.2).
    pub(crate) fn may_sign(&self, signature_bytes: usize) -> bool {
        self.signature_bytes.is_none_or(|own| own == signature_bytes)
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
