//! OKX's WebSockets: `{"op":"login","args":[{apiKey, passphrase, timestamp in s, sign}]}`, then subscriptions and orders.
//!
//! The sign is the MAC in base64 over `timestamp || "GET" || "/users/self/verify"`. The text `ping` is answered `pong`. A subscription
//! is private when one of its channels is; such a list goes out under the login whole.

use countersign_core::{Algorithm, Effect, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp, VerifiedIdentity};
use serde_json::value::RawValue;

use super::{FAMILY, reject_body, routes};
use crate::fields::{array, base64_mac, decimal_seconds, key_id, malformed, member, missing, object, string, text};
use crate::header_family::clear;
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::RawObject;
use crate::socket::Desk;

/// What is OKX's own about a connection.
#[derive(Debug, Default)]
pub(super) struct Okx {
    /// The operation of the frame that was read last, if it is about orders.
    order: Option<&'static str>,
}

impl Venue for Okx {
    fn purpose(&self) -> Purpose {
        Purpose::Okx
    }

    fn read<'f>(&mut self, text: &'f str, _: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        self.order = None;
        if text == "ping" {
            return Ok(Frame { op: Op::Answer("pong".to_owned()), echo: None });
        }
        let frame = object(text)?;
        let echo: Echo = frame.member("id").map(|id| id.get().to_owned()).filter(|id| id.len() <= limits::RPC_ID_CHARS_MAX);
        self.order = string(&frame, "op").and_then(|op| order_of(&op));
        op(&frame).map(|op| Frame { op, echo: echo.clone() }).map_err(|refusal| Refused { refusal, echo })
    }

    fn welcome(&self, _: &VerifiedIdentity, _: &Echo, _: Timestamp) -> String {
        r#"{"event":"login","code":"0","msg":"","connId":"countersign"}"#.to_owned()
    }

    fn refuse(&self, refusal: &Refusal, echo: &Echo, _: Timestamp) -> String {
        reject_body::frame(refusal, self.order, echo.as_deref())
    }
}

fn op<'f>(frame: &RawObject<'_>) -> Result<Op<'f>, Refusal> {
    let op = string(frame, "op").ok_or_else(|| malformed("op"))?;
    let args = member(frame, "args")?;
    match op.as_str() {
        "login" => login(args).map(Op::Login),
        "subscribe" | "unsubscribe" => {
            let private = is_private(args)?;
            Ok(if private { Op::Private(routes::PRIVATE) } else { Op::Public(routes::PUBLIC) })
        }
        op => Ok(Op::Private(order_of(op).ok_or(Reject::RouteUnknown)?)),
    }
}

/// The operation, if it is about orders of one's own.
fn order_of(op: &str) -> Option<&'static str> {
    routes::MESSAGES.iter().find(|route| route.orders_or_cancels() && route.name == op).map(|route| route.name)
}

fn is_private(args: Option<&RawValue>) -> Result<bool, Refusal> {
    let args = array(args.ok_or_else(|| malformed("args"))?, limits::FRAME_LIST_MAX, "args")?;
    let mut private = false;
    for arg in args {
        let channel = string(&object(arg.get())?, "channel").ok_or_else(|| malformed("channel"))?;
        private |= routes::PRIVATE_CHANNELS.contains(&channel.as_str());
    }
    Ok(private)
}

fn login<'f>(args: Option<&RawValue>) -> Result<Presented<'f>, Refusal> {
    let args = array(args.ok_or_else(|| missing("args"))?, limits::FRAME_LIST_MAX, "args")?;
    let [login] = args.as_slice() else {
        // What came to all of them would go by one connection, and one connection has one key.
        let several = Refusal::operator(Reject::Unsupported, "a login of several accounts at once");
        return Err(if args.is_empty() { missing("args") } else { several });
    };
    let login = object(login.get())?;
    let needed = |name: &'static str| text(&login, name).filter(|text| !text.is_empty()).ok_or_else(|| missing(name));
    let timestamp = needed("timestamp")?;
    Ok(Presented {
        purpose: Purpose::Okx,
        key_id: key_id(&needed("apiKey")?, "apiKey")?,
        signature: base64_mac(Algorithm::HmacSha256, &needed("sign")?),
        signed: SignedBytes::from_piece(format!("{timestamp}GET/users/self/verify").into_bytes()),
        passphrase: Some(clear(&needed("passphrase")?)),
        freshness: FAMILY.fresh(decimal_seconds(&timestamp, "timestamp")?),
        once: Once::SignedBytes,
        // Reconnecting within the second signs the same text again; a login changes nothing.
        effect: Effect::Read,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::every_dialect::TestDesk;
    use crate::login_socket::LoginSocket;
    use crate::socket::Step;
    use crate::test_support::now;

    #[test]
    fn several_accounts_at_once_are_refused_in_the_venues_words_for_it() {
        let account = r#"{"apiKey":"k","passphrase":"p","timestamp":"1795222309","sign":"c2lnbg=="}"#;
        let answer = |args: &str| {
            let text = format!(r#"{{"op":"login","args":[{args}]}}"#);
            match LoginSocket::boxed(Okx::default()).handle_text(&text, now(), &mut TestDesk::new()) {
                Step::Refuse { reply, .. } => reply,
                Step::Verify(presented) => presented.key_id.as_str().to_owned(),
                Step::Close { .. } | Step::Forward(_) | Step::Reply(_) | Step::VerifyToken(_) => {
                    panic!("a login is neither answered nor passed on")
                }
            }
        };
        assert_eq!(answer(account), "k");
        assert!(answer(&format!("{account},{account}")).contains(r#""code":"60021""#), "{}", answer(&format!("{account},{account}")));
        assert!(answer("").contains(r#""code":"60011""#), "{}", answer(""));
    }

    #[test]
    fn a_refused_order_is_answered_by_its_operation_and_anything_else_as_an_event() {
        let answer = |text: &str| match LoginSocket::boxed(Okx::default()).handle_text(text, now(), &mut TestDesk::new()) {
            Step::Refuse { reply, .. } => reply,
            Step::Close { .. } | Step::Forward(_) | Step::Reply(_) | Step::Verify(_) | Step::VerifyToken(_) => panic!("{text} passed"),
        };
        for op in ["order", "batch-orders", "amend-order", "cancel-order", "mass-cancel"] {
            let said = answer(&format!(r#"{{"id":"7","op":"{op}","args":[{{}}]}}"#));
            assert!(said.starts_with(&format!(r#"{{"id":"7","op":"{op}","code":""#)) && said.ends_with(r#","data":[]}"#), "{said}");
        }
        let said = answer(r#"{"id":"8","op":"subscribe","args":[{"channel":"orders"}]}"#);
        assert_eq!(said, r#"{"id":"8","event":"error","code":"60011","msg":"Please log in","connId":""}"#);
        assert!(answer(r#"{"id":"9","op":"withdraw","args":[]}"#).starts_with(r#"{"id":"9","event":"error","code":"60018""#));
    }
}
