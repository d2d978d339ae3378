//! Public keys: read in every format integrators have, kept as SubjectPublicKeyInfo, named by their hash.
//!
//! ```text
//!   bytes ──read──▶ one of PEM, DER, JWK, OpenSSH, raw ──rules──▶ PublicKey ──verifying_key(algorithm)──▶ VerifyingKey
//!          (tells a private key apart before            (sizes, curve,      (the one algorithm it is
//!           it decodes anything)                         subgroup)           registered for)
//! ```
//!
//! What is *not* here: private keys. A private half that is pasted by mistake is recognised, refused, and nothing of it is kept.
//!
//! # Security
//! The rules of registration are in `rules`: an Ed25519 key that is not canonical, of small order or with a torsion part would
//! make verifiers disagree; an RSA key outside 2048 to 4096 bits is breakable or a way to burn our CPU; a point off its curve
//! leaks. Keys enter verification through [`PublicKey`] only, so that no path goes round them.

mod der;
mod error;
mod jwk;
mod openssh;
mod pem;
mod raw;
mod rules;
mod verifying;

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::algorithm::Algorithm;
use crate::id::ApiKeyId;
use crate::limits;

pub use error::PublicKeyError;
pub use verifying::VerifyingKey;

/// What a public key is, independent of how it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// A point of the curve P-256.
    EcP256,
    /// Ed25519.
    Ed25519,
    /// ML-DSA-65 (FIPS 204).
    MlDsa65,
    /// RSA.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
}

impl KeyType {
    /// Whether signatures of `algorithm` are made with such a key.
    #[must_use]
    pub const fn signs(self, algorithm: Algorithm) -> bool {
        match self {
            Self::EcP256 => matches!(algorithm, Algorithm::EcdsaP256Sha256),
            Self::Ed25519 => matches!(algorithm, Algorithm::Ed25519),
            Self::MlDsa65 => matches!(algorithm, Algorithm::MlDsa65),
            Self::Rsa { .. } => matches!(algorithm, Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha256 | Algorithm::RsaPssSha512),
        }
    }

    /// The algorithm a native key of this type is registered for unless another is asked for.
    #[must_use]
    pub const fn native_algorithm(self) -> Algorithm {
        match self {
            Self::EcP256 => Algorithm::EcdsaP256Sha256,
            Self::Ed25519 => Algorithm::Ed25519,
            Self::MlDsa65 => Algorithm::MlDsa65,
            Self::Rsa { .. } => Algorithm::RsaPssSha256,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcP256 => f.write_str("EC P-256"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::MlDsa65 => f.write_str("ML-DSA-65"),
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
        }
    }
}

/// How a public key was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormat {
    /// A DER SubjectPublicKeyInfo (RFC 5280) or RSAPublicKey (RFC 8017), as bytes or as one run of base64.
    Der,
    /// A JSON Web Key (RFC 7517, RFC 8037, RFC 9964).
    Jwk,
    /// The line of an `authorized_keys` file (RFC 4253, section 6.6).
    OpenSsh,
    /// PEM (RFC 7468).
    Pem,
    /// The bare bytes of the key, or hex or base64 of them.
    Raw,
}

impl KeyFormat {
    /// The name in messages to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Der => "DER",
            Self::Jwk => "JWK",
            Self::OpenSsh => "OpenSSH",
            Self::Pem => "PEM",
            Self::Raw => "raw key bytes",
        }
    }
}

