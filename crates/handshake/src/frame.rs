//! Frames: one JSON object per line (raw TLS) or text frame (WebSocket). The object is not signed; the tokens in it are.
//!
//! Here are the frames of the handshake and the error frame. Frames of the open session are the session crate's.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_core::{AlertCode, Binding, CorrelationId, Detail, Refusal, Reject};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::encoding;
use crate::hello::VERSION;
use crate::limits;
use crate::secret_text::SecretText;

/// A frame from a client, as far as the handshake looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// `{"hello":"cs1h..."}`
    Hello(String),
    /// Anything else that is a JSON object.
    Other,
    /// `{"ready":"<ch>"}`
    Ready(String),
    /// `{"reauth":...}` or `{"refresh":...}`: understood, not offered here.
    Reserved(&'static str),
    /// `{"resume":"cs1r..."}`
    Resume(String),
}

#[derive(Deserialize)]
struct FromClient {
    hello: Option<String>,
    ready: Option<String>,
    reauth: Option<IgnoredAny>,
    refresh: Option<IgnoredAny>,
    resume: Option<String>,
}

impl ClientFrame {
    /// Reads a frame without its line end.
    ///
    /// # Errors
    /// [`Reject::TooLarge`] above [`limits::HELLO_FRAME_BYTES_MAX`], [`Reject::Malformed`].
    pub fn read(frame: &[u8]) -> Result<Self, Refusal> {
        if frame.len() > limits::HELLO_FRAME_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
        let not_a_frame = || Refusal::operator(Reject::Malformed, "not a frame of the handshake");
        let outer: FromClient = serde_json::from_slice(frame).map_err(|_| not_a_frame())?;
        let reserved = [("reauth", &outer.reauth), ("refresh", &outer.refresh)];
        let mut reserved = reserved.into_iter().filter(|(_, member)| member.is_some()).map(|(name, _)| name);
        // HS-10: one frame, one thing said.
        match (outer.hello, outer.ready, outer.resume, reserved.next(), reserved.next()) {
            (Some(token), None, None, None, None) => Ok(Self::Hello(token)),
            (None, Some(ch), None, None, None) => Ok(Self::Ready(ch)),
            (None, None, Some(token), None, None) => Ok(Self::Resume(token)),
            (None, None, None, Some(name), None) => Ok(Self::Reserved(name)),
            (None, None, None, None, None) if frame.first() == Some(&b'{') => Ok(Self::Other),
            _ => Err(not_a_frame()),
        }
    }
}

/// A hello frame.
#[must_use]
pub fn hello(token: &str) -> String {
    json!({ "hello": token }).to_string()
}

/// A resume frame.
#[must_use]
pub fn resume(token: &str) -> SecretText {
    SecretText::new(json!({ "resume": token }).to_string())
}

/// A ready frame.
#[must_use]
pub fn ready(ch: &str) -> String {
    json!({ "ready": ch }).to_string()
}

/// A re-authentication frame.
#[must_use]
pub fn reauth(token: &str) -> String {
    json!({ "reauth": token }).to_string()
}

/// A re-grant frame with the secrets beside it.
#[must_use]
pub fn regrant(token: &str, sec: &SecretText) -> SecretText {
    let quoted = zeroize::Zeroizing::new(json!(sec.expose()).to_string());
    SecretText::new(format!("{{\"regrant\":\"{token}\",\"sec\":{}}}", quoted.as_str()))
}

/// A nonce frame.
#[must_use]
pub fn nonce(token: &str) -> String {
    json!({ "nonce": token }).to_string()
}

/// A welcome frame with the secrets beside it.
#[must_use]
pub fn welcome(token: &str, sec: &SecretText) -> SecretText {
    let quoted = zeroize::Zeroizing::new(serde_json::to_string(sec.expose()).expect("text is JSON"));
    // Made in one piece: a text that grows leaves its secrets behind in the pieces it grew out of.
    let mut text = String::with_capacity(token.len() + quoted.len() + 32);
    for part in ["{\"welcome\":\"", token, "\",\"sec\":", &quoted, "}"] {
        text.push_str(part);
    }
    SecretText::new(text)
}

/// What an error frame tells besides the refusal.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorContext<'c> {
    /// A fresh nonce, with `nonce.stale`.
    pub nonce: Option<&'c str>,
    /// The host's weakest binding, with `bind.required`.
    pub min_bind: Option<Binding>,
}

