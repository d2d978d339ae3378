//! Topics of the public socket, and what is told about each.
//!
//! | topic | when | form |
//! |---|---|---|
//! | `orderbook.<1\|50\|200\|1000>.<symbol>` | every tick that changed it | snapshot first, then deltas |
//! | `publicTrade.<symbol>` | every trade | snapshot |
//! | `tickers.<symbol>` | every tick | snapshot, as the venue does for spot |
//! | `kline.<interval>.<symbol>` | every tick | snapshot |

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::market_data::{INTERVALS, ticker};
use super::shapes::levels;
use crate::exchange::book::Level;
use crate::exchange::event::{Event, PublicTrade};
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::{Exchange, Market};
use crate::facade::BookMirror;
use crate::hub::{Feed, Observer, Topic};
use crate::outbox::Outbox;

/// Depths of the book topic.
const DEPTHS: [usize; 4] = [1, 50, 200, 1_000];

/// What a topic is about.
#[derive(Debug)]
enum Kind {
    Book { depth: usize, mirror: BookMirror },
    Kline(usize),
    Ticker,
    Trades,
}

#[derive(Debug)]
struct Subscription {
    market: MarketIndex,
    kind: Kind,
    /// Distinguishes this topic's waiting message from those of others.
    number: u16,
}

/// The topics of one connection.
#[derive(Debug, Default)]
pub(super) struct PublicFeed {
    held: BTreeMap<String, Subscription>,
    next: u16,
    /// Dropped messages this feed knows of.
    lost: u64,
}

fn topic_of(exchange: &Exchange, name: &str) -> Option<(MarketIndex, Kind)> {
    let parts: Vec<&str> = name.split('.').collect();
    let market = exchange.find_spot(parts.last()?)?;
    let kind = match parts[..] {
        ["kline", interval, _] => Kind::Kline(INTERVALS.iter().position(|(known, _)| *known == interval)?),
        ["orderbook", depth, _] => {
            let depth = DEPTHS.into_iter().find(|known| known.to_string() == depth)?;
            Kind::Book { depth, mirror: BookMirror::default() }
        }
        ["publicTrade", _] => Kind::Trades,
        ["tickers", _] => Kind::Ticker,
        _ => return None,
    };
    Some((market, kind))
}

impl PublicFeed {
    /// How many topics are held.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is such a topic.
    pub(super) fn knows(exchange: &Exchange, name: &str) -> bool {
        topic_of(exchange, name).is_some()
    }

    /// Holds a topic and tells its first state; a second time changes nothing.
    pub(super) fn subscribe(&mut self, exchange: &Exchange, name: &str, now_ms: u64, outbox: &Outbox) {
        let Some((market, kind)) = topic_of(exchange, name).filter(|_| !self.held.contains_key(name)) else {
            return;
        };
        self.next = self.next.wrapping_add(1);
        let mut subscription = Subscription { market, kind, number: self.next };
        if let Kind::Book { depth, mirror } = &mut subscription.kind {
            *mirror = BookMirror::of(exchange, market, *depth);
            outbox.push_flow(message(name, "snapshot", now_ms, snapshot_data(exchange.market(market), mirror)));
        } else {
            subscription.tell(exchange, name, now_ms, outbox);
        }
        self.held.insert(name.to_owned(), subscription);
    }

    /// Tells every book as a snapshot again, because a delta may have been dropped: deltas of
    /// this venue do not show a gap.
    fn start_books_anew(&mut self, exchange: &Exchange, at_ms: u64, outbox: &Outbox) {
        for (name, subscription) in &mut self.held {
            if let Kind::Book { depth, mirror } = &mut subscription.kind {
                *mirror = BookMirror::of(exchange, subscription.market, *depth);
                outbox.push_flow(message(name, "snapshot", at_ms, snapshot_data(exchange.market(subscription.market), mirror)));
            }
        }
    }

    /// Lets go of a topic.
    pub(super) fn unsubscribe(&mut self, name: &str) {
        self.held.remove(name);
    }
}

impl Subscription {
    /// Tells what has become of the topic by now.
    fn tell(&mut self, exchange: &Exchange, name: &str, at_ms: u64, outbox: &Outbox) {
        let market = exchange.market(self.market);
        let state = |data| {
            let topic = Topic { market: self.market, feed: Feed::Facade(self.number) };
            outbox.push_state(topic, message(name, "snapshot", at_ms, data));
        };
        match &mut self.kind {
            Kind::Book { depth, mirror } => {
                let changes = mirror.advance(exchange, self.market, *depth);
                if !changes.bids.is_empty() || !changes.asks.is_empty() {
                    let data = book_data(market, changes.last_id, &changes.bids, &changes.asks);
                    outbox.push_flow(message(name, "delta", at_ms, data));
                }
            }
            Kind::Kline(index) => state(kline_data(market, *index, at_ms)),
            Kind::Ticker => state(ticker(market)),
            Kind::Trades => {}
        }
    }
}

