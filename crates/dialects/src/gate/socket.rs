//! Gate's WebSocket: a proof in each private subscription, or `spot.login` for the order API.
//!
//! | frame | signed text |
//! |---|---|
//! | `{"time","channel","event":"subscribe","payload","auth":{"method":"api_key","KEY","SIGN"}}` | `channel=…&event=…&time=…` |
//! | `{"time","channel":"spot.login","event":"api","payload":{"req_id","api_key","timestamp","signature","req_header"}}` | `api\nspot.login\n<req_param as it stands>\n<timestamp>` |
//!
//! `spot.order_place` takes one order, or a list of them, in `req_param`.
//! HMAC-SHA-512 in hex. A login has no parameters: the vendor's examples sign nothing in their place, and ccxt signs `{}`; both are read.

use countersign_core::{Algorithm, Effect, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp, VerifiedIdentity};

use super::{fresh, routes, words};
use crate::answer::quoted;
use crate::fields::{decimal_seconds, hex_mac, key_id, malformed, member, missing, object, string, text};
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::RawObject;
use crate::socket::Desk;

/// What is Gate's own about a connection.
#[derive(Debug, Default)]
pub(super) struct Gate {
    channel: String,
    event: String,
}

impl Venue for Gate {
    fn purpose(&self) -> Purpose {
        Purpose::Gate
    }

    fn read<'f>(&mut self, text: &'f str, now: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        let frame = object(text)?;
        self.channel = string(&frame, "channel").ok_or_else(|| malformed("channel"))?;
        member(&frame, "event")?;
        self.event = string(&frame, "event").unwrap_or_default();
        let payload =
            member(&frame, "payload")?.filter(|value| value.get().starts_with('{')).map(|value| object(value.get())).transpose()?;
        let request = payload.as_ref().and_then(|payload| payload.member("req_id")).or_else(|| frame.member("id"));
        let echo: Echo = request.map(|id| id.get().to_owned()).filter(|id| id.len() <= limits::RPC_ID_CHARS_MAX);
        let op = self.op(&frame, payload.as_ref(), now).map_err(|refusal| Refused { refusal, echo: echo.clone() })?;
        Ok(Frame { op, echo })
    }

    fn welcome(&self, identity: &VerifiedIdentity, echo: &Echo, now: Timestamp) -> String {
        let (millis, key, id) = (now.as_millis(), quoted(identity.key_id().as_str()), echo.as_deref().unwrap_or("\"\""));
        format!(
            concat!(
                r#"{{"header":{{"response_time":"{}","status":"200","channel":"spot.login","event":"api"}},"#,
                r#""data":{{"result":{{"api_key":{},"uid":""}}}},"request_id":{}}}"#
            ),
            millis, key, id
        )
    }

    fn refuse(&self, refusal: &Refusal, echo: &Echo, now: Timestamp) -> String {
        let (status, label, text) = words(refusal);
        let (channel, event) = (quoted(&self.channel), quoted(&self.event));
        if self.event == "api" {
            let (millis, id) = (now.as_millis(), echo.as_deref().unwrap_or("\"\""));
            return format!(
                concat!(
                    r#"{{"header":{{"response_time":"{}","status":"{}","channel":{},"event":"api"}},"#,
                    r#""data":{{"errs":{{"label":"{}","message":{}}}}},"request_id":{}}}"#
                ),
                millis,
                status,
                channel,
                label,
                quoted(text),
                id
            );
        }
        let (secs, id) = (now.as_secs(), echo.as_ref().map(|id| format!(r#""id":{id},"#)).unwrap_or_default());
        let text = quoted(text);
        format!(r#"{{"time":{secs},{id}"channel":{channel},"event":{event},"error":{{"code":2,"message":{text}}},"result":null}}"#)
    }
}

impl Gate {
    fn op<'f>(&self, frame: &RawObject<'_>, payload: Option<&RawObject<'_>>, now: Timestamp) -> Result<Op<'f>, Refusal> {
        match (self.channel.as_str(), self.event.as_str()) {
            ("spot.ping", _) => Ok(Op::Answer(format!(r#"{{"time":{},"channel":"spot.pong","event":"","result":null}}"#, now.as_secs()))),
            ("spot.login", "api") => login(payload.ok_or_else(|| missing("payload"))?),
            (channel, "api") => {
                let known = routes::MESSAGES.iter().find(|route| route.name == channel && route.name.starts_with("spot.order"));
                let route = known.ok_or(Reject::RouteUnknown)?;
                Ok(Op::Private(route.name))
            }
            (_, "subscribe" | "unsubscribe") => match member(frame, "auth")? {
                Some(auth) => {
                    let proof = self.proof(frame, &object(auth.get())?)?;
                    Ok(Op::Signed(proof, routes::PRIVATE, Some(frame.without(&["auth"]))))
                }
                None if is_private(&self.channel) => Err(missing("auth")),
                None => Ok(Op::Public(routes::PUBLIC)),
            },
            (_, _) => Err(Reject::RouteUnknown.into()),
        }
    }

    fn proof<'f>(&self, frame: &RawObject<'_>, auth: &RawObject<'_>) -> Result<Presented<'f>, Refusal> {
        if string(auth, "method").as_deref() != Some("api_key") {
            return Err(malformed("auth"));
        }
        let needed = |name: &'static str| string(auth, name).filter(|text| !text.is_empty()).ok_or_else(|| missing(name));
        let time = text(frame, "time").ok_or_else(|| missing("time"))?;
        let signed = format!("channel={}&event={}&time={time}", self.channel, self.event);
        presented(&needed("KEY")?, &needed("SIGN")?, &time, signed)
    }
}

fn login<'f>(payload: &RawObject<'_>) -> Result<Op<'f>, Refusal> {
    let needed = |name: &'static str| text(payload, name).filter(|text| !text.is_empty()).ok_or_else(|| missing(name));
    let timestamp = needed("timestamp")?;
    let (key, signature) = (needed("api_key")?, needed("signature")?);
    let text = |parameter: &str| format!("api\nspot.login\n{parameter}\n{timestamp}");
    let parameter = member(payload, "req_param")?.map(|value| value.get());
    let first = presented(&key, &signature, &timestamp, text(parameter.unwrap_or("{}")))?;
    Ok(match parameter {
        // Go writes a parameter of no bytes as an empty text or as null, and signs its bytes.
        None | Some("\"\"" | "null") => Op::LoginEither(first, Box::new(presented(&key, &signature, &timestamp, text(""))?)),
        Some(_) => Op::Login(first),
    })
}

fn presented<'f>(key: &str, signature: &str, timestamp: &str, signed: String) -> Result<Presented<'f>, Refusal> {
    Ok(Presented {
        purpose: Purpose::Gate,
        key_id: key_id(key, "KEY")?,
        signature: hex_mac(Algorithm::HmacSha512, signature),
        signed: SignedBytes::from_piece(signed.into_bytes()),
        passphrase: None,
        freshness: fresh(decimal_seconds(timestamp, "time")?),
        once: Once::SignedBytes,
        effect: Effect::Read,
    })
}

/// Channels that tell of one's own.
fn is_private(channel: &str) -> bool {
    let of_own = [
        "orders",
        "orders_v2",
        "usertrades",
        "usertrades_v2",
        "balances",
        "margin_balances",
        "cross_balances",
        "funding_balances",
        "priceorders",
    ];
    channel.split_once('.').is_some_and(|(_, name)| of_own.contains(&name))
}
