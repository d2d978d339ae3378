//! Answers in a venue's own words: refusals, and what the gateway answers itself.

use std::borrow::Cow;
use std::time::Duration;

use countersign_core::rate::Usage;
use countersign_core::{Detail, KeyRate, Refusal, Timestamp};
use smallvec::SmallVec;

/// What an unknown API key is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownKeyAnswer {
    /// What the venue tells it, where that differs from a bad signature. Lets anybody find out which keys exist.
    AsVenue,
    /// What a bad signature is told.
    #[default]
    LikeBadSignature,
}

/// Which counter was used up, where a rate limit refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counter {
    /// Orders per ten seconds.
    Orders,
    /// Request weight per minute.
    #[default]
    Weight,
}

/// What an answer needs besides the refusal.
#[derive(Clone, Debug, Default)]
pub struct AnswerContext {
    /// What an unknown key is told.
    pub unknown_key: UnknownKeyAnswer,
    /// Which counter refused, if one did.
    pub counter: Counter,
    /// The limits of the key, for the text of a rate limit.
    pub limits: KeyRate,
    /// The time of the answer, for venues that write it.
    pub now: Timestamp,
    /// What [`Dialect::echo`](crate::Dialect::echo) kept of the request: a JSON-RPC id, as it stood there.
    pub echo: Option<String>,
}

/// A whole HTTP answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type` of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// Other headers, names in lower case.
    pub headers: SmallVec<[(&'static str, String); 2]>,
    /// How long to wait, where waiting helps: becomes `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl HttpAnswer {
    /// A JSON answer without more.
    #[must_use]
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "application/json", body: body.into(), headers: SmallVec::new(), retry_after: None }
    }

    /// With the last accepted nonce in [`LAST_NONCE_HEADER`], if the refusal is about that.
    #[must_use]
    pub fn telling_last_nonce(mut self, refusal: &Refusal) -> Self {
        if let Detail::LastNonce(last) = refusal.detail {
            self.headers.push((LAST_NONCE_HEADER, last.to_string()));
        }
        self
    }

    /// Seconds for a `Retry-After` header, rounded up, at least one.
    #[must_use]
    pub fn retry_after_secs(&self) -> Option<u64> {
        self.retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).map(|secs| secs.max(1))
    }
}

/// Tells the owner of a key the last accepted nonce at venues whose words leave no room for it: clients compare them whole.
pub const LAST_NONCE_HEADER: &str = "countersign-last-nonce";

/// The venue's text about a nonce, with the last accepted one behind it where that is known: clients look for the beginning.
pub(crate) fn with_last_nonce(text: &'static str, refusal: &Refusal) -> Cow<'static, str> {
    match refusal.detail {
        Detail::LastNonce(last) => format!("{text} (the last accepted one was {last})").into(),
        Detail::Names(_) | Detail::None | Detail::Operator(_) | Detail::Parameter(_) | Detail::RetryAfter(_) | Detail::Skew { .. } => {
            text.into()
        }
    }
}

/// What a key has used, after a request was charged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Charged {
    /// Weight used in this minute.
    pub weight: Option<Usage>,
    /// Orders in these ten seconds.
    pub orders: Option<Usage>,
}

/// Headers by which a venue tells what a key has used.
pub type RateHeaders = SmallVec<[(&'static str, Cow<'static, str>); 4]>;

/// A JSON string literal of a text.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}
