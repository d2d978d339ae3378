//! Our refusals as Bybit writes them: HTTP 200 and a code in the body, 401 and 404 for what never reached its API, 503 when we
//! cannot tell.
//!
//! Before proof of possession every refusal that depends on the credential is the same bytes: 10004, "error sign!".

use countersign_core::{Refusal, Reject, Timestamp};

use crate::answer::{AnswerContext, HttpAnswer, UnknownKeyAnswer, quoted};
use crate::kind::{Kind, exact, kind};

/// Status, code, text.
type Words = (u16, u32, &'static str);

const SIGN: Words = (200, 10004, "error sign! please check your signature generation algorithm.");
const KEY: Words = (200, 10003, "API key is invalid.");

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, Words)] = &[
    (Reject::AddressNotAllowed, (200, 10010, "Unmatched IP, please check your API key's bound IP addresses.")),
    (Reject::KeyExpired, (200, 33004, "Your api key has expired.")),
    (Reject::KeyRevoked, KEY),
    (Reject::KeySuspended, KEY),
];

fn words(refusal: &Refusal, unknown_key: UnknownKeyAnswer) -> Words {
    if refusal.reject == Reject::UnknownKey && unknown_key == UnknownKeyAnswer::AsVenue {
        return KEY;
    }
    exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential => SIGN,
        Kind::Forbidden => (200, 10005, "Permission denied, please check your API key permissions."),
        Kind::Invalid | Kind::TooLarge => (200, 10001, "Request parameter error."),
        Kind::Missing => (401, 10001, "Request parameter error: an authentication header is missing."),
        Kind::Rate => (200, 10006, "Too many visits!"),
        Kind::Replay => (200, 10014, "Invalid duplicate request."),
        Kind::Route => (404, 10017, "Route not found."),
        Kind::Time => (200, 10002, "invalid request, please check your server timestamp or recv_window param."),
        Kind::Unavailable => (503, 10016, "Server error."),
    })
}

/// The HTTP answer.
pub(super) fn http(refusal: &Refusal, context: &AnswerContext) -> HttpAnswer {
    let (status, code, text) = words(refusal, context.unknown_key);
    let time = context.now.as_millis();
    let body = format!(r#"{{"retCode":{code},"retMsg":{},"result":{{}},"retExtInfo":{{}},"time":{time}}}"#, quoted(text));
    HttpAnswer::json(status, body)
}

/// A reply on a public or private socket.
pub(super) fn frame(refusal: &Refusal, op: &str, req_id: Option<&str>) -> String {
    let (_, _, text) = words(refusal, UnknownKeyAnswer::default());
    let req_id = req_id.map(|id| format!(r#""req_id":{id},"#)).unwrap_or_default();
    format!(r#"{{"success":false,"ret_msg":{},{req_id}"op":{},"conn_id":""}}"#, quoted(text), quoted(op))
}

/// A reply on the trade socket.
pub(super) fn trade_frame(refusal: &Refusal, op: &str, req_id: Option<&str>, now: Timestamp) -> String {
    let (_, code, text) = words(refusal, UnknownKeyAnswer::default());
    let req_id = req_id.map(|id| format!(r#""reqId":{id},"#)).unwrap_or_default();
    format!(
        r#"{{{req_id}"retCode":{code},"retMsg":{},"op":{},"data":{{}},"retExtInfo":{{}},"header":{{"Timenow":"{}"}},"connId":""}}"#,
        quoted(text),
        quoted(op),
        now.as_millis()
    )
}
