//! The rules of registration: which well-formed keys are refused all the same, and why.
//!
//! | key | rule | because |
//! |---|---|---|
//! | Ed25519 | canonical, not of small order, torsion-free | else verifiers disagree, or one signature fits many messages |
//! | EC P-256 | the point is on the curve | checked by the library that verifies |
//! | ML-DSA-65 | 1952 bytes | every such string is a key |
//! | RSA | 2048 to 4096 bits, modulus odd and not of the ROCA form, exponent odd, 65537 to 2^32 | broken below, CPU burnt above; small exponents forge; ROCA moduli factor |

use curve25519_dalek::edwards::CompressedEdwardsY;

use super::{KeyFormat, KeyParts, KeyType, PublicKeyError};
use crate::limits;

/// Applies the rules.
pub(super) fn check(format: KeyFormat, parts: &KeyParts) -> Result<KeyType, PublicKeyError> {
    let weak = |why| PublicKeyError::Weak { format, why };
    match parts {
        KeyParts::EcP256(point) if point[0] == 4 => Ok(KeyType::EcP256),
        KeyParts::EcP256(_) => Err(PublicKeyError::Malformed { format, why: "not an uncompressed point" }),
        KeyParts::Ed25519(key) => ed25519(key).map(|()| KeyType::Ed25519).map_err(weak),
        KeyParts::MlDsa65(_) => Ok(KeyType::MlDsa65),
        KeyParts::Rsa { modulus, exponent } => rsa(modulus, exponent).map(|bits| KeyType::Rsa { bits }).map_err(weak),
    }
}

/// What it means that the verifying library refuses a key that obeyed the other rules.
pub(super) const fn not_on_curve(format: KeyFormat, key_type: KeyType) -> PublicKeyError {
    let why = match key_type {
        KeyType::EcP256 => "the point is not on the curve P-256",
        KeyType::Ed25519 | KeyType::MlDsa65 | KeyType::Rsa { .. } => "the cryptographic library refuses this key",
    };
    PublicKeyError::Weak { format, why }
}

fn ed25519(key: &[u8; 32]) -> Result<(), &'static str> {
    let compressed = CompressedEdwardsY(*key);
    let point = compressed.decompress().ok_or("the bytes are no point of the Ed25519 curve")?;
    // RFC 8032 5.1.3: the y coordinate below p, and no sign on a zero x. Re-encoding is canonical by construction.
    if point.compress() != compressed {
        return Err("the Ed25519 point is not encoded canonically");
    }
    if point.is_small_order() {
        return Err("the Ed25519 point is of small order: its signatures fit any message");
    }
    if !point.is_torsion_free() {
        return Err("the Ed25519 point is outside the prime-order group: verifiers would disagree");
    }
    Ok(())
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<usize, &'static str> {
    let bits = bits(modulus);
    if bits < *limits::RSA_BITS.start() {
        return Err("the RSA modulus is shorter than 2048 bits");
    }
    if bits > *limits::RSA_BITS.end() {
        return Err("the RSA modulus is longer than 4096 bits");
    }
    if modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err("the RSA modulus is even");
    }
    let exponent = number(exponent).ok_or("the RSA exponent is longer than 32 bits")?;
    if exponent < limits::RSA_EXPONENT_MIN || exponent % 2 == 0 {
        return Err("the RSA exponent is even or below 65537");
    }
    if has_roca_form(modulus) {
        return Err("the RSA modulus was made by a faulty generator (ROCA, CVE-2017-15361) and can be factored");
    }
    Ok(bits)
}

fn bits(number: &[u8]) -> usize {
    let significant = number.iter().skip_while(|byte| **byte == 0);
    let bytes = significant.clone().count();
    significant.clone().next().map_or(0, |first| bytes * 8 - first.leading_zeros() as usize)
}

/// A number of at most 32 bits.
fn number(bytes: &[u8]) -> Option<u32> {
    let mut value: u32 = 0;
    for byte in bytes.iter().skip_while(|byte| **byte == 0) {
        value = value.checked_mul(256)?.checked_add(u32::from(*byte))?;
    }
    Some(value)
}

/// Primes modulo which the powers of 65537 are few: a modulus that is such a power modulo all of them has the ROCA form. A
/// random modulus passes all by a chance of about one in 2^27 (Nemec et al., CCS 2017).
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

fn has_roca_form(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], divisor: u32) -> u32 {
    number.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % divisor)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let mut power = 1;
    (0..prime).any(|_| {
        let hit = power == value;
        power = power * (65_537 % prime) % prime;
        hit
    })
}
