//! The client's side: key pairs of each algorithm, made once.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ML_DSA_65_SIGNING, PqdsaKeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RSA_PSS_SHA512, RsaEncoding,
};
use secp256k1::SecretKey;

use crate::algorithm::Algorithm;
use crate::public_key::PublicKey;
use crate::verifier::Verifier;

pub(super) enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac([u8; 32], Algorithm),
    MlDsa(PqdsaKeyPair),
    Rsa(&'static RsaKeyPair, Algorithm),
    Secp256k1(SecretKey),
}

impl Signer {
    pub(super) fn of(algorithm: Algorithm) -> Self {
        Self::make(algorithm, 1)
    }

    /// Another key of the same algorithm.
    pub(super) fn another_of(algorithm: Algorithm) -> Self {
        Self::make(algorithm, 2)
    }

    /// The private half of the stand-in, where it is published.
    pub(super) fn stand_in(algorithm: Algorithm) -> Self {
        match algorithm {
            // RFC 8032, 7.1, TEST 1.
            Algorithm::Ed25519 => {
                let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
                Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&seed).unwrap())
            }
            Algorithm::HmacSha256 | Algorithm::HmacSha384 | Algorithm::HmacSha512 => Self::Hmac([0; 32], algorithm),
            Algorithm::MlDsa65 => Self::MlDsa(PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &[0; 32]).unwrap()),
            Algorithm::EcdsaP256Sha256
            | Algorithm::EcdsaSecp256k1Recoverable
            | Algorithm::RsaPkcs1Sha256
            | Algorithm::RsaPssSha256
            | Algorithm::RsaPssSha512 => unreachable!("not published here"),
        }
    }

    fn make(algorithm: Algorithm, number: u8) -> Self {
        match algorithm {
            Algorithm::EcdsaP256Sha256 => Self::Ecdsa(ecdsa(number)),
            Algorithm::Ed25519 => Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap()),
            Algorithm::HmacSha256 | Algorithm::HmacSha384 | Algorithm::HmacSha512 => Self::Hmac([number; 32], algorithm),
            Algorithm::EcdsaSecp256k1Recoverable => Self::Secp256k1(SecretKey::from_secret_bytes([number; 32]).unwrap()),
            Algorithm::MlDsa65 => Self::MlDsa(PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &[number; 32]).unwrap()),
            Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha256 | Algorithm::RsaPssSha512 => Self::Rsa(rsa(number), algorithm),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ecdsa(_) => Algorithm::EcdsaP256Sha256,
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::Hmac(_, algorithm) => *algorithm,
            Self::Secp256k1(_) => Algorithm::EcdsaSecp256k1Recoverable,
            Self::MlDsa(_) => Algorithm::MlDsa65,
            Self::Rsa(_, algorithm) => *algorithm,
        }
    }

    pub(super) fn verifier(&self) -> Verifier {
        let public = |bytes: &[u8]| Verifier::PublicKey(PublicKey::parse(bytes).unwrap().verifying_key(self.algorithm()).unwrap());
        match self {
            Self::Ecdsa(pair) => public(pair.public_key().as_ref()),
            Self::Ed25519(pair) => public(pair.public_key().as_ref()),
            Self::Hmac(secret, algorithm) => Verifier::mac(*algorithm, secret).unwrap(),
            Self::Secp256k1(key) => Verifier::EthereumAddress(crate::ethereum::address_of(key)),
            Self::MlDsa(pair) => public(pair.public_key().as_ref()),
            Self::Rsa(pair, _) => public(pair.public_key().as_ref()),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Secp256k1(key) => crate::ethereum::sign(key, message),
            Self::Hmac(secret, algorithm) => {
                let hash = match algorithm {
                    Algorithm::HmacSha384 => aws_lc_rs::hmac::HMAC_SHA384,
                    Algorithm::HmacSha512 => aws_lc_rs::hmac::HMAC_SHA512,
                    Algorithm::HmacSha256 => aws_lc_rs::hmac::HMAC_SHA256,
                    Algorithm::EcdsaP256Sha256
                    | Algorithm::EcdsaSecp256k1Recoverable
                    | Algorithm::Ed25519
                    | Algorithm::MlDsa65
                    | Algorithm::RsaPkcs1Sha256
                    | Algorithm::RsaPssSha256
                    | Algorithm::RsaPssSha512 => unreachable!("no MAC"),
                };
                let key = aws_lc_rs::hmac::Key::new(hash, secret);
                aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
            }
            Self::MlDsa(pair) => {
                let mut signature = vec![0; ML_DSA_65_SIGNING.signature_len()];
                pair.sign(message, &mut signature).unwrap();
                signature
            }
            Self::Rsa(pair, algorithm) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::RsaPssSha256 => &RSA_PSS_SHA256,
                    Algorithm::RsaPssSha512 => &RSA_PSS_SHA512,
                    Algorithm::EcdsaP256Sha256
                    | Algorithm::EcdsaSecp256k1Recoverable
                    | Algorithm::Ed25519
                    | Algorithm::HmacSha256
                    | Algorithm::HmacSha384
                    | Algorithm::HmacSha512
                    | Algorithm::MlDsa65
                    | Algorithm::RsaPkcs1Sha256 => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// Key pairs that take long to make, or cannot be made from a seed, are made once for all tests.
fn rsa(number: u8) -> &'static RsaKeyPair {
    static PAIRS: [OnceLock<RsaKeyPair>; 2] = [OnceLock::new(), OnceLock::new()];
    PAIRS[usize::from(number - 1)].get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

fn ecdsa(number: u8) -> EcdsaKeyPair {
    static PAIRS: [OnceLock<Vec<u8>>; 2] = [OnceLock::new(), OnceLock::new()];
    let make = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap().as_ref().to_vec();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, PAIRS[usize::from(number - 1)].get_or_init(make)).unwrap()
}
