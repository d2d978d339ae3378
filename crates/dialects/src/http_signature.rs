//! HTTP message signatures (RFC 9421): the dialect for routes of an operator whose clients have no venue's dialect.
//!
//! ```text
//!   POST /orders?dry=1 HTTP/1.1                        signature base, which is what is signed:
//!   Host: api.example.com                                "@method": POST
//!   Content-Digest: sha-256=:…:                          "@authority": api.example.com
//!   Signature-Input: sig=("@method" "@authority"         "@path": /orders
//!     "@path" "@query" "content-digest");created=…       "@query": ?dry=1
//!     ;keyid="…";alg="ed25519";nonce="…"                 "content-digest": sha-256=:…:
//!   Signature: sig=:…:                                   "@signature-params": ("@method" … );created=…
//! ```
//!
//! The standard leaves to its user what must be signed (RFC 9421, 1.4). Here it is: everything that says what the request does. That
//! is the method; authority, path and query, or the target URI; and of a request with a body its digest (RFC 9530), which must be the
//! body's. `created`, `keyid` and `alg` must be there, `expires`, `nonce` and `tag` may. A request has one signature, and both fields
//! are in the one form that a serializer writes, so that they have one reading.
//!
//! A `nonce` is used once. Without one, a request that writes is remembered by its signature base: two orders that look alike
//! within one second need nonces.
//!
//! What the signature does not cover: fields that the client does not name. The gateway forwards them, except those that only it sets.

mod base;
mod component;
mod content_digest;
mod fields;
pub(crate) mod standard;
mod unique;

use countersign_core::{
    Algorithm, Detail, Freshness, Once, Presented, PresentedSignature, Purpose, Refusal, Reject, SignatureForm, SignedBytes, Timestamp,
};
use smallvec::SmallVec;

use crate::answer::{AnswerContext, HttpAnswer, quoted};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::effect;
use crate::fields::{key_id, malformed};
use crate::limits;
use crate::routes::RestRoute;

use fields::{Parameters, Signed};

const SIGNATURE_INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";
const CONTENT_DIGEST: &str = "content-digest";

/// The registered names of algorithms (RFC 9421, 6.2.2) that a key here may have. `ecdsa-p384-sha384` is not among them: no other
/// part of the gateway has such keys.
const ALGORITHMS: [(&str, Algorithm); 5] = [
    ("ecdsa-p256-sha256", Algorithm::EcdsaP256Sha256),
    ("ed25519", Algorithm::Ed25519),
    ("hmac-sha256", Algorithm::HmacSha256),
    ("rsa-pss-sha512", Algorithm::RsaPssSha512),
    ("rsa-v1_5-sha256", Algorithm::RsaPkcs1Sha256),
];

/// The dialect of RFC 9421.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpSignature;

impl Dialect for HttpSignature {
    fn purpose(&self) -> Purpose {
        Purpose::HttpSignature
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[SIGNATURE_INPUT, SIGNATURE, CONTENT_DIGEST]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        headers.find(SIGNATURE_INPUT) != Header::Absent
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey | Security::Signed => present(request).into(),
        }
    }

    fn refuse(&self, refusal: &Refusal, context: &AnswerContext) -> HttpAnswer {
        refuse(refusal, context)
    }

    /// Whether there was a body: what [`Self::refuse`] asks to be signed depends on it.
    fn echo(&self, request: &RequestView<'_>) -> Option<String> {
        (!request.body.is_empty()).then(|| CONTENT_DIGEST.to_owned())
    }

    /// None: the routes are the operator's.
    fn rest_routes(&self) -> &'static [RestRoute] {
        &[]
    }
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let signed = Signed::read(request.headers)?;
    check_coverage(&signed, request)?;
    content_digest::check(request)?;
    let base = base::of(&signed, request)?;
    let Parameters { created, expires, nonce, key, algorithm } = signed.parameters()?;
    Ok(Presented {
        purpose: Purpose::HttpSignature,
        key_id: key_id(&key, "keyid")?,
        signature: PresentedSignature { form: SignatureForm::Explicit(algorithm), bytes: Some(SmallVec::from_vec(signed.signature)) },
        signed: SignedBytes::from_piece(base),
        passphrase: None,
        freshness: freshness(created, expires)?,
        once: nonce.map_or(Once::SignedBytes, Once::Nonce),
        effect: effect::of_request(Purpose::HttpSignature, &[], request.method, request.path()),
    })
}

