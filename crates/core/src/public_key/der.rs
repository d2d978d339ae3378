//! DER: SubjectPublicKeyInfo (RFC 5280, 8410, 9881) and RSAPublicKey (RFC 8017), read and written by the `der` crate.

use spki::der::asn1::{AnyRef, BitStringRef, SequenceOf, UintRef};
use spki::der::{Decode, Encode, Header, Reader, SliceReader, Tag, Tagged};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::{KeyFormat, KeyParts, PublicKeyError};

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");

/// Keys that people have and we do not take, by algorithm or by curve.
const UNSUPPORTED: [(ObjectIdentifier, &str); 11] = [
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "the curve P-384"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "the curve P-521"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "the curve secp256k1"),
    (ObjectIdentifier::new_unwrap("1.3.101.110"), "X25519, a key-agreement key,"),
    (ObjectIdentifier::new_unwrap("1.3.101.111"), "X448, a key-agreement key,"),
    (ObjectIdentifier::new_unwrap("1.3.101.113"), "Ed448"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"), "DSA"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.3.1"), "Diffie-Hellman, a key-agreement key,"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"), "an RSA key marked PSS only (export it as plain RSA)"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"), "ML-DSA-44"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"), "ML-DSA-87"),
];

const fn malformed(format: KeyFormat, why: &'static str) -> PublicKeyError {
    PublicKeyError::Malformed { format, why }
}

/// Whether the bytes are one DER SEQUENCE and nothing after it. No raw key of 32 bytes is taken for one: no SEQUENCE that is a
/// key is so short.
pub(super) fn is_one_sequence(bytes: &[u8]) -> bool {
    let Ok(mut reader) = SliceReader::new(bytes) else { return false };
    let Ok(header) = Header::decode(&mut reader) else { return false };
    bytes.len() > 32 && header.tag == Tag::Sequence && usize::try_from(header.length).is_ok_and(|body| body == remaining(&reader))
}

/// Whether the bytes begin as the DER of a key does: an outer SEQUENCE with an algorithm, or with a long number. A key that
/// lost its end must not pass for a raw key by its length; a raw key begins so by chance once in 2^23.
pub(super) fn begins(bytes: &[u8]) -> bool {
    let Ok(mut reader) = SliceReader::new(bytes) else { return false };
    let Ok(header) = Header::decode(&mut reader) else { return false };
    let inside = &bytes[bytes.len() - remaining(&reader)..];
    header.tag == Tag::Sequence && matches!(inside, [0x30, _, 0x06, ..] | [0x02, 0x81 | 0x82, ..])
}

fn remaining(reader: &SliceReader<'_>) -> usize {
    usize::try_from(reader.remaining_len()).unwrap_or(usize::MAX)
}

/// Reads either form of a public key, and tells what else it may be.
pub(super) fn read(format: KeyFormat, bytes: &[u8]) -> Result<KeyParts, PublicKeyError> {
    match first_elements(bytes) {
        // Version numbers lead PKCS #8 and PKCS #1 private keys (0) and SEC 1 private keys (1); a modulus is longer.
        (Some(Tag::Integer), _, true) => Err(PublicKeyError::PrivateKey { format }),
        (Some(Tag::Integer), _, false) => read_rsa(format, bytes),
        // An encrypted PKCS #8 key: algorithm, then an OCTET STRING.
        (Some(Tag::Sequence), Some(Tag::OctetString), _) => Err(PublicKeyError::PrivateKey { format }),
        (Some(Tag::Sequence), Some(Tag::BitString), _) => read_spki(format, bytes),
        // A certificate or a request for one: body, algorithm, signature.
        (Some(Tag::Sequence), Some(Tag::Sequence), _) => Err(PublicKeyError::Certificate { format }),
        _ => Err(malformed(format, "neither a SubjectPublicKeyInfo nor an RSAPublicKey")),
    }
}

/// Tags of the first two elements inside the outer SEQUENCE, and whether the first is a small number.
fn first_elements(bytes: &[u8]) -> (Option<Tag>, Option<Tag>, bool) {
    let Ok(outer) = AnyRef::from_der(bytes) else { return (None, None, false) };
    let Ok(mut reader) = SliceReader::new(outer.value()) else { return (None, None, false) };
    let Ok(first) = AnyRef::decode(&mut reader) else { return (None, None, false) };
    let second = AnyRef::decode(&mut reader).ok().map(|element| element.tag());
    (Some(first.tag()), second, first.value().len() == 1)
}

