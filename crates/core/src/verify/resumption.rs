//! A session that comes back: the proof is a MAC under a key that only the client of that session was ever given.
//!
//! ```text
//!   ticket opened (shell: only the gateway could have sealed it) ─▶ key, credential
//!   MAC over channel and payload under that key ─▶ credential still there, same record ─▶ standing ─▶ VerifiedIdentity
//! ```

use std::net::IpAddr;
use std::sync::Arc;

use super::{VerifiedIdentity, check_standing};
use crate::credential::Credential;
use crate::id::{ApiKeyId, CredentialId};
use crate::presented::{SignatureForm, SignedBytes};
use crate::purpose::Purpose;
use crate::reject::{Refusal, Reject};
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::verifier::Verifier;
use crate::{Algorithm, limits};

/// What a client shows to resume a session; the ticket was opened, nothing else is believed yet.
#[derive(Clone, Debug)]
pub struct PresentedResumption {
    /// The credential that opened the session, as the ticket has it.
    pub credential: CredentialId,
    /// The name it is looked up by, as the ticket has it.
    pub key_id: ApiKeyId,
    /// The key of the proof, derived from the session secret in the ticket.
    pub key: Secret,
    /// What the proof covers: it contains the binding value of this connection, so there is no replay to remember.
    pub signed: SignedBytes<'static>,
    /// HMAC-SHA-256 over it.
    pub mac: Vec<u8>,
}

/// Verifies a resumption against the credential that was looked up for it (`None`: there is none), as of now: what was suspended,
/// revoked or expired since the session began does not come back.
///
/// # Errors
/// [`Reject::BadSignature`] first; then, after proof of possession, [`Reject::KeyRevoked`] when the credential is gone or another
/// one, and as [`verify()`](super::verify()).
///
/// # Security
/// `presented.key` and `presented.credential` must come out of one ticket that this gateway sealed. The look-up must be by
/// `(Purpose::Native, presented.key_id)`.
pub fn verify_resumption(
    presented: &PresentedResumption,
    credential: Option<&Arc<Credential>>,
    remote: Option<IpAddr>,
    now: Timestamp,
) -> Result<VerifiedIdentity, Refusal> {
    if presented.signed.len() > limits::SIGNED_BYTES_MAX {
        return Err(Reject::TooLarge.into());
    }
    let key = Verifier::hmac_sha256(presented.key.expose());
    if !key.proves(SignatureForm::Explicit(Algorithm::HmacSha256), &presented.signed, &presented.mac) {
        return Err(Reject::BadSignature.into());
    }
    let is_same = |record: &&Arc<Credential>| {
        record.purpose == Purpose::Native && record.id == presented.credential && record.key_id == presented.key_id
    };
    let credential = credential.filter(is_same).ok_or(Reject::KeyRevoked)?;
    check_standing(credential, remote, now)?;
    Ok(VerifiedIdentity { credential: Arc::clone(credential), verified_at: now, narrowed: None })
}

