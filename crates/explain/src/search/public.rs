//! Algorithms of public keys: the right one, those that are taken for it, and how what they make is written.

use std::borrow::Cow;

use aws_lc_rs::signature::{self, VerificationAlgorithm};
use countersign_core::{KeyType, PublicKey};

use crate::catalogue::Mistake;
use crate::keys::Named;

type Verification = &'static dyn VerificationAlgorithm;

/// How a signature by a private key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProofForm {
    /// ECDSA as a DER sequence of r and s (RFC 3279, 2.2.3).
    Der,
    /// ECDSA as r and s, 32 bytes each (RFC 7518, 3.4), verified by an algorithm that reads DER.
    RawAsDer,
    /// The same with s before r.
    Swapped,
    /// As its algorithm reads it.
    Whole,
}

/// Bytes of r and s on P-256.
const SCALARS: usize = 64;

impl ProofForm {
    pub(super) fn fits(self, signature: &[u8]) -> bool {
        match self {
            Self::Der => signature.len() != SCALARS && signature.starts_with(&[0x30]),
            Self::RawAsDer | Self::Swapped => signature.len() == SCALARS,
            // The shortest are those of Ed25519 and P-256: no MAC of SHA-384 or less is taken for one.
            Self::Whole => signature.len() >= SCALARS,
        }
    }

    /// As the algorithm reads it.
    pub(super) fn rewritten(self, signature: &[u8]) -> Cow<'_, [u8]> {
        let (first, second) = signature.split_at(SCALARS.min(signature.len()) / 2);
        match self {
            Self::Der | Self::Whole => Cow::Borrowed(signature),
            Self::RawAsDer => Cow::Owned(sequence(&[integer(first), integer(second)].concat(), 0x30)),
            Self::Swapped => Cow::Owned([second, first].concat()),
        }
    }
}

/// A DER value of fewer than 128 bytes.
fn sequence(content: &[u8], tag: u8) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or_default();
    [&[tag, length], content].concat()
}

/// A DER integer that is not negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let bare = bytes.iter().position(|byte| *byte != 0).map_or(&[0][..], |start| &bytes[start..]);
    let sign: &[u8] = if bare[0] >= 0x80 { &[0] } else { &[] };
    sequence(&[sign, bare].concat(), 0x02)
}

/// The right algorithm of a key, and those that are taken for it.
pub(super) fn algorithms(key: KeyType) -> Vec<(Option<Named>, Verification, ProofForm)> {
    let wrong = |mistake, detail: &str| Some(Named::new(mistake, detail));
    let (der, raw, whole) = (ProofForm::Der, ProofForm::RawAsDer, ProofForm::Whole);
    match key {
        KeyType::EcP256 => vec![
            (None, &signature::ECDSA_P256_SHA256_FIXED as Verification, whole),
            (wrong(Mistake::SignatureDer, ""), &signature::ECDSA_P256_SHA256_ASN1, der),
            (wrong(Mistake::SignatureDigits, "s before r"), &signature::ECDSA_P256_SHA256_FIXED, ProofForm::Swapped),
            (wrong(Mistake::WrongHash, "SHA-384"), &signature::ECDSA_P256_SHA384_ASN1, raw),
            (wrong(Mistake::WrongHash, "SHA-512"), &signature::ECDSA_P256_SHA512_ASN1, raw),
            (wrong(Mistake::WrongHash, "SHA-1"), &signature::ECDSA_P256_SHA1_ASN1, raw),
            (wrong(Mistake::WrongHash, "SHA-384, in DER"), &signature::ECDSA_P256_SHA384_ASN1, der),
            (wrong(Mistake::WrongHash, "SHA-512, in DER"), &signature::ECDSA_P256_SHA512_ASN1, der),
        ],
        KeyType::Ed25519 => vec![(None, &signature::ED25519, whole)],
        KeyType::MlDsa65 => vec![(None, &signature::ML_DSA_65, whole)],
        KeyType::Rsa { .. } => vec![
            (None, &signature::RSA_PKCS1_2048_8192_SHA256 as Verification, whole),
            (wrong(Mistake::RsaPss, ""), &signature::RSA_PSS_2048_8192_SHA256, whole),
            (wrong(Mistake::RsaPss, "with SHA-512"), &signature::RSA_PSS_2048_8192_SHA512, whole),
            (wrong(Mistake::WrongHash, "SHA-1"), &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, whole),
            (wrong(Mistake::WrongHash, "SHA-384"), &signature::RSA_PKCS1_2048_8192_SHA384, whole),
            (wrong(Mistake::WrongHash, "SHA-512"), &signature::RSA_PKCS1_2048_8192_SHA512, whole),
        ],
    }
}

/// The key as its algorithm reads it: what follows the header of its SubjectPublicKeyInfo; RSA is read whole.
pub(super) fn raw(key: &PublicKey) -> Vec<u8> {
    let spki = key.spki_der();
    let last = |bytes: usize| spki[spki.len() - bytes..].to_vec();
    match key.key_type() {
        KeyType::EcP256 => last(65),
        KeyType::Ed25519 => last(32),
        KeyType::MlDsa65 => last(1_952),
        KeyType::Rsa { .. } => spki.to_vec(),
    }
}
