#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;

const NBF: Timestamp = Timestamp::from_secs(1_800_000_000);
const EXP: Timestamp = Timestamp::from_secs(1_800_604_800);

fn root() -> SigningKey {
    SigningKey::ed25519_from_seed(&[1; 32])
}

fn gateway() -> SigningKey {
    SigningKey::ed25519_from_seed(&[2; 32])
}

#[test]
fn names_the_root_and_the_gateway_key() {
    // HS-25
    for root in [root(), SigningKey::ml_dsa_65_from_seed(&[1; 32])] {
        for gateway in [gateway(), SigningKey::ml_dsa_65_from_seed(&[2; 32])] {
            let text = Delegation::sign(&root, &gateway, NBF, EXP).unwrap();
            let delegation = Delegation::verify(&text).unwrap();
            assert_eq!(delegation.root(), root.kid().as_str());
            assert_eq!(delegation.gateway(), gateway.kid().as_str());
        }
    }
}

#[test]
fn holds_in_its_time_give_or_take_the_leeway() {
    // HS-27
    let delegation = Delegation::verify(&Delegation::sign(&root(), &gateway(), NBF, EXP).unwrap()).unwrap();
    let tick = Duration::from_micros(1);
    let first = NBF.saturating_sub(limits::CLOCK_LEEWAY);
    let last = EXP.saturating_add(limits::CLOCK_LEEWAY);
    assert_eq!(delegation.check_validity(first.saturating_sub(tick)), Err(DelegationError::NotYetValid));
    assert_eq!(delegation.check_validity(first), Ok(()));
    assert_eq!(delegation.check_validity(last.saturating_sub(tick)), Ok(()));
    assert_eq!(delegation.check_validity(last), Err(DelegationError::Expired));
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    // HS-25
    let token = Token::parse(&Delegation::sign(&root(), &gateway(), NBF, EXP).unwrap()).unwrap();
    for bit in 0..token.payload.len() * 8 {
        let mut changed = token.clone();
        changed.payload[bit / 8] ^= 1 << (bit % 8);
        assert!(Delegation::verify(&changed.text()).is_err(), "payload bit {bit}");
    }
    for bit in 0..token.proof.len() * 8 {
        let mut changed = token.clone();
        changed.proof[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Delegation::verify(&changed.text()).unwrap_err(), DelegationError::Signature, "proof bit {bit}");
    }
}

#[test]
fn a_welcome_signature_is_no_delegation() {
    // HS-12
    let token = Token::parse(&Delegation::sign(&root(), &gateway(), NBF, EXP).unwrap()).unwrap();
    let other = Transcript::of_channel(sha256(&[root().spki_der()])).proof_input(&label::WELCOME, &token.payload);
    let forged = Token { proof: root().sign(&other).unwrap(), ..token };
    assert_eq!(Delegation::verify(&forged.text()).unwrap_err(), DelegationError::Signature);
}

#[test]
fn a_gateway_takes_only_delegations_of_its_own_key() {
    let text = Delegation::sign(&root(), &gateway(), NBF, EXP).unwrap();
    assert!(GatewayIdentity::new(gateway(), std::slice::from_ref(&text), &[]).is_ok());
    assert!(GatewayIdentity::new(root(), std::slice::from_ref(&text), &[]).is_err());
    assert!(GatewayIdentity::new(gateway(), &[], &[]).is_err());
    assert!(GatewayIdentity::new(gateway(), &[text], &["short".to_owned()]).is_err());
}
