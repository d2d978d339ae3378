//! Private keys: a client's, a gateway's, a gateway root's. Loaded from PKCS #8, named by their public half.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ML_DSA_65_SIGNING, PqdsaKeyPair, RSA_PSS_SHA256,
    RsaKeyPair,
};
use countersign_core::{Algorithm, ApiKeyId};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;

use crate::encoding;

/// Signs proofs. Implement it for a key that lives elsewhere (HSM, threshold group).
pub trait Signer: Send + Sync {
    /// The algorithm of the key.
    fn algorithm(&self) -> Algorithm;
    /// base64url of the SHA-256 of the key's DER SubjectPublicKeyInfo.
    fn kid(&self) -> &ApiKeyId;
    /// Signs.
    ///
    /// # Errors
    /// [`KeyError::Signing`] when the key refuses or its device does not answer.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// Why a private key is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The algorithm is not one for native keys.
    Algorithm(Algorithm),
    /// The text has no PKCS #8 private key in PEM.
    Pem,
    /// The bytes are no PKCS #8 private key of this algorithm.
    Pkcs8(Algorithm),
    /// Signing failed.
    Signing,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm(algorithm) => write!(f, "{algorithm} is not an algorithm for native keys"),
            Self::Pem => f.write_str("no PKCS #8 private key in PEM (BEGIN PRIVATE KEY)"),
            Self::Pkcs8(algorithm) => write!(f, "not a PKCS #8 private key for {algorithm}"),
            Self::Signing => f.write_str("the private key could not sign"),
        }
    }
}

impl std::error::Error for KeyError {}

enum Pair {
    EcdsaP256Sha256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa65(Box<PqdsaKeyPair>),
    RsaPssSha256(RsaKeyPair),
}

/// A private key in memory.
pub struct SigningKey {
    pair: Pair,
    spki: Vec<u8>,
    kid: ApiKeyId,
}

/// A client's private key.
pub type ClientKey = SigningKey;

impl SigningKey {
    /// From PKCS #8 in PEM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
        Self::from_pkcs8_der(algorithm, der.secret_pkcs8_der())
    }

    /// From PKCS #8 in DER.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pkcs8_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let wrong = |_| KeyError::Pkcs8(algorithm);
        let pair = match algorithm {
            Algorithm::EcdsaP256Sha256 => {
                Pair::EcdsaP256Sha256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(wrong)?)
            }
            Algorithm::Ed25519 => Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(wrong)?),
            Algorithm::MlDsa65 => Pair::MlDsa65(Box::new(PqdsaKeyPair::from_pkcs8(&ML_DSA_65_SIGNING, der).map_err(wrong)?)),
            Algorithm::RsaPssSha256 => Pair::RsaPssSha256(RsaKeyPair::from_pkcs8(der).map_err(wrong)?),
            Algorithm::EcdsaSecp256k1Recoverable
            | Algorithm::HmacSha256
            | Algorithm::HmacSha384
            | Algorithm::HmacSha512
            | Algorithm::RsaPkcs1Sha256
            | Algorithm::RsaPssSha512 => return Err(KeyError::Algorithm(algorithm)),
        };
        Self::new(pair).ok_or(KeyError::Pkcs8(algorithm))
    }

    /// An Ed25519 key from its 32-byte seed (RFC 8032).
    #[must_use]
    pub fn ed25519_from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        Self::new(Pair::Ed25519(pair)).expect("a public key has an encoding")
    }

    /// An ML-DSA-65 key from its 32-byte seed (FIPS 204).
    #[must_use]
    pub fn ml_dsa_65_from_seed(seed: &[u8; 32]) -> Self {
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, seed).expect("any 32 bytes are a seed");
        Self::new(Pair::MlDsa65(Box::new(pair))).expect("a public key has an encoding")
    }

    fn new(pair: Pair) -> Option<Self> {
        let spki = spki_of(&pair)?;
        let kid = ApiKeyId::parse(&encoding::kid(&spki)).ok()?;
        Some(Self { pair, spki, kid })
    }

    /// The DER SubjectPublicKeyInfo of the public half.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }
}

fn spki_of(pair: &Pair) -> Option<Vec<u8>> {
    let der: PublicKeyX509Der<'_> = match pair {
        Pair::EcdsaP256Sha256(pair) => pair.public_key().as_der(),
        Pair::Ed25519(pair) => pair.public_key().as_der(),
        Pair::MlDsa65(pair) => pair.public_key().as_der(),
        Pair::RsaPssSha256(pair) => pair.public_key().as_der(),
    }
    .ok()?;
    Some(der.as_ref().to_vec())
}

impl Signer for SigningKey {
    fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::EcdsaP256Sha256(_) => Algorithm::EcdsaP256Sha256,
            Pair::Ed25519(_) => Algorithm::Ed25519,
            Pair::MlDsa65(_) => Algorithm::MlDsa65,
            Pair::RsaPssSha256(_) => Algorithm::RsaPssSha256,
        }
    }

    fn kid(&self) -> &ApiKeyId {
        &self.kid
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        // The library blinds and salts with its own generator; the handshake itself draws nothing here.
        let rng = SystemRandom::new();
        match &self.pair {
            Pair::EcdsaP256Sha256(pair) => {
                pair.sign(&rng, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError::Signing)
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::MlDsa65(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).map(|_| signature).map_err(|_| KeyError::Signing)
            }
            Pair::RsaPssSha256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &rng, message, &mut signature).map(|()| signature).map_err(|_| KeyError::Signing)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm(), self.kid)
    }
}
