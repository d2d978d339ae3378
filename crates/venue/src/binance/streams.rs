//! Market streams: `/ws`, `/ws/<stream>`, `/stream?streams=a/b`, and SUBSCRIBE frames. A handshake
//! that comes with an identity opens the stream of that account's futures: only a listen key
//! brings one here.
//!
//! A name in the path that is no stream is passed over, as the venue does: clients put
//! connection numbers there.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::market_data::INTERVALS;
use crate::binance_futures::{self, contracts};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::instrument::MarketIndex;
use crate::hub::{Feed, OwnForm, Topic, Wrapping};
use crate::hyperliquid::HyperliquidSession;
use crate::limits::STREAMS_PER_CONNECTION_MAX;
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

/// What the paths of streams begin with: nothing, or the group that the vendor asks clients of its futures to name. Every stream of
/// a contract is in each of them here; `/private` is also where clients open the stream of their account.
pub(super) const GROUPS: [&str; 4] = ["", "/market", "/private", "/public"];

/// Which host of the vendor a path stands for: that of its futures, or any.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Any,
    Contracts,
}

/// The topic of a stream name; `None` when there is no such stream here.
pub(super) fn topic_of(exchange: &Exchange, place: Place, name: &str) -> Option<Topic> {
    let feed = match (place, name) {
        (_, "!miniTicker@arr") => Some(Feed::MiniTickers),
        (_, "!ticker@arr") => Some(Feed::Tickers),
        (Place::Contracts, "!markPrice@arr") => Some(Feed::MarkPrices(false)),
        (Place::Contracts, "!markPrice@arr@1s") => Some(Feed::MarkPrices(true)),
        (_, _) => None,
    };
    if let Some(feed) = feed {
        return Some(Topic { market: first_of(exchange, place)?, feed });
    }
    let (symbol, feed) = name.split_once('@')?;
    let lower = symbol.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let market = find_streamed(exchange, place, &symbol.to_ascii_uppercase()).filter(|_| lower)?;
    let is_contract = exchange.market(market).instrument.kind.is_linear_future();
    let feed = match feed {
        "markPrice" if is_contract => Feed::MarkPrice(false),
        "markPrice@1s" if is_contract => Feed::MarkPrice(true),
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

/// The market that stands for all of a place.
fn first_of(exchange: &Exchange, place: Place) -> Option<MarketIndex> {
    match place {
        Place::Any => Some(MarketIndex(0)),
        Place::Contracts => contracts(exchange).next().map(|(index, _)| index),
    }
}

/// Where all are, a name that is spot's is spot's; the perpetual of the same name is in the groups, where there are contracts alone.
fn find_streamed(exchange: &Exchange, place: Place, symbol: &str) -> Option<MarketIndex> {
    let spot = exchange.find_spot(symbol).filter(|_| place == Place::Any);
    spot.or_else(|| binance_futures::find(exchange, symbol))
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
    let symbol = binance_futures::symbol(&exchange.market(topic.market).instrument).to_ascii_lowercase();
    let speed = |fast: bool| if fast { "@100ms" } else { "" };
    match topic.feed {
        Feed::AggTrade => format!("{symbol}@aggTrade"),
        Feed::BookTicker => format!("{symbol}@bookTicker"),
        Feed::Depth(fast) => format!("{symbol}@depth{}", speed(fast)),
        Feed::DepthTop(levels, fast) => format!("{symbol}@depth{levels}{}", speed(fast)),
        Feed::Kline(index) => format!("{symbol}@kline_{}", INTERVALS[usize::from(index)].0),
        Feed::MarkPrice(fast) => format!("{symbol}@markPrice{}", if fast { "@1s" } else { "" }),
        Feed::MarkPrices(fast) => format!("!markPrice@arr{}", if fast { "@1s" } else { "" }),
        Feed::MiniTicker => format!("{symbol}@miniTicker"),
        Feed::MiniTickers => "!miniTicker@arr".to_owned(),
        Feed::Ticker => format!("{symbol}@ticker"),
        Feed::Tickers => "!ticker@arr".to_owned(),
        Feed::Trade => format!("{symbol}@trade"),
        // Feeds of other façades have no stream name; they are never wrapped.
        Feed::Dialect(..) | Feed::Facade(_) | Feed::NativeBook | Feed::NativeTicker | Feed::NativeTrade => symbol,
    }
}

/// What is asked on a connection.
const METHODS: [&str; 4] = ["GET_PROPERTY", "LIST_SUBSCRIPTIONS", "SUBSCRIBE", "UNSUBSCRIBE"];

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(default)]
    params: Vec<Value>,
}

/// One stream connection.
pub(crate) struct Streams {
    connection: u64,
    outbox: Arc<Outbox>,
    wrapping: Wrapping,
    place: Place,
    held: BTreeMap<String, Topic>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            shell.counters.count_refused();
            return ApiError::from(error).response();
        }
    };
    // Only who shows a listen key comes with an identity; the gateway knows whose it is.
    let reader = caller.as_ref().filter(|identity| identity.scopes.reads());
    let owner = match reader.map(|identity| shell.with(|exchange, _| exchange.account(&identity.account))).transpose() {
        Ok(owner) => owner,
        Err(error) => return ApiError::from(error).response(),
    };
    if owner.is_some() {
        shell.counters.count_private();
    } else {
        shell.counters.count_public();
    }
    let (names, wrapping, place) = names_of(&request);
    let is_shared = request.uri().path() == SHARED_PATH;
    websocket::upgrade(&shell, request, |connection: &Connection| {
        if let Some(owner) = owner {
            shell.hub.listen(owner, connection.id, OwnForm::BinanceFutures, &connection.outbox);
        }
        let mut streams = Streams { wrapping, place, ..Streams::new(connection.id, Arc::clone(&connection.outbox)) };
        for name in &names {
            let _no_such_stream = streams.subscribe(&shell, name);
        }
        AtWs::Binance { streams, others: is_shared.then_some((caller, owner)) }
    })
}

