//! The one verification path.
//!
//! Every dialect and the native handshake present the same four things and end here. Order of the checks:
//!
//! ```text
//!   size ─▶ time window ─▶ signature ─▶ passphrase, state, expiry, address ─▶ replay guard, nonce ─▶ VerifiedIdentity
//!           (message only,  (unknown key: the    (only after proof of          (only valid signatures
//!            tells nothing   same work on a       possession, so the            are remembered)
//!            about keys)     stand-in key)        answer may be exact)
//! ```
//!
//! # Security
//! An unknown key, a key of another algorithm and a wrong signature cost the same kind of verification and give refusals with
//! the same [`AlertCode`](crate::AlertCode); only the operator sees which it was.

mod issued;
mod listening;
mod resumption;
mod stand_in;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::credential::{Credential, CredentialState};
use crate::id::{AccountId, ApiKeyId};
use crate::limits;
use crate::nonce::{NonceGuard, NoncePolicy};
use crate::presented::{Freshness, Once, Presented, PresentedPassphrase, SignatureForm, SignedBytes};
use crate::purpose::Purpose;
use crate::reject::{Detail, Refusal, Reject};
use crate::replay::{ReplayGuard, ReplayId};
use crate::scope::Scopes;
use crate::time::{Now, Timestamp};
use crate::token::Token;
use crate::verifier::Verifier;

pub(crate) use self::issued::check_life;
pub use issued::{Possession, verify_issued};
pub use listening::{NamedKey, name_key, verify_listener};
pub use resumption::{PresentedResumption, inherit, verify_resumption};

/// Proof of who it is. Only [`verify()`], [`verify_certificate`], [`verify_token`], [`verify_issued`], [`verify_listener`],
/// [`verify_resumption`] and [`inherit`] make one.
#[derive(Clone, Debug)]
pub struct VerifiedIdentity {
    credential: Arc<Credential>,
    verified_at: Timestamp,
    /// What is left of the credential's scopes, where a token or a login asked for less.
    narrowed: Option<Arc<Scopes>>,
}

impl VerifiedIdentity {
    /// The credential that proved itself.
    #[must_use]
    pub fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// Whose orders and balances.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.credential.account
    }

    /// The key's public name.
    #[must_use]
    pub fn key_id(&self) -> &ApiKeyId {
        &self.credential.key_id
    }

    /// What may be done: all that the key may, or less where the login asked for less.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.narrowed.as_deref().unwrap_or(&self.credential.scopes)
    }

    /// The same identity with no more than these scopes. Never adds one.
    #[must_use]
    pub fn narrowed_to(&self, scopes: &Scopes) -> Self {
        Self { narrowed: Some(Arc::new(self.scopes().intersection(scopes))), ..self.clone() }
    }

    /// How it was proved.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.credential.purpose
    }

    /// When it was proved.
    #[must_use]
    pub const fn verified_at(&self) -> Timestamp {
        self.verified_at
    }

    /// Checks again, on an open session, that the credential may still be used; `current` is the record as of now.
    ///
    /// # Errors
    /// As after proof of possession: revoked, suspended, expired, address, or no longer there ([`Reject::KeyRevoked`]).
    pub fn recheck(&self, current: Option<&Arc<Credential>>, remote: Option<IpAddr>, now: Timestamp) -> Result<Self, Refusal> {
        let current = current.filter(|record| record.id == self.credential.id).ok_or(Reject::KeyRevoked)?;
        check_standing(current, remote, now)?;
        let narrowed = self.narrowed.as_ref().map(|scopes| Arc::new(scopes.intersection(&current.scopes)));
        Ok(Self { credential: Arc::clone(current), verified_at: self.verified_at, narrowed })
    }
}

/// What verification needs besides the message.
#[derive(Clone, Copy)]
pub struct VerifyContext<'c> {
    /// Both clocks, read at arrival.
    pub now: Now,
    /// Where the message came from; `None` only where there is no network address (recorded vectors).
    pub remote: Option<IpAddr>,
    /// Remembers what was accepted.
    pub replay: &'c dyn ReplayGuard,
    /// Remembers the nonces of keys whose proofs carry an increasing one.
    pub nonces: &'c dyn NonceGuard,
}

/// Verifies a presented proof against the credential that was looked up for it (`None`: there is none).
///
/// # Errors
/// The refusal, with the precise reason for the operator; see [`Reject`] for what the client may know.
///
/// # Security
/// A wrongly accepted proof is an order in somebody else's name; a wrongly refused one is an order not sent. The look-up must
/// be by `(presented.purpose, presented.key_id)`.
pub fn verify(
    presented: &Presented<'_>,
    credential: Option<&Arc<Credential>>,
    context: &VerifyContext<'_>,
) -> Result<VerifiedIdentity, Refusal> {
    if presented.signed.len() > limits::SIGNED_BYTES_MAX {
        return Err(Reject::TooLarge.into());
    }
    check_window(presented.freshness, context.now.wall)?;
    let credential = check_signature(presented, credential)?;
    check_passphrase(presented.passphrase.as_ref(), credential)?;
    check_standing(credential, context.remote, context.now.wall)?;
    spend(presented, credential, context)?;
    Ok(VerifiedIdentity { credential: Arc::clone(credential), verified_at: context.now.wall, narrowed: None })
}

