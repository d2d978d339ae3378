//! BitMEX's WebSocket. The vendor's own clients prove themselves in the handshake and subscribe in its query: bitmex-ws by headers,
//! bitmex-realtime-api by parameters of the same names.
//!
//! Public topics that were asked for beside one's own went to the venue under the login. A frame about one of them goes the same way:
//! the venue knows nothing of that topic where nobody is logged in.

use std::collections::HashSet;

use countersign_core::{Algorithm, Effect, Freshness, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp, VerifiedIdentity};

use super::{CANCEL_ALL_AFTER, EXPIRES, KEY, MILLISECONDS_FROM, PRIVATE, PUBLIC, SIGNATURE, words};
use crate::answer::quoted;
use crate::dialect::{Header, Headers};
use crate::fields::{array, digits, header, hex_mac, key_id, malformed, member, missing, object, pair, percent_decoded, string};
use crate::limits;
use crate::login_socket::{Echo, First, Frame, Op, Refused, Venue};
use crate::raw_object::{RawObject, literal};
use crate::socket::{Desk, Opening};

/// What is BitMEX's own about a connection.
pub(super) struct Realtime {
    /// The proof of the handshake, until it was looked at.
    proof: Option<Result<Presented<'static>, Refusal>>,
    /// What the handshake subscribes to, until the first frame.
    topics: Result<Vec<String>, Refusal>,
    is_logged_in: bool,
    /// Public topics that were subscribed to under the login.
    under_login: HashSet<String>,
}

impl Realtime {
    /// A connection with what its handshake says.
    pub(super) fn opened(opening: &Opening<'_>, headers: &dyn Headers) -> Self {
        let (_, query) = opening.target.split_once('?').unwrap_or_default();
        let now = opening.now.wall;
        let in_query = [KEY, EXPIRES, SIGNATURE].into_iter().any(|name| values(query, name).next().is_some());
        let proof = match (headers.find(KEY) != Header::Absent, in_query) {
            (true, true) => Some(Err(malformed(KEY))),
            (true, false) => Some(handshake(headers, now)),
            (false, true) => Some(query_of_handshake(query, now)),
            (false, false) => None,
        };
        Self { proof, topics: asked(query), is_logged_in: false, under_login: HashSet::new() }
    }

    fn subscription(&self) -> Option<(&'static str, String)> {
        let topics = self.topics.as_ref().ok().filter(|topics| !topics.is_empty())?;
        let kind = if topics.iter().any(|topic| is_private(topic)) { PRIVATE } else { PUBLIC };
        Some((kind, serde_json::json!({"op": "subscribe", "args": topics}).to_string()))
    }

    /// Keeps in mind which public topics went to the venue under the login. What is beyond the bounds is forgotten: later frames about it
    /// go as nobody. Where nobody is logged in nothing went there, and nothing is kept.
    fn note_under_login(&mut self, topics: &[String]) {
        if !self.is_logged_in {
            return;
        }
        for topic in topics.iter().filter(|topic| !is_private(topic) && topic.len() <= limits::TOPIC_BYTES_MAX) {
            if self.under_login.len() < limits::FRAME_LIST_MAX {
                self.under_login.insert(topic.clone());
            }
        }
    }

    /// A frame about topics: whole under the login where one of them is one's own, or was asked for so.
    fn subscription_frame<'f>(&mut self, frame: &RawObject<'_>, subscribes: bool) -> Result<Op<'f>, Refusal> {
        let topics = topics(frame)?;
        let is_own = topics.iter().any(|topic| is_private(topic));
        let under_login = is_own || topics.iter().any(|topic| self.under_login.contains(topic));
        if !subscribes {
            topics.iter().for_each(|topic| drop(self.under_login.take(topic)));
        } else if under_login {
            self.note_under_login(&topics);
        }
        Ok(match (under_login, is_own) {
            (_, true) => Op::Private(PRIVATE),
            (true, false) => Op::Private(PUBLIC),
            (false, false) => Op::Public(PUBLIC),
        })
    }

    fn op<'f>(&mut self, frame: &RawObject<'_>, now: Timestamp) -> Result<Op<'f>, Refusal> {
        match string(frame, "op").ok_or_else(|| malformed("op"))?.as_str() {
            "authKey" | "authKeyExpires" => login(frame, now).map(Op::Login),
            "cancelAllAfter" => member(frame, "args").map(|_| Op::Private(CANCEL_ALL_AFTER)),
            "subscribe" => self.subscription_frame(frame, true),
            "unsubscribe" => self.subscription_frame(frame, false),
            _ => Err(Reject::RouteUnknown.into()),
        }
    }
}

