//! What a message says about itself, before anything is believed.

use std::borrow::Cow;
use std::time::Duration;

use smallvec::SmallVec;

use crate::algorithm::Algorithm;
use crate::id::ApiKeyId;
use crate::purpose::Purpose;
use crate::secret::Secret;
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
    /// The second secret that some venues ask for beside the signature.
    pub passphrase: Option<PresentedPassphrase>,
    /// What keeps it from being used later or elsewhere.
    pub freshness: Freshness,
    /// What is remembered of it, so that it is used once.
    pub once: Once,
    /// Whether acting on it twice does harm.
    pub effect: Effect,
}

/// A passphrase as it came.
#[derive(Clone)]
pub enum PresentedPassphrase {
    /// The passphrase itself.
    Clear(Secret),
    /// Its MAC under the key's secret; `None` when the text was no encoding of any.
    Mac(Option<SmallVec<[u8; 64]>>),
}

impl std::fmt::Debug for PresentedPassphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Clear(_) => "Clear(..)",
            Self::Mac(_) => "Mac(..)",
        })
    }
}

/// Decoded signature bytes, with the algorithm they claim to be of.
#[derive(Clone, Debug)]
pub struct PresentedSignature {
    /// The claimed algorithm; cross-checked against the registered key, never obeyed.
    pub form: SignatureForm,
    /// The bytes; `None` when the text was no encoding of any. Verification then costs the same and fails.
    pub bytes: Option<SmallVec<[u8; 64]>>,
}

impl PresentedSignature {
    /// The same signature, or none when what it was made over can be read in two ways: that is refused as a signature that does not hold.
    #[must_use]
    pub fn only_if(mut self, plain: bool) -> Self {
        if !plain {
            self.bytes = None;
        }
        self
    }
}

/// How a message tells its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// A field names it.
    Explicit(Algorithm),
    /// Only length and alphabet hint at it.
    Implied(Algorithm),
    /// The bytes are the shared secret itself, sent inside TLS. Only for keys that keep their secret.
    Secret,
    /// The bytes are SHA-256 over the signed bytes followed by the shared secret. Only for keys that keep their secret.
    SecretDigest,
}

impl SignatureForm {
    /// The claimed algorithm.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Explicit(algorithm) | Self::Implied(algorithm) => algorithm,
            Self::Secret | Self::SecretDigest => Algorithm::HmacSha256,
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
    /// The signed bytes contain the channel binding of this connection, or a challenge made for it: no clock, no nonce store.
    Channel,
    /// The signed bytes are an access token of an issuer, which may be shown any number of times while it lives.
    Issued {
        /// From when on it is good.
        not_before: Timestamp,
        /// From when on it is nothing.
        not_after: Timestamp,
    },
    /// The signed bytes contain a number that each request raises.
    Nonce {
        /// The number.
        nonce: u64,
        /// How many nonces the venue remembers one by one, at least; the credential may have more ([`crate::nonce`]).
        window_min: u16,
        /// Where the nonce is a time in milliseconds, too: how far from our clock it may be.
        clock: Option<NonceClock>,
    },
    /// Nothing in the signed bytes says when they were signed: only TLS keeps them from being used again. For venues that demand no
    /// more, and whose clients send no more; each such dialect names it as a known gap.
    Unbound,
    /// The signed bytes say from when until when they are good, as a JWT does; accepted while
    /// `not_before <= now + leeway`, `now < not_after` and `not_after - now <= lifetime_max`.
    Validity {
        /// The start; `None`: no start is named.
        not_before: Option<Timestamp>,
        /// The end.
        not_after: Timestamp,
        /// How much a client's clock may be ahead of ours.
        leeway: Duration,
        /// How far away the end may be: what is good for years is no proof of freshness.
        lifetime_max: Duration,
    },
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

/// How far a nonce that is a time may be from our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceClock {
    /// How old.
    pub behind_max: Duration,
    /// How far ahead.
    pub ahead_max: Duration,
}

/// What is remembered of an accepted message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Once {
    /// Nothing beyond what [`Freshness`] itself remembers: channel and increasing nonces need nothing more.
    Freshness,
    /// These bytes, which the signature covers: a random nonce, a `jti`. Used once whatever the effect ([`Effect::once`]).
    Nonce(SmallVec<[u8; 64]>),
    /// The signed bytes: once for a write or a cancel, any number of times for a read.
    #[default]
    SignedBytes,
}

/// Whether acting on a message twice does harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Takes orders away and does nothing else: accepted once as far as can be told. Where a memory that nodes share cannot be asked
    /// it passes all the same: twice takes away only what its owner wanted gone, and refusing it leaves orders in the market.
    Cancel,
    /// Only reads: clients repeat these within a millisecond, byte for byte, and venues accept it.
    Read,
    /// Changes something: accepted once.
    Write,
}

impl Effect {
    /// The effect of something that counts once whatever it does, such as a nonce that a client chose for a read. Where that cannot
    /// be told for sure it passes, if it would harm nobody.
    #[must_use]
    pub const fn once(self) -> Self {
        match self {
            Self::Cancel | Self::Read => Self::Cancel,
            Self::Write => Self::Write,
        }
    }

    /// Whether it passes only where it is known to come for the first time at any node.
    #[must_use]
    pub const fn needs_certainty(self) -> bool {
        match self {
            Self::Cancel | Self::Read => false,
            Self::Write => true,
        }
    }
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
