//! Secret bytes: wiped when dropped, never printed, compared only in constant time.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret material. It has no `Debug` of its content, no `Display`, no `PartialEq` and no `Serialize`, on purpose.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of secret bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one function that needs them. Do not copy them out.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether the bytes are the same, in time that depends on the length only.
    #[must_use]
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?}", Secret::new(b"hunter2".to_vec()));
        assert!(!shown.contains("hunter2") && !shown.contains('7'), "{shown}");
    }

    #[test]
    fn compares_by_content() {
        let secret = Secret::new(vec![1, 2, 3]);
        assert!(secret.ct_eq(&[1, 2, 3]));
        assert!(!secret.ct_eq(&[1, 2, 4]));
        assert!(!secret.ct_eq(&[1, 2]));
    }
}
