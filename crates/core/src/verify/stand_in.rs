//! Stand-in keys: what an unknown key is "verified" against, so that it costs the same as a known one.
//!
//! Their private halves are published test vectors or thrown away; nothing they verify is ever accepted.

use std::sync::OnceLock;

use aws_lc_rs::signature::{KeyPair as _, ML_DSA_65_SIGNING, PqdsaKeyPair};

use crate::algorithm::Algorithm;
use crate::credential::Verifier;
use crate::public_key::VerifyingKey;

/// Public key of RFC 8032, 7.1, TEST 1.
const ED25519: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
    0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

/// Public key of RFC 6979, A.2.5, as an uncompressed point.
const P256: [u8; 65] = [
    0x04, 0x60, 0xfe, 0xd4, 0xba, 0x25, 0x5a, 0x9d, 0x31, 0xc9, 0x61, 0xeb, 0x74, 0xc6, 0x35, 0x6d, 0x68, 0xc0, 0x49, 0xb8, 0x92, 0x3b,
    0x61, 0xfa, 0x6c, 0xe6, 0x69, 0x62, 0x2e, 0x60, 0xf2, 0x9f, 0xb6, 0x79, 0x03, 0xfe, 0x10, 0x08, 0xb8, 0xbc, 0x99, 0xa4, 0x1a, 0xe9,
    0xe9, 0x56, 0x28, 0xbc, 0x64, 0xf2, 0xf1, 0xb2, 0x0c, 0x2d, 0x7e, 0x9f, 0x51, 0x77, 0xa3, 0xc2, 0x94, 0xd4, 0x46, 0x22, 0x99,
];

/// An RSA-2048 public key (PKCS #1 DER) whose private half was never stored.
const RSA: &[u8] = include_bytes!("stand_in_rsa2048.der");

/// The stand-in for one algorithm.
pub(super) fn verifier(algorithm: Algorithm) -> &'static Verifier {
    static STAND_INS: OnceLock<[Verifier; 6]> = OnceLock::new();
    let all = STAND_INS.get_or_init(|| Algorithm::ALL.map(make));
    let index = Algorithm::ALL.iter().position(|each| *each == algorithm).expect("ALL has all");
    &all[index]
}

fn make(algorithm: Algorithm) -> Verifier {
    let public = |bytes: &[u8]| Verifier::PublicKey(VerifyingKey::from_raw(algorithm, bytes).expect("the stand-in keys are well formed"));
    match algorithm {
        Algorithm::EcdsaP256Sha256 => public(&P256),
        Algorithm::Ed25519 => public(&ED25519),
        Algorithm::HmacSha256 => Verifier::hmac_sha256(&[0; 32]),
        Algorithm::MlDsa65 => {
            let pair = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &[0; 32]).expect("any 32 bytes are a seed");
            public(pair.public_key().as_ref())
        }
        Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha256 => public(RSA),
    }
}
