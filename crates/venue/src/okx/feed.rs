//! Channels of the public and the business socket, and what is told about each.
//!
//! | socket | channel | when | form |
//! |---|---|---|---|
//! | public | `books` (400 levels) | every tick that changed it | snapshot first, then updates with `prevSeqId` and `seqId` |
//! | public | `books5`, `bbo-tbt` | every tick | the top of the book |
//! | public | `tickers`, `trades` | every tick, every trade | row |
//! | business | `candle<bar>` | every tick | row |

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::market_data::{BARS, candle_row, level, ticker_row, trade_row};
use super::request::{find, id_of};
use crate::exchange::book::Level;
use crate::exchange::event::Event;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::{Exchange, Market};
use crate::facade::BookMirror;
use crate::hub::{Feed, Observer, Topic};
use crate::limits::OKX_BOOK_LEVELS_MAX;
use crate::outbox::Outbox;

/// What a channel is about.
#[derive(Debug)]
enum Kind {
    Books { mirror: BookMirror },
    Candle(usize),
    Ticker,
    Top(usize),
    Trades,
}

#[derive(Debug)]
struct Subscription {
    market: MarketIndex,
    kind: Kind,
    /// Distinguishes this channel's waiting message from those of others.
    number: u16,
    arg: Value,
}

/// The channels of one connection, by channel and instrument.
#[derive(Debug, Default)]
pub(super) struct PublicFeed {
    held: BTreeMap<(String, String), Subscription>,
    next: u16,
}

/// Channel and instrument of an argument.
fn key_of(arg: &Value) -> Option<(String, String)> {
    let text = |name: &str| arg.get(name).and_then(Value::as_str);
    Some((text("channel")?.to_owned(), text("instId")?.to_owned()))
}

fn kind_of(channel: &str, business: bool) -> Option<Kind> {
    if let Some(bar) = channel.strip_prefix("candle") {
        let index = BARS.iter().position(|(name, _)| *name == bar);
        return index.filter(|_| business).map(Kind::Candle);
    }
    let kind = match channel {
        "bbo-tbt" => Kind::Top(1),
        "books" => Kind::Books { mirror: BookMirror::default() },
        "books5" => Kind::Top(5),
        "tickers" => Kind::Ticker,
        "trades" => Kind::Trades,
        _ => return None,
    };
    Some(kind).filter(|_| !business)
}

impl PublicFeed {
    /// How many channels are held.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Holds a channel and tells its first state; a second time changes nothing. `None` when
    /// there is no such channel.
    pub(super) fn subscribe(&mut self, exchange: &Exchange, arg: &Value, business: bool, now_ms: u64, outbox: &Outbox) -> Option<()> {
        let key = key_of(arg)?;
        let (market, kind) = (find(exchange, &key.1)?, kind_of(&key.0, business)?);
        if self.held.contains_key(&key) {
            return Some(());
        }
        self.next = self.next.wrapping_add(1);
        let arg = json!({"channel": key.0, "instId": key.1});
        let mut subscription = Subscription { market, kind, number: self.next, arg };
        if let Kind::Books { mirror } = &mut subscription.kind {
            *mirror = BookMirror::of(exchange, market, OKX_BOOK_LEVELS_MAX);
            let sides = (mirror.levels(Side::Buy), mirror.levels(Side::Sell));
            let row = book_row(exchange.market(market), &sides.0, &sides.1, None, mirror.update_id(), now_ms);
            outbox.push_flow(message(&subscription.arg, Some("snapshot"), row));
        } else {
            subscription.tell(exchange, now_ms, outbox);
        }
        self.held.insert(key, subscription);
        Some(())
    }

    /// Lets go of a channel; `None` when there can be no such channel.
    pub(super) fn unsubscribe(&mut self, arg: &Value) -> Option<()> {
        key_of(arg).map(|key| {
            self.held.remove(&key);
        })
    }
}

impl Subscription {
    /// Tells what has become of the channel by now.
    fn tell(&mut self, exchange: &Exchange, at_ms: u64, outbox: &Outbox) {
        let market = exchange.market(self.market);
        let (arg, topic) = (&self.arg, Topic { market: self.market, feed: Feed::Facade(self.number) });
        match &mut self.kind {
            Kind::Books { mirror } => {
                let before = mirror.update_id();
                let changes = mirror.advance(exchange, self.market, OKX_BOOK_LEVELS_MAX);
                if changes.last_id != before {
                    let row = book_row(market, &changes.bids, &changes.asks, Some(before), changes.last_id, at_ms);
                    outbox.push_flow(message(arg, Some("update"), row));
                }
            }
            Kind::Candle(index) => {
                let (_, width) = BARS[*index];
                let candle = market.tape.candles(width, 0, u64::MAX, 1).pop().unwrap_or_default();
                outbox.push_state(topic, message(arg, None, candle_row(&candle, width, at_ms)));
            }
            Kind::Ticker => outbox.push_state(topic, message(arg, None, ticker_row(market, at_ms))),
            Kind::Top(depth) => {
                let side = |side| market.book.levels(side).take(*depth).map(|row| level(market, side, row)).collect::<Vec<_>>();
                let (bids, asks) = (side(Side::Buy), side(Side::Sell));
                let row =
                    json!({"asks": asks, "bids": bids, "instId": id_of(market), "ts": at_ms.to_string(), "seqId": market.book.update_id()});
                outbox.push_state(topic, message(arg, None, row));
            }
            Kind::Trades => {}
        }
    }
}

impl Observer for PublicFeed {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            Event::Balances { .. } | Event::Order { .. } => {}
            Event::Ticked { at_ms } => {
                for subscription in self.held.values_mut() {
                    subscription.tell(exchange, *at_ms, outbox);
                }
            }
            Event::Trade { market, trade } => {
                let hears = |one: &&Subscription| one.market == *market && matches!(one.kind, Kind::Trades);
                for subscription in self.held.values().filter(hears) {
                    let mut row = trade_row(exchange.market(*market), trade);
                    row["count"] = Value::from("1");
                    outbox.push_flow(message(&subscription.arg, None, row));
                }
            }
        }
    }
}

fn message(arg: &Value, action: Option<&str>, row: Value) -> Bytes {
    let mut message = json!({"arg": arg, "data": [row]});
    if let Some(action) = action {
        message["action"] = Value::from(action);
    }
    Bytes::from(message.to_string())
}

/// The venue's checksum is deprecated and always nought.
fn book_row(market: &Market, bids: &[Level], asks: &[Level], before: Option<u64>, id: u64, at_ms: u64) -> Value {
    let rows = |side, levels: &[Level]| levels.iter().map(|row| level(market, side, *row)).collect::<Vec<_>>();
    let before = before.map_or_else(|| Value::from(-1), Value::from);
    json!({
        "asks": rows(Side::Sell, asks), "bids": rows(Side::Buy, bids), "ts": at_ms.to_string(),
        "checksum": 0, "prevSeqId": before, "seqId": id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candles_are_on_the_business_socket_and_all_else_on_the_public_one() {
        for channel in ["bbo-tbt", "books", "books5", "tickers", "trades"] {
            assert!(kind_of(channel, false).is_some() && kind_of(channel, true).is_none(), "{channel}");
        }
        for channel in ["candle1m", "candle1Dutc"] {
            assert!(kind_of(channel, true).is_some() && kind_of(channel, false).is_none(), "{channel}");
        }
        for channel in ["books-l2-tbt", "candle1s", "orders", ""] {
            assert!(kind_of(channel, false).is_none() && kind_of(channel, true).is_none(), "{channel}");
        }
    }
}