/// The values of a parameter, as they stand.
fn values<'q>(query: &'q str, wanted: &'static str) -> impl Iterator<Item = &'q str> {
    let pairs = query.split('&').map(pair);
    pairs.filter(move |(name, _)| decoded(name).as_deref() == Some(wanted)).map(|(_, value)| value)
}

/// A parameter of a query. Two would be read as one or the other, and are refused.
fn parameter(query: &str, wanted: &'static str) -> Result<Option<String>, Refusal> {
    let mut values = values(query, wanted);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => decoded(value).map(Some).ok_or_else(|| malformed(wanted)),
        (Some(_), Some(_)) => Err(malformed(wanted)),
    }
}

/// The topics of a query, in one parameter.
fn asked(query: &str) -> Result<Vec<String>, Refusal> {
    let Some(text) = parameter(query, "subscribe")? else { return Ok(Vec::new()) };
    let topics: Vec<String> = text.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect();
    if topics.len() > limits::FRAME_LIST_MAX { Err(malformed("subscribe")) } else { Ok(topics) }
}

fn decoded(text: &str) -> Option<String> {
    percent_decoded(text.as_bytes()).and_then(|text| String::from_utf8(text).ok())
}

/// The proof in the headers of a handshake: what is signed has no query.
fn handshake(headers: &dyn Headers, now: Timestamp) -> Result<Presented<'static>, Refusal> {
    proof([header(headers, KEY)?, header(headers, EXPIRES)?, header(headers, SIGNATURE)?], now)
}

/// The same proof in the query.
fn query_of_handshake(query: &str, now: Timestamp) -> Result<Presented<'static>, Refusal> {
    let needed = |name| parameter(query, name).and_then(|value| value.filter(|value| !value.is_empty()).ok_or_else(|| missing(name)));
    proof([&needed(KEY)?, &needed(EXPIRES)?, &needed(SIGNATURE)?], now)
}

fn is_private(topic: &str) -> bool {
    PRIVATE_TOPICS.contains(&topic.split(':').next().unwrap_or_default())
}

/// Topics that tell of one's own.
const PRIVATE_TOPICS: [&str; 9] =
    ["affiliate", "execution", "margin", "order", "position", "privateNotifications", "transact", "wallet", "account"];

impl Venue for Realtime {
    fn purpose(&self) -> Purpose {
        Purpose::Bitmex
    }

    fn first(&mut self) -> Option<First> {
        if let Err(refusal) = self.topics.clone() {
            return Some(First::Refused(self.proof.take().and_then(Result::err).unwrap_or(refusal)));
        }
        match self.proof.take() {
            Some(Err(refusal)) => Some(First::Refused(refusal)),
            Some(Ok(presented)) => Some(First::Login(Box::new(presented))),
            None => Some(match self.subscription()? {
                (PUBLIC, text) => First::Public(PUBLIC, text),
                _ => First::Refused(Reject::MissingCredentials.into()),
            }),
        }
    }

    fn announcement(&mut self, _: &VerifiedIdentity) -> Option<(&'static str, String)> {
        self.is_logged_in = true;
        let topics = self.topics.clone().unwrap_or_default();
        self.note_under_login(&topics);
        self.subscription()
    }

