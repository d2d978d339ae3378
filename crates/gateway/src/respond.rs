//! From a refusal to the bytes of an answer, in the words of the caller's family. The one place where it happens for HTTP.
//!
//! Every refusal carries the correlation id of its audit record, so that "it said 401" can be looked up.

use bytes::Bytes;
use countersign_core::{CorrelationId, Detail, KeyRate, Refusal, Reject};
use countersign_dialects::HttpAnswer;
use countersign_dialects::answer::{AnswerContext, Counter, UnknownKeyAnswer};
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::bearer;
use crate::body::ResponseBody;
use crate::clock;
use crate::routes::Family;
use crate::tokens::bearer::CHALLENGE;

/// Names the decision: the same id is in the audit log.
pub const CORRELATION_HEADER: HeaderName = HeaderName::from_static("countersign-correlation");

/// Where a refused login is explained, for a key whose operator allows that (ADR 0017).
pub const EXPLAIN_HEADER: HeaderName = HeaderName::from_static("countersign-explain");

/// What the words of an answer depend on, besides the refusal.
#[derive(Clone, Debug)]
pub struct Words {
    /// Whose words.
    pub family: Family,
    /// What an unknown key is told.
    pub unknown_key: UnknownKeyAnswer,
    /// Which counter refused, if a rate limit did.
    pub counter: Counter,
    /// The limits of the key, where it is known.
    pub limits: KeyRate,
    /// What of the request its refusal repeats.
    pub echo: Option<String>,
    /// Whether an access token of ours was shown: a 401 then says what kind of proof is asked for (RFC 6750, 3).
    pub by_token: bool,
    /// Where the refusal is explained.
    pub explained: Option<HeaderValue>,
}

impl Words {
    /// The words of a family, without a key.
    #[must_use]
    pub fn of(family: Family, unknown_key: UnknownKeyAnswer) -> Self {
        Self { family, unknown_key, counter: Counter::default(), limits: KeyRate::default(), echo: None, by_token: false, explained: None }
    }

    /// The words of nobody in particular.
    #[must_use]
    pub fn plain() -> Self {
        Self::of(Family::Any, UnknownKeyAnswer::default())
    }

    /// What a dialect needs to know of the answer.
    #[must_use]
    pub fn context(&self) -> AnswerContext {
        AnswerContext {
            unknown_key: self.unknown_key,
            counter: self.counter,
            limits: self.limits,
            now: clock::wall(),
            echo: self.echo.clone(),
        }
    }
}

