//! What the tests of this crate share: credentials with their private halves, and the path from a message to a verdict.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::public_key::VerifyingKey;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Credential, CredentialId, MemoryNonceGuard, MemoryReplayGuard, Monotonic, Now, Presented, Purpose,
    Refusal, Timestamp, VerifiedIdentity, Verifier, VerifyContext, verify,
};

use crate::binance::rest::BinanceRest;
use crate::dialect::{Answer, Dialect as _, RequestView, Security};

pub(crate) const HMAC_KEY: &str = "hmackeyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub(crate) const ED25519_KEY: &str = "ed25519AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The time of day in these tests, in milliseconds.
pub(crate) const NOW_MS: u64 = 1_795_222_309_649;
const SECRET: &[u8] = b"a secret for tests only";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MS)
}

pub(crate) fn hmac_hex(text: &[u8]) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text))
}

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

pub(crate) fn ed25519_base64(text: &[u8]) -> String {
    STANDARD.encode(ed25519().sign(text))
}

pub(crate) fn credential(key_id: &str) -> Arc<Credential> {
    let verifier = match key_id {
        HMAC_KEY => Verifier::hmac_sha256(SECRET),
        _ => Verifier::PublicKey(VerifyingKey::from_raw(Algorithm::Ed25519, ed25519().public_key().as_ref()).unwrap()),
    };
    Arc::new(Credential::new(
        CredentialId::parse(&key_id[..8]).unwrap(),
        AccountId::parse("desk").unwrap(),
        Purpose::Binance,
        ApiKeyId::parse(key_id).unwrap(),
        verifier,
    ))
}

pub(crate) fn verified(presented: &Presented<'_>, replay: &MemoryReplayGuard) -> Result<VerifiedIdentity, Refusal> {
    let known = [HMAC_KEY, ED25519_KEY].into_iter().find(|key| *key == presented.key_id.as_str()).map(credential);
    let now = Now { wall: now(), mono: Monotonic::from_micros(NOW_MS) };
    verify(presented, known.as_ref(), &VerifyContext { now, remote: None, replay, nonces: &MemoryNonceGuard::default() })
}

/// A request as the tests write it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    pub(crate) fn new(method: &'static str, target: &str, body: &str) -> Self {
        let headers = vec![("X-MBX-APIKEY".to_owned(), HMAC_KEY.as_bytes().to_vec())];
        Self { method, target: target.into(), headers, body: body.into() }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&RequestView<'_>) -> T) -> T {
        look(&RequestView { method: self.method, target: &self.target, headers: &self.headers, body: &self.body, host: None })
    }

    /// The whole way: present and verify.
    pub(crate) fn verdict(&self, replay: &MemoryReplayGuard) -> Result<VerifiedIdentity, Refusal> {
        self.with(|view| match BinanceRest.present(view, Security::Signed) {
            Answer::Malformed(refusal) => Err(refusal),
            Answer::NotMine | Answer::Token { .. } => panic!("a signed route never answers so"),
            Answer::Presented(presented) => verified(&presented, replay),
        })
    }

    /// The signed text and the signature's bytes, if the request presents any.
    pub(crate) fn signed(&self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        self.with(|view| match BinanceRest.present(view, Security::Signed) {
            Answer::Malformed(_) | Answer::NotMine | Answer::Token { .. } => None,
            Answer::Presented(presented) => {
                Some((presented.signed.contiguous().into_owned(), presented.signature.bytes.map(|bytes| bytes.to_vec())))
            }
        })
    }
}
