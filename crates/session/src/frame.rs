//! Frames of an open session: one JSON object per line (raw TLS) or text frame (WebSocket).
//!
//! `{"s":7,"a":3,"d":{...}}` is an application message: own number, next number expected from the peer, body. The body is
//! passed through as the bytes received; this crate never reads or writes what is in it.

use std::borrow::Cow;
use std::time::Duration;

use countersign_core::{Refusal, Reject, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;

use crate::limits;

/// A frame, understood as far as the session goes.
#[derive(Debug)]
pub enum Frame<'f> {
    /// An application message.
    App(AppFrame<'f>),
    /// The gateway sheds load.
    Busy(Busy),
    /// The peer ends the session.
    Bye(Bye<'f>),
    /// The gateway's node leaves.
    Drain(Drain<'f>),
    /// The gateway refused something.
    Err(&'f RawValue),
    /// The gateway no longer has messages that were asked for, or missed.
    Gap(Gap<'f>),
    /// A halt covers the client.
    Halt(Halt<'f>),
    /// A frame of the handshake, which is over.
    Handshake,
    /// The peer is alive.
    Hb(Heartbeat),
    /// The halt is lifted.
    Lift,
    /// The peer missed messages of ours and will not apply them.
    Nack(Range),
    /// A nonce of the gateway; empty, from the client: it asks for one.
    Nonce(Cow<'f, str>),
    /// The peer asks for an answer.
    Ping(Cow<'f, str>),
    /// The peer's answer.
    Pong(Cow<'f, str>),
    /// The client proves itself again: the token.
    Reauth(Cow<'f, str>),
    /// The client confirms the contract.
    Ready(Cow<'f, str>),
    /// The gateway grants anew.
    Regrant {
        /// The token.
        token: Cow<'f, str>,
        /// The secrets text beside it.
        sec: Cow<'f, str>,
    },
    /// The client asks for messages again.
    Replay(Range),
    /// A frame whose name is reserved for what comes later.
    Reserved(&'static str),
}

/// An application message.
#[derive(Debug)]
pub struct AppFrame<'f> {
    /// The sender's number of it, from 1.
    pub s: u64,
    /// The next number the sender expects from us.
    pub a: Option<u64>,
    /// The contract hash, on a client's first message in place of `ready`.
    pub ch: Option<Cow<'f, str>>,
    /// Whether it is sent again. What is new the number decides.
    pub dup: bool,
    /// The body, as received.
    pub d: &'f RawValue,
}

/// `{"hb":{"s","a","t","e"}}`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Heartbeat {
    /// The sender's next number.
    pub s: u64,
    /// The next number it expects from us.
    pub a: u64,
    /// Its clock, in microseconds since 1970.
    pub t: u64,
    /// Our clock as last heard, if any.
    pub e: Option<u64>,
}

/// A range of sequence numbers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub from: u64,
    /// How many.
    pub count: u64,
}

/// `{"gap":{"from","count","how"}}`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Gap<'f> {
    /// The first number.
    pub from: u64,
    /// How many.
    pub count: u64,
    /// `lost`: they are gone.
    #[serde(borrow)]
    pub how: Cow<'f, str>,
}

/// `{"bye":{"code","last"}}`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Bye<'f> {
    /// Why.
    #[serde(borrow)]
    pub code: Cow<'f, str>,
    /// The last number its sender used.
    pub last: Option<u64>,
}

/// `{"drain":{"by_ms","to","why"}}`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Drain<'f> {
    /// Leave within so many milliseconds.
    pub by_ms: u64,
    /// Where else to go.
    #[serde(borrow, default)]
    pub to: Vec<Cow<'f, str>>,
    /// Why.
    #[serde(borrow)]
    pub why: Option<Cow<'f, str>>,
}

/// `{"halt":{"id","action","reason"}}`: what is stopped for this client. Another one takes the place of the one before.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Halt<'f> {
    /// Its name, for talking about it.
    #[serde(borrow)]
    pub id: Cow<'f, str>,
    /// What it stops: `cancel-only`, `deny-new`, `freeze`.
    #[serde(borrow)]
    pub action: Cow<'f, str>,
    /// Why, as a code.
    #[serde(borrow)]
    pub reason: Cow<'f, str>,
}

/// `{"busy":{"retry_ms"}}`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Busy {
    /// Come back after so many milliseconds.
    pub retry_ms: u64,
}

#[derive(Deserialize)]
struct Outer<'f> {
    s: Option<u64>,
    a: Option<u64>,
    #[serde(borrow)]
    ch: Option<Cow<'f, str>>,
    #[serde(borrow)]
    d: Option<&'f RawValue>,
    dup: Option<bool>,
    busy: Option<Busy>,
    #[serde(borrow)]
    bye: Option<Bye<'f>>,
    #[serde(borrow)]
    drain: Option<Drain<'f>>,
    #[serde(borrow)]
    err: Option<&'f RawValue>,
    hello: Option<IgnoredAny>,
    welcome: Option<IgnoredAny>,
    hb: Option<Heartbeat>,
    nack: Option<Range>,
    #[serde(borrow)]
    nonce: Option<Cow<'f, str>>,
    #[serde(borrow)]
    ping: Option<Cow<'f, str>>,
    #[serde(borrow)]
    pong: Option<Cow<'f, str>>,
    #[serde(borrow)]
    ready: Option<Cow<'f, str>>,
    #[serde(borrow)]
    gap: Option<Gap<'f>>,
    replay: Option<Range>,
    #[serde(borrow)]
    halt: Option<Halt<'f>>,
    lift: Option<IgnoredAny>,
    #[serde(borrow)]
    reauth: Option<Cow<'f, str>>,
    refresh: Option<IgnoredAny>,
    #[serde(borrow)]
    regrant: Option<Cow<'f, str>>,
    #[serde(borrow)]
    sec: Option<Cow<'f, str>>,
    resume: Option<IgnoredAny>,
}

impl<'f> Frame<'f> {
    /// Reads a frame without its line end.
    ///
    /// # Errors
    /// [`Reject::TooLarge`] above `bytes_max`; [`Reject::Malformed`] when it is no JSON object, has a member twice, or says
    /// none or more than one thing.
    pub fn read(frame: &'f [u8], bytes_max: usize) -> Result<Self, Refusal> {
        if frame.len() > bytes_max {
            return Err(Reject::TooLarge.into());
        }
        let not_a_frame = || Refusal::operator(Reject::Malformed, "not a frame of the session");
        // Only an object is a frame, although serde would read a list into a struct.
        if frame.first() != Some(&b'{') {
            return Err(not_a_frame());
        }
        let outer: Outer<'f> = serde_json::from_slice(frame).map_err(|_| not_a_frame())?;
        outer.only_one().ok_or_else(not_a_frame)
    }
}

impl<'f> Outer<'f> {
    /// HS-70: a frame says one thing.
    fn only_one(self) -> Option<Frame<'f>> {
        let app = match (self.s, self.d) {
            (Some(s), Some(d)) => Some(Frame::App(AppFrame { s, a: self.a, ch: self.ch, dup: self.dup == Some(true), d })),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return None,
        };
        let short = |text: Cow<'f, str>| (text.len() <= limits::TEXT_BYTES_MAX).then_some(text);
        let reserved = [("refresh", self.refresh), ("resume", self.resume)];
        let regrant = match (self.regrant, self.sec) {
            (Some(token), Some(sec)) => Some(Frame::Regrant { token, sec }),
            (None, _) => None,
            (Some(_), None) => return None,
        };
        let said = [
            app,
            self.busy.map(Frame::Busy),
            self.bye.map(Frame::Bye),
            self.drain.map(Frame::Drain),
            self.err.map(Frame::Err),
            self.gap.map(Frame::Gap),
            self.hello.or(self.welcome).map(|_| Frame::Handshake),
            self.halt.map(Frame::Halt),
            self.hb.map(Frame::Hb),
            self.lift.map(|_| Frame::Lift),
            self.nack.map(Frame::Nack),
            self.nonce.map(Frame::Nonce),
            self.ping.and_then(short).map(Frame::Ping),
            self.pong.and_then(short).map(Frame::Pong),
            self.reauth.map(Frame::Reauth),
            self.ready.and_then(short).map(Frame::Ready),
            regrant,
            self.replay.map(Frame::Replay),
        ];
        let reserved = reserved.into_iter().filter(|(_, member)| member.is_some()).map(|(name, _)| Frame::Reserved(name));
        let mut said = said.into_iter().flatten().chain(reserved);
        said.next().filter(|_| said.next().is_none())
    }
}

/// Writes an application message; `body` is JSON, passed through.
#[must_use]
pub fn app(s: u64, a: u64, body: &str) -> String {
    format!("{{\"s\":{s},\"a\":{a},\"d\":{body}}}")
}

/// Writes an application message that is sent again.
#[must_use]
pub fn replayed(s: u64, a: u64, body: &str) -> String {
    format!("{{\"s\":{s},\"a\":{a},\"dup\":true,\"d\":{body}}}")
}

/// Asks for messages again.
#[must_use]
pub fn replay(range: Range) -> String {
    json!({ "replay": { "from": range.from, "count": range.count } }).to_string()
}

/// Tells that messages are gone.
#[must_use]
pub fn lost(range: Range) -> String {
    json!({ "gap": { "from": range.from, "count": range.count, "how": "lost" } }).to_string()
}

/// Writes a heartbeat.
#[must_use]
pub fn heartbeat(heartbeat: Heartbeat) -> String {
    let Heartbeat { s, a, t, e } = heartbeat;
    json!({ "hb": { "s": s, "a": a, "t": t, "e": e } }).to_string()
}

/// Writes a ping.
#[must_use]
pub fn ping(id: &str) -> String {
    json!({ "ping": id }).to_string()
}

/// Writes a pong.
#[must_use]
pub fn pong(id: &str) -> String {
    json!({ "pong": id }).to_string()
}

/// Asks for a nonce, for a re-authentication.
#[must_use]
pub fn ask_nonce() -> String {
    json!({ "nonce": "" }).to_string()
}

/// Writes a nack.
#[must_use]
pub fn nack(range: Range) -> String {
    json!({ "nack": { "from": range.from, "count": range.count } }).to_string()
}

/// Writes a bye: `code` is an alert code, or `done`.
#[must_use]
pub fn bye(code: &str, last: u64) -> String {
    json!({ "bye": { "code": code, "last": last } }).to_string()
}

/// Writes a halt.
#[must_use]
pub fn halt(id: &str, action: &str, reason: &str) -> String {
    json!({ "halt": { "id": id, "action": action, "reason": reason } }).to_string()
}

/// Writes the end of a halt.
#[must_use]
pub fn lift() -> String {
    json!({ "lift": {} }).to_string()
}

/// Writes a drain.
#[must_use]
pub fn drain(by: Duration, to: &[String], why: &str) -> String {
    let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    json!({ "drain": { "by_ms": by_ms, "to": to, "why": why } }).to_string()
}

/// Writes a busy.
#[must_use]
pub fn busy(retry: Duration) -> String {
    let retry_ms = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
    json!({ "busy": { "retry_ms": retry_ms } }).to_string()
}

/// A clock reading as a heartbeat carries it.
#[must_use]
pub const fn clock(time: Timestamp) -> u64 {
    time.as_micros()
}

#[cfg(test)]
mod tests;
