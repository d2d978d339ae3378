//! A stranger learns nothing of keys: what depends on one looks alike, and costs alike.

use std::borrow::Cow;

use super::*;
use crate::reject::AlertCode;
use crate::verifier::counted;

#[test]
fn what_depends_on_the_key_looks_alike_on_the_wire() {
    for algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        let good = bench.signed(MESSAGE);
        let other_algorithm = Algorithm::ALL.into_iter().find(|other| *other != algorithm).unwrap();
        let mut foreign = bench.copy();
        foreign.verifier = Signer::of(other_algorithm).verifier();
        let mut other_key = bench.copy();
        other_key.verifier = Signer::another_of(algorithm).verifier();
        let mut other_purpose = bench.copy();
        other_purpose.purpose = Purpose::Native;
        let mut other_name = bench.copy();
        other_name.key_id = ApiKeyId::parse("key-2").unwrap();
        let mut certificate = bench.copy();
        certificate.verifier = Verifier::Certificate;
        let mut undecodable = good.clone();
        undecodable.signature.bytes = None;
        let outcomes = [
            (bench.verify_against(&good, None), Reject::UnknownKey),
            (bench.verify_against(&good, Some(other_purpose)), Reject::UnknownKey),
            (bench.verify_against(&good, Some(other_name)), Reject::UnknownKey),
            (bench.verify_against(&good, Some(foreign)), Reject::WrongAlgorithm),
            (bench.verify_against(&good, Some(certificate)), Reject::WrongAlgorithm),
            (bench.verify_against(&good, Some(other_key)), Reject::BadSignature),
            (bench.verify(&undecodable), Reject::BadSignature),
        ];
        for (outcome, expected) in outcomes {
            let refusal = outcome.unwrap_err();
            assert_eq!(refusal.reject, expected, "{algorithm}");
            assert_eq!(refusal.reject.alert(), AlertCode::AuthFailed, "{algorithm}");
            assert_eq!(refusal.reject.http_status(), 401, "{algorithm}");
            assert!(!matches!(refusal.detail, Detail::Operator(Cow::Owned(_))), "words that are made take time: {refusal}");
        }
        assert!(bench.verify(&good).is_ok(), "none of them was remembered as a use");
    }
}

#[test]
fn an_unknown_key_costs_the_one_verification_that_a_bad_signature_costs() {
    for algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        let good = bench.signed(MESSAGE);
        let cost = |presented: &Presented<'_>, credential: Option<Credential>| {
            counted::take();
            assert!(bench.verify_against(presented, credential).is_err(), "{algorithm}");
            counted::take()
        };
        let with = |change: &dyn Fn(&mut Credential)| {
            let mut other = bench.copy();
            change(&mut other);
            Some(other)
        };
        let bad_signature = cost(&good, with(&|other| other.verifier = Signer::another_of(algorithm).verifier()));
        assert!(matches!(bad_signature.as_slice(), [work] if work.0 == Some(algorithm) && work.3), "{algorithm}: {bad_signature:?}");
        let other_algorithm = Algorithm::ALL.into_iter().find(|other| *other != algorithm).unwrap();
        for (name, credential) in [
            ("no key", None),
            ("another purpose", with(&|other| other.purpose = Purpose::Native)),
            ("another name", with(&|other| other.key_id = ApiKeyId::parse("key-2").unwrap())),
            ("another algorithm", with(&|other| other.verifier = Signer::of(other_algorithm).verifier())),
            ("a certificate", with(&|other| other.verifier = Verifier::Certificate)),
        ] {
            assert_eq!(cost(&good, credential), bad_signature, "{algorithm}, {name}");
        }
        // Of another length, or none at all: the message alone decides what it costs.
        let mut undecodable = good.clone();
        undecodable.signature.bytes = None;
        for presented in [undecodable, bench.presented(MESSAGE, &[7; 3]), bench.presented(MESSAGE, &[7; 300])] {
            let known = cost(&presented, Some(bench.copy()));
            assert_eq!(cost(&presented, None), known, "{algorithm}");
            assert!(matches!(known.as_slice(), [work] if work.0 == Some(algorithm)), "{algorithm}: {known:?}");
        }
    }
}

#[test]
fn an_algorithm_that_is_only_hinted_at_is_a_bad_signature() {
    let bench = Bench::new(Algorithm::HmacSha256);
    let mut presented = bench.signed(MESSAGE);
    presented.signature.form = SignatureForm::Implied(Algorithm::Ed25519);
    assert_eq!(reject(bench.verify(&presented)), Reject::BadSignature);
}

#[test]
fn a_proof_by_the_stand_in_itself_proves_nothing() {
    for algorithm in [Algorithm::Ed25519, Algorithm::HmacSha256, Algorithm::MlDsa65] {
        let bench = Bench::new(algorithm);
        let signature = Signer::stand_in(algorithm).sign(MESSAGE);
        let verifier = stand_in::verifier(algorithm, signature.len());
        assert!(verifier.proves(SignatureForm::Explicit(algorithm), &SignedBytes::from_piece(MESSAGE), &signature));
        let presented = bench.presented(MESSAGE, &signature);
        assert_eq!(reject(bench.verify_against(&presented, None)), Reject::UnknownKey);
        assert_eq!(reject(bench.verify(&presented)), Reject::BadSignature);
        let mut foreign = bench.copy();
        foreign.verifier = Signer::of(Algorithm::EcdsaP256Sha256).verifier();
        assert_eq!(reject(bench.verify_against(&presented, Some(foreign))), Reject::WrongAlgorithm);
    }
}

#[test]
fn there_is_a_stand_in_of_each_algorithm() {
    for algorithm in Algorithm::ALL {
        for length in [0, 64, 256, 300, 384, 512, 4_000] {
            assert_eq!(stand_in::verifier(algorithm, length).algorithm(), Some(algorithm));
        }
    }
}
