//! One identity token per connection and upstream, signed again at half its life.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Credential, SessionId, Timestamp, VerifiedIdentity};
use http::HeaderValue;

use super::{IDENTITY_LIFE_SECONDS, IdentityIssuer, IdentityToken, Occasion, Subject};

/// The youngest half of a token's life: what is sent has at least 30 s left for the upstream's queue and clock.
const REUSE: Duration = Duration::from_secs(IDENTITY_LIFE_SECONDS / 2);

/// A token kept for reuse on one connection: signing costs as much as serving a small request.
///
/// # Security
/// It remembers for whom the token was signed and signs again when anything of that differs, so a connection that changes its
/// key or session never sends a token of the former one, nor one that was let through by a former lease or under former halts. Those
/// two change when a node was cut off and when somebody halts or lifts, so most tokens live as long as without them.
#[derive(Debug, Default)]
pub struct CachedIdentity(Option<Cached>);

#[derive(Debug)]
struct Cached {
    token: IdentityToken,
    minted: Timestamp,
    credential: Arc<Credential>,
    session: Option<(SessionId, [u8; 32])>,
    /// What the session was granted, and what the identity itself may do: a login can be for less than its key.
    scopes: Option<countersign_core::Scopes>,
    held: countersign_core::Scopes,
    audience: Box<str>,
    /// Lease and epoch. Node and process are those of the issuer.
    ground: (u64, u64),
}

impl CachedIdentity {
    /// The header value for a request of this identity; for a session whose contract grants less than the key has, use
    /// [`CachedIdentity::value_granted`].
    pub fn value(
        &mut self,
        issuer: &IdentityIssuer,
        identity: &VerifiedIdentity,
        session: Option<(SessionId, &[u8; 32])>,
        occasion: Occasion<'_>,
    ) -> HeaderValue {
        self.value_granted(issuer, identity, None, session, occasion)
    }

    /// As [`CachedIdentity::value`], with the scopes that the session was granted.
    pub fn value_granted(
        &mut self,
        issuer: &IdentityIssuer,
        identity: &VerifiedIdentity,
        granted: Option<&countersign_core::Scopes>,
        session: Option<(SessionId, &[u8; 32])>,
        occasion: Occasion<'_>,
    ) -> HeaderValue {
        if let Some(cached) = &self.0
            && cached.is_for(identity, granted, session, occasion)
            && cached.is_young(occasion.now)
        {
            return cached.token.value.clone();
        }
        let subject = granted.map_or_else(|| Subject::from(identity), |scopes| Subject::granted(identity, scopes));
        let token = issuer.mint(subject, session, occasion);
        let value = token.value.clone();
        self.0 = Some(Cached {
            token,
            minted: occasion.now,
            credential: Arc::clone(identity.credential()),
            session: session.map(|(sid, ch)| (sid, *ch)),
            scopes: granted.cloned(),
            held: identity.scopes().clone(),
            audience: occasion.audience.into(),
            ground: (occasion.fence.lease, occasion.fence.epoch),
        });
        value
    }
}

impl Cached {
    fn is_for(
        &self,
        identity: &VerifiedIdentity,
        granted: Option<&countersign_core::Scopes>,
        session: Option<(SessionId, &[u8; 32])>,
        occasion: Occasion<'_>,
    ) -> bool {
        // The same record, not an equal one: after a reload the key may have other scopes.
        Arc::ptr_eq(&self.credential, identity.credential())
            && self.session.as_ref().map(|(sid, ch)| (*sid, ch)) == session
            && self.scopes.as_ref() == granted
            && self.held == *identity.scopes()
            && *self.audience == *occasion.audience
            && self.ground == (occasion.fence.lease, occasion.fence.epoch)
    }

    /// Young by the clock, and not from its future: after a step back of the clock it is signed again.
    fn is_young(&self, now: Timestamp) -> bool {
        now >= self.minted && now.saturating_since(self.minted) < REUSE
    }
}
