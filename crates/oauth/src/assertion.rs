//! A client assertion (RFC 7523): a JWT that the owner of a native key signs to say "it is me, at this server, now".
//!
//! ```text
//!   {"iss": key id, "sub": key id, "aud": issuer or token endpoint, "iat", "exp", "jti"}     signed by the key
//! ```
//!
//! It is presented to `core::verify` as any other proof: the key is looked up by `sub`, the algorithm is the one the key is
//! registered for, and its bytes (or its `jti`) are remembered, so it is good for one request. The age is that of `iat` where there is
//! one: libraries date `exp` an hour ahead, which would be an hour for a thief.
//!
//! # Security
//! Native proofs sign 96 bytes that begin with `countersign/1 `; the signed text of a JWT begins with `ey` or `ew`. No signature of one
//! kind is one of the other, so the same key may make both.

use countersign_core::{
    ApiKeyId, Effect, Freshness, Once, Presented, PresentedSignature, Purpose, Refusal, Reject, SignatureForm, SignedBytes, Timestamp,
};
use serde::Deserialize;

use crate::jws::{Jws, numeric_date};
use crate::limits::{ASSERTION_LIFE_MAX, JTI_BYTES_MAX, PROOF_AGE_MAX, PROOF_AHEAD_MAX};

/// Value of `client_assertion_type` (RFC 7523, 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
    jti: Option<String>,
}

/// One audience, as a text or as a list of one. A proof made for two servers can be used by one of them at the other.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    List([String; 1]),
    One(String),
}

impl Audience {
    fn is_one_of(&self, ours: &[&str]) -> bool {
        let (Self::List([audience]) | Self::One(audience)) = self;
        ours.contains(&audience.as_str())
    }
}

/// Reads an assertion made for one of `audiences`, for `core::verify`.
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::WrongAlgorithm`]; [`Reject::WrongGateway`] when it was made for another server;
/// [`Reject::TimestampStale`] past its end.
pub fn present<'t>(text: &'t str, audiences: &[&str], now: Timestamp) -> Result<Presented<'t>, Refusal> {
    let jws = Jws::read(text)?;
    if !matches!(jws.typ.as_deref(), None | Some("jwt" | "client-authentication+jwt")) || jws.jwk.is_some() {
        return Err(Refusal::operator(Reject::Malformed, "a JWT of another type where an assertion is expected"));
    }
    let claims: Claims = jws.claims()?;
    if claims.iss != claims.sub {
        return Err(Refusal::operator(Reject::Malformed, "an assertion by one about another"));
    }
    if !claims.aud.is_one_of(audiences) {
        return Err(Refusal::operator(Reject::WrongGateway, "an assertion for another server"));
    }
    let key_id = ApiKeyId::parse(&claims.sub).map_err(|_| Refusal::operator(Reject::Malformed, "the subject is no key id"))?;
    let freshness = freshness(&claims, now)?;
    let once = match &claims.jti {
        None => Once::SignedBytes,
        Some(jti) if jti.len() <= JTI_BYTES_MAX => Once::Nonce(jti.as_bytes().into()),
        Some(_) => return Err(Refusal::operator(Reject::Malformed, "a jti longer than any")),
    };
    Ok(Presented {
        purpose: Purpose::Native,
        key_id,
        signature: PresentedSignature { form: SignatureForm::Explicit(jws.algorithm), bytes: Some(jws.signature.into()) },
        signed: SignedBytes::from_piece(jws.signed.as_bytes()),
        passphrase: None,
        freshness,
        once,
        effect: Effect::Write,
    })
}

fn freshness(claims: &Claims, now: Timestamp) -> Result<Freshness, Refusal> {
    let not_after = numeric_date(claims.exp)?;
    let not_before = claims.nbf.map(numeric_date).transpose()?;
    let Some(issued) = claims.iat.map(numeric_date).transpose()? else {
        return Ok(Freshness::Validity { not_before, not_after, leeway: PROOF_AHEAD_MAX, lifetime_max: ASSERTION_LIFE_MAX });
    };
    if now >= not_after {
        return Err(Refusal::operator(Reject::TimestampStale, "the assertion expired"));
    }
    if not_before.is_some_and(|start| start > now.saturating_add(PROOF_AHEAD_MAX)) {
        return Err(Refusal::operator(Reject::TimestampAhead, "the assertion is not valid yet"));
    }
    Ok(Freshness::Window { timestamp: issued, recv_window: PROOF_AGE_MAX, ahead_max: PROOF_AHEAD_MAX })
}

#[cfg(test)]
mod tests;
