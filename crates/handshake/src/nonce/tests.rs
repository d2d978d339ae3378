#![allow(clippy::unwrap_used)]

use std::time::Duration;

use countersign_core::entropy::SeededEntropy;

use super::*;

const START: Timestamp = Timestamp::from_secs(1_800_000_000);

fn keys() -> (NonceKeys, SeededEntropy) {
    let mut entropy = SeededEntropy::new_dangerous_for_tests(1);
    (NonceKeys::new("root", [0, 0, 0, 1], &mut entropy, START), entropy)
}

#[test]
fn a_nonce_is_good_for_thirty_seconds() {
    // HS-32
    let (keys, mut entropy) = keys();
    let nonce = keys.issue(&mut entropy, START);
    assert_eq!(keys.check(&nonce, START), Ok(()));
    assert_eq!(keys.check(&nonce, START.saturating_add(Duration::from_millis(29_999))), Ok(()));
    assert!(keys.check(&nonce, START.saturating_add(limits::NONCE_LIFE)).is_err());
    assert!(keys.check(&nonce, START.saturating_sub(Duration::from_micros(1))).is_err(), "from the future");
}

#[test]
fn a_nonce_outlives_one_change_of_keys_and_not_two() {
    // HS-31
    let (keys, mut entropy) = keys();
    let late = START.saturating_add(limits::NONCE_KEY_LIFE).saturating_sub(Duration::from_secs(1));
    let nonce = keys.issue(&mut entropy, late);
    let after = late.saturating_add(Duration::from_secs(2));
    let _ = keys.issue(&mut entropy, after);
    assert_eq!(keys.check(&nonce, after), Ok(()));
    // A second change within the life of a nonce takes an hour in truth; here only the keys are asked.
    let _ = keys.issue(&mut entropy, after.saturating_add(limits::NONCE_KEY_LIFE));
    assert!(keys.check(&nonce, after).is_err());
}

#[test]
fn refuses_nonces_of_another_gateway_and_changed_ones() {
    // HS-31
    let (keys, mut entropy) = keys();
    let other = NonceKeys::new("other", [0, 0, 0, 1], &mut SeededEntropy::new_dangerous_for_tests(1), START);
    let nonce = keys.issue(&mut entropy, START);
    assert!(other.check(&nonce, START).is_err());
    let token = Token::parse(&nonce).unwrap();
    for bit in 0..token.payload.len() * 8 {
        let mut changed = token.clone();
        changed.payload[bit / 8] ^= 1 << (bit % 8);
        assert!(keys.check(&changed.text(), START).is_err(), "bit {bit}");
    }
    for end in 0..nonce.len() {
        assert!(keys.check(&nonce[..end], START).is_err(), "cut at {end}");
    }
}

#[test]
fn nonces_differ() {
    let (keys, mut entropy) = keys();
    assert_ne!(keys.issue(&mut entropy, START), keys.issue(&mut entropy, START));
}
