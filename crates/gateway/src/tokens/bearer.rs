//! An access token as a way to log in (RFC 6750, 9068, 9449, 8705).
//!
//! ```text
//!   Authorization: DPoP <at+jwt>    DPoP: <proof>     bound to the key of the proof
//!   Authorization: Bearer <at+jwt>                    bound to the client certificate or to the connection
//! ```
//!
//! Order of the checks: signature by our ring ▸ issuer, audience, times ▸ what it is bound to ▸ revocations ▸ the key as it is now
//! ▸ the proof is used once. Only a JWT of type `at+jwt` is one of ours; what else is in `Authorization` is left to the dialects.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{DpopNonces, Effect, Freshness, Refusal, Reject, ReplayId, SignedBytes, Timestamp, VerifiedIdentity, verify_token};
use countersign_dialects::{Header, Headers, RequestView};
use countersign_oauth::claims::{Access, TokenMark};
use countersign_oauth::dpop::{self, DPOP_HEADER, Target};
use countersign_oauth::{AccessClaims, DpopProof, Held};
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::issuer;
use crate::authenticate::{Login, blamed, blamed_for_time};
use crate::bearer::certificate;
use crate::clock;
use crate::connection::Connection;
use crate::identity::ACCESS_TYPE;
use crate::routes::Family;
use crate::worker::Worker;

/// `WWW-Authenticate` of a 401 (RFC 9449, 7.1).
pub(crate) const CHALLENGE: &str = r#"DPoP error="invalid_token", algs="EdDSA ES256""#;

/// How a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Dpop,
}

/// A text that claims to be an access token of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'h> {
    scheme: Scheme,
    text: &'h str,
}

/// The access token a login is by: what may end it before its key does.
#[derive(Clone, Debug)]
pub struct TokenLogin {
    /// Names under which it can be revoked.
    pub mark: TokenMark,
    /// Until when what it opened may stay open.
    pub ends: Timestamp,
}

impl TokenLogin {
    /// Whether what the token opened may stay open.
    ///
    /// # Errors
    /// As [`super::TokenState::check`]; [`Reject::SessionExpired`] after its end.
    pub fn recheck(&self, worker: &Worker) -> Result<(), Refusal> {
        if clock::wall() >= self.ends {
            return Err(Reject::SessionExpired.into());
        }
        worker.shared.oauth.check(&self.mark, clock::mono())
    }
}

/// The access token in the headers, if there is one. A second `Authorization` is left to the families, which refuse it.
pub(crate) fn shown<'h>(headers: &'h dyn Headers) -> Option<Shown<'h>> {
    let (scheme, text) = authorization(headers)?;
    let scheme = if scheme.eq_ignore_ascii_case("dpop") {
        Scheme::Dpop
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Scheme::Bearer
    } else {
        return None;
    };
    has_our_type(text).then_some(Shown { scheme, text })
}

/// Scheme and credentials of the one `Authorization` there is.
fn authorization(headers: &dyn Headers) -> Option<(&str, &str)> {
    let Header::Once(value) = headers.find(AUTHORIZATION.as_str()) else { return None };
    std::str::from_utf8(value).ok()?.split_once(' ')
}

/// Whether a token that was sealed here may be among the headers: at Deribit it is shown as a bearer token, and whoever reads it may use
/// it. It counts wherever in the header it stands, and so does a second header: another reader may look there.
pub(crate) fn is_sealed_among(worker: &Worker, headers: &dyn Headers) -> bool {
    let ends_word = |byte: &u8| byte.is_ascii_whitespace() || b",=\"".contains(byte);
    match headers.find(AUTHORIZATION.as_str()) {
        Header::Absent => false,
        Header::Once(value) => {
            value.split(ends_word).filter_map(|word| str::from_utf8(word).ok()).any(|word| worker.shared.tokens.is_own(word))
        }
        Header::Repeated => true,
    }
}

/// Whether a token that was sealed here stands in a query, from which it cannot be taken.
pub(crate) fn is_sealed_in_query(worker: &Worker, query: &[u8]) -> bool {
    let words = query.split(|byte| b"&;=".contains(byte)).filter_map(|word| str::from_utf8(word).ok());
    words.into_iter().any(|word| worker.shared.tokens.is_own(word))
}

