//! KuCoin's WebSocket: the token of the handshake says who it is.
//!
//! | frame | public token | private token, not yet verified | verified |
//! |---|---|---|---|
//! | `ping` | `pong` | `pong` | `pong` |
//! | public topic | forward as nobody | forward as nobody | forward as nobody |
//! | private topic | refused | `VerifyToken` → forward | forward |
//!
//! The client gets `welcome` first, as at the venue; a token that is not good is told with the first private topic.

use countersign_core::{Purpose, Refusal, Timestamp, TokenKind, VerifiedIdentity};

use super::{routes, words};
use crate::answer::quoted;
use crate::fields::{malformed, member, missing, object, string};
use crate::limits;
use crate::login_socket::{Echo, Frame, LoginSocket, Op, Refused, Venue};
use crate::socket::{Desk, DialectSocket, Opening};

/// What is KuCoin's own about a connection.
#[derive(Debug)]
pub(super) struct Connection {
    connect_id: String,
    token: Option<String>,
}

impl Connection {
    pub(super) fn boxed(opening: &Opening<'_>) -> Box<dyn DialectSocket> {
        let connect_id = opening.query("connectId").filter(|id| id.len() <= limits::RPC_ID_CHARS_MAX).unwrap_or_default().to_owned();
        let token = opening.query("token").filter(|token| *token != routes::PUBLIC_TOKEN).map(str::to_owned);
        LoginSocket::boxed(Self { connect_id, token })
    }
}

impl Venue for Connection {
    fn purpose(&self) -> Purpose {
        Purpose::Kucoin
    }

    fn greeting(&mut self, _: Timestamp, _: &mut dyn Desk) -> Option<String> {
        Some(format!(r#"{{"id":{},"type":"welcome"}}"#, quoted(&self.connect_id)))
    }

    fn read<'f>(&mut self, text: &'f str, now: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        let frame = object(text)?;
        let echo: Echo = frame.member("id").map(|id| id.get().to_owned()).filter(|id| id.len() <= limits::RPC_ID_CHARS_MAX);
        let op = self.op(&frame, &echo, now).map_err(|refusal| Refused { refusal, echo: echo.clone() })?;
        Ok(Frame { op, echo })
    }

    fn welcome(&self, _: &VerifiedIdentity, echo: &Echo, _: Timestamp) -> String {
        format!(r#"{{"id":{},"type":"ack"}}"#, echo.as_deref().unwrap_or("null"))
    }

    fn refuse(&self, refusal: &Refusal, echo: &Echo, _: Timestamp) -> String {
        let (_, code, text) = words(refusal);
        format!(r#"{{"id":{},"type":"error","code":{code},"data":{}}}"#, echo.as_deref().unwrap_or("null"), quoted(text))
    }
}

impl Connection {
    fn op<'f>(&self, frame: &crate::raw_object::RawObject<'_>, echo: &Echo, now: Timestamp) -> Result<Op<'f>, Refusal> {
        match string(frame, "type").ok_or_else(|| malformed("type"))?.as_str() {
            "ping" => {
                let micros = now.as_micros();
                Ok(Op::Answer(format!(r#"{{"id":{},"type":"pong","timestamp":{micros}}}"#, echo.as_deref().unwrap_or("null"))))
            }
            "subscribe" | "unsubscribe" => {
                let topic = string(frame, "topic").ok_or_else(|| malformed("topic"))?;
                let private = member(frame, "privateChannel")?.is_some_and(|flag| matches!(flag.get(), "true" | "\"true\""));
                if !private && !routes::PRIVATE_TOPICS.iter().any(|start| topic.starts_with(start)) {
                    return Ok(Op::Public(routes::PUBLIC));
                }
                let token = self.token.clone().ok_or_else(|| missing("token"))?;
                Ok(Op::Token(token, TokenKind::Connect, routes::PRIVATE, None))
            }
            _ => Err(countersign_core::Reject::RouteUnknown.into()),
        }
    }
}
