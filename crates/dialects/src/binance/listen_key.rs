//! Listen keys of USD-M futures: what is asked, where a key is shown, what is answered.
//!
//! | | REST | WebSocket API | answer |
//! |---|---|---|---|
//! | start | `POST /fapi/v1/listenKey` | `userDataStream.start` | `{"listenKey":"…"}` |
//! | prolong | `PUT` | `userDataStream.ping` | the same |
//! | stop | `DELETE` | `userDataStream.stop` | `{}` |
//!
//! All name a key (`X-MBX-APIKEY`, `apiKey`) and none is signed. A stream shows the listen key in its query (`?listenKey=…`), as the
//! last part of its path (`/ws/<listenKey>`) or as its only stream (`?streams=<listenKey>`).
//!
//! Source: the vendor's documents "User Data Streams" of its derivatives API; ccxt 4.5.90 and python-binance 1.0.37 show it in the
//! query.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use countersign_core::{ApiKeyId, Refusal, Timestamp};

use super::rest;
use crate::answer::HttpAnswer;
use crate::dialect::RequestView;

/// Where listen keys are asked for over REST.
pub const PATH: &str = "/fapi/v1/listenKey";

/// Characters of a listen key, as at the venue.
const TEXT_BYTES: usize = 64;

/// A listen key: 32 random bytes, 64 hexadecimal digits on the wire.
#[derive(Clone, Copy)]
pub struct ListenKey([u8; 32]);

impl ListenKey {
    /// Of random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a text that has the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == TEXT_BYTES && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let bytes = hex::decode(text).ok().filter(|_| plain)?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The text that clients get and show.
    #[must_use]
    pub fn text(&self) -> String {
        hex::encode(self.0)
    }
}

/// In a time that does not tell where they differ.
impl PartialEq for ListenKey {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for ListenKey {}

/// Whoever has its text hears an account: it is never printed by chance.
impl fmt::Debug for ListenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListenKey(…)")
    }
}

/// What is asked of a listen key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// That it lives another hour.
    Prolong,
    /// That there is one.
    Start,
    /// That it ends.
    Stop,
}

impl Action {
    /// What a request asks.
    #[must_use]
    pub fn of_request(method: &str, path: &[u8]) -> Option<Self> {
        match method {
            _ if path != PATH.as_bytes() => None,
            "DELETE" => Some(Self::Stop),
            "POST" => Some(Self::Start),
            "PUT" => Some(Self::Prolong),
            _ => None,
        }
    }

    /// What a method of the WebSocket API asks.
    #[must_use]
    pub fn of_method(name: &str) -> Option<Self> {
        match name {
            "userDataStream.ping" => Some(Self::Prolong),
            "userDataStream.start" => Some(Self::Start),
            "userDataStream.stop" => Some(Self::Stop),
            _ => None,
        }
    }
}

/// The key that a request names.
///
/// # Errors
/// That it names none, or not one.
pub fn named(request: &RequestView<'_>) -> Result<ApiKeyId, Refusal> {
    rest::api_key(request).map_err(Refusal::from)
}

/// The result of an action: the listen key, where it goes on.
#[must_use]
pub fn result(key: Option<ListenKey>) -> String {
    key.map_or_else(|| "{}".to_owned(), |key| format!(r#"{{"listenKey":"{}"}}"#, key.text()))
}

/// The answer to a request.
#[must_use]
pub fn answer(key: Option<ListenKey>) -> HttpAnswer {
    HttpAnswer::json(200, result(key))
}

/// What a stream is told when its listen key is over.
#[must_use]
pub fn expired(key: &ListenKey, now: Timestamp) -> String {
    format!(r#"{{"e":"listenKeyExpired","E":{},"listenKey":"{}"}}"#, now.as_millis(), key.text())
}

/// The listen key that the handshake of a stream shows; `None` where nothing in it has the form of one.
#[must_use]
pub fn shown(target: &str) -> Option<ListenKey> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut named = query.split('&').filter_map(|pair| pair.strip_prefix("listenKey=").or_else(|| pair.strip_prefix("streams=")));
    match (named.next(), named.next()) {
        (Some(text), None) => ListenKey::parse(text),
        (None, _) => ListenKey::parse(path.rsplit_once('/')?.1),
        (Some(_), Some(_)) => None,
    }
}

/// A path without the listen key at its end: for records, which others read.
#[must_use]
pub fn without(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((before, last)) if last.len() == TEXT_BYTES && last.bytes().all(|byte| byte.is_ascii_hexdigit()) => before,
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: ListenKey = ListenKey::from_bytes([0xab; 32]);

    #[test]
    fn a_listen_key_is_read_where_clients_show_it() {
        let text = KEY.text();
        for target in [
            format!("/private/ws?listenKey={text}"),
            format!("/private/ws?listenKey={text}&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE"),
            format!("/ws/{text}"),
            format!("/private/ws/{text}"),
            format!("/private/ws/{text}?timeUnit=MICROSECOND"),
            format!("/stream?streams={text}"),
        ] {
            assert_eq!(shown(&target), Some(KEY), "{target}");
        }
        for target in [
            "/ws/btcusdt@trade".to_owned(),
            "/ws".to_owned(),
            format!("/ws/{}", text.to_uppercase()),
            format!("/ws/{text}0"),
            format!("/private/ws?listenKey={text}&listenKey={text}"),
            format!("/stream?streams={text}/btcusdt@trade"),
            format!("/ws/{text}?listenKey=other"),
        ] {
            assert_eq!(shown(&target), None, "{target}");
        }
    }

    #[test]
    fn a_record_of_a_path_has_no_listen_key() {
        assert_eq!(without(&format!("/private/ws/{}", KEY.text())), "/private/ws");
        assert_eq!(without(&format!("/ws/{}", KEY.text().to_uppercase())), "/ws");
        assert_eq!(without("/ws/btcusdt@trade"), "/ws/btcusdt@trade");
        assert_eq!(format!("{KEY:?}"), "ListenKey(…)");
    }

    #[test]
    fn actions_are_told_by_method_and_name() {
        assert_eq!(Action::of_request("POST", PATH.as_bytes()), Some(Action::Start));
        assert_eq!(Action::of_request("PUT", PATH.as_bytes()), Some(Action::Prolong));
        assert_eq!(Action::of_request("DELETE", PATH.as_bytes()), Some(Action::Stop));
        assert_eq!((Action::of_request("GET", PATH.as_bytes()), Action::of_request("POST", b"/api/v3/order")), (None, None));
        assert_eq!((Action::of_method("userDataStream.ping"), Action::of_method("order.place")), (Some(Action::Prolong), None));
    }

    #[test]
    fn answers_are_those_of_the_venue() {
        let text = "ab".repeat(32);
        assert_eq!(result(Some(KEY)), format!(r#"{{"listenKey":"{text}"}}"#));
        assert_eq!(result(None), "{}");
        let expected = format!(r#"{{"e":"listenKeyExpired","E":7,"listenKey":"{text}"}}"#);
        assert_eq!(expired(&KEY, Timestamp::from_millis(7)), expected);
    }
}
