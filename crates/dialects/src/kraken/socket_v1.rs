//! Kraken's WebSocket v1: events. Subscriptions of one's own carry `subscription.token`, orders and cancels `token`.
//!
//! ```text
//!   {"event":"subscribe","reqid":1,"pair":["XBT/USD"],"subscription":{"name":"ticker"}}
//!   {"event":"subscribe","subscription":{"name":"openOrders","token":"…"}}
//!   {"event":"addOrder","token":"…","pair":"XBT/USD","type":"buy","ordertype":"limit","price":"9000","volume":"1"}
//! ```
//!
//! `systemStatus` opens a connection. The gateway says it, because there is no connection to the venue before the first frame, and
//! then there may be two; what the venue says of itself first stays here, and what it says of a change later goes on.
//!
//! Source: the venue's documentation of "WebSocket v1", whose examples ccxt 4.4.100 and cryptofeed 2.4.1 repeat; tried with that ccxt.

use countersign_core::{Purpose, Refusal, Reject, Timestamp, TokenKind, VerifiedIdentity};

use super::socket::{token, trading};
use super::token::without_tokens;
use super::{routes, sentence};
use crate::answer::quoted;
use crate::fields::{malformed, member, object, string};
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::RawObject;
use crate::socket::{Desk, Downstream};

/// What is Kraken's own about a connection of v1.
#[derive(Debug, Default)]
pub(super) struct V1 {
    event: String,
    /// The name in `subscription`.
    channel: Option<String>,
}

impl Venue for V1 {
    fn purpose(&self) -> Purpose {
        Purpose::Kraken
    }