/// Remembers that the proof was used; refuses it when it was used before.
fn spend(presented: &Presented<'_>, credential: &Credential, context: &VerifyContext<'_>) -> Result<(), Refusal> {
    let signed_at = match presented.freshness {
        Freshness::Channel | Freshness::Issued { .. } | Freshness::Unbound => return Ok(()),
        Freshness::Nonce { nonce, window_min, .. } => {
            let policy = NoncePolicy { window: window_min.max(credential.nonce.window), ..credential.nonce };
            return context.nonces.spend(&credential.id, policy, nonce, presented.effect);
        }
        // The guard forgets by the time of signing; of a validity only the end is sure.
        Freshness::Validity { not_before, not_after, .. } => not_before.unwrap_or(not_after),
        Freshness::Window { timestamp, .. } => timestamp,
    };
    let (id, effect) = match &presented.once {
        Once::Freshness => return Ok(()),
        Once::Nonce(nonce) => (ReplayId::of(credential, &SignedBytes::from_piece(nonce.as_slice())), presented.effect.once()),
        Once::SignedBytes => (ReplayId::of(credential, &presented.signed), presented.effect),
    };
    context.replay.check_and_insert(id, effect, signed_at, context.now.mono)
}

/// What a client certificate, already verified by TLS, says.
#[derive(Clone, Debug)]
pub struct CertificateClaim {
    /// SHA-256 of its SubjectPublicKeyInfo, base64url, or one of its subject alternative names: the name it was looked up by.
    pub key_id: ApiKeyId,
}

/// Turns a client certificate into an identity.
///
/// # Errors
/// [`Reject::CertificateUnacceptable`] without a matching credential; else as after proof of possession.
///
/// # Security
/// Call it only with a certificate that the TLS stack verified on this very connection and whose validity and revocation were
/// checked again if the session was resumed.
pub fn verify_certificate(
    claim: &CertificateClaim,
    credential: Option<&Arc<Credential>>,
    remote: Option<IpAddr>,
    now: Timestamp,
) -> Result<VerifiedIdentity, Refusal> {
    let credential = credential
        .filter(|record| record.purpose == Purpose::ClientCertificate && record.key_id == claim.key_id)
        .ok_or(Reject::CertificateUnacceptable)?;
    check_standing(credential, remote, now)?;
    Ok(VerifiedIdentity { credential: Arc::clone(credential), verified_at: now, narrowed: None })
}

/// Turns a token of ours into an identity with no more than the token's scopes. `channel` is the binding value of the connection it
/// came on.
///
/// # Errors
/// [`Reject::TokenInvalid`] when it is bound to another connection or its credential is gone; else as after proof of possession.
///
/// # Security
/// Only [`TokenSealer::open`](crate::TokenSealer::open) makes a [`Token`] of a client's text. The look-up of the credential must be
/// by `(token.purpose, token.key_id)`.
pub fn verify_token(
    token: &Token,
    credential: Option<&Arc<Credential>>,
    channel: Option<&[u8; 32]>,
    remote: Option<IpAddr>,
    now: Timestamp,
) -> Result<VerifiedIdentity, Refusal> {
    let credential = credential
        .filter(|record| token.is_of(record))
        .ok_or_else(|| Refusal::operator(Reject::TokenInvalid, "the credential of the token is gone"))?;
    if token.channel.is_some() && token.channel.as_ref() != channel {
        return Err(Refusal::operator(Reject::TokenInvalid, "a token of another connection"));
    }
    check_standing(credential, remote, now)?;
    let identity = VerifiedIdentity { credential: Arc::clone(credential), verified_at: now, narrowed: None };
    Ok(token.scopes.as_ref().map_or_else(|| identity.clone(), |scopes| identity.narrowed_to(scopes)))
}

/// Checks a signed time window again, just before forwarding: a request that waited too long inside must not pass.
///
/// # Errors
/// [`Reject::TimestampStale`] or [`Reject::TimestampAhead`], with the measured skew.
pub fn check_window(freshness: Freshness, now: Timestamp) -> Result<(), Refusal> {
    let (timestamp, behind_max, ahead_max) = match freshness {
        Freshness::Channel | Freshness::Nonce { clock: None, .. } | Freshness::Unbound => return Ok(()),
        Freshness::Issued { not_before, not_after } => return check_life(not_before, not_after, now),
        Freshness::Nonce { nonce, clock: Some(clock), .. } => (Timestamp::from_millis(nonce), clock.behind_max, clock.ahead_max),
        Freshness::Validity { not_before, not_after, leeway, lifetime_max } => {
            return check_validity(not_before, not_after, leeway, lifetime_max, now);
        }
        Freshness::Window { timestamp, recv_window, ahead_max } => {
            (timestamp, recv_window.min(limits::RECV_WINDOW_MAX), ahead_max.min(limits::TIMESTAMP_AHEAD_MAX))
        }
    };
    if timestamp >= now.saturating_add(ahead_max) {
        return Err(skewed(Reject::TimestampAhead, timestamp, behind_max, now));
    }
    if now.saturating_since(timestamp) > behind_max {
        return Err(skewed(Reject::TimestampStale, timestamp, behind_max, now));
    }
    Ok(())
}

