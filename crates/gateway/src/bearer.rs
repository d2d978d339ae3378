//! Access tokens of issuers outside, shown as RFC 6750 (`Bearer`) or RFC 9449 (`DPoP`) say, and what their callers are told.

use countersign_core::{
    AlertCode, Detail, DpopExpectation, DpopProof, Effect, Possession, Refusal, Reject, confirmation::Thumbprint, verify_issued,
};
use countersign_dialects::{Header, Headers, RequestView};
use http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::authenticate::{Login, blamed, blamed_for_time, verify_context};
use crate::body::ResponseBody;
use crate::clock;
use crate::connection::Connection;
use crate::worker::Worker;

const DPOP: &str = "dpop";
/// The nonce for the next proof (RFC 9449, 8).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The token of a request, and whether a proof comes with it.
fn shown(headers: &dyn Headers) -> Result<(&str, Option<&str>), Refusal> {
    let malformed = |name| Refusal::with(Reject::Malformed, Detail::Parameter(name));
    let value = match headers.find(AUTHORIZATION.as_str()) {
        Header::Absent | Header::Once([]) => return Err(Reject::MissingCredentials.into()),
        Header::Once(value) => str::from_utf8(value).map_err(|_| malformed("authorization"))?,
        Header::Repeated => return Err(malformed("authorization")),
    };
    let (scheme, token) = value.split_once(' ').ok_or_else(|| malformed("authorization"))?;
    let proof = match headers.find(DPOP) {
        Header::Absent => None,
        Header::Once(proof) => Some(str::from_utf8(proof).map_err(|_| malformed(DPOP))?),
        Header::Repeated => return Err(malformed(DPOP)),
    };
    if scheme.eq_ignore_ascii_case("dpop") {
        // Without a proof it is as a token that was stolen, and told what is missing.
        let proof = proof.ok_or_else(|| Refusal::with(Reject::MissingParameter, Detail::Parameter(DPOP)))?;
        return Ok((token.trim_matches(' '), Some(proof)));
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Reject::MissingCredentials.into());
    }
    // A proof beside a bearer token is not looked at: a bound token needs the other scheme (RFC 9449, 7.1).
    Ok((token.trim_matches(' '), None))
}

/// Fetches what is needed to judge a request.
pub(crate) async fn prepare(worker: &Worker, headers: &dyn Headers) {
    if let Ok((token, _)) = shown(headers) {
        worker.shared.issuers.prepare(token).await;
    }
}

/// Verifies the token of a request, by [`verify_issued`].
///
/// # Errors
/// The refusal.
pub(crate) fn authenticate(worker: &Worker, connection: &Connection, request: &RequestView<'_>, effect: Effect) -> Result<Login, Refusal> {
    let (token, proof) = shown(request.headers)?;
    let issuers = &worker.shared.issuers;
    let (token, key) = issuers.read(token)?;
    let proof = proof.map(DpopProof::read).transpose()?;
    let path = str::from_utf8(request.path()).map_err(|_| Reject::Malformed)?;
    let possession = Possession {
        proof: proof.as_ref(),
        request: DpopExpectation { method: request.method, authority: request.host.unwrap_or_default(), path, access_token: None },
        nonces: &issuers.nonces,
        certificate: certificate(worker, connection),
        effect,
    };
    let context = verify_context(worker, connection);
    let identity = verify_issued(&token, key, &possession, &context).map_err(|refusal| {
        // One whose times say that it is over, or is not good yet, is judged by a clock first of all.
        if token.is_in_time(context.now.wall) { blamed(worker, refusal) } else { blamed_for_time(worker, refusal) }
    })?;
    let counters = issuers.counters(&identity.credential().id);
    let mut login = Login::new(identity, token.freshness(), counters);
    login.by_certificate = token.is_bound_to_certificate();
    if proof.is_some() {
        login.answer_headers.extend(nonce(worker).map(|nonce| (DPOP_NONCE, nonce)));
    }
    Ok(login)
}

/// The client certificate of the connection, if it is still one.
pub(crate) fn certificate(worker: &Worker, connection: &Connection) -> Option<Thumbprint> {
    let certificate = connection.negotiated.peer_certificate.as_ref()?;
    let lives = connection.check_certificate(&worker.shared.tls, clock::wall()).is_ok();
    lives.then(|| Thumbprint::parse(&certificate.certificate_sha256)).flatten()
}

fn nonce(worker: &Worker) -> Option<HeaderValue> {
    HeaderValue::from_str(&worker.shared.issuers.nonces.current(clock::wall())).ok()
}

/// The nonce for the next proof, on a refusal.
pub(crate) fn add_nonce(worker: &Worker, headers: &mut HeaderMap) {
    if let Some(nonce) = nonce(worker) {
        headers.insert(DPOP_NONCE, nonce);
    }
}

/// Says in `WWW-Authenticate` what was wrong (RFC 6750, 3; RFC 9449, 7.1). What is about the proof is 401, whatever it is elsewhere.
pub(crate) fn challenge(refusal: &Refusal, response: &mut Response<ResponseBody>) {
    let proof = is_about_proof(refusal);
    let (scheme, error) = match refusal.reject.alert() {
        _ if refusal.reject == Reject::NonceInvalid => ("DPoP", Some("use_dpop_nonce")),
        _ if proof => ("DPoP", Some("invalid_dpop_proof")),
        AlertCode::AuthRequired => ("Bearer", None),
        AlertCode::AuthFailed | AlertCode::SessionExpired | AlertCode::SessionUnknown => ("Bearer", Some("invalid_token")),
        AlertCode::ScopeDenied => ("Bearer", Some("insufficient_scope")),
        AlertCode::ProtoMalformed => ("Bearer", Some("invalid_request")),
        AlertCode::AuthLocked
        | AlertCode::AuthzBodyMissing
        | AlertCode::BindRequired
        | AlertCode::Busy
        | AlertCode::Drain
        | AlertCode::HaltActive
        | AlertCode::Internal
        | AlertCode::NeedUnmet
        | AlertCode::NonceStale
        | AlertCode::ProtoOrder
        | AlertCode::ProtoSize
        | AlertCode::ProtoVersion
        | AlertCode::RateLimited
        | AlertCode::ReplayDetected
        | AlertCode::RouteUnknown
        | AlertCode::SeqConflict
        | AlertCode::SeqRange
        | AlertCode::SessionReuse
        | AlertCode::SessionTakenOver
        | AlertCode::TimeAhead
        | AlertCode::TimeStale
        | AlertCode::Unsupported
        | AlertCode::UpstreamUnavailable => return,
    };
    if scheme == "DPoP" {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    let scope = match (&refusal.detail, error) {
        (Detail::Names(names), Some("insufficient_scope")) => format!(", scope=\"{}\"", names.join(" ")),
        _ => String::new(),
    };
    let algorithms = if scheme == "DPoP" { ", algs=\"EdDSA ES256 PS256 PS512 RS256\"" } else { "" };
    let error = error.map(|error| format!(", error=\"{error}\"")).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&format!("{scheme} realm=\"countersign\"{error}{scope}{algorithms}")) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
}

/// Tokens are never refused for these reasons; proofs are.
fn is_about_proof(refusal: &Refusal) -> bool {
    refusal.detail == Detail::Parameter(DPOP)
        || matches!(refusal.reject, Reject::Replayed | Reject::TimestampAhead | Reject::TimestampStale | Reject::WrongUri)
}