/// The identity of a session that another node of this gateway verified and left: for its orders to be cancelled, and for its client
/// to come back to. It says nothing about who is there: whoever comes back proves itself by [`verify_resumption`].
///
/// # Errors
/// [`Reject::KeyRevoked`] when the credential is gone or another one. Its standing is not asked: orders of a key that was revoked are
/// to be cancelled, too. Ask [`VerifiedIdentity::recheck`] before anything else is forwarded.
///
/// # Security
/// Purpose, id and `verified_at` must come from a record that a node of this gateway sealed, and the session must be this node's by its fence.
pub fn inherit(
    (purpose, id): (Purpose, &CredentialId),
    credential: Option<&Arc<Credential>>,
    verified_at: Timestamp,
) -> Result<VerifiedIdentity, Refusal> {
    let credential = credential.filter(|record| record.purpose == purpose && record.id == *id).ok_or(Reject::KeyRevoked)?;
    Ok(VerifiedIdentity { credential: Arc::clone(credential), verified_at, narrowed: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::address::IpAllowList;
    use crate::credential::CredentialState;
    use crate::id::AccountId;
    use crate::scope::Scopes;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn credential() -> Credential {
        Credential {
            scopes: Scopes::parse("order:write").unwrap(),
            not_after: Some(NOW.saturating_add(std::time::Duration::from_secs(1))),
            ..Credential::new(
                CredentialId::parse("cred-1").unwrap(),
                AccountId::parse("desk").unwrap(),
                Purpose::Native,
                ApiKeyId::parse("key-1").unwrap(),
                Verifier::hmac_sha256(b"another key altogether"),
            )
        }
    }

    fn presented() -> PresentedResumption {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"resume");
        PresentedResumption {
            credential: CredentialId::parse("cred-1").unwrap(),
            key_id: ApiKeyId::parse("key-1").unwrap(),
            key: Secret::new(b"resume".to_vec()),
            signed: SignedBytes::from_piece(b"channel and payload".to_vec()),
            mac: aws_lc_rs::hmac::sign(&key, b"channel and payload").as_ref().to_vec(),
        }
    }

    fn verdict(presented: &PresentedResumption, credential: Credential, now: Timestamp) -> Result<VerifiedIdentity, Reject> {
        verify_resumption(presented, Some(&Arc::new(credential)), Some(IpAddr::from([192, 0, 2, 1])), now).map_err(|refusal| refusal.reject)
    }

    #[test]
    fn the_holder_of_the_session_secret_is_the_credential() {
        let identity = verdict(&presented(), credential(), NOW).unwrap();
        assert_eq!((identity.account().as_str(), identity.scopes().to_string().as_str()), ("desk", "order:write"));
    }

    #[test]
    fn a_session_is_inherited_with_its_own_credential_only() {
        let record = Arc::new(Credential { state: CredentialState::Revoked, ..credential() });
        let inherited = inherit((Purpose::Native, &record.id), Some(&record), NOW).unwrap();
        assert_eq!((inherited.account().as_str(), inherited.verified_at()), ("desk", NOW));
        assert_eq!(inherited.recheck(Some(&record), None, NOW).unwrap_err().reject, Reject::KeyRevoked, "it forwards nothing more");
        let other = CredentialId::parse("cred-2").unwrap();
        assert_eq!(inherit((Purpose::Native, &other), Some(&record), NOW).unwrap_err().reject, Reject::KeyRevoked);
        assert_eq!(inherit((Purpose::Native, &record.id), None, NOW).unwrap_err().reject, Reject::KeyRevoked);
        let foreign = Arc::new(Credential { purpose: Purpose::Binance, ..credential() });
        assert_eq!(inherit((Purpose::Native, &foreign.id), Some(&foreign), NOW).unwrap_err().reject, Reject::KeyRevoked);
    }

    #[test]
    fn a_ticket_without_its_secret_is_worth_nothing() {
        for mac in [Vec::new(), vec![0; 32], presented().mac[..31].to_vec()] {
            assert_eq!(verdict(&PresentedResumption { mac, ..presented() }, credential(), NOW).unwrap_err(), Reject::BadSignature);
        }
        let moved = PresentedResumption { signed: SignedBytes::from_piece(b"another channel".to_vec()), ..presented() };
        assert_eq!(verdict(&moved, credential(), NOW).unwrap_err(), Reject::BadSignature);
    }

    #[test]
    fn standing_is_asked_again() {
        let changed = |change: fn(&mut Credential)| {
            let mut record = credential();
            change(&mut record);
            verdict(&presented(), record, NOW).unwrap_err()
        };
        assert_eq!(changed(|record| record.state = CredentialState::Revoked), Reject::KeyRevoked);
        assert_eq!(changed(|record| record.state = CredentialState::Suspended), Reject::KeySuspended);
        assert_eq!(changed(|record| record.ip_allow = IpAllowList::parse(["203.0.113.0/24"]).unwrap()), Reject::AddressNotAllowed);
        assert_eq!(changed(|record| record.id = CredentialId::parse("cred-2").unwrap()), Reject::KeyRevoked);
        assert_eq!(changed(|record| record.purpose = Purpose::Binance), Reject::KeyRevoked);
        let later = NOW.saturating_add(std::time::Duration::from_secs(2));
        assert_eq!(verdict(&presented(), credential(), later).unwrap_err(), Reject::KeyExpired);
        assert_eq!(verify_resumption(&presented(), None, None, NOW).unwrap_err().reject, Reject::KeyRevoked);
    }
}
