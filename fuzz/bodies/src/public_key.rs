//! Public keys in every format.

use countersign_core::PublicKey;

/// Whatever format a key came in, its canonical form is accepted and stays the same.
pub fn public_key(data: &[u8]) {
    let Ok(key) = PublicKey::parse(data) else { return };
    let again = PublicKey::from_spki_der(key.spki_der()).expect("the canonical form obeys the same rules");
    assert_eq!(again.spki_der(), key.spki_der(), "one key has one canonical form");
    assert_eq!(again.key_type(), key.key_type());
}
