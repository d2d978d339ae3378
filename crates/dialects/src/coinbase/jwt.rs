//! A JWT of a CDP key: compact JWS (RFC 7515, 7.1) with the header and claims that the venue's clients send.
//!
//! Read strictly: base64url without padding or stray bits, JSON objects without repeated names. The key is named by `kid` alone;
//! a key inside the token or behind an address (`jwk`, `jku`, `x5c`, `x5u`) is never looked at, and extensions that must be
//! understood (`crit`, `b64`) are refused. `alg` only says what the signature claims to be: the registered key decides.
//!
//! What is signed is the text as sent, `header.payload`, so nothing is parsed and written again before verification.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{
    Algorithm, ApiKeyId, Detail, Effect, Freshness, Once, Presented, PresentedSignature, Purpose, Refusal, Reject, SignatureForm,
    SignedBytes, Timestamp,
};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::binance::ws_api::frame::RawObject;
use crate::limits;

/// Audiences that clients of the venue name; ccxt writes one of these, coinbase-advanced-py none.
const AUDIENCES: [&str; 2] = ["cdp_service", "retail_rest_api_proxy"];

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
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| malformed("jwt"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| malformed("jwt"))?;
        let header = decoded(header).ok_or_else(|| malformed("header"))?;
        let claims = decoded(claims).ok_or_else(|| malformed("claims"))?;
        let header = Header::read(object(&header).ok_or_else(|| malformed("header"))?)?;
        let claims = object(&claims).ok_or_else(|| malformed("claims"))?;
        let subject = text_of(&claims, "sub")?.ok_or_else(|| malformed("sub"))?;
        if subject != header.key_id.as_str() {
            return Err(Refusal::operator(Reject::UnknownKey, "sub names another key than kid"));
        }
        check_audience(&claims)?;
        Ok(Self {
            signed: signed.as_bytes(),
            signature: signature_of(header.algorithm, signature),
            key_id: header.key_id,
            nonce: header.nonce,
            freshness: freshness(&claims)?,
            uris: uris(&claims)?,
        })
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

struct Header {
    algorithm: Algorithm,
    key_id: ApiKeyId,
    nonce: Option<SmallVec<[u8; 64]>>,
}

impl Header {
    fn read(header: RawObject<'_>) -> Result<Self, Refusal> {
        let algorithm = match text_of(&header, "alg")?.as_deref() {
            Some("ES256") => Algorithm::EcdsaP256Sha256,
            Some("EdDSA" | "Ed25519") => Algorithm::Ed25519,
            Some(_) | None => return Err(Refusal::operator(Reject::WrongAlgorithm, "the alg of the token is none of a CDP key")),
        };
        if header.member("crit").is_some() || header.member("b64").is_some() {
            return Err(malformed("crit"));
        }
        if text_of(&header, "typ")?.is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
            return Err(malformed("typ"));
        }
        let key_id = text_of(&header, "kid")?.filter(|id| !id.is_empty());
        let key_id = key_id.ok_or_else(|| Refusal::with(Reject::MissingCredentials, Detail::Parameter("kid")))?;
        let key_id = ApiKeyId::parse(&key_id).map_err(|_| malformed("kid"))?;
        let nonce = text_of(&header, "nonce")?;
        if nonce.as_ref().is_some_and(|nonce| nonce.is_empty() || nonce.len() > limits::JWT_NONCE_BYTES_MAX) {
            return Err(malformed("nonce"));
        }
        Ok(Self { algorithm, key_id, nonce: nonce.map(|nonce| SmallVec::from_slice(nonce.as_bytes())) })
    }
}

fn decoded(part: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn object(text: &str) -> Option<RawObject<'_>> {
    serde_json::from_str(text).ok()
}

/// A member that is a string; `None` without it.
fn text_of<'o>(object: &RawObject<'o>, name: &'static str) -> Result<Option<Cow<'o, str>>, Refusal> {
    object.member(name).map(|value| string(value).ok_or_else(|| malformed(name))).transpose()
}

fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.strip_prefix('"')?.strip_suffix('"')? {
        inside if inside.contains('\\') => serde_json::from_str(text).ok().map(Cow::Owned),
        inside => Some(Cow::Borrowed(inside)),
    }
}

fn signature_of(algorithm: Algorithm, text: &str) -> PresentedSignature {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().map(SmallVec::from_vec);
    PresentedSignature { form: SignatureForm::Explicit(algorithm), bytes }
}

/// `nbf` and `exp`, in whole seconds.
fn freshness(claims: &RawObject<'_>) -> Result<Freshness, Refusal> {
    let time = |name: &'static str| {
        let text = claims.member(name).map(RawValue::get).ok_or_else(|| malformed(name))?;
        text.parse::<u64>().map(Timestamp::from_secs).map_err(|_| malformed(name))
    };
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

/// `uri` or `uris`. Both at once could be read in two ways.
fn uris(claims: &RawObject<'_>) -> Result<SmallVec<[String; 1]>, Refusal> {
    let one = text_of(claims, "uri")?;
    match (one, claims.member("uris")) {
        (Some(_), Some(_)) => Err(malformed("uris")),
        (Some(uri), None) => Ok(SmallVec::from_buf([uri.into_owned()])),
        (None, Some(list)) => {
            let list: Vec<String> = serde_json::from_str(list.get()).map_err(|_| malformed("uris"))?;
            if list.is_empty() || list.len() > limits::JWT_URIS_MAX { Err(malformed("uris")) } else { Ok(SmallVec::from_vec(list)) }
        }
        (None, None) => Ok(SmallVec::new()),
    }
}

/// A token that names audiences must name one of the venue.
fn check_audience(claims: &RawObject<'_>) -> Result<(), Refusal> {
    let Some(named) = claims.member("aud") else { return Ok(()) };
    let named: Vec<String> = match string(named) {
        Some(one) => vec![one.into_owned()],
        None => serde_json::from_str(named.get()).map_err(|_| malformed("aud"))?,
    };
    if named.iter().any(|name| AUDIENCES.contains(&name.as_str())) {
        return Ok(());
    }
    Err(Refusal::operator(Reject::WrongUri, "the audience of the token is not the venue"))
}
