//! Signed tree heads and the keys that sign them.
//!
//! ```text
//!   signed bytes = "countersign audit head v1" || 0x00 || size (8) || at (8) || root (32)        numbers big-endian
//! ```
//!
//! The label keeps a signature from meaning anything elsewhere, and the key signs nothing else.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::hash::Hash;

const LABEL: &[u8] = b"countersign audit head v1\0";

/// The DER of an Ed25519 SubjectPublicKeyInfo before its 32 bytes of key (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What a head says: the log has `size` records with this root, the newest of them of this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// How many records.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The time of the newest record, in microseconds since 1970.
    pub at: u64,
}

impl TreeHead {
    fn signed_bytes(&self) -> Vec<u8> {
        [LABEL, &self.size.to_be_bytes(), &self.at.to_be_bytes(), self.root.as_bytes()].concat()
    }
}

/// A head with its signature; one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    /// How many records.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The time of the newest record, in microseconds since 1970.
    pub at: u64,
    /// base64url of the SHA-256 of the signing key's DER SubjectPublicKeyInfo.
    pub key: String,
    /// The Ed25519 signature, in base64url without padding.
    pub sig: String,
}

impl SignedHead {
    /// What it says, proved or not.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root, at: self.at }
    }

    /// What it says, if one of `keys` signed it.
    #[must_use]
    pub fn verify(&self, keys: &[AuditPublicKey]) -> Option<TreeHead> {
        let signature = URL_SAFE_NO_PAD.decode(&self.sig).ok()?;
        let head = self.head();
        let signed_by = |key: &AuditPublicKey| key.id() == self.key && key.verify(&head.signed_bytes(), &signature);
        keys.iter().any(signed_by).then_some(head)
    }
}

/// Why a key of the audit log is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditKeyError {
    /// No new key could be made: the system gives no randomness.
    Generate,
    /// The text has no PKCS #8 private key in PEM.
    Pem,
    /// The key is not an Ed25519 key.
    Pkcs8,
    /// The text has no Ed25519 public key in PEM.
    Public,
}

impl fmt::Display for AuditKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generate => "no new key could be made",
            Self::Pem => "no PKCS #8 private key in PEM (BEGIN PRIVATE KEY)",
            Self::Pkcs8 => "not a PKCS #8 private key for Ed25519",
            Self::Public => "no Ed25519 public key in PEM (BEGIN PUBLIC KEY)",
        })
    }
}

impl std::error::Error for AuditKeyError {}

/// The key that signs tree heads.
pub struct AuditKey {
    pair: Ed25519KeyPair,
    public: AuditPublicKey,
}

impl AuditKey {
    /// From PKCS #8 in PEM.
    ///
    /// # Errors
    /// [`AuditKeyError::Pem`] or [`AuditKeyError::Pkcs8`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, AuditKeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| AuditKeyError::Pem)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| AuditKeyError::Pkcs8)?;
        Self::new(pair)
    }

    /// From its 32-byte seed (RFC 8032).
    ///
    /// # Errors
    /// [`AuditKeyError::Pkcs8`], which no 32 bytes give.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, AuditKeyError> {
        Self::new(Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| AuditKeyError::Pkcs8)?)
    }

    fn new(pair: Ed25519KeyPair) -> Result<Self, AuditKeyError> {
        let key = <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| AuditKeyError::Pkcs8)?;
        Ok(Self { pair, public: AuditPublicKey { key } })
    }

    /// The PEM of a new key, from 32 bytes that nobody else has.
    ///
    /// # Errors
    /// [`AuditKeyError::Generate`].
    pub fn pem_from_seed(seed: &[u8; 32]) -> Result<Zeroizing<String>, AuditKeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| AuditKeyError::Generate)?;
        let der = pair.to_pkcs8v1().map_err(|_| AuditKeyError::Generate)?;
        Ok(Zeroizing::new(pem("PRIVATE KEY", der.as_ref())))
    }

    /// Its public half.
    #[must_use]
    pub const fn public(&self) -> &AuditPublicKey {
        &self.public
    }

    /// Signs a head. Ed25519 draws no random numbers.
    #[must_use]
    pub fn sign(&self, head: TreeHead) -> SignedHead {
        let signature = self.pair.sign(&head.signed_bytes());
        let TreeHead { size, root, at } = head;
        SignedHead { size, root, at, key: self.public.id(), sig: URL_SAFE_NO_PAD.encode(signature) }
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", self.public.id())
    }
}

/// The public half: whoever has it can check a log and every proof from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPublicKey {
    key: [u8; 32],
}

impl AuditPublicKey {
    /// From a SubjectPublicKeyInfo in PEM.
    ///
    /// # Errors
    /// [`AuditKeyError::Public`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, AuditKeyError> {
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| AuditKeyError::Public)?;
        let key = spki.strip_prefix(&SPKI_PREFIX).and_then(|key| <[u8; 32]>::try_from(key).ok());
        key.map(|key| Self { key }).ok_or(AuditKeyError::Public)
    }

    /// As a SubjectPublicKeyInfo in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    /// base64url of the SHA-256 of the DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.spki()))
    }

    fn spki(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), &self.key].concat()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key).verify(message, signature).is_ok()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let encoded = Zeroizing::new(STANDARD.encode(der));
    let mut text = String::with_capacity(encoded.len() + encoded.len() / 64 + 2 * label.len() + 40);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEAD: TreeHead = TreeHead { size: 3, root: Hash::from_bytes([5; 32]), at: 1_700_000_000_000_000 };

    #[test]
    fn a_head_is_believed_from_its_key_only_and_as_signed_only() {
        let key = AuditKey::from_seed(&[1; 32]).unwrap();
        let other = AuditKey::from_seed(&[2; 32]).unwrap();
        let signed = key.sign(HEAD);
        assert_eq!(signed.verify(&[*other.public(), *key.public()]), Some(HEAD));
        assert_eq!(signed.verify(&[*other.public()]), None);
        assert_eq!(signed.verify(&[]), None);
        for changed in [
            SignedHead { size: 4, ..signed.clone() },
            SignedHead { root: Hash::ZERO, ..signed.clone() },
            SignedHead { at: HEAD.at + 1, ..signed.clone() },
            SignedHead { key: other.public().id(), ..signed.clone() },
            SignedHead { sig: other.sign(HEAD).sig, ..signed.clone() },
            SignedHead { sig: String::new(), ..signed },
        ] {
            assert_eq!(changed.verify(&[*key.public(), *other.public()]), None, "{changed:?}");
        }
    }

    #[test]
    fn keys_survive_their_pem() {
        let pem = AuditKey::pem_from_seed(&[7; 32]).unwrap();
        let key = AuditKey::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(key.public(), AuditKey::from_seed(&[7; 32]).unwrap().public());
        let public = key.public().to_pem();
        assert_eq!(AuditPublicKey::from_pem(public.as_bytes()).as_ref(), Ok(key.public()));
        assert_eq!(AuditPublicKey::from_pem(pem.as_bytes()), Err(AuditKeyError::Public));
        assert!(matches!(AuditKey::from_pem(public.as_bytes()), Err(AuditKeyError::Pem)));
    }

    #[test]
    fn heads_are_read_strictly() {
        let text = serde_json::to_string(&AuditKey::from_seed(&[1; 32]).unwrap().sign(HEAD)).unwrap();
        assert!(serde_json::from_str::<SignedHead>(&text).is_ok());
        assert!(serde_json::from_str::<SignedHead>(&text.replace('}', ",\"more\":1}")).is_err());
        assert!(serde_json::from_str::<SignedHead>(&text.replace("0505", "05")).is_err());
    }
}