/// Whether a token that was sealed here stands in a body, also where JSON writes it by numbers of its letters.
pub(crate) fn is_sealed_in_body(worker: &Worker, body: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let is_in = |text: &[u8]| {
        let words = text.split(|byte| !is_letter(byte)).filter(|word| word.len() >= SEALED_BYTES_MIN);
        words.filter_map(|word| str::from_utf8(word).ok()).any(|word| worker.shared.tokens.is_own(word))
    };
    is_in(body) || (body.contains(&b'\\') && serde_json::from_slice::<Value>(body).is_ok_and(|value| is_in(texts_of(&value).as_bytes())))
}

/// Shorter texts are none of ours: a nonce, a tag and names stand in one.
const SEALED_BYTES_MIN: usize = 64;

/// All texts of a value, without what escaped their letters.
fn texts_of(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(texts_of).collect::<Vec<_>>().join(" "),
        Value::Object(members) => members.iter().map(|(name, value)| format!("{name} {}", texts_of(value))).collect::<Vec<_>>().join(" "),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Null | Value::Number(_) => String::new(),
    }
}

/// Whether a token of ours is among the headers: no upstream gets to see it, not even behind a public route.
pub(crate) fn is_among(worker: &Worker, headers: &dyn Headers) -> bool {
    shown(headers).is_some_and(|shown| worker.shared.identity.names_our_key(shown.text))
}

/// Whether the header of a JWT says `at+jwt`. It is looked at again, with everything else, when the token is verified.
fn has_our_type(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Typ {
        typ: Option<String>,
    }
    let header = text.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let typ = header.and_then(|header| serde_json::from_slice::<Typ>(&header).ok()).and_then(|header| header.typ);
    typ.is_some_and(|typ| typ.to_ascii_lowercase().trim_start_matches("application/") == ACCESS_TYPE)
}

/// Logs in by an access token.
///
/// # Errors
/// [`Reject::TokenInvalid`] and its kin; [`Reject::ScopeMissing`] for a token of a key that is for other routes.
pub(crate) fn login(
    worker: &Worker,
    connection: &Connection,
    family: Family,
    request: &RequestView<'_>,
    effect: Effect,
    shown: Shown<'_>,
) -> Result<Login, Refusal> {
    let authority = request.host.ok_or_else(|| Refusal::operator(Reject::HostMismatch, "a token without an authority"))?;
    let issuer = issuer(worker, authority);
    let claims = read(worker, shown.text)?;
    let access = judged(worker, &claims, |now| claims.check(&issuer, &issuer, now))?;
    let proof = proof_for(worker, request, authority, Some(shown.text), None)?;
    if (shown.scheme == Scheme::Dpop) != access.cnf.jkt.is_some() {
        // RFC 9449, 7.2: a bound token shown as a bearer token is refused, whatever else comes with it.
        return Err(Refusal::operator(Reject::TokenInvalid, "the token is not of the scheme that it is shown by"));
    }
    access.cnf.check(&held(worker, connection, proof.as_ref()))?;
    let (identity, login) = standing(worker, connection, &access)?;
    if let Some(proof) = &proof {
        use_once(worker, &identity, proof, effect)?;
    }
    if let Family::Of(purpose) = family
        && purpose != identity.purpose()
    {
        return Err(Refusal::operator(Reject::ScopeMissing, "a token of a key that is for something else"));
    }
    let freshness = proof.as_ref().map_or(Freshness::Channel, DpopProof::freshness);
    let by_certificate = login.by_certificate || access.cnf.x5t_s256.is_some();
    Ok(Login { freshness, by_certificate, token: Some(TokenLogin { mark: access.mark, ends: access.session_ends }), ..login })
}

/// Verifies the signature of an access token and reads its claims, which are not judged yet.
///
/// # Errors
/// [`Reject::TokenInvalid`].
pub(super) fn read(worker: &Worker, text: &str) -> Result<AccessClaims, Refusal> {
    let read = worker.shared.identity.read_access_token::<AccessClaims>(text);
    read.map_err(|error| Refusal::operator(Reject::TokenInvalid, error.to_string()))
}

