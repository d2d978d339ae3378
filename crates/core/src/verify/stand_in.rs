//! Stand-in keys: what an unknown key is "verified" against, so that it costs the same as a known one.
//!
//! What an RSA verification costs depends on the length of the modulus, and one with a signature of another length costs nothing.
//! So the length of the signature chooses the stand-in, and a known key of another length than the signature is stood in for, too:
//! the cost is a matter of the message alone.
//!
//! Their private halves are published test vectors or thrown away; nothing they verify is ever accepted.

use std::sync::OnceLock;

use aws_lc_rs::signature::{KeyPair as _, ML_DSA_65_SIGNING, PqdsaKeyPair};
use smallvec::SmallVec;

use crate::algorithm::Algorithm;
use crate::ethereum::Address;
use crate::public_key::VerifyingKey;
use crate::verifier::Verifier;

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

/// RSA public keys (PKCS #1 DER) whose private halves were never stored: the sizes that people make.
const RSA: [&[u8]; 3] =
    [include_bytes!("stand_in_rsa2048.der"), include_bytes!("stand_in_rsa3072.der"), include_bytes!("stand_in_rsa4096.der")];

/// Signature lengths of these keys.
const RSA_SIGNATURE_BYTES: [usize; 3] = [256, 384, 512];

/// The stand-in for one algorithm and a signature of so many bytes.
pub(super) fn verifier(algorithm: Algorithm, signature_bytes: usize) -> &'static Verifier {
    static STAND_INS: OnceLock<[[Verifier; Algorithm::ALL.len()]; 3]> = OnceLock::new();
    let all = STAND_INS.get_or_init(|| RSA.map(|rsa| Algorithm::ALL.map(|algorithm| make(algorithm, rsa))));
    let size = RSA_SIGNATURE_BYTES.iter().position(|own| *own >= signature_bytes).unwrap_or(RSA.len() - 1);
    let index = Algorithm::ALL.iter().position(|each| *each == algorithm).expect("ALL has all");
    &all[size][index]
}

/// A signature for the stand-in: of RSA it gets zeros in front up to the length of the next stand-in.
pub(super) fn fitted(algorithm: Algorithm, signature: Option<&[u8]>) -> SmallVec<[u8; 64]> {
    let given = signature.unwrap_or(&[0; 64]);
    let wanted = match algorithm {
        Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha256 | Algorithm::RsaPssSha512 => {
            RSA_SIGNATURE_BYTES.into_iter().find(|own| *own >= given.len())
        }
        Algorithm::EcdsaP256Sha256
        | Algorithm::EcdsaSecp256k1Recoverable
        | Algorithm::Ed25519
        | Algorithm::HmacSha256
        | Algorithm::HmacSha384
        | Algorithm::HmacSha512
        | Algorithm::MlDsa65 => None,
    };
    let mut fitted = SmallVec::from_elem(0, wanted.map_or(0, |wanted| wanted - given.len()));
    fitted.extend_from_slice(given);
    fitted
}

fn make(algorithm: Algorithm, rsa: &[u8]) -> Verifier {
    let public = |bytes: &[u8]| Verifier::PublicKey(VerifyingKey::from_raw(algorithm, bytes).expect("the stand-in keys are well formed"));
    match algorithm {
        Algorithm::EcdsaP256Sha256 => public(&P256),
        Algorithm::Ed25519 => public(&ED25519),
        // No key has the address of all zeros.
        Algorithm::EcdsaSecp256k1Recoverable => Verifier::EthereumAddress(Address::from_bytes([0; 20])),
        Algorithm::HmacSha256 | Algorithm::HmacSha384 | Algorithm::HmacSha512 => {
            Verifier::mac(algorithm, &[0; 32]).expect("these are MACs")
        }
        Algorithm::MlDsa65 => {
            let pair = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &[0; 32]).expect("any 32 bytes are a seed");
            public(pair.public_key().as_ref())
        }
        Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha256 | Algorithm::RsaPssSha512 => public(rsa),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_signature_chooses_the_size_of_the_work() {
        for algorithm in [Algorithm::RsaPkcs1Sha256, Algorithm::RsaPssSha256, Algorithm::RsaPssSha512] {
            for (given, worked) in [(0, 256), (64, 256), (256, 256), (257, 384), (384, 384), (400, 512), (512, 512), (600, 600)] {
                let bytes = fitted(algorithm, Some(&vec![7; given]));
                assert_eq!(bytes.len(), worked, "{given}");
                assert_eq!(verifier(algorithm, bytes.len()).may_sign(bytes.len()), worked <= 512, "{given}");
            }
        }
        assert_eq!(fitted(Algorithm::Ed25519, None).len(), 64);
    }
}
