//! Sealing of secrets at rest: AES-256-GCM-SIV under a key file that is not part of the database.
//!
//! A copy of the database alone gives no secret away, and a sealed secret moved to another credential does not open: the
//! credential's id is authenticated with it. GCM-SIV, because the nonces are random and a repeated one must not be fatal.
//!
//! ```text
//!   sealed = 0x01 || nonce (12) || ciphertext || tag (16)      AAD = label || credential id
//! ```

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use countersign_core::Secret;
use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::files;

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const VERSION: u8 = 1;
const LABEL: &[u8] = b"countersign sealed secret v1\0";
const DERIVE_SALT: &[u8] = b"countersign derived keys v1";

/// The key that seals secrets in the database.
pub struct SealingKey {
    key: RandomizedNonceKey,
    /// What other keys are derived from.
    derive: Prk,
}

/// The sealed bytes do not open: another key, another owner, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsealable;

impl SealingKey {
    /// The key in the file at `path`; a new one is drawn and stored if there is no file.
    ///
    /// # Errors
    /// [`StoreError::Permissions`] when others may read it, [`StoreError::SealingKeyMalformed`], [`StoreError::Io`].
    pub fn load_or_create(path: &Path) -> Result<Self, StoreError> {
        let exists = path.try_exists().map_err(|source| StoreError::io("read", path, source))?;
        if !exists {
            let mut fresh = Zeroizing::new([0; KEY_BYTES]);
            fill(fresh.as_mut_slice());
            // If another process was first, its key counts.
            files::atomic_create(path, fresh.as_slice(), files::PRIVATE_FILE_MODE)?;
        }
        Self::load(path)
    }

    /// The key in the file at `path`.
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub fn load(path: &Path) -> Result<Self, StoreError> {
        let bytes = files::read_private(path, KEY_BYTES)?;
        let key: &[u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| StoreError::SealingKeyMalformed { path: path.to_owned() })?;
        Ok(Self::from_bytes(key))
    }

    /// The key from its bytes, for keys that are not kept in a file.
    #[must_use]
    pub fn from_bytes(key: &[u8; KEY_BYTES]) -> Self {
        let derive = Salt::new(HKDF_SHA256, DERIVE_SALT).extract(key);
        Self { key: RandomizedNonceKey::new(&AES_256_GCM_SIV, key).expect("32 bytes are a key of AES-256"), derive }
    }

    /// A key for another purpose, the same wherever this one is: HKDF-SHA-256 of it.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Secret {
        let mut derived = Zeroizing::new([0; KEY_BYTES]);
        let purpose = [purpose.as_bytes()];
        let okm = self.derive.expand(&purpose, HKDF_SHA256).expect("one block is never too long");
        okm.fill(derived.as_mut_slice()).expect("the length asked for");
        Secret::new(derived.to_vec())
    }

    /// Seals `secret` for `owner`.
    pub(crate) fn seal(&self, owner: &str, secret: &[u8]) -> Vec<u8> {
        // Room for the tag, so that the buffer with the plain bytes is never outgrown and left behind.
        let mut buffer = Vec::with_capacity(secret.len() + TAG_BYTES);
        buffer.extend_from_slice(secret);
        let nonce = self.key.seal_in_place_append_tag(aad(owner), &mut buffer).expect("a short message and a random nonce are sealed");
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + buffer.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut buffer);
        sealed
    }

    /// Opens what was sealed for `owner`.
    pub(crate) fn open(&self, owner: &str, sealed: &[u8]) -> Result<Secret, Unsealable> {
        let body = sealed.strip_prefix(&[VERSION]).ok_or(Unsealable)?;
        let (nonce, ciphertext) = body.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let plain = self.key.open_in_place(nonce, aad(owner), &mut buffer).map_err(|_| Unsealable)?;
        Ok(Secret::new(plain.to_vec()))
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

fn aad(owner: &str) -> Aad<Vec<u8>> {
    Aad::from([LABEL, owner.as_bytes()].concat())
}

/// Random bytes of the operating system.
pub(crate) fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn opens_for_its_owner_only() {
        let key = SealingKey::from_bytes(&[7; 32]);
        let sealed = key.seal("cred-1", b"a secret of a client");
        assert!(!sealed.windows(8).any(|window| window == b"a secret"));
        assert!(key.open("cred-1", &sealed).unwrap().ct_eq(b"a secret of a client"));
        assert!(key.open("cred-2", &sealed).is_err());
        assert!(SealingKey::from_bytes(&[8; 32]).open("cred-1", &sealed).is_err());
        assert_ne!(sealed, key.seal("cred-1", b"a secret of a client"), "nonces are fresh");
    }

    #[test]
    fn derived_keys_are_the_same_everywhere_and_differ_by_purpose() {
        let [one, other] = [[7; 32], [8; 32]].map(|bytes| SealingKey::from_bytes(&bytes));
        let derived = one.derive("tickets");
        assert!(SealingKey::from_bytes(&[7; 32]).derive("tickets").ct_eq(derived.expose()));
        assert!(!one.derive("others").ct_eq(derived.expose()) && !other.derive("tickets").ct_eq(derived.expose()));
        assert!(!derived.ct_eq(&[7; 32]));
    }

    #[test]
    fn refuses_any_changed_bit() {
        let key = SealingKey::from_bytes(&[7; 32]);
        let sealed = key.seal("cred-1", b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open("cred-1", &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(key.open("cred-1", &sealed[..length]).is_err(), "{length} bytes");
        }
    }
}