/// Where Hyperliquid has its WebSocket, too.
const SHARED_PATH: &str = "/ws";

/// A connection for streams. At the shared path the first frame says whose client it is; who holds a stream has said it.
enum AtWs {
    /// With whom another venue would take over, and the account that is listened to until then.
    Binance {
        streams: Streams,
        others: Option<(Caller, Option<AccountIndex>)>,
    },
    Hyperliquid(HyperliquidSession),
}

impl Protocol for AtWs {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        if let Self::Binance { streams, others } = self
            && streams.held.is_empty()
            && let Some((caller, owner)) = others.take_if(|_| HyperliquidSession::is_asked_for(text))
        {
            let (connection, outbox) = (streams.connection, Arc::clone(&streams.outbox));
            if let Some(owner) = owner {
                shell.hub.unlisten(owner, connection, None);
            }
            *self = Self::Hyperliquid(HyperliquidSession::open(caller, connection, outbox));
        }
        match self {
            Self::Binance { streams, .. } => streams.on_text(shell, text),
            Self::Hyperliquid(session) => session.on_text(shell, text),
        }
    }
}

/// Streams named in the address.
fn names_of(request: &Request<Body>) -> (Vec<String>, Wrapping, Place) {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or(""));
    let grouped = GROUPS.iter().filter(|group| !group.is_empty()).find_map(|group| path.strip_prefix(group));
    let (path, place) = grouped.map_or((path, Place::Any), |path| (path, Place::Contracts));
    if path.starts_with("/stream") {
        let streams = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "streams");
        let names = streams.map(|(_, value)| value.split('/').map(str::to_owned).collect());
        return (names.unwrap_or_default(), Wrapping::Combined, place);
    }
    let names = path.strip_prefix("/ws/").unwrap_or("").split('/');
    let decoded = names.map(|name| name.replace("%40", "@").replace("%21", "!"));
    (decoded.filter(|name| !name.is_empty()).collect(), Wrapping::Plain, place)
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
    /// A connection that has no stream yet.
    pub(crate) const fn new(connection: u64, outbox: Arc<Outbox>) -> Self {
        Self { connection, outbox, wrapping: Wrapping::Plain, place: Place::Any, held: BTreeMap::new() }
    }

    /// Whether a text is what clients of these streams send, and no other venue's.
    pub(crate) fn are_asked_for(text: &str) -> bool {
        // Looked at as a map first: a list would be read as a frame as well.
        let is_binances = serde_json::from_str::<Map<String, Value>>(text).is_ok_and(|members| !members.contains_key("event"));
        is_binances && serde_json::from_str::<Frame>(text).is_ok_and(|frame| METHODS.contains(&frame.method.as_str()))
    }

    /// All or, when a name is wrong, none.
    fn subscribe_all(&mut self, shell: &Shell, names: &[&str]) -> Result<String, &'static str> {
        let known = shell.with(|exchange, _| names.iter().all(|name| topic_of(exchange, self.place, name).is_some()));
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
            let topic = topic_of(exchange, self.place, name)?;
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
    fn only_what_no_other_venue_says_asks_for_streams() {
        for method in METHODS {
            assert!(Streams::are_asked_for(&format!(r#"{{"method":"{method}","params":[],"id":3}}"#)), "{method}");
        }
        for text in [
            r#"{"event":"subscribe","method":"SUBSCRIBE","params":[],"id":3}"#,
            r#"{"event":null,"method":"SUBSCRIBE","params":[],"id":3}"#,
            r#"{"method":"order.place","params":[],"id":3}"#,
            r#"{"method":7}"#,
            r#"[3,"SUBSCRIBE",[]]"#,
            r#"[0,"on",null,{"method":"SUBSCRIBE"}]"#,
            "{}",
            "",
        ] {
            assert!(!Streams::are_asked_for(text), "{text}");
        }
    }

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
            let topic = topic_of(&exchange, Place::Any, name).unwrap();
            assert_eq!(name_of(&exchange, topic), name);
        }
        for name in ["btcusdt@ticker", "btcusdt@markPrice", "btcusdt_261225@markPrice@1s", "!markPrice@arr@1s", "!ticker@arr"] {
            let topic = topic_of(&exchange, Place::Contracts, name).unwrap();
            assert!(exchange.market(topic.market).instrument.kind.is_linear_future());
            assert_eq!(name_of(&exchange, topic), name);
        }
        for name in [
            "BTCUSDT@ticker",
            "ethusdt@ticker",
            "btcusdt@depth7",
            "btcusdt@kline_1s",
            "btcusdt@markPrice",
            "btc-261225-100000-c@ticker",
            "0",
            "",
        ] {
            assert!(topic_of(&exchange, Place::Any, name).is_none(), "{name}");
        }
    }
}
