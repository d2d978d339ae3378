//! Nonces of modes `sep` and `chl`: made without memory, recognised by a MAC, good for 30 seconds.
//!
//! `cs1n.<time us 8 | random 16 | node 4>.<first 16 bytes of HMAC>`. To a client a nonce is opaque text. The MAC keeps foreign
//! texts out before anything is remembered; that a nonce is answered once, and only on the connection it was given to, is the
//! business of the server machine.

use std::sync::Mutex;

use aws_lc_rs::{constant_time, hmac};
use countersign_core::{Entropy, Refusal, Reject, Timestamp};

use crate::label;
use crate::limits;
use crate::token::{Kind, Token};
use crate::transcript::sha256;

/// Bytes of the MAC that are sent.
const MAC_BYTES: usize = 16;

/// The keys of nonces: one per hour, the one before is still recognised.
pub struct NonceKeys {
    gateway: [u8; 32],
    node: [u8; 4],
    keys: Mutex<Keys>,
}

struct Keys {
    current: hmac::Key,
    previous: Option<hmac::Key>,
    since: Timestamp,
}

impl std::fmt::Debug for NonceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKeys(..)")
    }
}

impl NonceKeys {
    /// Fresh keys of a gateway; `node` tells the nodes of a cluster apart.
    pub fn new(gateway: &str, node: [u8; 4], entropy: &mut impl Entropy, now: Timestamp) -> Self {
        let keys = Keys { current: fresh_key(entropy), previous: None, since: now };
        Self { gateway: sha256(&[gateway.as_bytes()]), node, keys: Mutex::new(keys) }
    }

    /// Makes a nonce.
    pub fn issue(&self, entropy: &mut impl Entropy, now: Timestamp) -> String {
        let mut payload = [0; 28];
        payload[..8].copy_from_slice(&now.as_micros().to_be_bytes());
        entropy.fill(&mut payload[8..24]);
        payload[24..].copy_from_slice(&self.node);
        let mut keys = self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.rotate(entropy, now);
        let mac = hmac::sign(&keys.current, &self.mac_input(&payload));
        Token::write(Kind::Nonce, &payload, &mac.as_ref()[..MAC_BYTES])
    }

    /// Whether a text is a nonce of ours that is still good.
    ///
    /// # Errors
    /// [`Reject::NonceInvalid`].
    pub fn check(&self, text: &str, now: Timestamp) -> Result<(), Refusal> {
        let unknown = || Refusal::operator(Reject::NonceInvalid, "not a nonce of this gateway");
        let token = Token::parse_kind(text, Kind::Nonce).map_err(|_| unknown())?;
        let payload: [u8; 28] = token.payload.as_slice().try_into().map_err(|_| unknown())?;
        // HS-31
        if !self.is_ours(&payload, &token.proof) {
            return Err(unknown());
        }
        // HS-32: by the gateway's clock, both ends.
        let mut micros = [0; 8];
        micros.copy_from_slice(&payload[..8]);
        let issued = Timestamp::from_micros(u64::from_be_bytes(micros));
        if now < issued || now.saturating_since(issued) >= limits::NONCE_LIFE {
            return Err(Refusal::operator(Reject::NonceInvalid, "the nonce is older than its life"));
        }
        Ok(())
    }

    fn is_ours(&self, payload: &[u8; 28], proof: &[u8]) -> bool {
        let input = self.mac_input(payload);
        let keys = self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let matches = |key: &hmac::Key| {
            let mac = hmac::sign(key, &input);
            constant_time::verify_slices_are_equal(&mac.as_ref()[..MAC_BYTES], proof).is_ok()
        };
        matches(&keys.current) || keys.previous.as_ref().is_some_and(matches)
    }

    fn mac_input(&self, payload: &[u8; 28]) -> [u8; 96] {
        let mut input = [0; 96];
        input[..32].copy_from_slice(&label::NONCE);
        input[32..64].copy_from_slice(&self.gateway);
        input[64..].copy_from_slice(&sha256(&[payload]));
        input
    }
}

impl Keys {
    fn rotate(&mut self, entropy: &mut impl Entropy, now: Timestamp) {
        if now.saturating_since(self.since) >= limits::NONCE_KEY_LIFE {
            self.previous = Some(std::mem::replace(&mut self.current, fresh_key(entropy)));
            self.since = now;
        }
    }
}

fn fresh_key(entropy: &mut impl Entropy) -> hmac::Key {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    entropy.fill(bytes.as_mut());
    hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref())
}

#[cfg(test)]
mod tests;
