//! The tokens that answer a login: ours in place of the venue's.
//!
//! ```text
//!   login ──▶ access (900 s, any number of times) + refresh (a week, once) ──refresh──▶ the next pair
//! ```
//!
//! Both may do what was granted and no more, also when the key may do more later. Tokens of a connection are of use on it alone;
//! those of a named session on any.

use countersign_core::{Purpose, Scopes, Timestamp, Token, TokenKind, VerifiedIdentity};
use serde_json::{Value, json};

use super::scope::{Session, Wanted, granted};
use crate::limits;
use crate::socket::Desk;

/// The identity that a login leaves: with no more rights than it asked for.
#[must_use]
pub fn narrowed(identity: &VerifiedIdentity, wanted: &Wanted) -> VerifiedIdentity {
    wanted.rights.as_ref().map_or_else(|| identity.clone(), |rights| identity.narrowed_to(rights))
}

/// Makes a pair of tokens for an identity, which has the rights that are granted; the result of a login.
#[must_use]
pub fn grant(identity: &VerifiedIdentity, wanted: &Wanted, bound: bool, now: Timestamp, desk: &mut dyn Desk) -> Value {
    let (channel, session) = match &wanted.session {
        Session::Named(name) => (None, Some(name.clone())),
        Session::Connection => (desk.channel(), None),
        Session::Unnamed => (desk.channel().filter(|_| bound), None),
    };
    let lifetime = wanted.expires.unwrap_or(limits::ACCESS_TOKEN_LIFETIME);
    let scope = granted(identity.scopes(), session.as_deref());
    let rights: Scopes = identity.scopes().clone();
    let mut make = |kind, lifetime| {
        let token = Token {
            kind,
            purpose: Purpose::Deribit,
            credential: identity.credential().id.clone(),
            key_id: identity.key_id().clone(),
            issued: now,
            expires: now.saturating_add(lifetime),
            scopes: Some(rights.clone()),
            channel,
            session: session.clone(),
            id: desk.random(),
        };
        desk.seal(&token)
    };
    let access = make(TokenKind::Access, lifetime);
    let refresh = make(TokenKind::Refresh, limits::REFRESH_TOKEN_LIFETIME);
    json!({
        "access_token": access,
        "enabled_features": [],
        "expires_in": lifetime.as_secs(),
        "refresh_token": refresh,
        "scope": scope,
        "token_type": "bearer",
    })
}

/// What the next pair is for: the same as the token it is made for.
#[must_use]
pub fn same_as(token: &Token) -> Wanted {
    let session = match (&token.session, token.channel) {
        (Some(name), _) => Session::Named(name.clone()),
        (None, Some(_)) => Session::Connection,
        (None, None) => Session::Unnamed,
    };
    Wanted { session, rights: None, expires: None }
}
