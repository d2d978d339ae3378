//! Our refusals as OKX writes them: `{"code":"50113","msg":"…","data":[]}`, and `{"event":"error",…}` on a WebSocket.
//!
//! Before proof of possession every refusal that depends on the credential is the same bytes: 50113, and 60009 on a WebSocket.

use countersign_core::{Detail, Refusal, Reject};

use crate::answer::{AnswerContext, HttpAnswer, UnknownKeyAnswer, quoted};
use crate::kind::{Kind, exact, kind};

/// Status, code, text; code and text on a WebSocket.
type Words = (u16, u32, &'static str, u32, &'static str);

const SIGN: Words = (401, 50113, "Invalid Sign", 60009, "Login failed.");
const KEY: Words = (401, 50111, "Invalid OK-ACCESS-KEY", 60005, "Invalid apiKey");
const AUTHORITY: Words = (401, 50114, "Invalid Authority", 60009, "Login failed.");

const MALFORMED: &str = "Body for POST request cannot be empty or malformed.";

/// What is told exactly: to whoever has the secret, and to whoever logs several accounts in at once.
const EXACT: &[(Reject, Words)] = &[
    (Reject::AddressNotAllowed, (401, 50110, "Your IP is not included in your API key's IP whitelist.", 60009, "Login failed.")),
    (Reject::KeyExpired, KEY),
    (Reject::KeyRevoked, KEY),
    (Reject::KeySuspended, KEY),
    (Reject::Unsupported, (400, 50000, MALFORMED, 60021, "This operation does not support multiple accounts login")),
    (Reject::WrongPassphrase, (401, 50105, "Request header \"OK-ACCESS-PASSPHRASE\" incorrect.", 60024, "Wrong passphrase")),
];

/// Which header is empty.
const MISSING: &[(&str, u32, &str)] = &[
    ("ok-access-key", 50103, "Request header \"OK-ACCESS-KEY\" cannot be empty."),
    ("ok-access-passphrase", 50104, "Request header \"OK-ACCESS-PASSPHRASE\" cannot be empty."),
    ("ok-access-sign", 50106, "Request header \"OK-ACCESS-SIGN\" cannot be empty."),
    ("ok-access-timestamp", 50107, "Request header \"OK-ACCESS-TIMESTAMP\" cannot be empty."),
];

fn missing(detail: &Detail) -> Words {
    let of_header = MISSING.iter().find(|(name, ..)| *detail == Detail::Parameter(name));
    let (_, code, text) = of_header.unwrap_or(&MISSING[0]);
    (401, *code, text, 60011, "Please log in")
}

fn words(refusal: &Refusal, unknown_key: UnknownKeyAnswer) -> Words {
    if refusal.reject == Reject::UnknownKey && unknown_key == UnknownKeyAnswer::AsVenue {
        return KEY;
    }
    if refusal.reject == Reject::Malformed && refusal.detail == Detail::Parameter("ok-access-timestamp") {
        return (401, 50112, "Invalid OK-ACCESS-TIMESTAMP", 60004, "Invalid timestamp");
    }
    exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential => SIGN,
        Kind::Forbidden => AUTHORITY,
        Kind::Invalid | Kind::TooLarge => (400, 50000, MALFORMED, 60012, "Illegal request"),
        Kind::Missing => missing(&refusal.detail),
        Kind::Rate => (429, 50011, "Too Many Requests", 60014, "Requests too frequent"),
        Kind::Route => (404, 404, "Not Found", 60018, "Wrong URL or channel doesn't exist."),
        Kind::Replay | Kind::Time => (401, 50102, "Timestamp request expired", 60006, "Timestamp request expired"),
        Kind::Unavailable => (503, 50001, "Service temporarily unavailable. Please try again later.", 50001, "Service unavailable"),
    })
}

/// The HTTP answer.
pub(super) fn http(refusal: &Refusal, context: &AnswerContext) -> HttpAnswer {
    let (status, code, text, ..) = words(refusal, context.unknown_key);
    HttpAnswer::json(status, format!(r#"{{"code":"{code}","msg":{},"data":[]}}"#, quoted(text)))
}

/// The WebSocket message; `order` is the operation and the id of a message about orders.
///
/// The venue answers such a message by its own operation, and one that is refused whole with a code beside it and no entry of an order;
/// its client waits for the id. Everything else is an event, with the id if there was one.
pub(super) fn frame(refusal: &Refusal, order: Option<&str>, id: Option<&str>) -> String {
    let (_, rest_code, rest_text, code, text) = words(refusal, UnknownKeyAnswer::default());
    let id = id.map(|id| format!(r#""id":{id},"#)).unwrap_or_default();
    match order {
        Some(op) => format!(r#"{{{id}"op":{},"code":"{rest_code}","msg":{},"data":[]}}"#, quoted(op), quoted(rest_text)),
        None => format!(r#"{{{id}"event":"error","code":"{code}","msg":{},"connId":""}}"#, quoted(text)),
    }
}
