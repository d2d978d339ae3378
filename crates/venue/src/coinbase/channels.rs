//! Channel messages of the WebSocket.
//!
//! | subscribed to | sent as | first | then |
//! |---|---|---|---|
//! | `candles` | the same | candles of five minutes | the one being written, at every tick |
//! | `heartbeats` | the same | – | every second |
//! | `level2` | `l2_data` | the book | at every tick, the levels that changed |
//! | `market_trades` | the same | the newest trades | every trade |
//! | `status` | the same | the product | – |
//! | `ticker`, `ticker_batch` | the same | the ticker | at every tick |
//! | `user` | the same | open orders | own orders that changed |

use serde_json::{Value, json};

use super::market_data::{candle_shape, top, trade_shape};
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::book::Level;
use crate::exchange::event::PublicTrade;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};
use crate::exchange::order::{Order, Side};
use crate::exchange::tape::MINUTE_MS;
use crate::facade::{BookDifference, BookMirror, iso};

/// Candles of this channel are of five minutes (vendor: "Candles channel").
const CANDLE_MS: u64 = 5 * MINUTE_MS;
/// Candles of a first message.
const CANDLES_FIRST: usize = 100;
/// Trades of a first message.
const TRADES_FIRST: usize = 50;

/// A channel.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Channel {
    Candles,
    Heartbeats,
    Level2,
    MarketTrades,
    Status,
    Ticker,
    TickerBatch,
    User,
}

impl Channel {
    /// Reads the name in a subscription.
    pub(super) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "candles" => Self::Candles,
            "heartbeats" => Self::Heartbeats,
            "level2" => Self::Level2,
            "market_trades" => Self::MarketTrades,
            "status" => Self::Status,
            "ticker" => Self::Ticker,
            "ticker_batch" => Self::TickerBatch,
            "user" => Self::User,
            _ => return None,
        })
    }

    /// The name in a subscription.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Candles => "candles",
            Self::Heartbeats => "heartbeats",
            Self::Level2 => "level2",
            Self::MarketTrades => "market_trades",
            Self::Status => "status",
            Self::Ticker => "ticker",
            Self::TickerBatch => "ticker_batch",
            Self::User => "user",
        }
    }

    /// The name in its messages.
    pub(super) const fn sent_name(self) -> &'static str {
        match self {
            Self::Level2 => "l2_data",
            Self::Candles | Self::Heartbeats | Self::MarketTrades | Self::Status | Self::Ticker | Self::TickerBatch | Self::User => {
                self.name()
            }
        }
    }
}

/// `ticker`, `ticker_batch`
pub(super) fn ticker(exchange: &Exchange, index: MarketIndex, kind: &str) -> Value {
    let market = exchange.market(index);
    let day = market.tape.day();
    let ((bid, bid_size), (ask, ask_size)) = (top(exchange, index, Side::Buy), top(exchange, index, Side::Sell));
    json!({"type": kind, "tickers": [{
        "type": "ticker", "product_id": names::product_id(&market.instrument), "price": day.day.close.short(),
        "volume_24_h": day.day.volume.short(), "low_24_h": day.day.low.short(), "high_24_h": day.day.high.short(),
        "low_52_w": day.day.low.short(), "high_52_w": day.day.high.short(), "price_percent_chg_24_h": day.change_percent().short(),
        "best_bid": bid.short(), "best_bid_quantity": bid_size.short(), "best_ask": ask.short(), "best_ask_quantity": ask_size.short(),
    }]})
}

fn updates(terms: &Instrument, levels: &[Level], side: &str, time: &str) -> Vec<Value> {
    let row = |level: &Level| {
        json!({
            "side": side, "event_time": time, "price_level": terms.price_of(level.ticks).short(),
            "new_quantity": terms.quantity_of(level.lots).short(),
        })
    };
    levels.iter().map(row).collect()
}

fn book_event(terms: &Instrument, kind: &str, bids: &[Level], asks: &[Level], time: &str) -> Value {
    let rows = [updates(terms, bids, "bid", time), updates(terms, asks, "offer", time)].concat();
    json!({"type": kind, "product_id": names::product_id(terms), "updates": rows})
}

/// The first `l2_data`.
pub(super) fn book(terms: &Instrument, mirror: &BookMirror, at_ms: u64) -> Value {
    book_event(terms, "snapshot", &mirror.levels(Side::Buy), &mirror.levels(Side::Sell), &iso(at_ms))
}

/// A later `l2_data`.
pub(super) fn book_change(terms: &Instrument, change: &BookDifference, at_ms: u64) -> Value {
    book_event(terms, "update", &change.bids, &change.asks, &iso(at_ms))
}

/// `market_trades`
pub(super) fn trade(terms: &Instrument, trade: &PublicTrade) -> Value {
    json!({"type": "update", "trades": [trade_shape(&names::product_id(terms), trade)]})
}

/// The first `market_trades`: newest first.
pub(super) fn last_trades(exchange: &Exchange, index: MarketIndex) -> Value {
    let market = exchange.market(index);
    let id = names::product_id(&market.instrument);
    let trades: Value = market.tape.last_trades(TRADES_FIRST).rev().map(|trade| trade_shape(&id, trade)).collect();
    json!({"type": "snapshot", "trades": trades})
}

/// `candles`
pub(super) fn candles(exchange: &Exchange, index: MarketIndex, first: bool) -> Value {
    let market = exchange.market(index);
    let id = names::product_id(&market.instrument);
    let (kind, count) = if first { ("snapshot", CANDLES_FIRST) } else { ("update", 1) };
    let candles = market.tape.candles(CANDLE_MS, 0, u64::MAX, count);
    let row = |candle| {
        let mut shape = candle_shape(candle);
        shape["product_id"] = json!(id);
        shape
    };
    json!({"type": kind, "candles": candles.iter().rev().map(row).collect::<Value>()})
}

/// `status`
pub(super) fn status(exchange: &Exchange, index: MarketIndex) -> Value {
    let terms = &exchange.market(index).instrument;
    let id = names::product_id(terms);
    json!({"type": "snapshot", "products": [{
        "product_type": "SPOT", "id": id, "base_currency": *terms.base, "quote_currency": *terms.quote,
        "base_increment": terms.lot.short(), "quote_increment": terms.tick.short(), "display_name": id, "status": "online",
        "status_message": "", "min_market_funds": terms.notional_min.short(),
    }]})
}

/// Whether the `user` channel tells of an order: only of the products listed.
pub(super) fn is_listed(exchange: &Exchange, order: &Order) -> bool {
    matches!(exchange.market(order.market).instrument.kind, InstrumentKind::Spot)
}

fn user_event(kind: &str, orders: Value) -> Value {
    json!({"type": kind, "orders": orders, "positions": {"perpetual_futures_positions": [], "expiring_futures_positions": []}})
}

/// The first `user` message.
pub(super) fn open_orders(exchange: &Exchange, owner: AccountIndex) -> Value {
    let open = exchange.open_orders(owner).filter(|order| is_listed(exchange, order));
    user_event("snapshot", open.map(|order| shapes::user_order(exchange, order)).collect())
}

/// A later `user` message.
pub(super) fn order_changed(exchange: &Exchange, order: &Order) -> Value {
    user_event("update", json!([shapes::user_order(exchange, order)]))
}
