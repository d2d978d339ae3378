//! Bybit's WebSockets: `{"op":"auth","args":[key, expires in ms, signature over "GET/realtime" || expires]}`.
//!
//! ccxt sends `expires` as text, pybit as a number; it must lie ahead. On the trade socket the time in `header` is not signed: the
//! login stands for it.

use countersign_core::{Effect, Freshness, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp, VerifiedIdentity};

use super::{reject_body, routes};
use crate::binance::signature;
use crate::fields::{array, key_id, malformed, member, millis, missing, object, string};
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::literal;
use crate::socket::Desk;

/// Which of the venue's sockets it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Private,
    Public,
    Trade,
}

/// What is Bybit's own about a connection.
#[derive(Debug)]
pub(super) struct Bybit {
    kind: Kind,
    op: String,
}

impl Bybit {
    pub(super) fn at(path: &str) -> Option<Self> {
        let kind = match path {
            "/v5/private" => Kind::Private,
            "/v5/trade" => Kind::Trade,
            path if path.starts_with("/v5/public/") => Kind::Public,
            _ => return None,
        };
        Some(Self { kind, op: String::new() })
    }

    fn op<'f>(&self, op: &str, text: &str, req_id: Option<&str>, now: Timestamp) -> Result<Op<'f>, Refusal> {
        match (self.kind, op) {
            (_, "ping") => Ok(Op::Answer(self.pong(req_id, now))),
            // pybit logs in wherever it was given a key, and ends if that is refused.
            (_, "auth") => login(text).map(Op::Login),
            (Kind::Public, "subscribe" | "unsubscribe") => Ok(Op::Public(routes::PUBLIC)),
            (Kind::Private, "subscribe") => Ok(Op::Private(if asks_protection(text) { routes::PROTECTION } else { routes::PRIVATE })),
            (Kind::Private, "unsubscribe") => Ok(Op::Private(routes::UNSUBSCRIBE)),
            (Kind::Trade, op) => {
                let known = routes::MESSAGES.iter().find(|route| route.name.starts_with("order.") && route.name == op);
                known.map(|route| Op::Private(route.name)).ok_or_else(|| Reject::RouteUnknown.into())
            }
            (Kind::Private | Kind::Public, _) => Err(Reject::RouteUnknown.into()),
        }
    }

    fn pong(&self, req_id: Option<&str>, now: Timestamp) -> String {
        let id = req_id.unwrap_or("\"\"");
        match self.kind {
            Kind::Private => format!(r#"{{"req_id":{id},"op":"pong","args":["{}"],"conn_id":""}}"#, now.as_millis()),
            Kind::Public => format!(r#"{{"success":true,"ret_msg":"pong","conn_id":"","req_id":{id},"op":"ping"}}"#),
            Kind::Trade => format!(r#"{{"retCode":0,"retMsg":"OK","op":"pong","data":["{}"],"connId":""}}"#, now.as_millis()),
        }
    }
}

impl Venue for Bybit {
    fn purpose(&self) -> Purpose {
        Purpose::Bybit
    }

    fn read<'f>(&mut self, text: &'f str, now: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        let frame = object(text)?;
        let op = string(&frame, "op").ok_or_else(|| malformed("op"))?;
        member(&frame, "args")?;
        // Echoed as sent: a number stays one.
        let id = frame.member("req_id").or_else(|| frame.member("reqId"));
        let echo: Echo = id.map(|id| id.get().to_owned()).filter(|id| id.len() <= limits::RPC_ID_CHARS_MAX);
        let read = self.op(&op, text, echo.as_deref(), now);
        self.op = op;
        read.map(|op| Frame { op, echo: echo.clone() }).map_err(|refusal| Refused { refusal, echo })
    }

    fn welcome(&self, _: &VerifiedIdentity, echo: &Echo, _: Timestamp) -> String {
        match self.kind {
            Kind::Trade => {
                let id = echo.as_ref().map(|id| format!(r#""reqId":{id},"#)).unwrap_or_default();
                format!(r#"{{{id}"retCode":0,"retMsg":"OK","op":"auth","connId":"countersign"}}"#)
            }
            Kind::Private | Kind::Public => {
                let id = echo.as_ref().map(|id| format!(r#""req_id":{id},"#)).unwrap_or_default();
                format!(r#"{{"success":true,"ret_msg":"",{id}"op":"auth","conn_id":"countersign"}}"#)
            }
        }
    }

    fn refuse(&self, refusal: &Refusal, echo: &Echo, now: Timestamp) -> String {
        match self.kind {
            Kind::Trade => reject_body::trade_frame(refusal, &self.op, echo.as_deref(), now),
            Kind::Private | Kind::Public => reject_body::frame(refusal, &self.op, echo.as_deref()),
        }
    }

    fn closes_on_failed_login(&self) -> bool {
        true
    }
}

/// Whether a subscription has a topic whose end cancels orders (`dcp.spot`), or may have one.
fn asks_protection(text: &str) -> bool {
    let args = object(text).ok().and_then(|frame| array(frame.member("args")?, limits::FRAME_LIST_MAX, "args").ok());
    args.is_none_or(|args| args.into_iter().any(|topic| literal(topic).is_none_or(|topic| topic.starts_with("dcp"))))
}

/// The proof of a login frame.
fn login<'f>(frame: &str) -> Result<Presented<'f>, Refusal> {
    let frame = object(frame)?;
    let args = array(frame.member("args").ok_or_else(|| missing("args"))?, 3, "args")?;
    let [key, expires, signature] = args.as_slice() else { return Err(missing("args")) };
    let scalar = |value: &serde_json::value::RawValue| literal(value).filter(|_| !value.get().starts_with(['[', '{'])).map(String::from);
    let (key, expires, signature) = (scalar(key), scalar(expires), scalar(signature));
    let (Some(key), Some(expires), Some(signature)) = (key, expires, signature) else { return Err(malformed("args")) };
    if signature.is_empty() || expires.is_empty() {
        return Err(missing("args"));
    }
    Ok(Presented {
        purpose: Purpose::Bybit,
        key_id: key_id(&key, "args")?,
        signature: signature::from_text(signature.as_bytes()),
        signed: SignedBytes::from_piece(format!("GET/realtime{expires}").into_bytes()),
        passphrase: None,
        freshness: Freshness::Validity {
            not_before: None,
            not_after: millis(&expires, "expires")?,
            leeway: limits::TIMESTAMP_AHEAD_MAX,
            lifetime_max: limits::LOGIN_LIFETIME_MAX,
        },
        once: Once::SignedBytes,
        // Reconnecting within the second signs the same text again; a login changes nothing.
        effect: Effect::Read,
    })
}
