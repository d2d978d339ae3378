//! Hashes of leaves and nodes (RFC 9162, section 2.1.1; the same as RFC 6962, section 2.1).

use std::fmt;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A SHA-256 value; as text, 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first record of a chain carries in place of the hash of the one before.
    pub const ZERO: Self = Self([0; 32]);

    /// Of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits in lower case: one spelling, so that equal hashes are equal text.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != 64 || text.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Writes the text into `out`, without a string in between.
    pub fn write_hex(&self, out: &mut Vec<u8>) {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).expect("64 digits for 32 bytes");
        out.extend_from_slice(&text);
    }

    fn of(digest: Digest) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(text.as_bytes()).ok_or_else(|| D::Error::custom("a hash has 64 hexadecimal digits in lower case"))
    }
}

/// Most records are shorter. Hashed in one piece they cost no context, which would be an allocation for each.
const SHORT_BYTES: usize = 1024;

/// The hash of a record: `SHA-256(0x00 || line)`.
#[must_use]
pub fn leaf_hash(line: &[u8]) -> Hash {
    let mut marked = [0; SHORT_BYTES];
    if let Some(room) = marked.get_mut(1..=line.len()) {
        room.copy_from_slice(line);
        return Hash::of(digest(&SHA256, &marked[..=line.len()]));
    }
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(line);
    Hash::of(context.finish())
}

/// The hash of two subtrees: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    let mut marked = [1; 65];
    marked[1..33].copy_from_slice(&left.0);
    marked[33..].copy_from_slice(&right.0);
    Hash::of(digest(&SHA256, &marked))
}

/// The root of the empty tree: the hash of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Hash::of(digest(&SHA256, b""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_any_length_is_hashed_behind_its_mark() {
        for length in [0, 1, SHORT_BYTES - 2, SHORT_BYTES - 1, SHORT_BYTES, SHORT_BYTES + 1, 10 * SHORT_BYTES] {
            let line = vec![b'x'; length];
            let marked = [&[0][..], &line].concat();
            assert_eq!(leaf_hash(&line), Hash::of(digest(&SHA256, &marked)), "{length}");
        }
    }
}
