//! Kraken's WebSocket v2: each private message carries `params.token`.

use countersign_core::{Purpose, Refusal, Reject, Timestamp, TokenKind, VerifiedIdentity};

use super::token::without_tokens;
use super::{routes, sentence};
use crate::answer::quoted;
use crate::fields::{malformed, member, missing, object, string};
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::RawObject;
use crate::socket::Desk;

/// The messages of one's own that trade in this version: v1 has them in camel case.
pub(super) fn trading(name: &str, camel: bool) -> Result<&'static str, Refusal> {
    let known = routes::MESSAGES.iter().find(|route| route.orders_or_cancels() && route.name == name && is_camel(name) == camel);
    known.map(|route| route.name).ok_or_else(|| Reject::RouteUnknown.into())
}

fn is_camel(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// What is Kraken's own about a connection.
#[derive(Debug, Default)]
pub(super) struct V2 {
    method: String,
}

impl Venue for V2 {
    fn purpose(&self) -> Purpose {
        Purpose::Kraken
    }

    fn read<'f>(&mut self, text: &'f str, _: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        let frame = object(text)?;
        // A frame of v1, too, is one for a reader of that version.
        self.method = string(&frame, "method").filter(|_| !frame.has_alike("event")).ok_or_else(|| malformed("method"))?;
        let echo: Echo = frame.member("req_id").map(|id| id.get().to_owned()).filter(|id| id.len() <= limits::RPC_ID_CHARS_MAX);
        let op = self.op(&frame, &echo).map_err(|refusal| Refused { refusal, echo: echo.clone() })?;
        Ok(Frame { op: without_tokens(op, text, &frame, "params"), echo })
    }

    fn welcome(&self, _: &VerifiedIdentity, echo: &Echo, _: Timestamp) -> String {
        format!(r#"{{"method":{},"success":true{}}}"#, quoted(&self.method), request_id(echo))
    }

    fn refuse(&self, refusal: &Refusal, echo: &Echo, _: Timestamp) -> String {
        let text = quoted(&sentence(refusal));
        format!(r#"{{"method":{},"success":false,"error":{text}{}}}"#, quoted(&self.method), request_id(echo))
    }
}

fn request_id(echo: &Echo) -> String {
    echo.as_ref().map(|id| format!(r#","req_id":{id}"#)).unwrap_or_default()
}

impl V2 {
    fn op<'f>(&self, frame: &RawObject<'_>, echo: &Echo) -> Result<Op<'f>, Refusal> {
        let params = member(frame, "params")?.map(|params| object(params.get())).transpose()?.unwrap_or_default();
        match self.method.as_str() {
            "ping" => Ok(Op::Answer(format!(r#"{{"method":"pong"{}}}"#, request_id(echo)))),
            "subscribe" | "unsubscribe" => {
                let channel = string(&params, "channel").ok_or_else(|| malformed("channel"))?;
                if routes::PUBLIC_CHANNELS.contains(&channel.as_str()) {
                    return Ok(Op::Public(routes::PUBLIC));
                }
                let private = routes::PRIVATE_CHANNELS.iter().find(|(name, _)| *name == channel);
                let message = private.map_or(routes::UNLISTED, |(_, message)| message);
                token(&params).map(|token| Op::Token(token, TokenKind::Access, message, None))
            }
            method => {
                let message = trading(method, false)?;
                token(&params).map(|token| Op::Token(token, TokenKind::Access, message, None))
            }
        }
    }
}

/// The token of a message of one's own.
pub(super) fn token(params: &RawObject<'_>) -> Result<String, Refusal> {
    string(params, "token").filter(|token| !token.is_empty()).ok_or_else(|| missing("token"))
}