impl fmt::Display for KeyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The parts of a key before the rules were applied: what each reader hands over.
#[derive(Clone, PartialEq, Eq)]
enum KeyParts {
    EcP256([u8; 65]),
    Ed25519([u8; 32]),
    MlDsa65(Box<[u8; 1_952]>),
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

/// A public key that obeys the rules of registration.
#[derive(Clone)]
pub struct PublicKey {
    /// In canonical DER, so that one key has one name in whatever format it came.
    spki: Vec<u8>,
    /// What the algorithm itself reads: point, key bytes, or RSAPublicKey in DER.
    raw: Vec<u8>,
    key_type: KeyType,
    format: KeyFormat,
}

impl PublicKey {
    /// Reads a public key in any of the formats of [`KeyFormat`]: PEM (`PUBLIC KEY`, `RSA PUBLIC KEY`), DER, JWK, OpenSSH, raw.
    ///
    /// # Errors
    /// [`PublicKeyError`] says as what the input was read and what is wrong with it; it holds no byte of the input.
    pub fn parse(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        if bytes.len() > limits::PUBLIC_KEY_TEXT_BYTES_MAX {
            return Err(PublicKeyError::TooLong);
        }
        match std::str::from_utf8(bytes).ok().filter(|text| text.chars().all(is_text)) {
            Some(text) => Self::parse_text(text.trim_start_matches('\u{feff}').trim()),
            None => Self::parse_binary(bytes),
        }
    }

    fn parse_text(text: &str) -> Result<Self, PublicKeyError> {
        let (format, parts) = if text.is_empty() {
            return Err(PublicKeyError::Unrecognized);
        } else if text.contains("-----BEGIN ") || text.contains("---- BEGIN ") || text.starts_with("PuTTY-User-Key-File") {
            (KeyFormat::Pem, pem::read(text)?)
        } else if text.starts_with(['{', '[']) {
            (KeyFormat::Jwk, jwk::read(text)?)
        } else if openssh::looks_like(text) {
            (KeyFormat::OpenSsh, openssh::read(text)?)
        } else {
            return Self::parse_binary(&raw::decode(text)?);
        };
        Self::admit(format, &parts)
    }

    fn parse_binary(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        if der::is_one_sequence(bytes) {
            return Self::admit(KeyFormat::Der, &der::read(KeyFormat::Der, bytes)?);
        }
        Self::admit(KeyFormat::Raw, &raw::read(bytes)?)
    }

    /// Reads the canonical DER form, as [`Self::spki_der`] gives it.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, PublicKeyError> {
        Self::admit(KeyFormat::Der, &der::read_spki(KeyFormat::Der, spki)?)
    }

    fn admit(format: KeyFormat, parts: &KeyParts) -> Result<Self, PublicKeyError> {
        let key_type = rules::check(format, parts)?;
        let raw = der::raw(parts)?;
        let spki = der::spki(parts, &raw)?;
        let key = Self { spki, raw, key_type, format };
        // The library that will verify must take it, too: for EC this is the check that the point is on the curve.
        key.verifying_key(key_type.native_algorithm()).map_err(|_| rules::not_on_curve(format, key_type))?;
        Ok(key)
    }

    /// What it is.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// How it was written when it was read.
    #[must_use]
    pub const fn format(&self) -> KeyFormat {
        self.format
    }

    /// The canonical DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The key as PEM `PUBLIC KEY`, 64 characters a line.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let body = STANDARD.encode(&self.spki);
        let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in body.as_bytes().chunks(64) {
            text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
            text.push('\n');
        }
        text.push_str("-----END PUBLIC KEY-----\n");
        text
    }

    /// The name of the key: base64url of SHA-256 of [`Self::spki_der`], 43 characters.
    #[must_use]
    pub fn key_id(&self) -> ApiKeyId {
        let hash = digest::digest(&digest::SHA256, &self.spki);
        ApiKeyId::parse(&URL_SAFE_NO_PAD.encode(hash.as_ref())).expect("43 base64url characters are a key id")
    }

    /// The key, ready to verify signatures of the one algorithm it is registered for.
    ///
    /// # Errors
    /// [`PublicKeyError::AlgorithmMismatch`] when no such signature is made with such a key.
    pub fn verifying_key(&self, algorithm: Algorithm) -> Result<VerifyingKey, PublicKeyError> {
        if !self.key_type.signs(algorithm) {
            return Err(PublicKeyError::AlgorithmMismatch { key_type: self.key_type, algorithm });
        }
        VerifyingKey::admitted(algorithm, self.key_type, &self.raw)
    }
}

impl PartialEq for PublicKey {
    /// The same key, in whatever format each came.
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.key_type, self.key_id())
    }
}

/// Characters of a text file; anything else makes the input binary.
fn is_text(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\r' | '\t')
}

#[cfg(test)]
mod tests;
