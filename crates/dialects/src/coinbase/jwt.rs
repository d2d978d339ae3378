//! A JWT of a CDP key, with the header and claims that the venue's clients send.
//!
//! The grammar is [`countersign_core::jwt`]'s. The key is named by `kid` alone; a key inside the token or behind an address (`jwk`,
//! `jku`, `x5c`, `x5u`) is never looked at. `alg` only says what the signature claims to be: the registered key decides.
//!
//! What is signed is the text as sent, `header.payload`, so nothing is parsed and written again before verification.

use countersign_core::jwt::{JwtError, Members};
use countersign_core::{ApiKeyId, Detail, Effect, Freshness, Once, Presented, PresentedSignature, Purpose, Refusal, Reject, SignedBytes};
use serde_json::Value;
use smallvec::SmallVec;

use crate::limits;

/// Audiences that clients of the venue name; ccxt writes one of these, coinbase-advanced-py did so up to 1.2.1.
const AUDIENCES: [&str; 2] = ["cdp_service", "retail_rest_api_proxy"];

/// What coinbase-advanced-py up to 1.2.1 names in tokens for WebSocket frames. A token for a request is never for this one.
const AUDIENCE_OF_FRAMES: &str = "public_websocket_api";

/// A token as it came. Nothing in it is verified.
#[derive(Debug)]
pub struct Jwt<'m> {
    signed: &'m [u8],
    signature: PresentedSignature,
    key_id: ApiKeyId,
    nonce: Option<SmallVec<[u8; 64]>>,
    freshness: Freshness,
    uris: SmallVec<[String; 1]>,
}

fn malformed(parameter: &'static str) -> Refusal {
    Refusal::with(Reject::Malformed, Detail::Parameter(parameter))
}

fn unreadable(error: JwtError) -> Refusal {
    match error {
        JwtError::Algorithm => Refusal::operator(Reject::WrongAlgorithm, "the alg of the token is none of a CDP key"),
        JwtError::Grammar(place) => malformed(place),
        JwtError::TooLong => Reject::TooLarge.into(),
    }
}

impl<'m> Jwt<'m> {
    /// Reads a token.
    ///
    /// # Errors
    /// [`Reject::TooLarge`]; [`Reject::Malformed`] with the part that is wrong; [`Reject::WrongAlgorithm`] for an `alg` that no
    /// CDP key has; [`Reject::MissingCredentials`] without `kid`; [`Reject::UnknownKey`] when `sub` names another key than `kid`;
    /// [`Reject::TimestampAhead`] for a life longer than the venue's; [`Reject::WrongUri`] for an audience that is not the venue's.
    pub fn read(text: &'m str) -> Result<Self, Refusal> {
        if text.len() > limits::JWT_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
        let jwt = countersign_core::Jwt::read(text).map_err(unreadable)?;
        if !Purpose::Coinbase.accepts(jwt.signature.form.algorithm()) {
            return Err(unreadable(JwtError::Algorithm));
        }
        let (key_id, nonce) = names(&jwt.header)?;
        let claims = &jwt.claims;
        let subject = claims.text("sub").ok_or_else(|| malformed("sub"))?;
        if subject != key_id.as_str() {
            return Err(Refusal::operator(Reject::UnknownKey, "sub names another key than kid"));
        }
        let (freshness, uris) = (freshness(claims)?, uris(claims)?);
        check_audience(claims, &uris)?;
        Ok(Self { signed: jwt.signed.as_bytes(), signature: jwt.signature, key_id, nonce, freshness, uris })
    }

    /// The requests it was made for, each `METHOD host/path`; none in a token for WebSocket frames.
    #[must_use]
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// What it presents. A write or cancel is remembered by the token's own nonce; a read may be sent again while the token lives.
    #[must_use]
    pub fn present(self, effect: Effect) -> Presented<'m> {
        let once = match (effect, self.nonce) {
            (Effect::Cancel | Effect::Write, Some(nonce)) => Once::Nonce(nonce),
            (Effect::Read, _) | (Effect::Cancel | Effect::Write, None) => Once::SignedBytes,
        };
        Presented {
            purpose: Purpose::Coinbase,
            key_id: self.key_id,
            signature: self.signature,
            signed: SignedBytes::from_piece(self.signed),
            passphrase: None,
            freshness: self.freshness,
            once,
            effect,
        }
    }
}

/// A nonce as the header has it.
type HeaderNonce = SmallVec<[u8; 64]>;

/// The key that the header names, and its nonce.
fn names(header: &Members) -> Result<(ApiKeyId, Option<HeaderNonce>), Refusal> {
    let text = |name| header.text_if_any(name).map_err(unreadable);
    if text("typ")?.is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
        return Err(malformed("typ"));
    }
    let key_id = text("kid")?.filter(|id| !id.is_empty());
    let key_id = key_id.ok_or_else(|| Refusal::with(Reject::MissingCredentials, Detail::Parameter("kid")))?;
    let key_id = ApiKeyId::parse(key_id).map_err(|_| malformed("kid"))?;
    let nonce = text("nonce")?;
    if nonce.is_some_and(|nonce| nonce.is_empty() || nonce.len() > limits::JWT_NONCE_BYTES_MAX) {
        return Err(malformed("nonce"));
    }
    Ok((key_id, nonce.map(|nonce| SmallVec::from_slice(nonce.as_bytes()))))
}

/// `nbf` and `exp`.
fn freshness(claims: &Members) -> Result<Freshness, Refusal> {
    let time = |name| claims.time(name).ok_or_else(|| malformed(name));
    let (not_before, not_after) = (time("nbf")?, time("exp")?);
    if not_after < not_before {
        return Err(malformed("exp"));
    }
    if not_after.saturating_since(not_before) > limits::JWT_LIFETIME_MAX {
        return Err(Refusal::operator(Reject::TimestampAhead, "the token lives longer than two minutes"));
    }
    Ok(Freshness::Validity {
        not_before: Some(not_before),
        not_after,
        leeway: limits::JWT_LEEWAY,
        // A client whose clock is ahead by the leeway ends as much later.
        lifetime_max: limits::JWT_LIFETIME_MAX + limits::JWT_LEEWAY,
    })
}

/// A list of nothing but texts.
fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// `uri` or `uris`. Both at once could be read in two ways.
fn uris(claims: &Members) -> Result<SmallVec<[String; 1]>, Refusal> {
    match (claims.text_if_any("uri").map_err(unreadable)?, claims.value("uris")) {
        (Some(_), Some(_)) => Err(malformed("uris")),
        (Some(uri), None) => Ok(SmallVec::from_buf([uri.to_owned()])),
        (None, Some(list)) => {
            let list = texts(list).filter(|list| !list.is_empty() && list.len() <= limits::JWT_URIS_MAX);
            Ok(list.ok_or_else(|| malformed("uris"))?.into_iter().map(str::to_owned).collect())
        }
        (None, None) => Ok(SmallVec::new()),
    }
}

/// A token that names audiences must name one of the venue; one without requests may name that of its WebSocket.
fn check_audience(claims: &Members, uris: &[String]) -> Result<(), Refusal> {
    let Some(named) = claims.value("aud") else { return Ok(()) };
    let named = named.as_str().map(|one| vec![one]).or_else(|| texts(named)).ok_or_else(|| malformed("aud"))?;
    let ours = |name: &&str| AUDIENCES.contains(name) || (uris.is_empty() && *name == AUDIENCE_OF_FRAMES);
    if named.iter().any(ours) {
        return Ok(());
    }
    Err(Refusal::operator(Reject::WrongUri, "the audience of the token is not the venue"))
}
