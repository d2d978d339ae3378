//! What a message says about itself, before anything is believed.

use std::borrow::Cow;
use std::time::Duration;

use smallvec::SmallVec;

use crate::algorithm::Algorithm;
use crate::credential::Purpose;
use crate::id::ApiKeyId;
use crate::time::Timestamp;

/// Identity, signature, signed bytes and freshness as found in a message by a dialect or a handshake. Nothing here is verified.
#[derive(Clone, Debug)]
pub struct Presented<'m> {
    /// Which family of credentials may answer for it. A native key is never a dialect key.
    pub purpose: Purpose,
    /// The key it names.
    pub key_id: ApiKeyId,
    /// The signature or MAC.
    pub signature: PresentedSignature,
    /// The exact bytes it covers, as received.
    pub signed: SignedBytes<'m>,
    /// What keeps it from being used later or elsewhere.
    pub freshness: Freshness,
    /// Whether acting on it twice does harm.
    pub effect: Effect,
}

/// Decoded signature bytes, with the algorithm they claim to be of.
#[derive(Clone, Debug)]
pub struct PresentedSignature {
    /// The claimed algorithm; cross-checked against the registered key, never obeyed.
    pub form: SignatureForm,
    /// The bytes; `None` when the text was no encoding of any. Verification then costs the same and fails.
    pub bytes: Option<SmallVec<[u8; 64]>>,
}

/// How a message tells its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// A field names it.
    Explicit(Algorithm),
    /// Only length and alphabet hint at it.
    Implied(Algorithm),
}

impl SignatureForm {
    /// The claimed algorithm.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Explicit(algorithm) | Self::Implied(algorithm) => algorithm,
        }
    }
}

/// Signed bytes as pieces of the received message, in signing order, joined without separator.
#[derive(Clone, Debug, Default)]
pub struct SignedBytes<'m>(SmallVec<[Cow<'m, [u8]>; 4]>);

impl<'m> SignedBytes<'m> {
    /// No bytes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One piece.
    #[must_use]
    pub fn from_piece(piece: impl Into<Cow<'m, [u8]>>) -> Self {
        let mut signed = Self::new();
        signed.push(piece);
        signed
    }

    /// Adds the next piece.
    pub fn push(&mut self, piece: impl Into<Cow<'m, [u8]>>) {
        let piece = piece.into();
        if !piece.is_empty() {
            self.0.push(piece);
        }
    }

    /// The pieces in signing order.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Length of all pieces together, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }

    /// Whether nothing is signed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All bytes in one slice; copies only when there is more than one piece.
    #[must_use]
    pub fn contiguous(&self) -> Cow<'_, [u8]> {
        match self.0.as_slice() {
            [one] => Cow::Borrowed(one),
            pieces => Cow::Owned(pieces.concat()),
        }
    }
}

/// What keeps a proof from being used later or elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The signed bytes contain the channel binding of this connection: no clock, no nonce store.
    Channel,
    /// The signed bytes contain a timestamp; accepted while `now - recv_window <= timestamp < now + ahead_max`.
    Window {
        /// The signed time.
        timestamp: Timestamp,
        /// How old it may be.
        recv_window: Duration,
        /// How far ahead of our clock it may be.
        ahead_max: Duration,
    },
}

/// Whether acting on a message twice does harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Only reads: clients repeat these within a millisecond, byte for byte, and venues accept it.
    Read,
    /// Changes something: accepted once.
    Write,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_without_separator() {
        let mut signed = SignedBytes::from_piece(&b"a=1&b=2"[..]);
        assert!(matches!(signed.contiguous(), Cow::Borrowed(_)));
        signed.push(&b""[..]);
        signed.push(&b"c=3"[..]);
        assert_eq!(signed.contiguous().as_ref(), b"a=1&b=2c=3");
        assert_eq!(signed.len(), 10);
        assert_eq!(signed.pieces().count(), 2);
    }
}
