//! Bare key bytes: 32 (Ed25519), 65 (P-256, uncompressed), 1952 (ML-DSA-65); and hex or base64 of these, or base64 of DER.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{KeyFormat, KeyParts, PublicKeyError, der};

const FORMAT: KeyFormat = KeyFormat::Raw;

/// Padding is optional: people cut it off. The bits beyond the last byte must be zero, so one key has one text.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// Standard base64, padding optional.
pub(super) const STANDARD_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
/// URL-safe base64, padding optional.
const URL_SAFE_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

const fn malformed(why: &'static str) -> PublicKeyError {
    PublicKeyError::Malformed { format: FORMAT, why }
}

/// Bytes of a text in hex, base64 or base64url. White space inside is skipped: long keys are pasted over lines.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, PublicKeyError> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let hex_text = compact.strip_prefix("0x").unwrap_or(&compact);
    // Hex first: any hex text is also base64, but no base64 of a key is all hex digits by more than chance (2^-66 for 43).
    if hex_text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return hex::decode(hex_text).map_err(|_| malformed("an odd number of hex digits: cut off"));
    }
    let url_safe = compact.contains(['-', '_']);
    let engine = if url_safe { &URL_SAFE_LENIENT } else { &STANDARD_LENIENT };
    let bytes = engine.decode(&compact).map_err(|_| undecodable(&compact))?;
    Ok(bytes)
}

/// Base64 that lost its end is told from text that was never a key.
fn undecodable(compact: &str) -> PublicKeyError {
    // Shorter than any key in base64: somebody's words.
    let base64_only = compact.len() >= 43 && compact.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte));
    if base64_only { malformed("the base64 is garbled or cut off") } else { PublicKeyError::Unrecognized }
}

enum Kind {
    EcP256,
    Ed25519,
    MlDsa65,
}

const fn kind_of_length(length: usize) -> Option<Kind> {
    match length {
        32 => Some(Kind::Ed25519),
        65 => Some(Kind::EcP256),
        1_952 => Some(Kind::MlDsa65),
        _ => None,
    }
}

/// Tells a key by the length of its bytes.
pub(super) fn read(bytes: &[u8]) -> Result<KeyParts, PublicKeyError> {
    if der::begins(bytes) {
        return Err(PublicKeyError::Malformed { format: KeyFormat::Der, why: "cut off, or something follows the key" });
    }
    let lost = || wrong_length(bytes.len());
    match kind_of_length(bytes.len()) {
        Some(Kind::EcP256) if bytes[0] == 4 => Ok(KeyParts::EcP256(bytes.try_into().map_err(|_| lost())?)),
        Some(Kind::EcP256) => Err(malformed("65 bytes that do not start with 04: not an uncompressed point")),
        Some(Kind::Ed25519) => Ok(KeyParts::Ed25519(bytes.try_into().map_err(|_| lost())?)),
        Some(Kind::MlDsa65) => Ok(KeyParts::MlDsa65(Box::new(bytes.try_into().map_err(|_| lost())?))),
        None => Err(lost()),
    }
}

fn wrong_length(length: usize) -> PublicKeyError {
    match length {
        33 => malformed("33 bytes: a compressed point; send the uncompressed point of 65 bytes, or PEM"),
        64 => malformed("64 bytes: a point without its 04, or an Ed25519 private key with its public half; send 65 or 32 bytes"),
        97 => PublicKeyError::Unsupported { format: FORMAT, what: "the curve P-384" },
        133 => PublicKeyError::Unsupported { format: FORMAT, what: "the curve P-521" },
        _ => malformed("raw keys have 32 bytes (Ed25519), 65 (EC P-256) or 1952 (ML-DSA-65), and DER was not found; is it cut off?"),
    }
}
