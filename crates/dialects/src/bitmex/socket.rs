//! BitMEX's WebSocket.

use countersign_core::{Algorithm, Effect, Freshness, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp, VerifiedIdentity};

use super::{CANCEL_ALL_AFTER, PRIVATE, PUBLIC, fresh, words};
use crate::answer::quoted;
use crate::fields::{array, digits, hex_mac, key_id, malformed, missing, object, string};
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::{RawObject, literal};
use crate::socket::Desk;

/// What is BitMEX's own about a connection.
#[derive(Debug)]
pub(super) struct Realtime;

/// Topics that tell of one's own.
const PRIVATE_TOPICS: [&str; 9] =
    ["affiliate", "execution", "margin", "order", "position", "privateNotifications", "transact", "wallet", "account"];

impl Venue for Realtime {
    fn purpose(&self) -> Purpose {
        Purpose::Bitmex
    }

    fn read<'f>(&mut self, text: &'f str, _: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        if text == "ping" {
            return Ok(Frame { op: Op::Answer("pong".to_owned()), echo: None });
        }
        let frame = object(text)?;
        Ok(Frame { op: op(&frame)?, echo: None })
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

fn op<'f>(frame: &RawObject<'_>) -> Result<Op<'f>, Refusal> {
    match string(frame, "op").ok_or_else(|| malformed("op"))?.as_str() {
        "authKey" | "authKeyExpires" => login(frame).map(Op::Login),
        "cancelAllAfter" => Ok(Op::Private(CANCEL_ALL_AFTER)),
        "subscribe" | "unsubscribe" => {
            let topics = topics(frame)?;
            let private = topics.iter().any(|topic| PRIVATE_TOPICS.contains(&topic.split(':').next().unwrap_or_default()));
            Ok(if private { Op::Private(PRIVATE) } else { Op::Public(PUBLIC) })
        }
        _ => Err(Reject::RouteUnknown.into()),
    }
}

/// One topic, or a list of them.
fn topics(frame: &RawObject<'_>) -> Result<Vec<String>, Refusal> {
    let args = frame.member("args").ok_or_else(|| malformed("args"))?;
    if args.get().starts_with('"') {
        return Ok(literal(args).into_iter().map(std::borrow::Cow::into_owned).collect());
    }
    let items = array(args, limits::FRAME_LIST_MAX, "args")?;
    items.into_iter().map(|item| serde_json::from_str(item.get()).map_err(|_| malformed("args"))).collect()
}

fn login<'f>(frame: &RawObject<'_>) -> Result<Presented<'f>, Refusal> {
    let args = array(frame.member("args").ok_or_else(|| missing("args"))?, 3, "args")?;
    let texts: Vec<String> = args.into_iter().filter_map(|arg| literal(arg).map(std::borrow::Cow::into_owned)).collect();
    let [key, expires, signature] = texts.as_slice() else { return Err(missing("args")) };
    if signature.is_empty() {
        return Err(missing("args"));
    }
    Ok(Presented {
        purpose: Purpose::Bitmex,
        key_id: key_id(key, "args")?,
        signature: hex_mac(Algorithm::HmacSha256, signature),
        signed: SignedBytes::from_piece(format!("GET/realtime{expires}").into_bytes()),
        passphrase: None,
        freshness: login_freshness(expires)?,
        once: Once::SignedBytes,
        effect: Effect::Read,
    })
}

/// As seconds, this is the year 5138; as milliseconds, 1973. What is above is no second.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

/// How long a login is good for. ccxt writes the time of signing in milliseconds where the venue wants the end in seconds; the venue reads
/// an end that never comes. Here it is what it is, the time of signing, and the login is good for a while after it.
fn login_freshness(expires: &str) -> Result<Freshness, Refusal> {
    let number = digits(expires, "expires")?;
    if number < MILLISECONDS_FROM {
        return fresh(expires, "expires", limits::BITMEX_LOGIN_LIFETIME_MAX);
    }
    let signed = Timestamp::from_millis(number);
    Ok(Freshness::Validity {
        not_before: Some(signed),
        not_after: signed.saturating_add(limits::LOGIN_LIFETIME_MAX),
        leeway: limits::TIMESTAMP_AHEAD_MAX,
        lifetime_max: limits::BITMEX_LOGIN_LIFETIME_MAX,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_core::verify::check_window;

    use super::*;

    #[test]
    fn a_login_ends_by_its_seconds_or_a_while_after_its_milliseconds() {
        let now = Timestamp::from_secs(1_795_222_400);
        for (expires, reject) in [
            ("1795222405", None),
            ("1795222400", Some(Reject::TimestampStale)),
            ("1795226001", Some(Reject::TimestampAhead)),
            ("1795222400000", None),
            ("1795222399000", None),
            ("1795222280000", Some(Reject::TimestampStale)),
            ("1795222402000", Some(Reject::TimestampAhead)),
            ("9999999999999999", Some(Reject::TimestampAhead)),
        ] {
            let verdict = check_window(login_freshness(expires).unwrap(), now).err().map(|refusal| refusal.reject);
            assert_eq!(verdict, reject, "{expires}");
        }
        assert!(login_freshness("soon").is_err());
    }
}
