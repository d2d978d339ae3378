//! Our refusals as the venue writes them.
//!
//! | | |
//! |---|---|
//! | HTTP | status and `{"error":"unauthorized","error_details":"…","message":"…"}` |
//! | WebSocket | `{"type":"error","message":"authentication failure"}` |
//!
//! Before proof of possession every refusal that depends on the credential is the same bytes. coinbase-advanced-py looks for
//! `"error_details":"Missing required scopes"` in a 403, ccxt for the word in `error`; where there is one it does not look at the status,
//! so an outage has none. A failure of ours is never a bad key.

use std::time::Duration;

use countersign_core::{AlertCode, Detail, Refusal, Reject};

use crate::answer::{HttpAnswer, quoted};

/// Status, `error` (none: left out), text, and the message on a WebSocket.
type Words = (u16, &'static str, &'static str, &'static str);

const UNAUTHORIZED: Words = (401, "unauthorized", "Unauthorized", "authentication failure");
const EXPIRED: Words = (401, "unauthorized", "request timestamp expired", "authentication failure");
const FORBIDDEN: Words = (403, "PERMISSION_DENIED", "Missing required scopes", "permission denied");
const INVALID: Words = (400, "INVALID_ARGUMENT", "The request is malformed", "invalid message");
const TOO_LARGE: Words = (413, "INVALID_ARGUMENT", "The request is too large", "message too large");
const NOT_FOUND: Words = (404, "NOT_FOUND", "Not found", "channel not found");
const RATE: Words = (429, "rate_limit_exceeded", "Rate limit exceeded", "rate limit exceeded");
const UNAVAILABLE: Words = (503, "", "Service unavailable", "service unavailable");
const INTERNAL: Words = (500, "internal_server_error", "Internal server error", "internal error");

const fn words(refusal: &Refusal) -> Words {
    if matches!(refusal.reject, Reject::AuditUnavailable | Reject::StoreUnavailable) {
        // It passes, and the request was not at fault: no error of a server that met it.
        return UNAVAILABLE;
    }
    match refusal.reject.alert() {
        AlertCode::AuthFailed | AlertCode::AuthRequired | AlertCode::SessionExpired | AlertCode::SessionUnknown => UNAUTHORIZED,
        AlertCode::ReplayDetected | AlertCode::TimeAhead | AlertCode::TimeStale => EXPIRED,
        AlertCode::AuthLocked | AlertCode::NeedUnmet | AlertCode::ScopeDenied => FORBIDDEN,
        AlertCode::ProtoSize => TOO_LARGE,
        AlertCode::RouteUnknown => NOT_FOUND,
        AlertCode::RateLimited => RATE,
        AlertCode::AuthzBodyMissing | AlertCode::Busy | AlertCode::Drain | AlertCode::HaltActive | AlertCode::UpstreamUnavailable => {
            UNAVAILABLE
        }
        AlertCode::Internal => INTERNAL,
        AlertCode::BindRequired
        | AlertCode::NonceStale
        | AlertCode::ProtoMalformed
        | AlertCode::ProtoOrder
        | AlertCode::ProtoVersion
        | AlertCode::SeqConflict
        | AlertCode::SeqRange
        | AlertCode::SessionReuse
        | AlertCode::SessionTakenOver
        | AlertCode::Unsupported => INVALID,
    }
}

/// The HTTP answer to a refusal.
#[must_use]
pub fn http(refusal: &Refusal) -> HttpAnswer {
    let (status, error, text, _) = words(refusal);
    let error = if error.is_empty() { String::new() } else { format!(r#""error":{},"#, quoted(error)) };
    let body = format!(r#"{{{error}"error_details":{},"message":{}}}"#, quoted(text), quoted(text));
    let retry_after = match refusal.detail {
        Detail::RetryAfter(wait) => Some(wait),
        Detail::LastNonce(_) | Detail::Names(_) | Detail::None | Detail::Operator(_) | Detail::Parameter(_) | Detail::Skew { .. } => {
            matches!(status, 429 | 503).then_some(Duration::from_secs(1))
        }
    };
    HttpAnswer { retry_after, ..HttpAnswer::json(status, body) }
}

/// The WebSocket message for a refusal.
#[must_use]
pub fn frame(refusal: &Refusal) -> String {
    let (.., message) = words(refusal);
    format!(r#"{{"type":"error","message":{}}}"#, quoted(message))
}
