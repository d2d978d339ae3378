//! Credentials: the verification material of one key and what it may do.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::hmac;

use crate::address::IpAllowList;
use crate::algorithm::Algorithm;
use crate::id::{AccountId, ApiKeyId, CredentialId};
use crate::public_key::VerifyingKey;
use crate::scope::Scopes;
use crate::time::Timestamp;

/// What a credential is for. One key serves one purpose: a dialect key is never a native key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Signed requests and logons as at Binance.
    Binance,
    /// A client certificate of mutual TLS.
    ClientCertificate,
    /// The native handshake `countersign/1`.
    Native,
}

impl Purpose {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 3] = [Self::Native, Self::Binance, Self::ClientCertificate];

    /// The name in configuration, records and audit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::ClientCertificate => "client-certificate",
            Self::Native => "native",
        }
    }

    /// Reads a name as [`Self::name`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Whether a key of this algorithm may serve this purpose.
    #[must_use]
    pub const fn accepts(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Binance => {
                matches!(algorithm, Algorithm::HmacSha256 | Algorithm::Ed25519 | Algorithm::RsaPkcs1Sha256)
            }
            Self::ClientCertificate => algorithm.is_public_key(),
            Self::Native => algorithm.is_native(),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Channel binding modes, weakest first, so that `>=` reads "at least as strong" (specification, "Channel binding").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Binding {
    /// `chl`: server nonce and authority only. Trusts TLS alone.
    Chl,
    /// `sep`: server nonce and the server certificate seen by the client.
    Sep,
    /// `exp`: the TLS exporter value (RFC 9266).
    Exp,
}

impl Binding {
    /// All of them, weakest first.
    pub const ALL: [Self; 3] = [Self::Chl, Self::Sep, Self::Exp];

    /// The name on the wire and in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chl => "chl",
            Self::Exp => "exp",
            Self::Sep => "sep",
        }
    }

    /// Reads a name as [`Self::name`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|binding| binding.name() == name)
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a credential may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialState {
    /// In use.
    Active,
    /// Ended for ever.
    Revoked,
    /// Paused by an operator.
    Suspended,
}

impl CredentialState {
    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
        }
    }

    /// Reads a name as [`Self::name`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Revoked, Self::Suspended].into_iter().find(|state| state.name() == name)
    }
}

/// Rate limits of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRate {
    /// Request weight per minute (Binance counts weights per minute; most requests weigh 1).
    pub weight_per_minute: NonZeroU32,
    /// Orders per 10 seconds.
    pub orders_per_10s: NonZeroU32,
}

impl Default for KeyRate {
    /// The venue's published limits for one account: 6000 weight a minute, 100 orders in 10 s.
    fn default() -> Self {
        const WEIGHT: NonZeroU32 = NonZeroU32::new(6_000).expect("not zero");
        const ORDERS: NonZeroU32 = NonZeroU32::new(100).expect("not zero");
        Self { weight_per_minute: WEIGHT, orders_per_10s: ORDERS }
    }
}

/// Verification material, parsed once.
#[expect(clippy::large_enum_variant, reason = "one per credential; a box would cost a cache miss on each signed request")]
pub enum Verifier {
    /// The certificate itself was verified by TLS; this names what it must contain.
    Certificate,
    /// A shared secret.
    Mac(hmac::Key),
    /// A public key under the one algorithm it is registered for.
    PublicKey(VerifyingKey),
}

impl Verifier {
    /// A shared secret for HMAC-SHA-256, used as the raw bytes given.
    #[must_use]
    pub fn hmac_sha256(secret: &[u8]) -> Self {
        Self::Mac(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Whether a signature of so many bytes can verify at all.
    pub(crate) fn may_sign(&self, signature_bytes: usize) -> bool {
        match self {
            Self::Certificate | Self::Mac(_) => true,
            Self::PublicKey(key) => key.may_sign(signature_bytes),
        }
    }

    /// The algorithm, if a signature is checked at all.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Certificate => None,
            Self::Mac(_) => Some(Algorithm::HmacSha256),
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

/// A registered key.
#[derive(Debug)]
pub struct Credential {
    /// Our name of the record.
    pub id: CredentialId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is for.
    pub purpose: Purpose,
    /// The name clients send.
    pub key_id: ApiKeyId,
    /// How its proofs are checked.
    pub verifier: Verifier,
    /// What it may do.
    pub scopes: Scopes,
    /// From where.
    pub ip_allow: IpAllowList,
    /// How much.
    pub rate: KeyRate,
    /// The weakest channel binding its native sessions may have.
    pub min_bind: Binding,
    /// When it ends; `None` for never.
    pub not_after: Option<Timestamp>,
    /// Whether it may be used.
    pub state: CredentialState,
}