/// The answer to a refused request.
#[must_use]
pub fn refuse(refusal: &Refusal, words: &Words, correlation: CorrelationId) -> Response<ResponseBody> {
    let mut response = match words.family.dialect() {
        Some(dialect) => own(dialect.refuse(refusal, &words.context()), correlation),
        None => {
            let (status, body, retry_after) = plain(refusal, correlation);
            let mut response = own(HttpAnswer::json(status, body), correlation);
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    };
    if words.family == Family::BEARER {
        bearer::challenge(refusal, &mut response);
    }
    let status = response.status();
    let headers = response.headers_mut();
    // On routes of issuers outside the answer has said it already, for their tokens and for ours.
    if words.by_token && words.family != Family::BEARER && status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    if let Some(link) = &words.explained {
        headers.insert(EXPLAIN_HEADER, link.clone());
    }
    if ends_connection(refusal.reject) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The answer to a HEAD over HTTP/2, whose body must not be sent (RFC 9110, 9.3.2): over HTTP/1.1 the library leaves it out, here it
/// would send frames that break the stream.
#[must_use]
pub fn to_head(answer: Response<ResponseBody>) -> Response<ResponseBody> {
    let (mut parts, body) = answer.into_parts();
    if let ResponseBody::Own(Some(bytes)) = &body {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    Response::from_parts(parts, ResponseBody::empty())
}

/// An answer that the gateway makes itself: refusals, and what is about the login.
#[must_use]
pub fn own(answer: HttpAnswer, correlation: CorrelationId) -> Response<ResponseBody> {
    let retry_after = answer.retry_after_secs();
    let HttpAnswer { status, content_type, body, headers: more, .. } = answer;
    let mut response = Response::new(ResponseBody::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in more {
        // The words are ours, but may repeat what a client sent.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CORRELATION_HEADER, correlation_value(correlation));
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The answer to a method that its path does not have (RFC 9110, 15.5.6).
#[must_use]
pub fn method_not_allowed(allowed: &[&str], words: &Words, correlation: CorrelationId) -> Response<ResponseBody> {
    let mut response = refuse(&Reject::RouteUnknown.into(), words, correlation);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// A complete HTTP/1.1 answer for a message that no request was made of; the connection ends behind it.
#[must_use]
pub fn refuse_raw(refusal: &Refusal, correlation: CorrelationId) -> Vec<u8> {
    let (status, body, _) = plain(refusal, correlation);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let reason = status.canonical_reason().unwrap_or("Refused");
    format!(
        "HTTP/1.1 {} {reason}\r\n{CONTENT_TYPE}: application/json\r\n{CONTENT_LENGTH}: {}\r\n{CORRELATION_HEADER}: {correlation}\r\n{CONNECTION}: close\r\n\r\n{body}",
        status.as_u16(),
        body.len(),
    )
    .into_bytes()
}

/// The correlation id as a header value.
#[must_use]
pub fn correlation_value(correlation: CorrelationId) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(correlation.to_string())).expect("base64url is visible ASCII")
}

/// After these the connection's framing is not to be trusted, or it must go.
const fn ends_connection(reject: Reject) -> bool {
    matches!(reject, Reject::FramingAmbiguous | Reject::HostMismatch | Reject::TooLarge | Reject::AuthDeadline | Reject::Draining)
}

const NOT_OUR_HOST: &str = "The host that the request names is not one of this gateway's, or not the one that it connected to.";

fn plain(refusal: &Refusal, correlation: CorrelationId) -> (u16, String, Option<u64>) {
    let alert = refusal.reject.alert();
    // The alert's own words send whoever dialled a name that nobody configured to look at their syntax.
    let text = if refusal.reject == Reject::HostMismatch { NOT_OUR_HOST } else { alert.text() };
    let mut error = serde_json::json!({ "code": alert.as_str(), "number": alert.number(), "text": text, "id": correlation.to_string() });
    let mut retry_after = None;
    match &refusal.detail {
        Detail::RetryAfter(wait) => {
            error["retry_ms"] = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into();
            retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        }
        Detail::Names(names) => error["names"] = names.clone().into(),
        Detail::Parameter(name) => error["parameter"] = (*name).into(),
        Detail::Skew { skew_ms, window_ms } => {
            error["skew_ms"] = (*skew_ms).into();
            error["window_ms"] = (*window_ms).into();
        }
        Detail::LastNonce(last) => error["last_nonce"] = (*last).into(),
        Detail::None | Detail::Operator(_) => {}
    }
    (refusal.reject.http_status(), serde_json::json!({ "error": error }).to_string(), retry_after)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http_body_util::BodyExt as _;

    use super::*;

    async fn answer(refusal: Refusal, family: Family) -> (u16, String) {
        let words = Words::of(family, UnknownKeyAnswer::default());
        let response = refuse(&refusal, &words, CorrelationId::from_bytes([7; 16]));
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn unknown_key_and_bad_signature_are_the_same_bytes() {
        for family in [Family::BINANCE, Family::NATIVE, Family::CLIENT_CERTIFICATE, Family::Any] {
            let unknown = answer(Reject::UnknownKey.into(), family).await;
            let bad = answer(Refusal::operator(Reject::BadSignature, "for the operator only"), family).await;
            assert_eq!(unknown, bad, "{family:?}");
            assert!(!unknown.1.contains("operator only"));
        }
    }

    #[tokio::test]
    async fn a_head_gets_the_length_and_not_the_body() {
        let refused = refuse(&Reject::RouteUnknown.into(), &Words::plain(), CorrelationId::from_bytes([7; 16]));
        let answer = to_head(refused);
        let length: usize = answer.headers()[CONTENT_LENGTH].to_str().unwrap().parse().unwrap();
        assert!(length > 0 && answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    #[tokio::test]
    async fn infrastructure_failure_says_so() {
        for family in Family::all() {
            let (status, _) = answer(Reject::StoreUnavailable.into(), family).await;
            assert!(status >= 500, "{family:?}");
        }
    }
}