    fn greeting(&mut self, _: Timestamp, desk: &mut dyn Desk) -> Option<String> {
        // Clients in JavaScript read whole numbers up to 2^53 only.
        let id = u128::from_le_bytes(desk.random()) >> 75;
        Some(format!(r#"{{"connectionID":{id},"event":"systemStatus","status":"online","version":"1.9.6"}}"#))
    }

    fn read<'f>(&mut self, text: &'f str, _: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        (self.event, self.channel) = (String::new(), None);
        let frame = object(text)?;
        // A frame of v2, too, is one for a reader of that version.
        self.event = string(&frame, "event").filter(|_| !frame.has_alike("method")).ok_or_else(|| malformed("event"))?;
        let echo: Echo = frame.member("reqid").map(|id| id.get().to_owned()).filter(|id| id.len() <= limits::RPC_ID_CHARS_MAX);
        let op = self.op(&frame, &echo).map_err(|refusal| Refused { refusal, echo: echo.clone() })?;
        Ok(Frame { op: without_tokens(op, text, &frame, "subscription"), echo })
    }

    fn welcome(&self, _: &VerifiedIdentity, echo: &Echo, _: Timestamp) -> String {
        format!(r#"{{"event":{},"status":"ok"{}}}"#, quoted(self.answer_event()), request_id(echo))
    }

    fn refuse(&self, refusal: &Refusal, echo: &Echo, _: Timestamp) -> String {
        let text = quoted(&sentence(refusal));
        let channel = self.channel.as_deref().map(|name| format!(r#","subscription":{{"name":{}}}"#, quoted(name)));
        let channel = channel.unwrap_or_default();
        format!(r#"{{"errorMessage":{text},"event":{},"status":"error"{channel}{}}}"#, quoted(self.answer_event()), request_id(echo))
    }

    fn handle_upstream(&mut self, text: &str) -> Downstream {
        if text.starts_with('{') && text.contains("connectionID") && is_opening(text) { Downstream::Drop } else { Downstream::Pass }
    }
}

/// What the venue says when it is connected to; a later status has no connection.
fn is_opening(text: &str) -> bool {
    object(text).is_ok_and(|frame| string(&frame, "event").as_deref() == Some("systemStatus") && frame.member("connectionID").is_some())
}

fn request_id(echo: &Echo) -> String {
    echo.as_ref().map(|id| format!(r#","reqid":{id}"#)).unwrap_or_default()
}

impl V1 {
    /// The event that answers the one that was read.
    fn answer_event(&self) -> &'static str {
        match self.event.as_str() {
            "addOrder" => "addOrderStatus",
            "cancelAll" => "cancelAllStatus",
            "cancelAllOrdersAfter" => "cancelAllOrdersAfterStatus",
            "cancelOrder" => "cancelOrderStatus",
            "editOrder" => "editOrderStatus",
            "subscribe" | "unsubscribe" => "subscriptionStatus",
            _ => "error",
        }
    }

    fn op<'f>(&mut self, frame: &RawObject<'_>, echo: &Echo) -> Result<Op<'f>, Refusal> {
        match self.event.as_str() {
            "ping" => Ok(Op::Answer(format!(r#"{{"event":"pong"{}}}"#, request_id(echo)))),
            "subscribe" | "unsubscribe" => self.subscription(frame),
            event => {
                let message = trading(event, true)?;
                token(frame).map(|token| Op::Token(token, TokenKind::Access, message, None))
            }
        }
    }

    fn subscription<'f>(&mut self, frame: &RawObject<'_>) -> Result<Op<'f>, Refusal> {
        let Some(subscription) = member(frame, "subscription")? else {
            // A public channel may be left by its number alone.
            let by_number = self.event == "unsubscribe" && frame.member("channelID").is_some();
            return if by_number { Ok(Op::Public(routes::PUBLIC)) } else { Err(malformed("subscription")) };
        };
        let subscription = object(subscription.get())?;
        let name = string(&subscription, "name").ok_or_else(|| malformed("name"))?;
        if name.len() > limits::RPC_ID_CHARS_MAX {
            return Err(Reject::RouteUnknown.into());
        }
        let public = routes::V1_PUBLIC_CHANNELS.contains(&name.as_str());
        let private = routes::V1_PRIVATE_CHANNELS.iter().find(|(channel, _)| *channel == name);
        let message = private.map_or(routes::UNLISTED, |(_, message)| message);
        self.channel = Some(name);
        if public {
            return Ok(Op::Public(routes::PUBLIC));
        }
        token(&subscription).map(|token| Op::Token(token, TokenKind::Access, message, None))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_core::Now;

    use super::*;
    use crate::every_dialect::TestDesk;
    use crate::registry::by_name;
    use crate::socket::{DialectSocket, Opening, Step};
    use crate::test_support::now;

    fn opened(path: &str) -> Box<dyn DialectSocket> {
        by_name("kraken").unwrap().open_socket(&Opening { target: path, now: Now::default(), issued_challenge: None }).unwrap()
    }

    /// What becomes of a frame: the message that goes on as nobody's, or what the client is told.
    fn told(text: &str) -> String {
        match opened("/").handle_text(text, now(), &mut TestDesk::new()) {
            Step::Forward(forward) => format!("{} {}", forward.message, forward.identity.is_some()),
            Step::Refuse { reply, .. } => reply,
            Step::Reply(replies) => replies.join(" "),
            Step::VerifyToken(_) => "token".to_owned(),
            Step::Close { .. } | Step::Verify(_) => panic!("v1 neither closes nor signs"),
        }
    }

    #[test]
    fn v1_is_at_the_root_and_v2_at_its_path() {
        for (path, opening) in [("/", "systemStatus"), ("/kraken/ws", "systemStatus"), ("/v2", "")] {
            let Step::Reply(replies) = opened(path).greet(now(), &mut TestDesk::new()) else { panic!("{path}") };
            assert_eq!(replies.iter().any(|reply| reply.contains("systemStatus")), !opening.is_empty(), "{path}");
        }
    }

    #[test]
    fn public_channels_need_nothing() {
        for text in [
            r#"{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"ticker"}}"#,
            r#"{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"book","depth":10}}"#,
            r#"{"event":"unsubscribe","channelID":17}"#,
            r#"{"event":"unsubscribe","pair":["XBT/USD"],"subscription":{"name":"*"}}"#,
        ] {
            assert_eq!(told(text), "subscribe.public false", "{text}");
        }
        assert_eq!(told(r#"{"event":"ping","reqid":42}"#), r#"{"event":"pong","reqid":42}"#);
    }

    #[test]
    fn what_is_ones_own_needs_a_token_of_ours() {
        let missing = r#"{"errorMessage":"EAPI:Invalid key","event":"subscriptionStatus","status":"error","subscription":{"name":"openOrders"},"reqid":7}"#;
        assert_eq!(told(r#"{"event":"subscribe","reqid":7,"subscription":{"name":"openOrders"}}"#), missing);
        for (text, event) in [
            (r#"{"event":"addOrder","token":"forged","pair":"XBT/USD"}"#, "addOrderStatus"),
            (r#"{"event":"cancelAll"}"#, "cancelAllStatus"),
            (r#"{"event":"subscribe","subscription":{"name":"unheard"}}"#, "subscriptionStatus"),
            (r#"{"event":"unsubscribe","subscription":{"name":"ownTrades"}}"#, "subscriptionStatus"),
        ] {
            let answer = told(text);
            assert!(answer.contains(r#""status":"error""#) && answer.contains(&format!(r#""event":"{event}""#)), "{answer}");
        }
    }

    #[test]
    fn frames_of_the_other_version_are_none() {
        for text in [r#"{"event":"add_order","token":"t"}"#, r#"{"method":"ping"}"#, r#"{"event":"unsubscribe"}"#, "[]", "{"] {
            assert!(told(text).contains(r#""status":"error""#), "{text}");
        }
        let frame = r#"{"method":"addOrder","params":{"token":"t"}}"#;
        assert!(matches!(opened("/v2").handle_text(frame, now(), &mut TestDesk::new()), Step::Refuse { .. }));
    }

    #[test]
    fn the_venue_behind_opens_nothing_that_is_open() {
        let mut socket = opened("/");
        let opening = r#"{"connectionID":8628615390848610000,"event":"systemStatus","status":"online","version":"1.0.0"}"#;
        assert_eq!(socket.handle_upstream(None, opening, now()), Downstream::Drop);
        for text in
            [r#"{"event":"systemStatus","status":"maintenance"}"#, r#"{"event":"heartbeat"}"#, r#"[1,["connectionID"],"trade","XBT/USD"]"#]
        {
            assert_eq!(socket.handle_upstream(None, text, now()), Downstream::Pass, "{text}");
        }
    }
}
