//! The text of a refresh token.
//!
//! ```text
//!   csr1. base64url( session id (16) || generation (4, big endian) || HMAC-SHA-256(key, "countersign refresh v1" || both) )
//! ```
//!
//! The text is derived, so the successor of a token can be given out a second time when the answer was lost, and nothing has to be
//! stored for it but a hash. A forged text is refused before the store is asked. The key lies in the database sealed, so a copy of the
//! database alone gives no token away.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::SessionId;

/// What the text begins with: people and secret scanners see what it is.
pub const REFRESH_PREFIX: &str = "csr1.";
const LABEL: &[u8] = b"countersign refresh v1\0";
const SID_BYTES: usize = 16;
const GENERATION_BYTES: usize = 4;
const MAC_BYTES: usize = 32;
const BYTES: usize = SID_BYTES + GENERATION_BYTES + MAC_BYTES;

/// Makes and reads refresh tokens.
pub struct RefreshKey(hmac::Key);

impl std::fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshKey(..)")
    }
}

/// A refresh token that we made, as it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshTicket {
    /// Its family.
    pub sid: SessionId,
    /// Which of the family it is.
    pub generation: u32,
    /// SHA-256 of its text: what the store has.
    pub hash: [u8; 32],
}

impl RefreshKey {
    /// With a key of 32 bytes. All nodes that serve the same clients have the same.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The token of a generation: its text, which only the client gets, and what is known of it.
    #[must_use]
    pub fn issue(&self, sid: SessionId, generation: u32) -> (String, RefreshTicket) {
        let mut bytes = [0; BYTES];
        let (named, mac) = bytes.split_at_mut(SID_BYTES + GENERATION_BYTES);
        named[..SID_BYTES].copy_from_slice(sid.as_bytes());
        named[SID_BYTES..].copy_from_slice(&generation.to_be_bytes());
        let mut context = hmac::Context::with_key(&self.0);
        context.update(LABEL);
        context.update(named);
        mac.copy_from_slice(context.sign().as_ref());
        let text = format!("{REFRESH_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let hash = hash_of(&text);
        (text, RefreshTicket { sid, generation, hash })
    }

    /// Reads a text that we made.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<RefreshTicket> {
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(text.strip_prefix(REFRESH_PREFIX)?).ok()?.try_into().ok()?;
        let (named, mac) = bytes.split_at(SID_BYTES + GENERATION_BYTES);
        hmac::verify(&self.0, &[LABEL, named].concat(), mac).ok()?;
        let sid = SessionId::from_bytes(*named.first_chunk()?);
        Some(RefreshTicket { sid, generation: u32::from_be_bytes(*named.last_chunk()?), hash: hash_of(text) })
    }
}

fn hash_of(text: &str) -> [u8; 32] {
    digest(&SHA256, text.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reads_back_under_its_key_only(sid in any::<[u8; 16]>(), generation in any::<u32>()) {
            let key = RefreshKey::new(&[1; 32]);
            let (text, ticket) = key.issue(SessionId::from_bytes(sid), generation);
            prop_assert_eq!(key.read(&text), Some(ticket));
            prop_assert_eq!(RefreshKey::new(&[2; 32]).read(&text), None);
            prop_assert_eq!(key.issue(SessionId::from_bytes(sid), generation).0, text, "the same again");
            }

        #[test]
        fn no_changed_character_passes(place in any::<prop::sample::Index>(), other in "[A-Za-z0-9_=. -]") {
            let key = RefreshKey::new(&[1; 32]);
            let (text, _) = key.issue(SessionId::from_bytes([7; 16]), 3);
            let mut changed = text.clone();
            let place = place.index(text.len());
            changed.replace_range(place..=place, &other);
            prop_assume!(changed != text);
            prop_assert_eq!(key.read(&changed), None);
        }
    }
}
