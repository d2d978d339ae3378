//! Market streams: `/ws`, `/ws/<stream>`, `/stream?streams=a/b`, and SUBSCRIBE frames.
//!
//! A name in the path that is no stream is passed over, as the venue does: clients put
//! connection numbers there.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::ApiError;
use super::market_data::INTERVALS;
use crate::exchange::Exchange;
use crate::exchange::instrument::{InstrumentKind, MarketIndex};
use crate::hub::{Feed, Topic, Wrapping};
use crate::limits::STREAMS_PER_CONNECTION_MAX;
use crate::outbox::Outbox;
use crate::shell::Shell;
use crate::websocket::{self, Connection, Protocol};

/// What the paths of streams begin with: nothing, or the group that the vendor asks clients of its futures to name. Every stream
/// is in each of them here, and none tells of an account: `/private` is there because one client opens it with the others.
pub(super) const GROUPS: [&str; 4] = ["", "/market", "/private", "/public"];

/// The topic of a stream name; `None` when there is no such stream here.
pub(super) fn topic_of(exchange: &Exchange, name: &str) -> Option<Topic> {
    let feed = match name {
        "!miniTicker@arr" => Some(Feed::MiniTickers),
        "!ticker@arr" => Some(Feed::Tickers),
        _ => None,
    };
    if let Some(feed) = feed {
        return Some(Topic { market: MarketIndex(0), feed });
    }
    let (symbol, feed) = name.split_once('@')?;
    let lower = symbol.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let market = find_streamed(exchange, &symbol.to_ascii_uppercase()).filter(|_| lower)?;
    let feed = match feed {
        "aggTrade" => Feed::AggTrade,
        "bookTicker" => Feed::BookTicker,
        "depth" => Feed::Depth(false),
        "depth@100ms" => Feed::Depth(true),
        "miniTicker" => Feed::MiniTicker,
        "ticker" => Feed::Ticker,
        "trade" => Feed::Trade,
        _ => feed_with_argument(feed)?,
    };
    Some(Topic { market, feed })
}

/// Spot, or a future that is traded: the vendor streams its futures from a host of their own, under the same paths.
fn find_streamed(exchange: &Exchange, symbol: &str) -> Option<MarketIndex> {
    let listed = |index: &MarketIndex| {
        let terms = &exchange.market(*index).instrument;
        match terms.kind {
            InstrumentKind::Future { .. } => !terms.expired,
            InstrumentKind::Option { .. } => false,
            InstrumentKind::Spot => true,
        }
    };
    exchange.find_market(symbol).filter(listed)
}

fn feed_with_argument(feed: &str) -> Option<Feed> {
    if let Some(interval) = feed.strip_prefix("kline_") {
        let index = INTERVALS.iter().position(|(name, _)| *name == interval)?;
        return u8::try_from(index).ok().map(Feed::Kline);
    }
    let levels = feed.strip_prefix("depth")?;
    let (levels, fast) = levels.strip_suffix("@100ms").map_or((levels, false), |levels| (levels, true));
    match levels {
        "5" => Some(Feed::DepthTop(5, fast)),
        "10" => Some(Feed::DepthTop(10, fast)),
        "20" => Some(Feed::DepthTop(20, fast)),
        _ => None,
    }
}

/// The stream name of a topic.
pub(super) fn name_of(exchange: &Exchange, topic: Topic) -> String {
    let symbol = exchange.market(topic.market).instrument.symbol.to_ascii_lowercase();
    let speed = |fast: bool| if fast { "@100ms" } else { "" };
    match topic.feed {
        Feed::AggTrade => format!("{symbol}@aggTrade"),
        Feed::BookTicker => format!("{symbol}@bookTicker"),
        Feed::Depth(fast) => format!("{symbol}@depth{}", speed(fast)),
        Feed::DepthTop(levels, fast) => format!("{symbol}@depth{levels}{}", speed(fast)),
        Feed::Kline(index) => format!("{symbol}@kline_{}", INTERVALS[usize::from(index)].0),
        Feed::MiniTicker => format!("{symbol}@miniTicker"),
        Feed::MiniTickers => "!miniTicker@arr".to_owned(),
        Feed::Ticker => format!("{symbol}@ticker"),
        Feed::Tickers => "!ticker@arr".to_owned(),
        Feed::Trade => format!("{symbol}@trade"),
        // Feeds of other façades have no stream name; they are never wrapped.
        Feed::Dialect(..) | Feed::Facade(_) | Feed::NativeBook | Feed::NativeTicker | Feed::NativeTrade => symbol,
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(default)]
    params: Vec<Value>,
}