fn check_validity(
    not_before: Option<Timestamp>,
    not_after: Timestamp,
    leeway: Duration,
    lifetime_max: Duration,
    now: Timestamp,
) -> Result<(), Refusal> {
    let lifetime_max = lifetime_max.min(limits::VALIDITY_MAX);
    // A client's clock is told by when it signed. Where only an end was signed, by that: it is all there is.
    let (clock, window) = not_before.map_or((not_after, lifetime_max), |start| (start, not_after.saturating_since(start)));
    if now >= not_after {
        return Err(skewed(Reject::TimestampStale, clock, window, now));
    }
    if not_before.is_some_and(|start| start > now.saturating_add(leeway.min(limits::TIMESTAMP_AHEAD_MAX))) {
        return Err(skewed(Reject::TimestampAhead, clock, window, now));
    }
    if not_after > now.saturating_add(lifetime_max) {
        return Err(skewed(Reject::TimestampAhead, not_after, lifetime_max, now));
    }
    Ok(())
}

fn skewed(reject: Reject, timestamp: Timestamp, window: Duration, now: Timestamp) -> Refusal {
    let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    Refusal::with(reject, Detail::Skew { skew_ms: timestamp.millis_after(now), window_ms })
}

fn check_signature<'c>(presented: &Presented<'_>, credential: Option<&'c Arc<Credential>>) -> Result<&'c Arc<Credential>, Refusal> {
    let signature = &presented.signature;
    let claimed = signature.form.algorithm();
    let known = credential.filter(|record| record.purpose == presented.purpose && record.key_id == presented.key_id);
    let matching = known.filter(|record| record.verifier.algorithm() == Some(claimed));
    let length = signature.bytes.as_ref().map_or(0, |bytes| bytes.len());
    // A key that cannot have made a signature of this length would refuse it for free, and be known by that.
    let fitting = matching.filter(|record| record.verifier.may_sign(length));
    let valid = match fitting {
        Some(record) => proves(&record.verifier, presented, signature.bytes.as_deref()),
        None => {
            let bytes = stand_in::fitted(claimed, signature.bytes.as_deref());
            let _ = std::hint::black_box(proves(stand_in::verifier(claimed, bytes.len()), presented, Some(&bytes)));
            false
        }
    };
    match (matching, known) {
        (Some(record), _) if valid => Ok(record),
        (Some(_), _) => Err(Reject::BadSignature.into()),
        (None, Some(_)) => Err(wrong_algorithm(signature.form)),
        (None, None) => Err(Reject::UnknownKey.into()),
    }
}

/// One sentence for all: to make one that names the algorithms takes time, which would tell that there is such a key.
fn wrong_algorithm(form: SignatureForm) -> Refusal {
    let reject = match form {
        SignatureForm::Explicit(_) => Reject::WrongAlgorithm,
        SignatureForm::Implied(_) | SignatureForm::Secret | SignatureForm::SecretDigest => Reject::BadSignature,
    };
    Refusal::operator(reject, "the key is registered for another algorithm than the message looks like")
}

fn proves(verifier: &Verifier, presented: &Presented<'_>, signature: Option<&[u8]>) -> bool {
    let undecodable = signature.is_none();
    let valid = verifier.proves(presented.signature.form, &presented.signed, signature.unwrap_or(&[0; 64]));
    valid && !undecodable
}

/// Asked only after the signature: whoever learns that a passphrase is wrong has the secret.
fn check_passphrase(presented: Option<&PresentedPassphrase>, credential: &Credential) -> Result<(), Refusal> {
    let Some(registered) = &credential.passphrase else { return Ok(()) };
    let right = match (presented, &credential.verifier) {
        (None, _) => false,
        (Some(PresentedPassphrase::Clear(clear)), _) => registered.ct_eq(clear.expose()),
        (Some(PresentedPassphrase::Mac(Some(tag))), Verifier::Mac(key)) => key.matches(std::iter::once(registered.expose()), tag),
        (Some(PresentedPassphrase::Mac(_)), _) => false,
    };
    if right { Ok(()) } else { Err(Reject::WrongPassphrase.into()) }
}

/// State, expiry and address: asked only after proof of possession.
fn check_standing(credential: &Credential, remote: Option<IpAddr>, now: Timestamp) -> Result<(), Refusal> {
    match credential.state {
        CredentialState::Active => {}
        CredentialState::Revoked => return Err(Reject::KeyRevoked.into()),
        CredentialState::Suspended => return Err(Reject::KeySuspended.into()),
    }
    if credential.not_after.is_some_and(|end| now >= end) {
        return Err(Reject::KeyExpired.into());
    }
    if remote.is_some_and(|address| !credential.ip_allow.allows(address)) {
        return Err(Reject::AddressNotAllowed.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