/// What a signature must cover, so that nothing of what the request does can be changed under it.
fn check_coverage(signed: &Signed, request: &RequestView<'_>) -> Result<(), Refusal> {
    let lacks = |name: &&'static str| !signed.covers(name);
    let target: &[&'static str] = if signed.covers("@target-uri") { &[] } else { &["@authority", "@path", "@query"] };
    let body: &[&'static str] = if request.body.is_empty() { &[] } else { &[CONTENT_DIGEST] };
    match ["@method"].iter().chain(target).chain(body).copied().find(lacks) {
        Some(name) => Err(Refusal::with(Reject::MissingParameter, Detail::Parameter(name))),
        None => Ok(()),
    }
}

/// From `created` until `expires`, or for a minute, whichever ends first.
fn freshness(created: u64, expires: Option<u64>) -> Result<Freshness, Refusal> {
    let created = Timestamp::from_secs(created);
    let latest = created.saturating_add(limits::HTTP_SIGNATURE_LIFETIME_MAX);
    let not_after = expires.map_or(latest, |end| Timestamp::from_secs(end).min(latest));
    if not_after < created {
        return Err(malformed("expires"));
    }
    Ok(Freshness::Validity {
        not_before: Some(created),
        not_after,
        leeway: limits::HTTP_SIGNATURE_LEEWAY,
        // A client whose clock is ahead by the leeway ends as much later.
        lifetime_max: limits::HTTP_SIGNATURE_LIFETIME_MAX + limits::HTTP_SIGNATURE_LEEWAY,
    })
}

/// Our own words, and what should have been signed where that is the matter (RFC 9421, 5.1).
fn refuse(refusal: &Refusal, context: &AnswerContext) -> HttpAnswer {
    let alert = refusal.reject.alert();
    let more = match &refusal.detail {
        Detail::Parameter(name) => format!(r#","parameter":{}"#, quoted(name)),
        Detail::Skew { skew_ms, window_ms } => format!(r#","skew_ms":{skew_ms},"window_ms":{window_ms}"#),
        Detail::Names(names) => format!(r#","names":[{}]"#, names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",")),
        Detail::RetryAfter(wait) => format!(r#","retry_ms":{}"#, wait.as_millis()),
        Detail::LastNonce(last) => format!(r#","last_nonce":{last}"#),
        Detail::None | Detail::Operator(_) => String::new(),
    };
    let body = format!(r#"{{"error":{{"code":"{}","number":{},"text":{}{more}}}}}"#, alert.as_str(), alert.number(), quoted(alert.text()));
    let mut answer = HttpAnswer::json(refusal.reject.http_status(), body);
    if let Detail::RetryAfter(wait) = &refusal.detail {
        answer.retry_after = Some(*wait);
    }
    if wants_signature(refusal) {
        let digest = if context.echo.is_some() { r#" "content-digest""# } else { "" };
        answer.headers.push(("accept-signature", format!(r#"sig=("@method" "@authority" "@path" "@query"{digest});created"#)));
    }
    answer
}

/// Whether another signature would help: where none is there, or it covers too little.
fn wants_signature(refusal: &Refusal) -> bool {
    use countersign_core::AlertCode as Code;
    match refusal.reject.alert() {
        Code::AuthFailed | Code::AuthRequired => true,
        Code::ProtoMalformed => refusal.reject == Reject::MissingParameter,
        Code::AuthLocked
        | Code::AuthzBodyMissing
        | Code::BindRequired
        | Code::Busy
        | Code::Drain
        | Code::HaltActive
        | Code::Internal
        | Code::NeedUnmet
        | Code::NonceStale
        | Code::ProtoOrder
        | Code::ProtoSize
        | Code::ProtoVersion
        | Code::RateLimited
        | Code::ReplayDetected
        | Code::RouteUnknown
        | Code::ScopeDenied
        | Code::SeqConflict
        | Code::SeqRange
        | Code::SessionExpired
        | Code::SessionReuse
        | Code::SessionTakenOver
        | Code::SessionUnknown
        | Code::TimeAhead
        | Code::TimeStale
        | Code::Unsupported
        | Code::UpstreamUnavailable => false,
    }
}

#[cfg(test)]
mod rfc_vectors;
#[cfg(test)]
mod tests;
