//! Ethereum addresses, and whose address a signature was made with.
//!
//! A signature does not say whose it is, and need not: from it and the hash follows the one public key that fits. So a changed
//! message is not a bad signature but a good one of some other address, and is refused as of an unknown key.
//!
//! Source: Ethereum yellow paper, appendix F; EIP-2 (low `s`); EIP-55 is not demanded of texts.

use std::fmt;

use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use sha3::{Digest as _, Keccak256};

/// The last 20 bytes of the Keccak-256 hash of a secp256k1 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

/// Keccak-256 of the bytes (the hash of Ethereum, not SHA3-256).
#[must_use]
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

impl Address {
    /// From its 20 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Its 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Reads `0x` and 40 hexadecimal digits of any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text.strip_prefix("0x")?, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Of an uncompressed public key, with its leading `04`.
    #[must_use]
    pub fn of_public_key(uncompressed: &[u8; 65]) -> Self {
        let hash = keccak256(&uncompressed[1..]);
        Self(hash[12..].try_into().expect("20 of 32"))
    }

    /// Whose signature it is: of the Keccak-256 hash of `signed`, as `r || s || v` with `v` 0, 1, 27 or 28. `None` when it is
    /// nobody's: another length, `r` or `s` out of range, a high `s` (the same signature in another spelling).
    #[must_use]
    pub fn recover(signed: &[u8], signature: &[u8]) -> Option<Self> {
        let (compact, v) = signature.split_at_checked(64)?;
        let id = match v {
            [0 | 27] => RecoveryId::Zero,
            [1 | 28] => RecoveryId::One,
            _ => return None,
        };
        let signature = RecoverableSignature::from_compact(compact, id).ok()?;
        let mut low = signature.to_standard();
        low.normalize_s();
        if low != signature.to_standard() {
            return None;
        }
        let key = signature.recover_ecdsa(Message::from_digest(keccak256(signed))).ok()?;
        Some(Self::of_public_key(&key.serialize_uncompressed()))
    }
}

impl fmt::Display for Address {
    /// In lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// The client's side, for tests: signs as wallets do, with `v` 27 or 28.
#[cfg(test)]
pub(crate) fn sign(key: &secp256k1::SecretKey, message: &[u8]) -> Vec<u8> {
    let (id, compact) = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(keccak256(message)), key).serialize_compact();
    compact.into_iter().chain([27 + u8::from(id != RecoveryId::Zero)]).collect()
}

/// The address of a key, for tests.
#[cfg(test)]
pub(crate) fn address_of(key: &secp256k1::SecretKey) -> Address {
    Address::recover(b"", &sign(key, b"")).expect("a signature has a signer")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secp256k1::SecretKey;

    use super::*;

    fn sign(message: &[u8]) -> Vec<u8> {
        super::sign(&SecretKey::from_secret_bytes([1; 32]).unwrap(), message)
    }

    /// The address of the key of 32 bytes 0x01, as any Ethereum wallet shows it.
    const SIGNER: &str = "0x1a642f0e3c3af545e7acbd38b07251b3990914f1";

    #[test]
    fn the_signer_is_recovered_and_a_changed_message_is_somebody_elses() {
        let signature = sign(b"order");
        assert_eq!(Address::recover(b"order", &signature), Address::parse(SIGNER));
        assert_ne!(Address::recover(b"orders", &signature), Address::parse(SIGNER));
        let mut other_v = signature;
        other_v[64] = if other_v[64] == 27 { 28 } else { 27 };
        assert_ne!(Address::recover(b"order", &other_v), Address::parse(SIGNER));
    }

    #[test]
    fn a_high_s_is_no_second_spelling() {
        let mut signature = sign(b"order");
        // n - s, with the order of the curve from SEC 2, 2.4.1.
        let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
        let mut borrow = 0_i16;
        for index in (0..32).rev() {
            let difference = i16::from(order[index]) - i16::from(signature[32 + index]) - borrow;
            borrow = i16::from(difference < 0);
            signature[32 + index] = u8::try_from(difference.rem_euclid(256)).unwrap();
        }
        signature[64] = if signature[64] == 27 { 28 } else { 27 };
        assert_eq!(Address::recover(b"order", &signature), None);
    }

    #[test]
    fn what_is_no_signature_has_no_signer() {
        for bytes in [&[][..], &[0; 64], &[0; 65], &[0xff; 65], &[1; 66]] {
            assert_eq!(Address::recover(b"order", bytes), None);
        }
    }

    #[test]
    fn reads_and_writes_addresses() {
        let address = Address::parse("0x1A642F0E3C3AF545E7ACBD38B07251B3990914F1").unwrap();
        assert_eq!(address.to_string(), SIGNER);
        for text in ["", "0x", "1a642f0e3c3af545e7acbd38b07251b3990914f1", "0x1a642f0e3c3af545e7acbd38b07251b3990914f"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
