//! Our refusals as the venue writes them: HTTP status, `{"code":-NNNN,"msg":"…"}`, and the WebSocket form of both.
//!
//! Before proof of possession every refusal that depends on the credential is the same answer, byte for byte: unknown key, bad
//! signature, wrong algorithm. The venue itself tells an unknown key apart; [`UnknownKeyAnswer::AsVenue`] does so too, for those
//! who need it. After proof the answer is exact. Why: `docs/adr/0007-uniform-authentication-errors.md`.
//!
//! A failure of ours is never a bad key: -1001, -1006, -1007 and -1008 are for those.

use std::borrow::Cow;
use std::time::Duration;

use countersign_core::{Detail, Refusal, Reject, Timestamp};

use super::fault::Fault;
use crate::answer::{AnswerContext, Counter, HttpAnswer, UnknownKeyAnswer, quoted};

/// An error reply of the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectBody {
    /// HTTP status, and `status` of a WebSocket API reply.
    pub status: u16,
    /// The venue's error code.
    pub code: i32,
    /// The venue's text.
    pub msg: Cow<'static, str>,
    /// How long to wait, where waiting helps.
    pub retry_after: Option<Duration>,
}

/// -2015.
const REJECTED_KEY: (u16, i32, &str) = (401, -2015, "Invalid API-key, IP, or permissions for action.");
/// -1022.
const BAD_SIGNATURE: (u16, i32, &str) = (400, -1022, "Signature for this request is not valid.");
/// -1021 of the past.
const OUTSIDE_WINDOW: (u16, i32, &str) = (400, -1021, "Timestamp for this request is outside of the recvWindow.");
/// -1021 of the future.
const AHEAD: (u16, i32, &str) = (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.");
/// -1002.
const UNAUTHORIZED: (u16, i32, &str) = (401, -1002, "You are not authorized to execute this request.");
/// -1020.
const UNSUPPORTED: &str = "This operation is not supported.";
/// -1001.
const DISCONNECTED: &str = "Internal error; unable to process your request. Please try again.";
/// -1008.
const OVERLOADED: (u16, i32, &str) = (503, -1008, "Server is currently overloaded with other requests. Please try again in a few minutes.");
/// -1130.
const INVALID_DATA: &str = "Invalid data sent for a parameter.";

impl RejectBody {
    /// The answer to a refusal.
    #[must_use]
    pub fn of(refusal: &Refusal, context: &AnswerContext) -> Self {
        let (status, code, msg) = match Fault::of(refusal) {
            Some(fault) => (fault.status(), fault.code(), Cow::Borrowed(fault.msg())),
            None => answer(refusal, context),
        };
        let retry_after = match refusal.detail {
            Detail::RetryAfter(wait) => Some(wait),
            Detail::LastNonce(_) | Detail::None | Detail::Names(_) | Detail::Operator(_) | Detail::Parameter(_) | Detail::Skew { .. } => {
                matches!(status, 418 | 429 | 503).then_some(Duration::from_secs(1))
            }
        };
        Self { status, code, msg, retry_after }
    }

    /// The HTTP body, `application/json`.
    #[must_use]
    pub fn json(&self) -> String {
        format!(r#"{{"code":{},"msg":{}}}"#, self.code, quoted(&self.msg))
    }

    /// The whole HTTP answer.
    #[must_use]
    pub fn http(&self) -> HttpAnswer {
        HttpAnswer { retry_after: self.retry_after, ..HttpAnswer::json(self.status, self.json()) }
    }

    /// The `error` member of a WebSocket API reply.
    pub(crate) fn ws_error(&self, now: Timestamp) -> String {
        let (code, msg) = (self.code, quoted(&self.msg));
        match self.retry_after {
            Some(wait) => {
                let (server_time, retry_after) = (now.as_millis(), now.saturating_add(wait).as_millis());
                format!(r#"{{"code":{code},"msg":{msg},"data":{{"serverTime":{server_time},"retryAfter":{retry_after}}}}}"#)
            }
            None => format!(r#"{{"code":{code},"msg":{msg}}}"#),
        }
    }
}

fn answer(refusal: &Refusal, context: &AnswerContext) -> (u16, i32, Cow<'static, str>) {
    let (status, code, msg) = match refusal.reject {
        Reject::MissingCredentials | Reject::MissingParameter => return missing(&refusal.detail),
        Reject::RateLimited => return rate_limited(context),
        Reject::UnknownKey => match context.unknown_key {
            UnknownKeyAnswer::AsVenue => REJECTED_KEY,
            UnknownKeyAnswer::LikeBadSignature => BAD_SIGNATURE,
        },
        Reject::BadChallenge
        | Reject::BadSignature
        | Reject::CertificateUnacceptable
        | Reject::TicketInvalid
        | Reject::TokenInvalid
        | Reject::WrongAlgorithm
        | Reject::WrongGateway
        | Reject::WrongPassphrase
        | Reject::WrongUri => BAD_SIGNATURE,
        Reject::AddressNotAllowed
        | Reject::KeyExpired
        | Reject::KeyRevoked
        | Reject::KeySuspended
        | Reject::NeedUnmet
        | Reject::ScopeMissing => REJECTED_KEY,
        Reject::Replayed | Reject::TimestampStale => OUTSIDE_WINDOW,
        Reject::TimestampAhead => AHEAD,
        Reject::BindingTooWeak
        | Reject::NonceInvalid
        | Reject::SessionExpired
        | Reject::SessionReuse
        | Reject::SessionTakenOver
        | Reject::SessionUnknown => UNAUTHORIZED,
        Reject::Malformed
        | Reject::FramingAmbiguous
        | Reject::SequenceConflict
        | Reject::SequenceRange
        | Reject::UnexpectedMessage
        | Reject::VersionUnsupported => (400, -1130, INVALID_DATA),
        Reject::HostMismatch => (421, -1130, INVALID_DATA),
        Reject::TooLarge => (413, -1130, INVALID_DATA),
        Reject::RouteUnknown => (404, -1020, UNSUPPORTED),
        Reject::Unsupported => (400, -1020, UNSUPPORTED),
        Reject::AuthzBodyMissing => (501, -1001, DISCONNECTED),
        Reject::ReplayCapacity => (429, -1003, "Too many requests queued."),
        Reject::Busy | Reject::ConnectionLimit | Reject::Draining => OVERLOADED,
        // The venue's own words when a market does not trade.
        Reject::Halted => (400, -2010, "Market is closed."),
        Reject::AuthDeadline | Reject::SlowConsumer => (408, -1001, DISCONNECTED),
        Reject::UpstreamUnavailable => (502, -1006, "An unexpected response was received from the message bus. Execution status unknown."),
        Reject::UpstreamTimeout => {
            (504, -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.")
        }
        Reject::AuditUnavailable | Reject::HaltUnknown | Reject::StoreUnavailable => (503, -1001, DISCONNECTED),
        Reject::Internal => (500, -1001, DISCONNECTED),
    };
    (status, code, Cow::Borrowed(msg))
}

fn missing(detail: &Detail) -> (u16, i32, Cow<'static, str>) {
    let msg = match detail {
        Detail::Parameter(name) => format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.").into(),
        Detail::LastNonce(_) | Detail::None | Detail::Names(_) | Detail::Operator(_) | Detail::RetryAfter(_) | Detail::Skew { .. } => {
            "A mandatory parameter was not sent, was empty/null, or malformed.".into()
        }
    };
    (400, -1102, msg)
}

fn rate_limited(context: &AnswerContext) -> (u16, i32, Cow<'static, str>) {
    match context.counter {
        Counter::Orders => {
            let limit = context.limits.orders_per_10s;
            (429, -1015, format!("Too many new orders; current limit is {limit} orders per 10 SECOND.").into())
        }
        Counter::Weight => {
            let limit = context.limits.weight_per_minute;
            let msg = format!(
                "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. \
                 Please use WebSocket Streams for live updates to avoid polling the API."
            );
            (429, -1003, msg.into())
        }
    }
}

#[cfg(test)]
mod tests;
