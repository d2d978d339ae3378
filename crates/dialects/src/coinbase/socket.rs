//! The WebSocket: `subscribe` and `unsubscribe`, each with a token of its own.
//!
//! ```text
//!   {"type":"subscribe","channel":"user","product_ids":["BTC-USD"],"jwt":"…"}
//!
//!              frame with jwt ──▶ verify ──▶ forward as that key, without the jwt
//!   NoKey ──────────────────────────────────────────────────────────────────────▶ Key
//!              private channel, no jwt: refused      private channel, no jwt: unsubscribe only
//!              public channel, no jwt: forward as nobody (NoKey), as the key (Key)
//! ```
//!
//! A token for frames names no `uri`; one that does was made for a request and is refused. It may be used again while it lives,
//! as ccxt does. One connection has one key: a token of another one is refused. Clients send a token for public channels, too;
//! it is verified there as well.

use countersign_core::{Detail, Effect, Refusal, Reject, Timestamp, VerifiedIdentity};
use serde_json::value::RawValue;

use super::jwt::Jwt;
use super::reject_body;
use super::routes::Channel;
use crate::fields::{malformed, member};
use crate::limits;
use crate::raw_object::{RawObject, literal};
use crate::socket::{Desk, DialectSocket, Forward, Step};

/// The state of one connection.
#[derive(Debug, Default)]
pub struct CoinbaseSocket {
    key: Option<VerifiedIdentity>,
    /// The frame whose token is being verified.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    channel: Channel,
    text: String,
}

/// A frame as it stands.
struct Frame<'f> {
    subscribes: bool,
    channel: Channel,
    jwt: Option<&'f str>,
    object: RawObject<'f>,
}

fn refuse<'f>(refusal: impl Into<Refusal>) -> Step<'f> {
    let refusal = refusal.into();
    Step::Refuse { reply: reject_body::frame(&refusal), refusal, close: false }
}

impl<'f> Frame<'f> {
    fn read(text: &'f str) -> Result<Self, Refusal> {
        if text.len() > limits::FRAME_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
        let object: RawObject<'f> = serde_json::from_str(text).map_err(|_| malformed("frame"))?;
        let word = |name| object.only_member(name).filter(|value| value.get().starts_with('"')).and_then(literal);
        let subscribes = match word("type").as_deref() {
            Some("subscribe") => true,
            Some("unsubscribe") => false,
            Some(_) | None => return Err(malformed("type")),
        };
        let channel = word("channel").ok_or_else(|| malformed("channel"))?;
        let channel = Channel::find(&channel).ok_or(Reject::RouteUnknown)?;
        let jwt = member(&object, "jwt")?.filter(|value| value.get() != "null").map(token).transpose()?;
        Ok(Self { subscribes, channel, jwt, object })
    }

    /// The frame without its token: that is the gateway's.
    fn without_token(&self) -> String {
        let mut text = String::from("{");
        for (name, value) in self.object.members().filter(|(name, _)| *name != "jwt") {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&crate::answer::quoted(name));
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        text
    }
}

/// The text of a token: no character of one is ever escaped.
fn token(value: &RawValue) -> Result<&str, Refusal> {
    let inside = value.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inside {
        Some("") => Err(Refusal::with(Reject::MissingCredentials, Detail::Parameter("jwt"))),
        Some(inside) if !inside.contains('\\') => Ok(inside),
        Some(_) | None => Err(malformed("jwt")),
    }
}

impl CoinbaseSocket {
    fn take<'f>(&mut self, text: &'f str) -> Result<Step<'f>, Refusal> {
        let frame = Frame::read(text)?;
        let stripped = frame.without_token();
        if let Some(jwt) = frame.jwt {
            let jwt = Jwt::read(jwt)?;
            if !jwt.uris().is_empty() {
                return Err(Refusal::operator(Reject::WrongUri, "the token was made for a request"));
            }
            self.pending = Some(Pending { channel: frame.channel, text: stripped });
            return Ok(Step::Verify(jwt.present(Effect::Read)));
        }
        if frame.channel.is_private() && (frame.subscribes || self.key.is_none()) {
            return Err(Refusal::with(Reject::MissingCredentials, Detail::Parameter("jwt")));
        }
        Ok(Step::Forward(Forward { identity: self.key.clone(), text: Some(stripped), ..Forward::public(frame.channel.message()) }))
    }
}

impl DialectSocket for CoinbaseSocket {
    fn handle_text<'f>(&mut self, text: &'f str, _: Timestamp, _: &mut dyn Desk) -> Step<'f> {
        self.pending = None;
        self.take(text).unwrap_or_else(refuse)
    }

    fn conclude(&mut self, result: Result<VerifiedIdentity, Refusal>, _: Timestamp, _: &mut dyn Desk) -> Step<'static> {
        let (pending, identity) = match (self.pending.take(), result) {
            (Some(pending), Ok(identity)) => (pending, identity),
            (_, Err(refusal)) => return refuse(refusal),
            (None, Ok(_)) => return refuse(Refusal::operator(Reject::Internal, "a result that nothing asked for")),
        };
        if self.key.as_ref().is_some_and(|key| key.credential().id != identity.credential().id) {
            return refuse(Refusal::operator(Reject::UnexpectedMessage, "another key is on this connection"));
        }
        self.key = Some(identity.clone());
        Step::Forward(Forward { text: Some(pending.text), ..Forward::as_identity(pending.channel.message(), identity) })
    }

    fn refuse(&mut self, refusal: &Refusal, _: Timestamp) -> String {
        reject_body::frame(refusal)
    }

    fn identity(&self) -> Option<&VerifiedIdentity> {
        self.key.as_ref()
    }
}
