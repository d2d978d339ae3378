//! Access tokens of an issuer outside: the same path as every other proof, and then whose the token is.
//!
//! ```text
//!   token ──Issuer::read──▶ IssuedToken ─┐
//!   kid ────KeySet::find──▶ key ─────────┴─ verify() ─▶ what it is bound to ─▶ VerifiedIdentity
//!                                          life, signature   DPoP proof, client certificate
//! ```
//!
//! | `cnf` of the token | `Bearer`, no proof | `DPoP` with proof |
//! |---|---|---|
//! | none | passes, unless the issuer binds all its tokens | refused: it proves nothing |
//! | `jkt` | refused: a stolen token | passes with the key's proof |
//! | `x5t#S256` | passes on a connection with this certificate | refused, unless there is a `jkt`, too |

use crate::confirmation::Thumbprint;
use crate::dpop::{DpopExpectation, DpopNonces, DpopProof};
use crate::issuer::IssuedToken;
use crate::limits::JWT_LEEWAY;
use crate::presented::Effect;
use crate::public_key::VerifyingKey;
use crate::reject::{Refusal, Reject};
use crate::time::Timestamp;

use super::{VerifiedIdentity, VerifyContext, verify};

/// What came with a token.
#[derive(Clone, Copy, Debug)]
pub struct Possession<'p> {
    /// The proof of the `DPoP` header, where the scheme is `DPoP`.
    pub proof: Option<&'p DpopProof<'p>>,
    /// The request, as the proof must name it.
    pub request: DpopExpectation<'p>,
    /// The nonces that proofs must have.
    pub nonces: &'p DpopNonces,
    /// SHA-256 of the client certificate that TLS verified on this connection.
    pub certificate: Option<Thumbprint>,
    /// What acting on the request twice does.
    pub effect: Effect,
}

/// Turns an access token of an issuer into an identity. `key` is the one that the issuer publishes under the token's `kid`, for the
/// token's algorithm; `None`: there is none.
///
/// # Errors
/// [`Reject::TokenInvalid`], [`Reject::UnknownKey`], [`Reject::BadSignature`] about the token; about the proof as
/// [`DpopProof::verify`], with [`Reject::MissingParameter`] where it is needed and not there.
///
/// # Security
/// The key must be of the very issuer by whose rules the token was read. Account and scopes are the token's own words, so nothing of
/// it may be used before this.
pub fn verify_issued(
    token: &IssuedToken<'_>,
    key: Option<VerifyingKey>,
    possession: &Possession<'_>,
    context: &VerifyContext<'_>,
) -> Result<VerifiedIdentity, Refusal> {
    let credential = key.map(|key| token.credential(key));
    let identity = verify(&token.presented(), credential.as_ref(), context)?;
    check_certificate(token, possession)?;
    check_proof(token, possession, context)?;
    Ok(identity)
}

fn invalid(why: &'static str) -> Refusal {
    Refusal::operator(Reject::TokenInvalid, why)
}

fn check_certificate(token: &IssuedToken<'_>, possession: &Possession<'_>) -> Result<(), Refusal> {
    match (token.confirmation.certificate, possession.certificate) {
        (None, _) => Ok(()),
        (Some(bound), Some(shown)) if bound == shown => Ok(()),
        (Some(_), Some(_)) => Err(invalid("it is bound to another client certificate")),
        (Some(_), None) => Err(invalid("it is bound to a client certificate, and the connection has none")),
    }
}

fn check_proof(token: &IssuedToken<'_>, possession: &Possession<'_>, context: &VerifyContext<'_>) -> Result<(), Refusal> {
    match (token.confirmation.jkt, possession.proof) {
        (None, None) if token.bound && !token.confirmation.is_bound() => Err(invalid("tokens of this issuer must be bound")),
        (None, None) => Ok(()),
        (None, Some(_)) => Err(invalid("it is shown with a proof and bound to no key")),
        (Some(_), None) => Err(invalid("it is bound to a key and shown without a proof")),
        (Some(bound), Some(proof)) if proof.thumbprint() != bound => Err(invalid("it is bound to another key")),
        (Some(_), Some(proof)) => {
            let request = DpopExpectation { access_token: Some(token.text), ..possession.request };
            proof.verify(&request, possession.nonces, context.replay, possession.effect, context.now).map(drop)
        }
    }
}

/// Whether an access token lives. Outside its life it is an invalid token, not a clock that is wrong: its times are the issuer's.
pub(crate) fn check_life(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if now >= not_after {
        return Err(invalid("it expired"));
    }
    if not_before > now.saturating_add(JWT_LEEWAY) {
        return Err(invalid("it is not valid yet"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
