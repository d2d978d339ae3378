//! Why a public key is not accepted: as what it was read, and what to do about it.

use std::fmt;

use super::{KeyFormat, KeyType};
use crate::algorithm::Algorithm;

/// Why a public key is not accepted. It holds words of ours only, never a byte of the input, which may have been a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeyError {
    /// A good key, but signatures of this algorithm are not made with it.
    AlgorithmMismatch {
        /// What the key is.
        key_type: KeyType,
        /// What was asked for.
        algorithm: Algorithm,
    },
    /// A certificate (request), not a bare key.
    Certificate {
        /// As what it was read.
        format: KeyFormat,
    },
    /// Cut off, garbled or contradictory.
    Malformed {
        /// As what it was read.
        format: KeyFormat,
        /// What is wrong.
        why: &'static str,
    },
    /// The private half of a key, or a shared secret.
    PrivateKey {
        /// As what it was recognised.
        format: KeyFormat,
    },
    /// Longer than any public key (`limits::PUBLIC_KEY_TEXT_BYTES_MAX`).
    TooLong,
    /// None of the formats that are read.
    Unrecognized,
    /// A key, but of a kind that is not accepted.
    Unsupported {
        /// As what it was read.
        format: KeyFormat,
        /// What it is.
        what: &'static str,
    },
    /// Understood, but not usable; the sentence says why.
    Unusable(&'static str),
    /// A key of an accepted kind that breaks a rule of registration.
    Weak {
        /// As what it was read.
        format: KeyFormat,
        /// Which rule.
        why: &'static str,
    },
}

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlgorithmMismatch { key_type, algorithm } => write!(f, "the key is {key_type}, which makes no {algorithm} signatures"),
            Self::Certificate { format } => {
                write!(
                    f,
                    "{format}: this is a certificate or a request for one; send the public key (openssl x509 -in FILE -noout -pubkey)"
                )
            }
            Self::Malformed { format, why } => write!(f, "{format}: {why}"),
            Self::PrivateKey { format } => {
                write!(f, "{format}: this is a private key; send the public half (openssl pkey -in FILE -pubout, or ssh-keygen -y -f FILE)")
            }
            Self::TooLong => f.write_str("too long for a public key"),
            Self::Unrecognized => f.write_str("not a public key: none of PEM, DER, JWK, OpenSSH or raw key bytes in hex or base64"),
            Self::Unsupported { format, what } => {
                write!(f, "{format}: {what} is not accepted; keys are Ed25519, EC P-256, RSA of 2048 to 4096 bits, or ML-DSA-65")
            }
            Self::Unusable(why) => f.write_str(why),
            Self::Weak { format, why } => write!(f, "{format}: {why}"),
        }
    }
}

impl std::error::Error for PublicKeyError {}
