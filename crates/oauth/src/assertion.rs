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

use countersign_core::jwt::{JwtError, Members};
use countersign_core::{ApiKeyId, Effect, Freshness, Jwt, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp};
use serde_json::Value;

use crate::limits::{ASSERTION_LIFE_MAX, JTI_BYTES_MAX, PROOF_AGE_MAX, PROOF_AHEAD_MAX};

/// Value of `client_assertion_type` (RFC 7523, 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn malformed(sentence: &'static str) -> Refusal {
    Refusal::operator(Reject::Malformed, sentence)
}

fn unreadable(error: JwtError) -> Refusal {
    match error {
        JwtError::Algorithm => Refusal::operator(Reject::WrongAlgorithm, "an assertion with an algorithm of no key"),
        JwtError::Grammar(place) => Refusal::operator(Reject::Malformed, format!("no assertion can be read: {place}")),
        JwtError::TooLong => malformed("longer than any assertion"),
    }
}

/// Reads an assertion made for one of `audiences`, for `core::verify`.
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::WrongAlgorithm`]; [`Reject::WrongGateway`] when it was made for another server;
/// [`Reject::TimestampStale`] past its end.
pub fn present<'t>(text: &'t str, audiences: &[&str], now: Timestamp) -> Result<Presented<'t>, Refusal> {
    let jwt = Jwt::read(text).map_err(unreadable)?;
    check_header(&jwt)?;
    let claims = &jwt.claims;
    let subject = claims.text("sub").ok_or_else(|| malformed("sub is missing"))?;
    if claims.text("iss") != Some(subject) {
        return Err(malformed("an assertion by one about another"));
    }
    if !audiences.contains(&audience(claims)?) {
        return Err(Refusal::operator(Reject::WrongGateway, "an assertion for another server"));
    }
    let key_id = ApiKeyId::parse(subject).map_err(|_| malformed("the subject is no key id"))?;
    let freshness = freshness(claims, now)?;
    let once = match claims.text_if_any("jti").map_err(unreadable)? {
        None => Once::SignedBytes,
        Some(jti) if jti.len() <= JTI_BYTES_MAX => Once::Nonce(jti.as_bytes().into()),
        Some(_) => return Err(malformed("a jti longer than any")),
    };
    Ok(Presented {
        purpose: Purpose::Native,
        key_id,
        signature: jwt.signature,
        signed: SignedBytes::from_piece(jwt.signed.as_bytes()),
        passphrase: None,
        freshness,
        once,
        effect: Effect::Write,
    })
}

/// A JWT of another type, one about a key inside it, or one of an algorithm that no native key has is no assertion.
fn check_header(jwt: &Jwt<'_>) -> Result<(), Refusal> {
    let typed = jwt.header.value("typ").is_none() || jwt.is_of_type("jwt") || jwt.is_of_type("client-authentication+jwt");
    if !typed || jwt.header.value("jwk").is_some() || jwt.points_elsewhere() {
        return Err(malformed("a JWT of another type where an assertion is expected"));
    }
    if Purpose::Native.accepts(jwt.signature.form.algorithm()) { Ok(()) } else { Err(unreadable(JwtError::Algorithm)) }
}

/// The one audience, as a text or as a list of one. A proof made for two servers can be used by one of them at the other.
fn audience(claims: &Members) -> Result<&str, Refusal> {
    let named = match claims.value("aud") {
        Some(Value::Array(list)) if list.len() == 1 => list[0].as_str(),
        Some(one) => one.as_str(),
        None => None,
    };
    named.ok_or_else(|| malformed("aud is not one text"))
}

fn freshness(claims: &Members, now: Timestamp) -> Result<Freshness, Refusal> {
    let time = |name| claims.time_if_any(name).map_err(unreadable);
    let not_after = time("exp")?.ok_or_else(|| malformed("exp is missing"))?;
    let not_before = time("nbf")?;
    let Some(issued) = time("iat")? else {
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
