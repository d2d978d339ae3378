//! A DPoP proof (RFC 9449): a JWT, signed by a key of the client's that is in its header, about one request.
//!
//! ```text
//!   typ dpop+jwt ─▶ jwk public, EdDSA or ES256 ─▶ htm, htu are this request's ─▶ ath is this token's ─▶ iat in the window ─▶ signature
//! ```
//!
//! The caller remembers [`DpopProof::once`], so that a proof is good for one request, and compares the thumbprint with the token's.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{Algorithm, Freshness, KeyType, PublicKey, Refusal, Reject, Timestamp};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::confirmation::Thumbprint;
use crate::jws::{Jws, numeric_date};
use crate::limits::{JTI_BYTES_MAX, PROOF_AGE_MAX, PROOF_AHEAD_MAX};

/// The header that carries a proof.
pub const DPOP_HEADER: &str = "dpop";
/// `typ` of a proof.
const DPOP_TYPE: &str = "dpop+jwt";
/// The algorithms taken, as `WWW-Authenticate` and the metadata name them.
pub const DPOP_ALGORITHMS: [&str; 2] = ["EdDSA", "ES256"];
/// Bytes of a raw public key at the end of its SubjectPublicKeyInfo.
const ED25519_BYTES: usize = 32;
const P256_COORDINATE_BYTES: usize = 32;

#[derive(Deserialize)]
struct Claims {
    htm: String,
    htu: String,
    iat: u64,
    jti: String,
    ath: Option<String>,
}

/// The request that a proof must be about.
#[derive(Clone, Copy, Debug)]
pub struct Target<'t> {
    /// Its method.
    pub method: &'t str,
    /// Its authority, which was found to be ours: host, and port unless it is 443.
    pub authority: &'t str,
    /// Its path, without the query.
    pub path: &'t str,
    /// The access token that comes with it.
    pub access_token: Option<&'t str>,
}

/// A proof that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DpopProof {
    /// The key that signed it (RFC 7638).
    pub key: Thumbprint,
    /// Names this proof: hash of key and `jti`. To be remembered for as long as [`DpopProof::freshness`] lasts.
    pub once: [u8; 32],
    /// When it was made.
    pub issued: Timestamp,
}

impl DpopProof {
    /// How long it is good for.
    #[must_use]
    pub const fn freshness(&self) -> Freshness {
        window(self.issued)
    }
}

const fn window(issued: Timestamp) -> Freshness {
    Freshness::Window { timestamp: issued, recv_window: PROOF_AGE_MAX, ahead_max: PROOF_AHEAD_MAX }
}

/// Verifies a proof for a request.
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::WrongAlgorithm`], [`Reject::WrongUri`] for another request or token,
/// [`Reject::TimestampStale`] or [`Reject::TimestampAhead`], [`Reject::BadSignature`].
///
/// # Security
/// The signature proves nothing but possession of the key in the header. It means something only when the token is bound to that key.
pub fn verify(text: &str, target: &Target<'_>, now: Timestamp) -> Result<DpopProof, Refusal> {
    let malformed = |sentence: &'static str| Refusal::operator(Reject::Malformed, sentence);
    let jws = Jws::read(text)?;
    if jws.typ.as_deref() != Some(DPOP_TYPE) {
        return Err(malformed("a JWT of another type where a DPoP proof is expected"));
    }
    if !matches!(jws.algorithm, Algorithm::Ed25519 | Algorithm::EcdsaP256Sha256) {
        return Err(Refusal::operator(Reject::WrongAlgorithm, "a DPoP proof with an algorithm that is not offered"));
    }
    let jwk = jws.jwk.as_ref().ok_or_else(|| malformed("a DPoP proof without its key"))?;
    let key = PublicKey::parse(jwk.to_string().as_bytes()).map_err(|_| malformed("the key of a DPoP proof is not a public key"))?;
    let claims: Claims = jws.claims()?;
    if claims.jti.is_empty() || claims.jti.len() > JTI_BYTES_MAX {
        return Err(malformed("a DPoP proof without a name, or with an endless one"));
    }
    check_target(&claims, target)?;
    let issued = numeric_date(claims.iat)?;
    countersign_core::verify::check_window(window(issued), now)?;
    let verifying = key.verifying_key(jws.algorithm).map_err(|_| malformed("the key of a DPoP proof is not one for its algorithm"))?;
    if !verifying.verify(jws.signed.as_bytes(), &jws.signature) {
        return Err(Reject::BadSignature.into());
    }
    let key = thumbprint(&key).ok_or_else(|| malformed("the key of a DPoP proof has no thumbprint"))?;
    let named = [&b"countersign dpop v1\0"[..], key.as_bytes(), claims.jti.as_bytes()].concat();
    Ok(DpopProof { key, once: *Thumbprint::of(&named).as_bytes(), issued })
}

fn check_target(claims: &Claims, target: &Target<'_>) -> Result<(), Refusal> {
    let wrong = |sentence: &'static str| Refusal::operator(Reject::WrongUri, sentence);
    if claims.htm != target.method {
        return Err(wrong("a DPoP proof for another method"));
    }
    if !is_uri_of(&claims.htu, target) {
        return Err(wrong("a DPoP proof for another URI"));
    }
    let expected = target.access_token.map(|token| URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())));
    match (&expected, &claims.ath) {
        (None, _) => Ok(()),
        (Some(expected), Some(ath)) if bool::from(expected.as_bytes().ct_eq(ath.as_bytes())) => Ok(()),
        (Some(_), _) => Err(wrong("a DPoP proof for another access token")),
    }
}

/// RFC 9449, 4.3 (9): the URI without query and fragment; host without case, and port 443 is none (RFC 3986, 6.2.2 and 6.2.3).
fn is_uri_of(htu: &str, target: &Target<'_>) -> bool {
    let Some(rest) = htu.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://")).map(|_| &htu[8..]) else { return false };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let plain = |authority: &str| authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase();
    plain(authority) == plain(target.authority) && path == target.path
}

/// The thumbprint of a key (RFC 7638), computed from the key and not from the text it came in.
#[must_use]
pub fn thumbprint(key: &PublicKey) -> Option<Thumbprint> {
    let spki = key.spki_der();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match key.key_type() {
        KeyType::Ed25519 => {
            let x = spki.last_chunk::<ED25519_BYTES>()?;
            Some(Thumbprint::of(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(x)).as_bytes()))
        }
        KeyType::EcP256 => {
            let (x, y) = spki.last_chunk::<{ 2 * P256_COORDINATE_BYTES }>()?.split_at(P256_COORDINATE_BYTES);
            Some(Thumbprint::of(format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y)).as_bytes()))
        }
        KeyType::MlDsa65 | KeyType::Rsa { .. } => None,
    }
}

#[cfg(test)]
mod tests;
