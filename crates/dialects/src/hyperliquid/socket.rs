//! Hyperliquid's WebSocket: public subscriptions, and actions as `{"method":"post","id":n,"request":{"type":"action","payload":…}}`.
//!
//! At `/ws` Binance has its streams: where both venues have one address, its clients arrive here. What they ask for is public; the
//! upstream says what it knows of it.

use countersign_core::{Purpose, Refusal, Reject, Timestamp, VerifiedIdentity};

use super::agent::Source;
use super::{ACTION, PUBLIC, USER_SIGNED, is_user_signed, present_payload, words};
use crate::answer::quoted;
use crate::binance::sockets::STREAM_METHODS;
use crate::fields::{malformed, member, object, string};
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::socket::Desk;

/// What is Hyperliquid's own about a connection.
#[derive(Debug, Default)]
pub(super) struct Ws;

impl Venue for Ws {
    fn purpose(&self) -> Purpose {
        Purpose::Hyperliquid
    }

    fn read<'f>(&mut self, text: &'f str, _: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        let frame = object(text)?;
        let echo: Echo = frame.member("id").map(|id| id.get().to_owned()).filter(|id| id.len() <= limits::RPC_ID_CHARS_MAX);
        let op = match string(&frame, "method").ok_or_else(|| malformed("method"))?.as_str() {
            "ping" => Op::Answer(r#"{"channel":"pong"}"#.to_owned()),
            "subscribe" | "unsubscribe" => Op::Public(PUBLIC),
            "post" => {
                let request = object(member(&frame, "request")?.ok_or_else(|| malformed("request"))?.get())?;
                match string(&request, "type").as_deref() {
                    Some("info") => Op::Public(PUBLIC),
                    Some("action") => {
                        let payload = object(member(&request, "payload")?.ok_or_else(|| malformed("payload"))?.get())?;
                        let refused = |refusal| Refused { refusal, echo: echo.clone() };
                        let elsewhere = present_payload(&payload, Source::Elsewhere).map_err(refused)?;
                        if is_user_signed(&payload) {
                            return Ok(Frame { op: Op::Signed(elsewhere, USER_SIGNED, None), echo });
                        }
                        // As over HTTP: whichever network the client believes to be on.
                        let mainnet = present_payload(&payload, Source::Mainnet).map_err(refused)?;
                        Op::SignedEither(elsewhere, Box::new(mainnet), ACTION)
                    }
                    Some(_) | None => return Err(malformed("request").into()),
                }
            }
            method if STREAM_METHODS.contains(&method) => Op::Public(PUBLIC),
            _ => return Err(Refusal::from(Reject::RouteUnknown).into()),
        };
        Ok(Frame { op, echo })
    }

    fn welcome(&self, _: &VerifiedIdentity, _: &Echo, _: Timestamp) -> String {
        r#"{"channel":"subscriptionResponse","data":{}}"#.to_owned()
    }

    fn refuse(&self, refusal: &Refusal, echo: &Echo, _: Timestamp) -> String {
        let (_, text) = words(refusal);
        match echo {
            Some(id) => {
                let payload = format!(r#"{{"status":"err","response":{}}}"#, quoted(text));
                format!(r#"{{"channel":"post","data":{{"id":{id},"response":{{"type":"action","payload":{payload}}}}}}}"#)
            }
            None => format!(r#"{{"channel":"error","data":{}}}"#, quoted(text)),
        }
    }
}
