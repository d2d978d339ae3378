//! Verification material, parsed once: what a registered key is checked with.

use std::fmt;

use aws_lc_rs::{digest, hmac};

use crate::algorithm::Algorithm;
use crate::ethereum::Address;
use crate::presented::{SignatureForm, SignedBytes};
use crate::public_key::VerifyingKey;
use crate::secret::Secret;

/// Verification material, parsed once.
#[expect(clippy::large_enum_variant, reason = "one per credential; a box would cost a cache miss on each signed request")]
pub enum Verifier {
    /// The certificate itself was verified by TLS; this names what it must contain.
    Certificate,
    /// The address of a secp256k1 key: signatures are checked by recovering it.
    EthereumAddress(Address),
    /// A shared secret.
    Mac(MacKey),
    /// A public key under the one algorithm it is registered for.
    PublicKey(VerifyingKey),
}

/// A shared secret under the one algorithm it is registered for.
pub struct MacKey {
    algorithm: Algorithm,
    key: hmac::Key,
    /// Kept only for purposes whose clients prove the secret in other ways than by a MAC.
    secret: Option<Secret>,
}

impl MacKey {
    fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let hash = match algorithm {
            Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            Algorithm::HmacSha384 => hmac::HMAC_SHA384,
            Algorithm::HmacSha512 => hmac::HMAC_SHA512,
            Algorithm::EcdsaP256Sha256
            | Algorithm::EcdsaSecp256k1Recoverable
            | Algorithm::Ed25519
            | Algorithm::MlDsa65
            | Algorithm::RsaPkcs1Sha256
            | Algorithm::RsaPssSha256
            | Algorithm::RsaPssSha512 => return None,
        };
        Some(Self { algorithm, key: hmac::Key::new(hash, secret), secret: None })
    }

    /// The MAC over some bytes, compared in constant time.
    pub(crate) fn matches<'p>(&self, pieces: impl Iterator<Item = &'p [u8]>, tag: &[u8]) -> bool {
        let mut context = hmac::Context::with_key(&self.key);
        pieces.for_each(|piece| context.update(piece));
        subtle::ConstantTimeEq::ct_eq(context.sign().as_ref(), tag).into()
    }

    /// SHA-256 over the bytes followed by the secret. A key that does not keep its secret does the same work on none and fails.
    fn digest_matches(&self, signed: &SignedBytes<'_>, digest: &[u8]) -> bool {
        let mut context = digest::Context::new(&digest::SHA256);
        signed.pieces().for_each(|piece| context.update(piece));
        context.update(self.secret.as_ref().map_or(&[], Secret::expose));
        let same: bool = subtle::ConstantTimeEq::ct_eq(context.finish().as_ref(), digest).into();
        same && self.secret.is_some()
    }

    fn is_secret(&self, bytes: &[u8]) -> bool {
        self.secret.as_ref().is_some_and(|secret| secret.ct_eq(bytes))
    }
}

impl Verifier {
    /// A shared secret, used as the raw bytes given; `None` when the algorithm is no MAC.
    #[must_use]
    pub fn mac(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        MacKey::new(algorithm, secret).map(Self::Mac)
    }

    /// A shared secret whose bytes are kept, for clients that show the secret itself or a plain hash over it
    /// ([`SignatureForm::Secret`], [`SignatureForm::SecretDigest`]); `None` when the algorithm is no MAC.
    #[must_use]
    pub fn mac_keeping_secret(algorithm: Algorithm, secret: &Secret) -> Option<Self> {
        let key = MacKey::new(algorithm, secret.expose())?;
        Some(Self::Mac(MacKey { secret: Some(secret.clone()), ..key }))
    }

    /// A shared secret for HMAC-SHA-256, used as the raw bytes given.
    #[must_use]
    pub fn hmac_sha256(secret: &[u8]) -> Self {
        Self::mac(Algorithm::HmacSha256, secret).expect("HMAC-SHA-256 is a MAC")
    }

    /// Whether a signature of so many bytes can verify at all.
    pub(crate) fn may_sign(&self, signature_bytes: usize) -> bool {
        match self {
            Self::Certificate | Self::EthereumAddress(_) | Self::Mac(_) => true,
            Self::PublicKey(key) => key.may_sign(signature_bytes),
        }
    }

    /// Whether the bytes prove possession of the key, in the form they claim.
    pub(crate) fn proves(&self, form: SignatureForm, signed: &SignedBytes<'_>, bytes: &[u8]) -> bool {
        #[cfg(test)]
        counted::note(self, signed, bytes);
        match (self, form) {
            (Self::Certificate, _) => false,
            (Self::EthereumAddress(address), _) => Address::recover(&signed.contiguous(), bytes).is_some_and(|signer| signer == *address),
            (Self::Mac(key), SignatureForm::Explicit(_) | SignatureForm::Implied(_)) => key.matches(signed.pieces(), bytes),
            (Self::Mac(key), SignatureForm::Secret) => key.is_secret(bytes),
            (Self::Mac(key), SignatureForm::SecretDigest) => key.digest_matches(signed, bytes),
            (Self::PublicKey(key), _) => key.verify(&signed.contiguous(), bytes),
        }
    }

    /// The algorithm, if a signature is checked at all.
    #[must_use]
    pub const fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Certificate => None,
            Self::EthereumAddress(_) => Some(Algorithm::EcdsaSecp256k1Recoverable),
            Self::Mac(key) => Some(key.algorithm),
            Self::PublicKey(key) => Some(key.algorithm()),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm() {
            Some(algorithm) => write!(f, "Verifier({algorithm})"),
            None => f.write_str("Verifier(certificate)"),
        }
    }
}

/// Which verifications a test made: what it cannot see from outside, where all refusals look alike.
#[cfg(test)]
pub(crate) mod counted {
    use std::cell::RefCell;

    use super::{Algorithm, SignedBytes, Verifier};

    /// A verification: under which algorithm, over how many bytes, of a signature of how many, and whether the key could have made it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Work(pub(crate) Option<Algorithm>, usize, pub(crate) usize, pub(crate) bool);

    thread_local!(static DONE: RefCell<Vec<Work>> = const { RefCell::new(Vec::new()) });

    pub(super) fn note(verifier: &Verifier, signed: &SignedBytes<'_>, bytes: &[u8]) {
        let work = Work(verifier.algorithm(), signed.len(), bytes.len(), verifier.may_sign(bytes.len()));
        DONE.with_borrow_mut(|done| done.push(work));
    }

    /// What was done in this thread since it was asked last.
    pub(crate) fn take() -> Vec<Work> {
        DONE.take()
    }
}