    fn read<'f>(&mut self, text: &'f str, now: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        self.topics = Ok(Vec::new());
        if text == "ping" {
            return Ok(Frame { op: Op::Answer("pong".to_owned()), echo: None });
        }
        let frame = object(text)?;
        Ok(Frame { op: self.op(&frame, now)?, echo: None })
    }

    fn welcome(&self, _: &VerifiedIdentity, _: &Echo, _: Timestamp) -> String {
        r#"{"success":true,"request":{"op":"authKeyExpires","args":[]}}"#.to_owned()
    }

    fn refuse(&self, refusal: &Refusal, _: &Echo, _: Timestamp) -> String {
        let (status, text) = words(refusal);
        format!(r#"{{"status":{status},"error":{},"meta":{{}},"request":{{}}}}"#, quoted(text))
    }

    fn closes_on_failed_login(&self) -> bool {
        true
    }
}

/// One topic, or a list of them.
fn topics(frame: &RawObject<'_>) -> Result<Vec<String>, Refusal> {
    let args = member(frame, "args")?.ok_or_else(|| malformed("args"))?;
    if args.get().starts_with('"') {
        return Ok(literal(args).into_iter().map(std::borrow::Cow::into_owned).collect());
    }
    let items = array(args, limits::FRAME_LIST_MAX, "args")?;
    items.into_iter().map(|item| serde_json::from_str(item.get()).map_err(|_| malformed("args"))).collect()
}

fn login<'f>(frame: &RawObject<'_>, now: Timestamp) -> Result<Presented<'f>, Refusal> {
    let args = array(member(frame, "args")?.ok_or_else(|| missing("args"))?, 3, "args")?;
    let texts: Vec<String> = args.into_iter().filter_map(|arg| literal(arg).map(std::borrow::Cow::into_owned)).collect();
    let [key, expires, signature] = texts.as_slice() else { return Err(missing("args")) };
    if signature.is_empty() {
        return Err(missing("args"));
    }
    proof([key, expires, signature], now)
}

fn proof<'f>([key, expires, signature]: [&str; 3], now: Timestamp) -> Result<Presented<'f>, Refusal> {
    Ok(Presented {
        purpose: Purpose::Bitmex,
        key_id: key_id(key, "args")?,
        signature: hex_mac(Algorithm::HmacSha256, signature),
        signed: SignedBytes::from_piece(format!("GET/realtime{expires}").into_bytes()),
        passphrase: None,
        freshness: login_freshness(expires, now)?,
        once: Once::SignedBytes,
        effect: Effect::Read,
    })
}

/// How long a login is good for. ccxt writes the time of signing in milliseconds where the venue wants the end in seconds; the venue reads
/// an end that never comes. Here it is what it is, the time of signing, and the login is good for a while after it. One that is yet to
/// come, but soon, is an end: pybotters writes that, in milliseconds.
///
/// The vendor's own client signs an hour ahead, longer than anything is remembered. A login may be shown again while it lasts, so nothing
/// need be: what is judged is that it has not ended, and that it does not last for longer than that hour. What whoever captured one can
/// do meanwhile is said at [`limits::BITMEX_LOGIN_LIFETIME_MAX`].
fn login_freshness(expires: &str, now: Timestamp) -> Result<Freshness, Refusal> {
    let number = digits(expires, "expires")?;
    let (not_before, not_after) = if number < MILLISECONDS_FROM {
        let end = Timestamp::from_secs(number);
        // Clients round their clock to a second.
        let far = now.saturating_add(limits::BITMEX_LOGIN_LIFETIME_MAX).saturating_add(limits::TIMESTAMP_AHEAD_MAX);
        (None, if end > far { end } else { end.min(now.saturating_add(limits::LOGIN_LIFETIME_MAX)) })
    } else {
        let told = Timestamp::from_millis(number);
        let is_end = told > now && told <= now.saturating_add(limits::LOGIN_LIFETIME_MAX);
        if is_end { (None, told) } else { (Some(told), told.saturating_add(limits::LOGIN_LIFETIME_MAX)) }
    };
    let (leeway, lifetime_max) = (limits::TIMESTAMP_AHEAD_MAX, limits::BITMEX_LOGIN_LIFETIME_MAX);
    Ok(Freshness::Validity { not_before, not_after, leeway, lifetime_max })
}

#[cfg(test)]
mod tests;
