//! The signature text: which algorithm it looks like, and its bytes.
//!
//! | text | claimed algorithm |
//! |---|---|
//! | 64 hex digits, any case | HMAC-SHA-256 (the venue: hex is not case-sensitive) |
//! | base64 of 64 bytes | Ed25519 |
//! | other base64 | RSA PKCS #1 v1.5 with SHA-256 |
//! | anything else | by its length; no bytes, so that it costs the same and fails |
//!
//! Base64 is the standard alphabet with its padding and without stray bits, so that one signature has one spelling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Algorithm, PresentedSignature, SignatureForm};
use smallvec::SmallVec;

use crate::limits;

/// Characters of a hex HMAC-SHA-256.
const HEX_CHARS: usize = 64;
/// Characters of the base64 of an Ed25519 signature.
const ED25519_CHARS: usize = 88;

/// Reads a signature as it stands in a query or form: percent-encoded. A raw `+` is a plus: no signature has a space in it, and
/// clients that forget to encode it are understood.
pub(super) fn from_form(text: &[u8]) -> PresentedSignature {
    if !text.contains(&b'%') {
        return from_text(text);
    }
    if text.len() > limits::SIGNATURE_TEXT_BYTES_MAX {
        return undecodable(text.len());
    }
    match percent_decoded(text) {
        Some(decoded) => from_text(&decoded),
        None => undecodable(text.len()),
    }
}

/// Reads a signature as it is.
pub(crate) fn from_text(text: &[u8]) -> PresentedSignature {
    if text.len() == HEX_CHARS {
        let mut bytes = SmallVec::from_buf_and_len([0; 64], HEX_CHARS / 2);
        if hex::decode_to_slice(text, &mut bytes).is_ok() {
            return presented(Algorithm::HmacSha256, Some(bytes));
        }
    }
    if text.len() > limits::SIGNATURE_TEXT_BYTES_MAX {
        return undecodable(text.len());
    }
    if text.len() == ED25519_CHARS {
        // Room for 66 bytes: the decoder reserves for the padded length before it sees the padding.
        let mut bytes = [0; ED25519_CHARS / 4 * 3];
        if let Ok(64) = STANDARD.decode_slice(text, &mut bytes) {
            return presented(Algorithm::Ed25519, Some(SmallVec::from_slice(&bytes[..64])));
        }
    }
    match STANDARD.decode(text) {
        Ok(bytes) => presented(Algorithm::RsaPkcs1Sha256, Some(SmallVec::from_vec(bytes))),
        Err(_) => undecodable(text.len()),
    }
}

fn presented(algorithm: Algorithm, bytes: Option<SmallVec<[u8; 64]>>) -> PresentedSignature {
    PresentedSignature { form: SignatureForm::Implied(algorithm), bytes }
}

fn undecodable(chars: usize) -> PresentedSignature {
    let nearest = match chars {
        0..=80 => Algorithm::HmacSha256,
        81..=128 => Algorithm::Ed25519,
        _ => Algorithm::RsaPkcs1Sha256,
    };
    presented(nearest, None)
}

fn percent_decoded(text: &[u8]) -> Option<SmallVec<[u8; 128]>> {
    let mut decoded = SmallVec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                decoded.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
                after
            }
            (b'%', _) => return None,
            (plain, _) => {
                decoded.push(*plain);
                tail
            }
        };
    }
    Some(decoded)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn algorithm(text: &str) -> (Algorithm, bool) {
        let signature = from_form(text.as_bytes());
        (signature.form.algorithm(), signature.bytes.is_some())
    }

    #[test]
    fn hex_is_read_in_any_case() {
        let lower = "f6e8d5b434c85c3490b12e5f6b3050828cffe2930120bbc81c1a8d343937ccc0";
        let (one, two) = (from_form(lower.as_bytes()), from_form(lower.to_uppercase().as_bytes()));
        assert_eq!(one.bytes, two.bytes);
        assert_eq!(one.bytes.unwrap().len(), 32);
        assert_eq!(algorithm(lower), (Algorithm::HmacSha256, true));
    }

    #[test]
    fn base64_is_told_apart_by_its_length() {
        assert_eq!(algorithm(&STANDARD.encode([7; 64])), (Algorithm::Ed25519, true));
        assert_eq!(algorithm(&STANDARD.encode([7; 256])), (Algorithm::RsaPkcs1Sha256, true));
        assert_eq!(algorithm(&STANDARD.encode([7; 512])), (Algorithm::RsaPkcs1Sha256, true));
    }

    #[test]
    fn plus_slash_and_equals_may_be_encoded_or_raw() {
        let raw = STANDARD.encode([0xfb; 64]);
        assert!(raw.contains('+') && raw.contains('='));
        let upper = raw.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let lower = raw.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d");
        for spelling in [raw, upper, lower] {
            assert_eq!(from_form(spelling.as_bytes()).bytes.unwrap().as_slice(), [0xfb; 64]);
        }
    }

    #[test]
    fn other_spellings_have_no_bytes() {
        let good = STANDARD.encode([0xfb; 64]);
        let unpadded = good.trim_end_matches('=').to_owned();
        let stray_bits = format!("{}x==", &good[..85]);
        let url_safe = good.replace('+', "-").replace('/', "_");
        for text in [unpadded, stray_bits, url_safe, format!("{good}=="), format!("{good}%"), format!("{good}%2"), format!("{good}\n")] {
            assert_eq!(algorithm(&text), (Algorithm::Ed25519, false), "{text}");
        }
        assert_eq!(algorithm("zz"), (Algorithm::HmacSha256, false));
        assert_eq!(algorithm(&"!".repeat(344)), (Algorithm::RsaPkcs1Sha256, false));
        assert_eq!(algorithm(&"A".repeat(4_096)), (Algorithm::RsaPkcs1Sha256, false), "longer than any signature");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_never_longer_than_it_is(text: Vec<u8>, hex_like in "[0-9a-fA-F%+/=]{0,120}") {
            for text in [text.as_slice(), hex_like.as_bytes()] {
                let (form, plain) = (from_form(text), from_text(text));
                for signature in [form, plain] {
                    proptest::prop_assert!(signature.bytes.is_none_or(|bytes| bytes.len() <= text.len()));
                }
            }
        }
    }
}