impl Observer for PublicFeed {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            Event::Balances { .. } | Event::Order { .. } => {}
            Event::Ticked { at_ms } => {
                if outbox.flow_lost() != self.lost {
                    self.start_books_anew(exchange, *at_ms, outbox);
                    // What the snapshots themselves pushed out was older than they are.
                    self.lost = outbox.flow_lost();
                }
                for (name, subscription) in &mut self.held {
                    subscription.tell(exchange, name, *at_ms, outbox);
                }
            }
            Event::Trade { market, trade } => {
                for (name, subscription) in &self.held {
                    if subscription.market == *market && matches!(subscription.kind, Kind::Trades) {
                        outbox.push_flow(message(name, "snapshot", trade.at_ms, trade_data(exchange.market(*market), trade)));
                    }
                }
            }
        }
    }
}

fn message(topic: &str, kind: &str, at_ms: u64, data: Value) -> Bytes {
    Bytes::from(json!({"topic": topic, "type": kind, "ts": at_ms, "cts": at_ms, "data": data}).to_string())
}

fn book_data(market: &Market, update_id: u64, bids: &[Level], asks: &[Level]) -> Value {
    let terms = &market.instrument;
    let side = |rows: &[Level]| levels(terms, rows.iter().copied());
    json!({"s": terms.symbol, "b": side(bids), "a": side(asks), "u": update_id, "seq": update_id})
}

fn snapshot_data(market: &Market, mirror: &BookMirror) -> Value {
    book_data(market, mirror.update_id(), &mirror.levels(Side::Buy), &mirror.levels(Side::Sell))
}

fn trade_data(market: &Market, trade: &PublicTrade) -> Value {
    json!([{
        "T": trade.at_ms,
        "s": market.instrument.symbol,
        "S": trade.taker().capital(),
        "v": trade.quantity.short(),
        "p": trade.price.short(),
        "i": trade.id.to_string(),
        "BT": false,
        "RPI": false,
        "seq": trade.id,
    }])
}

fn kline_data(market: &Market, index: usize, at_ms: u64) -> Value {
    let (interval, width) = INTERVALS[index];
    let candle = market.tape.candles(width, 0, u64::MAX, 1).pop().unwrap_or_default();
    let end = candle.open_ms + width - 1;
    json!([{
        "start": candle.open_ms,
        "end": end,
        "interval": interval,
        "open": candle.open.short(),
        "close": candle.close.short(),
        "high": candle.high.short(),
        "low": candle.low.short(),
        "volume": candle.volume.short(),
        "turnover": candle.quote_volume.short(),
        "confirm": at_ms >= end,
        "timestamp": at_ms,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VenueConfig;
    use crate::limits::MARKET_QUEUE_MAX;

    #[tokio::test]
    async fn a_book_starts_anew_after_a_message_was_dropped() {
        let mut exchange = Exchange::open(&VenueConfig::default(), 1_795_219_200_000);
        let (mut feed, outbox) = (PublicFeed::default(), Outbox::default());
        feed.subscribe(&exchange, "orderbook.50.BTCUSDT", 0, &outbox);
        for _ in 0..MARKET_QUEUE_MAX {
            outbox.push_flow(Bytes::from_static(b"{}"));
        }
        let kinds = async |outbox: &Outbox| {
            let batch = outbox.take().await.unwrap_or_default();
            let frames = batch.iter().map(|frame| serde_json::from_slice::<Value>(frame).unwrap_or_default());
            frames.filter_map(|frame| frame["type"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        let event = |at_ms| Event::Ticked { at_ms };
        exchange.tick(1_795_219_200_250);
        feed.observe(&exchange, &event(1_795_219_200_250), &outbox);
        assert_eq!(kinds(&outbox).await, ["snapshot"]);
        exchange.tick(1_795_219_200_500);
        feed.observe(&exchange, &event(1_795_219_200_500), &outbox);
        assert_eq!(kinds(&outbox).await, ["delta"]);
    }

    #[test]
    fn only_topics_of_the_spot_pair_are_known() {
        let exchange = Exchange::open(&VenueConfig::default(), 1_795_219_200_000);
        for name in ["tickers.BTCUSDT", "orderbook.1.BTCUSDT", "orderbook.1000.BTCUSDT", "publicTrade.BTCUSDT", "kline.D.BTCUSDT"] {
            assert!(PublicFeed::knows(&exchange, name), "{name}");
        }
        for name in
            ["tickers.ETHUSDT", "tickers", "orderbook.7.BTCUSDT", "orderbook.BTCUSDT", "kline.2.BTCUSDT", "tickers.BTCUSDT_261225", ""]
        {
            assert!(!PublicFeed::knows(&exchange, name), "{name}");
        }
    }
}
