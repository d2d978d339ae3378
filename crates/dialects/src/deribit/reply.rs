//! Results and errors in the venue's envelope.
//!
//! ```text
//!   {"jsonrpc":"2.0","id":5,"error":{"code":13009,"message":"unauthorized"},"usIn":…,"usOut":…,"usDiff":…,"testnet":false}
//! ```
//!
//! Before proof of possession every refusal that depends on the credential is the same: 13004 for a login, 13009 for a request.
//! A failure of ours is never a bad key: 10001 and 11051 are for those.

use std::time::Duration;

use countersign_core::{AlertCode, Detail, Refusal, Reject, Timestamp};
use serde_json::{Value, json};

use crate::answer::HttpAnswer;

/// What a refused request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Anything else.
    Call,
    /// `public/auth` and its kin.
    Login,
}

const INVALID_CREDENTIALS: (i32, &str) = (13_004, "invalid_credentials");
const MAINTENANCE: (i32, &str) = (11_051, "system_maintenance");
const UNAUTHORIZED: (i32, &str) = (13_009, "unauthorized");

/// Code and message of an error.
#[must_use]
pub const fn error_of(refusal: &Refusal, asked: Asked) -> (i32, &'static str) {
    if matches!(refusal.reject, Reject::AuditUnavailable | Reject::StoreUnavailable) {
        // It passes, and the request was not at fault.
        return MAINTENANCE;
    }
    match refusal.reject.alert() {
        AlertCode::AuthFailed | AlertCode::SessionExpired | AlertCode::SessionUnknown => match asked {
            Asked::Call => UNAUTHORIZED,
            Asked::Login => INVALID_CREDENTIALS,
        },
        AlertCode::ReplayDetected | AlertCode::TimeAhead | AlertCode::TimeStale => UNAUTHORIZED,
        AlertCode::AuthRequired => (10_000, "authorization_required"),
        AlertCode::AuthLocked | AlertCode::NeedUnmet | AlertCode::ScopeDenied => (13_021, "forbidden"),
        AlertCode::RateLimited => (10_028, "too_many_requests"),
        AlertCode::AuthzBodyMissing | AlertCode::Busy | AlertCode::Drain | AlertCode::HaltActive | AlertCode::UpstreamUnavailable => {
            MAINTENANCE
        }
        AlertCode::Internal => (10_001, "error"),
        AlertCode::RouteUnknown => (-32_601, "Method not found"),
        AlertCode::ProtoMalformed | AlertCode::Unsupported => (-32_602, "Invalid params"),
        AlertCode::BindRequired
        | AlertCode::NonceStale
        | AlertCode::ProtoOrder
        | AlertCode::ProtoSize
        | AlertCode::ProtoVersion
        | AlertCode::SeqConflict
        | AlertCode::SeqRange
        | AlertCode::SessionReuse
        | AlertCode::SessionTakenOver => (-32_600, "Invalid Request"),
    }
}

fn envelope(id: Option<&str>, member: &str, value: &Value, now: Timestamp) -> String {
    let id = id.map_or_else(String::new, |id| format!(r#""id":{id},"#));
    let micros = now.as_micros();
    format!(r#"{{"jsonrpc":"2.0",{id}"{member}":{value},"usIn":{micros},"usOut":{micros},"usDiff":0,"testnet":false}}"#)
}

/// A result; `id` is JSON text.
#[must_use]
pub fn result(id: Option<&str>, value: &Value, now: Timestamp) -> String {
    envelope(id, "result", value, now)
}

/// An error; `id` is JSON text.
#[must_use]
pub fn error(id: Option<&str>, refusal: &Refusal, asked: Asked, now: Timestamp) -> String {
    let (code, message) = error_of(refusal, asked);
    let mut error = json!({"code": code, "message": message});
    if let (-32_602, Detail::Parameter(parameter)) = (code, &refusal.detail) {
        let reason = if refusal.reject == Reject::MissingParameter { "missing" } else { "wrong format" };
        error["data"] = json!({"param": parameter, "reason": reason});
    }
    envelope(id, "error", &error, now)
}

/// An error over HTTP.
#[must_use]
pub fn http(id: Option<&str>, refusal: &Refusal, asked: Asked, now: Timestamp) -> HttpAnswer {
    let status = match error_of(refusal, asked).0 {
        10_001 => 500,
        10_028 => 429,
        11_051 => 503,
        _ => 400,
    };
    let retry_after = match refusal.detail {
        Detail::RetryAfter(wait) => Some(wait),
        Detail::LastNonce(_) | Detail::Names(_) | Detail::None | Detail::Operator(_) | Detail::Parameter(_) | Detail::Skew { .. } => {
            matches!(status, 429 | 503).then_some(Duration::from_secs(1))
        }
    };
    HttpAnswer { retry_after, ..HttpAnswer::json(status, error(id, refusal, asked, now)) }
}

/// What keeps a connection alive.
#[must_use]
pub fn heartbeat(kind: &str) -> String {
    json!({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}}).to_string()
}