/// Reads a SubjectPublicKeyInfo.
pub(super) fn read_spki(format: KeyFormat, bytes: &[u8]) -> Result<KeyParts, PublicKeyError> {
    let spki = SubjectPublicKeyInfoRef::from_der(bytes)
        .map_err(|_| malformed(format, "not a SubjectPublicKeyInfo, or cut off, or not canonical DER"))?;
    let key = spki.subject_public_key.as_bytes().ok_or_else(|| malformed(format, "the key is not a whole number of bytes"))?;
    let algorithm = spki.algorithm;
    match algorithm.oid {
        ED25519 => {
            no_parameters(format, &algorithm)?;
            Ok(KeyParts::Ed25519(key.try_into().map_err(|_| malformed(format, "an Ed25519 key has 32 bytes"))?))
        }
        EC => {
            named_curve(format, &algorithm)?;
            Ok(KeyParts::EcP256(key.try_into().map_err(|_| malformed(format, "not an uncompressed P-256 point of 65 bytes"))?))
        }
        ML_DSA_65 => {
            no_parameters(format, &algorithm)?;
            Ok(KeyParts::MlDsa65(Box::new(key.try_into().map_err(|_| malformed(format, "an ML-DSA-65 key has 1952 bytes"))?)))
        }
        RSA => read_rsa(format, key),
        other => Err(PublicKeyError::Unsupported { format, what: name_of(other).unwrap_or("this algorithm") }),
    }
}

fn name_of(oid: ObjectIdentifier) -> Option<&'static str> {
    UNSUPPORTED.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

fn no_parameters(format: KeyFormat, algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), PublicKeyError> {
    if algorithm.parameters.is_some() {
        return Err(malformed(format, "the algorithm has parameters where none belong"));
    }
    Ok(())
}

fn named_curve(format: KeyFormat, algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), PublicKeyError> {
    match algorithm.parameters_oid() {
        Ok(P256) => Ok(()),
        Ok(other) => Err(PublicKeyError::Unsupported { format, what: name_of(other).unwrap_or("this curve") }),
        Err(_) => Err(PublicKeyError::Unsupported { format, what: "a curve given by its parameters" }),
    }
}

/// Reads an RSAPublicKey.
pub(super) fn read_rsa(format: KeyFormat, bytes: &[u8]) -> Result<KeyParts, PublicKeyError> {
    let numbers = SequenceOf::<UintRef<'_>, 2>::from_der(bytes)
        .map_err(|_| malformed(format, "not an RSAPublicKey, or cut off, or not canonical DER"))?;
    match (numbers.get(0), numbers.get(1)) {
        (Some(modulus), Some(exponent)) => {
            Ok(KeyParts::Rsa { modulus: modulus.as_bytes().to_vec(), exponent: exponent.as_bytes().to_vec() })
        }
        _ => Err(malformed(format, "an RSAPublicKey has a modulus and an exponent")),
    }
}

const WRITES: PublicKeyError = PublicKeyError::Unusable("the key cannot be written as DER");

/// The encoding the algorithm itself reads.
pub(super) fn raw(parts: &KeyParts) -> Result<Vec<u8>, PublicKeyError> {
    match parts {
        KeyParts::EcP256(point) => Ok(point.to_vec()),
        KeyParts::Ed25519(key) => Ok(key.to_vec()),
        KeyParts::MlDsa65(key) => Ok(key.to_vec()),
        KeyParts::Rsa { modulus, exponent } => {
            let mut numbers = SequenceOf::<UintRef<'_>, 2>::new();
            for number in [modulus, exponent] {
                numbers.add(UintRef::new(number).map_err(|_| WRITES)?).map_err(|_| WRITES)?;
            }
            numbers.to_der().map_err(|_| WRITES)
        }
    }
}

/// The canonical SubjectPublicKeyInfo around `raw`.
pub(super) fn spki(parts: &KeyParts, raw: &[u8]) -> Result<Vec<u8>, PublicKeyError> {
    let (oid, parameters) = match parts {
        KeyParts::EcP256(_) => (EC, Some(AnyRef::from(&P256))),
        KeyParts::Ed25519(_) => (ED25519, None),
        KeyParts::MlDsa65(_) => (ML_DSA_65, None),
        KeyParts::Rsa { .. } => (RSA, Some(AnyRef::NULL)),
    };
    let subject_public_key = BitStringRef::from_bytes(raw).map_err(|_| WRITES)?;
    let info = SubjectPublicKeyInfoRef { algorithm: AlgorithmIdentifierRef { oid, parameters }, subject_public_key };
    info.to_der().map_err(|_| WRITES)
}