/// An error frame: `{"err":{"code","num","text","fatal","id",...}}`. Only what the client may know (HS-60).
#[must_use]
pub fn error(refusal: &Refusal, id: CorrelationId, context: ErrorContext<'_>) -> String {
    let code = refusal.reject.alert();
    let mut err = BTreeMap::new();
    err.insert("code".to_owned(), json!(code.as_str()));
    err.insert("num".to_owned(), json!(code.number()));
    err.insert("text".to_owned(), json!(code.text()));
    err.insert("fatal".to_owned(), json!(code.is_fatal()));
    err.insert("id".to_owned(), json!(id.to_string()));
    match &refusal.detail {
        Detail::Names(names) => err.insert("names".to_owned(), json!(names)),
        Detail::Parameter(name) if code != AlertCode::AuthFailed => err.insert("at".to_owned(), json!(name)),
        Detail::RetryAfter(wait) => err.insert("retry_ms".to_owned(), json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))),
        Detail::LastNonce(_) | Detail::None | Detail::Operator(_) | Detail::Parameter(_) | Detail::Skew { .. } => None,
    };
    if code == AlertCode::ProtoVersion {
        err.insert("vers".to_owned(), json!([VERSION]));
    }
    if let (AlertCode::NonceStale, Some(nonce)) = (code, context.nonce) {
        err.insert("nonce".to_owned(), json!(nonce));
    }
    if let (AlertCode::BindRequired, Some(bind)) = (code, context.min_bind) {
        err.insert("min_bind".to_owned(), json!(bind.name()));
    }
    json!({ "err": encoding::sorted_object(err) }).to_string()
}

/// A frame from a gateway, as far as the handshake looks at it.
#[derive(Clone, Debug)]
pub enum ServerFrame {
    /// `{"err":{...}}`
    Error(ServerError),
    /// `{"nonce":"cs1n..."}`
    Nonce(String),
    /// `{"welcome":"cs1w...","sec":"..."}`
    Welcome {
        /// The welcome token.
        token: String,
        /// The secrets text.
        sec: SecretText,
    },
}

/// What a gateway said when it refused. Before authentication anybody may have said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The code, if this version knows it.
    pub code: Option<AlertCode>,
    /// The code as sent, shortened to visible ASCII.
    pub code_text: String,
    /// Ties it to the gateway's audit log.
    pub id: Option<CorrelationId>,
    /// Names of unmet needs or missing scopes.
    pub names: Vec<String>,
    /// Wait at least so long.
    pub retry_after: Option<Duration>,
    /// A fresh nonce.
    pub nonce: Option<String>,
}

#[derive(Deserialize)]
struct FromServer {
    welcome: Option<String>,
    sec: Option<String>,
    nonce: Option<String>,
    err: Option<Err>,
}

#[derive(Deserialize)]
struct Err {
    code: String,
    id: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    retry_ms: Option<u64>,
    nonce: Option<String>,
}

impl ServerFrame {
    /// Reads a frame without its line end; `None` when it is none of the handshake or too long.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        if frame.len() > limits::WELCOME_FRAME_BYTES_MAX {
            return None;
        }
        let outer: FromServer = serde_json::from_slice(frame).ok()?;
        let sec = outer.sec.map(SecretText::new);
        match (outer.welcome, sec, outer.nonce, outer.err) {
            (Some(token), Some(sec), None, None) => Some(Self::Welcome { token, sec }),
            (None, None, Some(token), None) => Some(Self::Nonce(token)),
            (None, None, None, Some(err)) => Some(Self::Error(err.into())),
            _ => None,
        }
    }
}

impl From<Err> for ServerError {
    fn from(err: Err) -> Self {
        let plain = |text: &str| text.chars().filter(char::is_ascii_graphic).take(limits::NAME_BYTES_MAX).collect::<String>();
        Self {
            code: AlertCode::ALL.iter().copied().find(|code| code.as_str() == err.code),
            code_text: plain(&err.code),
            id: err.id.as_deref().and_then(CorrelationId::parse),
            names: err.names.iter().take(limits::JSON_MEMBERS_MAX).map(|name| plain(name)).collect(),
            retry_after: err.retry_ms.map(Duration::from_millis),
            nonce: err.nonce.filter(|nonce| nonce.len() <= limits::CLIENT_PAYLOAD_BYTES_MAX),
        }
    }
}

/// The secrets text as an HTTP header value (`Countersign-Secret`).
#[must_use]
pub fn secret_header(sec: &SecretText) -> SecretText {
    SecretText::new(encoding::encode(sec.expose().as_bytes()))
}

/// The secrets text from an HTTP header value; `None` when it is malformed.
#[must_use]
pub fn read_secret_header(value: &str) -> Option<SecretText> {
    let bytes = encoding::decode(value).filter(|bytes| bytes.len() <= limits::SECRETS_BYTES_MAX)?;
    String::from_utf8(bytes).ok().map(SecretText::new)
}

#[cfg(test)]
mod tests;