/// Judges claims of ours by the time of now. What held when it was made fails of the time, and is not called over where our clock is known
/// to be wrong.
///
/// # Errors
/// As `check`; [`Reject::StoreUnavailable`] for a token that another node can tell of.
pub(super) fn judged<T>(worker: &Worker, claims: &AccessClaims, check: impl Fn(Timestamp) -> Result<T, Refusal>) -> Result<T, Refusal> {
    check(clock::wall()).map_err(|refusal| {
        let held = check(Timestamp::from_secs(claims.iat)).is_ok();
        if held { blamed_for_time(worker, refusal) } else { refusal }
    })
}

/// Whether the token was not revoked and its key may still be used here.
///
/// # Errors
/// As [`super::TokenState::check`] and [`verify_token`].
pub(super) fn standing(worker: &Worker, connection: &Connection, access: &Access) -> Result<(VerifiedIdentity, Login), Refusal> {
    let now = clock::now();
    worker.shared.oauth.check(&access.mark, now.mono)?;
    let table = worker.shared.credentials.load();
    let entry = table.find(access.token.purpose, &access.token.key_id);
    let credential = entry.map(|entry| &entry.credential);
    let identity = verify_token(&access.token, credential, None, Some(connection.remote.ip()), now.wall)?;
    let counters = entry.map(|entry| Arc::clone(&entry.counters)).unwrap_or_default();
    Ok((identity.clone(), Login::new(identity, Freshness::Channel, counters)))
}

/// The same for whoever only asks about a token: from no address in particular, and without use of it.
///
/// # Errors
/// As [`standing`].
pub(super) fn standing_anywhere(worker: &Worker, access: &Access) -> Result<VerifiedIdentity, Refusal> {
    let now = clock::now();
    worker.shared.oauth.check(&access.mark, now.mono)?;
    let table = worker.shared.credentials.load();
    let credential = table.find(access.token.purpose, &access.token.key_id).map(|entry| &entry.credential);
    verify_token(&access.token, credential, None, None, now.wall)
}

/// The DPoP proof of a request, verified; `None` when there is none.
///
/// # Errors
/// As [`dpop::verify`]; [`Reject::Malformed`] for two; [`Reject::StoreUnavailable`] for one that is late or early by a wrong clock.
pub(super) fn proof_for(
    worker: &Worker,
    request: &RequestView<'_>,
    authority: &str,
    access_token: Option<&str>,
    nonces: Option<&DpopNonces>,
) -> Result<Option<DpopProof>, Refusal> {
    let text = match request.headers.find(DPOP_HEADER) {
        Header::Absent => return Ok(None),
        Header::Once(value) => std::str::from_utf8(value).map_err(|_| Reject::Malformed)?,
        Header::Repeated => return Err(Refusal::operator(Reject::Malformed, "more than one DPoP proof")),
    };
    let path = std::str::from_utf8(request.path()).map_err(|_| Reject::Malformed)?;
    let target = Target { method: request.method, authority, path, access_token };
    dpop::verify(text, &target, nonces, clock::wall()).map(Some).map_err(|refusal| blamed(worker, refusal))
}

/// What the asker holds.
pub(super) fn held(worker: &Worker, connection: &Connection, proof: Option<&DpopProof>) -> Held {
    Held { key: proof.map(|proof| proof.key), certificate: certificate(worker, connection), channel: connection.exporter }
}

/// Remembers a proof for a request of this effect; refuses it when it was used before.
///
/// # Errors
/// As [`countersign_core::ReplayGuard::check_and_insert`].
pub(super) fn use_once(worker: &Worker, identity: &VerifiedIdentity, proof: &DpopProof, effect: Effect) -> Result<(), Refusal> {
    let id = ReplayId::of(identity.credential(), &SignedBytes::from_piece(&proof.once[..]));
    worker.shared.replay.check_and_insert(id, effect.once(), proof.issued, clock::mono())
}
