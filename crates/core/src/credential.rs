//! Credentials: the verification material of one key and what it may do.

use std::fmt;
use std::num::NonZeroU32;

use crate::address::IpAllowList;
use crate::id::{AccountId, ApiKeyId, CredentialId};
use crate::nonce::NoncePolicy;
use crate::purpose::Purpose;
use crate::scope::Scopes;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::verifier::Verifier;

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
    /// The second secret that clients of some venues send with each proof; `None`: none is asked for.
    pub passphrase: Option<Secret>,
    /// How its nonces are counted; only for purposes whose proofs carry an increasing one.
    pub nonce: NoncePolicy,
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

impl Credential {
    /// A key in use from now on, that may do nothing yet: no scopes, from anywhere, at the venue's usual rate, without an end or a second
    /// secret, and with no other binding than its host asks for. Everything else is said where it differs:
    /// `Credential { scopes, ..Credential::new(…) }`.
    #[must_use]
    pub fn new(id: CredentialId, account: AccountId, purpose: Purpose, key_id: ApiKeyId, verifier: Verifier) -> Self {
        Self {
            id,
            account,
            purpose,
            key_id,
            verifier,
            passphrase: None,
            nonce: NoncePolicy::default(),
            scopes: Scopes::none(),
            ip_allow: IpAllowList::any(),
            rate: KeyRate::default(),
            min_bind: Binding::Chl,
            not_after: None,
            state: CredentialState::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_new_key_may_do_nothing_until_it_is_given_scopes() {
        let new = Credential::new(
            CredentialId::parse("cred-1").unwrap(),
            AccountId::parse("desk-1").unwrap(),
            Purpose::Binance,
            ApiKeyId::parse("key-1").unwrap(),
            Verifier::hmac_sha256(b"a secret for tests only"),
        );
        assert_eq!((new.scopes, new.state, new.not_after), (Scopes::none(), CredentialState::Active, None));
    }
}
