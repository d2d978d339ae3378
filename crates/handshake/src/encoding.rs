//! base64url without padding, strictly: one text for each byte string (HS-2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Encodes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes; `None` for padding, foreign characters, impossible lengths and non-zero trailing bits.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes exactly `N` bytes.
#[must_use]
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

/// The name of a key: base64url of the SHA-256 of its DER SubjectPublicKeyInfo, 43 characters.
#[must_use]
pub fn kid(spki_der: &[u8]) -> String {
    encode(&crate::transcript::sha256(&[spki_der]))
}

/// Whether a text has the form of a [`kid`].
#[must_use]
pub fn is_kid(text: &str) -> bool {
    decode_array::<32>(text).is_some()
}

/// A JSON object with its members sorted by name, whatever the JSON library does: the same input gives the same bytes.
pub(crate) fn sorted_object(members: std::collections::BTreeMap<String, serde_json::Value>) -> serde_json::Value {
    serde_json::Value::Object(members.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_for_each_byte_string() {
        // HS-2
        assert_eq!(decode("AA"), Some(vec![0]));
        for other in ["AA==", "AB", "A", "A+", "A/", "AA\n", " AA", "A\u{e9}"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