/// One stream connection.
struct Streams {
    connection: u64,
    outbox: Arc<Outbox>,
    wrapping: Wrapping,
    held: BTreeMap<String, Topic>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    if let Err(error) = shell.identify(request.headers()).await {
        shell.counters.count_refused();
        return ApiError::from(error).response();
    }
    shell.counters.count_public();
    let (names, wrapping) = names_of(&request);
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let mut streams = Streams { connection: connection.id, outbox: Arc::clone(&connection.outbox), wrapping, held: BTreeMap::new() };
        for name in &names {
            let _no_such_stream = streams.subscribe(&shell, name);
        }
        streams
    })
}

/// Streams named in the address.
fn names_of(request: &Request<Body>) -> (Vec<String>, Wrapping) {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or(""));
    let path = GROUPS.iter().rev().find_map(|group| path.strip_prefix(group)).unwrap_or(path);
    if path.starts_with("/stream") {
        let streams = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "streams");
        let names = streams.map(|(_, value)| value.split('/').map(str::to_owned).collect());
        return (names.unwrap_or_default(), Wrapping::Combined);
    }
    let names = path.strip_prefix("/ws/").unwrap_or("").split('/');
    let decoded = names.map(|name| name.replace("%40", "@").replace("%21", "!"));
    (decoded.filter(|name| !name.is_empty()).collect(), Wrapping::Plain)
}

impl Protocol for Streams {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        shell.counters.count_public();
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            return Some(r#"{"error":{"code":3,"msg":"Invalid JSON: expected id, method, params"}}"#.to_owned());
        };
        let id = frame.id.map_or("null", RawValue::get).to_owned();
        let names: Option<Vec<&str>> = frame.params.iter().map(Value::as_str).collect();
        let result = match (frame.method.as_str(), names) {
            ("LIST_SUBSCRIPTIONS", _) => {
                let names: Vec<&String> = self.held.keys().collect();
                Ok(serde_json::to_string(&names).expect("strings are JSON"))
            }
            ("SUBSCRIBE", Some(names)) => self.subscribe_all(shell, &names),
            ("UNSUBSCRIBE", Some(names)) => {
                for name in names {
                    if let Some(topic) = self.held.remove(name) {
                        shell.hub.unsubscribe(topic, self.connection);
                    }
                }
                Ok("null".to_owned())
            }
            ("GET_PROPERTY", _) => Ok((self.wrapping == Wrapping::Combined).to_string()),
            (_, None) => Err("Invalid request: params must be an array of stream names"),
            (_, Some(_)) => Err("Invalid request: unknown method"),
        };
        Some(match result {
            Ok(result) => format!(r#"{{"result":{result},"id":{id}}}"#),
            Err(text) => format!(r#"{{"error":{{"code":2,"msg":"{text}"}},"id":{id}}}"#),
        })
    }
}

impl Streams {
    /// All or, when a name is wrong, none.
    fn subscribe_all(&mut self, shell: &Shell, names: &[&str]) -> Result<String, &'static str> {
        let known = shell.with(|exchange, _| names.iter().all(|name| topic_of(exchange, name).is_some()));
        if !known {
            return Err("Invalid request: unknown stream");
        }
        for name in names {
            self.subscribe(shell, name)?;
        }
        Ok("null".to_owned())
    }

    fn subscribe(&mut self, shell: &Shell, name: &str) -> Result<(), &'static str> {
        if self.held.len() >= STREAMS_PER_CONNECTION_MAX {
            return Err("Invalid request: too many streams");
        }
        let topic = shell.with(|exchange, _| {
            let topic = topic_of(exchange, name)?;
            shell.hub.subscribe(exchange, topic, self.connection, self.wrapping, &self.outbox);
            Some(topic)
        });
        let topic = topic.ok_or("Invalid request: unknown stream")?;
        self.held.insert(name.to_owned(), topic);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::VenueConfig;

    #[test]
    fn every_stream_name_reads_back() {
        let exchange = Exchange::open(&VenueConfig::default(), 1_795_219_200_000);
        for name in [
            "btcusdt@ticker",
            "btcusdt@bookTicker",
            "btcusdt@miniTicker",
            "btcusdt@trade",
            "btcusdt@aggTrade",
            "btcusdt@depth",
            "btcusdt@depth@100ms",
            "btcusdt@depth5",
            "btcusdt@depth10@100ms",
            "btcusdt@depth20",
            "btcusdt@kline_1m",
            "btcusdt@kline_1h",
            "btcusdt_261225@ticker",
            "btcusdt_261225@depth@100ms",
            "!ticker@arr",
            "!miniTicker@arr",
        ] {
            let topic = topic_of(&exchange, name).unwrap();
            assert_eq!(name_of(&exchange, topic), name);
        }
        for name in ["BTCUSDT@ticker", "ethusdt@ticker", "btcusdt@depth7", "btcusdt@kline_1s", "btc-261225-100000-c@ticker", "0", ""] {
            assert!(topic_of(&exchange, name).is_none(), "{name}");
        }
    }
}
