//! Listening under a key that was named without a proof, where an operator allows what the venue allows.
//!
//! ```text
//!   key id alone ─▶ name_key ─▶ NamedKey ─▶ the shell hands out a listen key: a random text of a bounded life
//!   listen key   ─▶ the shell's register: of which credential ─▶ verify_listener ─▶ VerifiedIdentity that only reads
//! ```
//!
//! # Security
//! Whoever knows a key id gets this far, so a [`NamedKey`] permits nothing by itself: no permit is made of it. What a listen key opens
//! has the scopes of reading and no other, whatever its credential has.

use std::net::IpAddr;
use std::sync::Arc;

use super::{VerifiedIdentity, check_standing};
use crate::credential::Credential;
use crate::id::{ApiKeyId, CredentialId};
use crate::purpose::Purpose;
use crate::reject::{Refusal, Reject};
use crate::scope::{Scope, Scopes};
use crate::time::Timestamp;

/// What a listener may do: hear of the balances and orders of its own account.
const LISTENER_SCOPES: [&str; 2] = [Scope::ACCOUNT_READ, Scope::ORDER_READ];

/// A key that somebody named and proved nothing about. Only [`name_key`] makes one.
#[derive(Clone, Debug)]
pub struct NamedKey(Arc<Credential>);

impl NamedKey {
    /// The record of the key.
    #[must_use]
    pub const fn credential(&self) -> &Arc<Credential> {
        &self.0
    }
}

/// Looks whether anybody may listen under a key that is only named.
///
/// # Errors
/// [`Reject::UnknownKey`] for every reason, because nothing was proved: no such key, its state, its end, an address that is not on its
/// list, no `account:read`. The operator sees which.
///
/// # Security
/// The look-up must be by `(purpose, key_id)`.
pub fn name_key(
    (purpose, key_id): (Purpose, &ApiKeyId),
    credential: Option<&Arc<Credential>>,
    remote: Option<IpAddr>,
    now: Timestamp,
) -> Result<NamedKey, Refusal> {
    let named = credential.filter(|record| record.purpose == purpose && record.key_id == *key_id).ok_or(Reject::UnknownKey)?;
    let unknown = |reason: &str| Refusal::operator(Reject::UnknownKey, format!("a key that was only named: {reason}"));
    check_standing(named, remote, now).map_err(|refusal| unknown(refusal.reject.label()))?;
    if !named.scopes.iter().any(|scope| scope.as_str() == Scope::ACCOUNT_READ) {
        return Err(unknown("it has no account:read"));
    }
    Ok(NamedKey(Arc::clone(named)))
}

/// Turns a listen key into an identity that only reads. `id` and `key_id` are those of the [`NamedKey`] it was handed out to.
///
/// # Errors
/// [`Reject::TokenInvalid`] when the credential is gone or another one; else as after proof of possession.
///
/// # Security
/// Call it only for a listen key that this gateway handed out and whose life is not over. The look-up must be by `(purpose, key_id)`.
pub fn verify_listener(
    (id, key_id): (&CredentialId, &ApiKeyId),
    credential: Option<&Arc<Credential>>,
    remote: Option<IpAddr>,
    now: Timestamp,
) -> Result<VerifiedIdentity, Refusal> {
    let credential = credential
        .filter(|record| record.id == *id && record.key_id == *key_id)
        .ok_or_else(|| Refusal::operator(Reject::TokenInvalid, "the credential of the listen key is gone"))?;
    check_standing(credential, remote, now)?;
    let reading = Scopes::collect(LISTENER_SCOPES).unwrap_or_else(|_| Scopes::none());
    let identity = VerifiedIdentity { credential: Arc::clone(credential), verified_at: now, narrowed: None };
    Ok(identity.narrowed_to(&reading))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::unwrap_in_result)]
    use super::*;
    use crate::address::IpAllowList;
    use crate::credential::CredentialState;
    use crate::id::AccountId;
    use crate::verifier::Verifier;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const SCOPES: &str = "md:read account:read order:read order:write funds:withdraw";

    fn record(change: impl FnOnce(&mut Credential)) -> Arc<Credential> {
        let mut credential = Credential {
            scopes: Scopes::parse(SCOPES).unwrap(),
            ..Credential::new(
                CredentialId::parse("cred-1").unwrap(),
                AccountId::parse("desk-1").unwrap(),
                Purpose::Binance,
                ApiKeyId::parse("key-1").unwrap(),
                Verifier::hmac_sha256(b"a secret for tests only"),
            )
        };
        change(&mut credential);
        Arc::new(credential)
    }

    fn named(record: &Arc<Credential>, key_id: &str) -> Result<NamedKey, Refusal> {
        let remote = "192.0.2.1".parse().unwrap();
        name_key((Purpose::Binance, &ApiKeyId::parse(key_id).unwrap()), Some(record), Some(remote), NOW)
    }

    #[test]
    fn whoever_may_not_listen_is_told_the_same() {
        assert_eq!(named(&record(|_| ()), "key-1").unwrap().credential().id.as_str(), "cred-1");
        let cases = [
            named(&record(|_| ()), "key-2"),
            named(&record(|key| key.purpose = Purpose::Bybit), "key-1"),
            named(&record(|key| key.state = CredentialState::Revoked), "key-1"),
            named(&record(|key| key.state = CredentialState::Suspended), "key-1"),
            named(&record(|key| key.not_after = Some(NOW)), "key-1"),
            named(&record(|key| key.ip_allow = IpAllowList::parse(["198.51.100.0/24"]).unwrap()), "key-1"),
            named(&record(|key| key.scopes = Scopes::parse("order:read order:write").unwrap()), "key-1"),
            name_key((Purpose::Binance, &ApiKeyId::parse("key-1").unwrap()), None, None, NOW),
        ];
        for case in cases {
            assert_eq!(case.unwrap_err().reject, Reject::UnknownKey);
        }
    }

    #[test]
    fn a_listener_only_reads() {
        let of = (CredentialId::parse("cred-1").unwrap(), ApiKeyId::parse("key-1").unwrap());
        let verified =
            |record: &Arc<Credential>, from: &str| verify_listener((&of.0, &of.1), Some(record), Some(from.parse().unwrap()), NOW);
        let identity = verified(&record(|_| ()), "192.0.2.1").unwrap();
        assert_eq!(identity.scopes().to_string(), "account:read order:read");
        let identity = verified(&record(|key| key.scopes = Scopes::parse("account:read order:write").unwrap()), "192.0.2.1").unwrap();
        assert_eq!(identity.scopes().to_string(), "account:read");
        let guarded = record(|key| key.ip_allow = IpAllowList::parse(["198.51.100.0/24"]).unwrap());
        assert_eq!(verified(&guarded, "192.0.2.1").unwrap_err().reject, Reject::AddressNotAllowed);
        assert!(verified(&guarded, "198.51.100.7").is_ok());
        let revoked = record(|key| key.state = CredentialState::Revoked);
        assert_eq!(verified(&revoked, "192.0.2.1").unwrap_err().reject, Reject::KeyRevoked);
        let another = record(|key| key.id = CredentialId::parse("cred-2").unwrap());
        assert_eq!(verified(&another, "192.0.2.1").unwrap_err().reject, Reject::TokenInvalid);
    }
}
