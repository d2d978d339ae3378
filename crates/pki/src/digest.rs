//! SHA-256 and the text form of its values.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

/// Base64url without padding, as JOSE writes thumbprints.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A hash over fields that cannot be confused with one another: each is preceded by its length.
#[derive(Default)]
pub(crate) struct FieldHash(Vec<u8>);

impl FieldHash {
    /// Starts with a label that names the use of the hash.
    pub(crate) fn new(label: &str) -> Self {
        Self::default().field(label.as_bytes())
    }

    /// Adds one field.
    pub(crate) fn field(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// The hash of all fields.
    pub(crate) fn finish(self) -> [u8; 32] {
        sha256(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_fields_changes_the_hash() {
        let first = FieldHash::new("t").field(b"ab").field(b"c").finish();
        let second = FieldHash::new("t").field(b"a").field(b"bc").finish();
        assert_ne!(first, second);
    }
}
