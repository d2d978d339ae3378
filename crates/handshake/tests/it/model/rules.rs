//! What must come of a hello and of a welcome. Times are milliseconds of the one clock.

use countersign_core::{Binding, CredentialState, Reject};

/// A hello that an honest client made.
#[derive(Clone, Debug)]
pub(crate) struct HelloFacts {
    /// The connection it was made for.
    pub(crate) connection: usize,
    pub(crate) bind: Binding,
    /// The nonce in it, by number.
    pub(crate) nonce: Option<usize>,
    /// Whether the network changed it on the way.
    pub(crate) changed: bool,
}

/// A connection of the gateway that still waits for its hello.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionFacts {
    pub(crate) number: usize,
    pub(crate) opened_at: u64,
    /// Nonces it gave out and did not see again.
    pub(crate) outstanding: Vec<usize>,
}

/// Why a hello opens no session here and now, if it does not.
pub(crate) fn refused(hello: &HelloFacts, connection: &ConnectionFacts, state: CredentialState, now: u64) -> Option<Reject> {
    if now >= connection.opened_at + 3_000 {
        return Some(Reject::AuthDeadline);
    }
    if hello.bind != Binding::Exp && !hello.nonce.is_some_and(|nonce| connection.outstanding.contains(&nonce)) {
        return Some(Reject::NonceInvalid);
    }
    // Only `exp` knows one connection from another; the others trust certificate and name, which are the same here.
    if hello.changed || hello.bind == Binding::Exp && hello.connection != connection.number {
        return Some(Reject::BadSignature);
    }
    match state {
        CredentialState::Active => None,
        CredentialState::Revoked => Some(Reject::KeyRevoked),
        CredentialState::Suspended => Some(Reject::KeySuspended),
    }
}

/// Whether a client that sent hello `own` at `sent_at` opens its session on a welcome made for hello `answered`.
pub(crate) const fn opens(own: usize, answered: usize, sent_at: u64, now: u64) -> bool {
    own == answered && now < sent_at + 10_000
}
