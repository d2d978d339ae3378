//! Signatures that sloppy verifiers take, and re-encodings that sloppy replay guards forget.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;
use crate::public_key::PublicKey;

/// The order of the base point of Ed25519, little endian.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10,
];

/// The order of the base point of P-256, big endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
    0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn assert_bad(bench: &Bench, name: &str, signature: &[u8]) {
    let outcome = bench.verify(&bench.presented(MESSAGE, signature));
    assert_eq!(outcome.err().map(|refusal| refusal.reject), Some(Reject::BadSignature), "{} {name}", bench.signer.algorithm());
}

#[test]
fn refuses_trivial_signatures_of_each_algorithm() {
    for algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        let length = bench.signer.sign(MESSAGE).len();
        assert_bad(&bench, "empty", b"");
        assert_bad(&bench, "zeros", &vec![0; length]);
        assert_bad(&bench, "ones", &vec![0xff; length]);
        assert_bad(&bench, "the message", MESSAGE);
        assert_bad(&bench, "of the empty message", &bench.signer.sign(b""));
        assert_bad(&bench, "twice", &bench.signer.sign(MESSAGE).repeat(2));
    }
}

#[test]
fn refuses_ed25519_scalars_at_or_above_the_order() {
    let bench = Bench::new(Algorithm::Ed25519);
    let signature = bench.signer.sign(MESSAGE);
    let mut raised = signature.clone();
    let mut carry = 0_u16;
    for (digit, order) in raised[32..].iter_mut().zip(ED25519_ORDER) {
        let sum = u16::from(*digit) + u16::from(order) + carry;
        *digit = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    assert_bad(&bench, "S + L", &raised);
    assert_bad(&bench, "S = L", &[&signature[..32], &ED25519_ORDER].concat());
    assert_bad(&bench, "R and S swapped", &[&signature[32..], &signature[..32]].concat());
    let mut identity = [0; 64];
    identity[0] = 1;
    assert_bad(&bench, "R the identity, S zero", &identity);
}

#[test]
fn refuses_ecdsa_scalars_outside_the_group() {
    let bench = Bench::new(Algorithm::EcdsaP256Sha256);
    let signature = bench.signer.sign(MESSAGE);
    let (r, s) = signature.split_at(32);
    let mut one = [0; 32];
    one[31] = 1;
    for (name, forged_r, forged_s) in [
        ("r = 0", &[0; 32][..], s),
        ("s = 0", r, &[0; 32][..]),
        ("r = n", &P256_ORDER, s),
        ("s = n", r, &P256_ORDER),
        ("r = s = 1", &one, &one),
        ("r = s = n", &P256_ORDER, &P256_ORDER),
        ("swapped", s, r),
    ] {
        assert_bad(&bench, name, &[forged_r, forged_s].concat());
    }
}

#[test]
fn refuses_ecdsa_in_der_and_at_other_widths() {
    let bench = Bench::new(Algorithm::EcdsaP256Sha256);
    let signature = bench.signer.sign(MESSAGE);
    let (r, s) = signature.split_at(32);
    let integer = |number: &[u8]| [&[0x02, 33, 0][..], number].concat();
    assert_bad(&bench, "DER", &[&[0x30, 70][..], &integer(r), &integer(s)].concat());
    assert_bad(&bench, "each number one byte wider", &[&[0][..], r, &[0], s].concat());
    assert_bad(&bench, "r alone", r);
    assert_bad(&bench, "the width of P-384", &[&[0; 16][..], r, &[0; 16], s].concat());
}

#[test]
fn a_second_signature_over_the_same_bytes_is_the_same_use() {
    for algorithm in [Algorithm::EcdsaP256Sha256, Algorithm::RsaPssSha256] {
        let bench = Bench::new(algorithm);
        let (one, other) = (bench.signer.sign(MESSAGE), bench.signer.sign(MESSAGE));
        assert_ne!(one, other, "{algorithm} is randomised");
        assert!(bench.verify(&bench.presented(MESSAGE, &one)).is_ok());
        assert_eq!(reject(bench.verify(&bench.presented(MESSAGE, &other))), Reject::Replayed);
    }
}

#[test]
fn an_ecdsa_signature_turned_over_is_the_same_use() {
    let bench = Bench::new(Algorithm::EcdsaP256Sha256);
    let signature = bench.signer.sign(MESSAGE);
    let mut turned = signature.clone();
    let mut borrow = 0_i16;
    for index in (0..32).rev() {
        let difference = i16::from(P256_ORDER[index]) - i16::from(signature[32 + index]) - borrow;
        borrow = i16::from(difference < 0);
        turned[32 + index] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    assert_ne!(turned, signature);
    assert!(bench.verify(&bench.presented(MESSAGE, &turned)).is_ok(), "n - s verifies as s does, without the key");
    assert_eq!(reject(bench.verify(&bench.presented(MESSAGE, &signature))), Reject::Replayed);
}

/// Made by openssl, with its raw private operation where the padding is wrong on purpose.
#[test]
fn refuses_rsa_paddings_other_than_the_one_registered() {
    let vectors: Value = serde_json::from_str(include_str!("../testdata/rsa_forgeries.json")).unwrap();
    let key = PublicKey::parse(vectors["public_key"].as_str().unwrap().as_bytes()).unwrap();
    let message = vectors["message"].as_str().unwrap().as_bytes();
    for case in vectors["cases"].as_array().unwrap() {
        let algorithm = Algorithm::parse(case["algorithm"].as_str().unwrap()).unwrap();
        let signature = STANDARD.decode(case["signature"].as_str().unwrap()).unwrap();
        let verified = key.verifying_key(algorithm).unwrap().verify(message, &signature);
        assert_eq!(verified, case["valid"].as_bool().unwrap(), "{algorithm} {}", case["name"]);
    }
}

#[test]
fn an_hmac_keyed_with_a_public_key_is_no_signature_of_it() {
    // CVE-2016-10555: the verifier must not take the key it holds for a shared secret.
    let bench = Bench::new(Algorithm::Ed25519);
    let Signer::Ed25519(pair) = &bench.signer else { unreachable!("made above") };
    let secret = PublicKey::parse(aws_lc_rs::signature::KeyPair::public_key(pair).as_ref()).unwrap().to_pem();
    let mac = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes()), MESSAGE);
    let mut presented = bench.presented(MESSAGE, mac.as_ref());
    presented.signature.form = SignatureForm::Explicit(Algorithm::HmacSha256);
    assert_eq!(reject(bench.verify(&presented)), Reject::WrongAlgorithm);
    presented.signature.form = SignatureForm::Implied(Algorithm::HmacSha256);
    assert_eq!(reject(bench.verify(&presented)), Reject::BadSignature);
}
