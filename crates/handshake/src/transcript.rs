//! The transcript chain: every proof covers everything that was said before it.
//!
//! ```text
//!   T0 = channel value                                       (see `binding`)
//!   T1 = H(T0 || H(hello payload))
//!   T2 = H(T1 || H(welcome payload)) = ch, the contract hash
//!   signed bytes = label || T || H(payload), always 96        (HS-13)
//! ```

use aws_lc_rs::{digest, hmac};
use countersign_core::Secret;

use crate::encoding;
use crate::label::Label;

/// SHA-256 over parts, joined.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// SHA-256 of a payload: all that the chain and its proofs take from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadHash([u8; 32]);

impl PayloadHash {
    /// Hashes a payload as it came or goes.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Self(sha256(&[payload]))
    }
}

/// A link of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcript([u8; 32]);

impl Transcript {
    /// T0: nothing said yet, on this channel.
    #[must_use]
    pub const fn of_channel(channel_value: [u8; 32]) -> Self {
        Self(channel_value)
    }

    /// The link after one more payload.
    #[must_use]
    pub fn then(self, payload: &[u8]) -> Self {
        self.then_hashed(&PayloadHash::of(payload))
    }

    /// The same of a payload whose hash is known: whoever signs a payload and goes on hashes it once.
    #[must_use]
    pub fn then_hashed(self, payload: &PayloadHash) -> Self {
        // HS-14
        Self(sha256(&[&self.0, &payload.0]))
    }

    /// What is signed for the next payload: 96 bytes.
    #[must_use]
    pub fn proof_input(self, label: &Label, payload: &[u8]) -> [u8; 96] {
        self.proof_input_hashed(label, &PayloadHash::of(payload))
    }

    /// The same of a payload whose hash is known.
    #[must_use]
    pub fn proof_input_hashed(self, label: &Label, payload: &PayloadHash) -> [u8; 96] {
        // HS-13
        let mut input = [0; 96];
        input[..32].copy_from_slice(label);
        input[32..64].copy_from_slice(&self.0);
        input[64..].copy_from_slice(&payload.0);
        input
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its 43 characters of base64url.
    #[must_use]
    pub fn text(&self) -> String {
        encoding::encode(&self.0)
    }
}

/// The contract hash `ch`: names a session contract for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractHash(Transcript);

impl ContractHash {
    pub(crate) const fn new(t2: Transcript) -> Self {
        Self(t2)
    }

    /// The link it is: what comes later in the session is signed over it.
    pub(crate) const fn transcript(self) -> Transcript {
        self.0
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its 43 characters of base64url, as in `ready`.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.text()
    }
}

/// A key derived from the session secret `rk` for one use: `HMAC-SHA-256(rk, label)` (HS-15).
#[must_use]
pub fn derive_key(session_secret: &Secret, label: &Label) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, session_secret.expose());
    Secret::new(hmac::sign(&key, label).as_ref().to_vec())
}
