//! Channel names, and what their subscribers are told.
//!
//! | channel | first | then |
//! |---|---|---|
//! | `book.<instrument>.<interval>` | `snapshot` | `change` at every tick |
//! | `book.<instrument>.<group>.<depth>.<interval>` | – | the best levels at every tick |
//! | `chart.trades.<instrument>.<resolution>` | – | the candle being written, at every tick |
//! | `quote.<instrument>`, `ticker.<instrument>.<interval>` | the newest | at every tick |
//! | `trades.<instrument>.<interval>` | – | every trade |
//! | `user.orders`, `user.trades`, `user.changes` | – | own events |
//! | `user.portfolio.<currency>` | the newest | at every change |
//!
//! `<interval>` is `raw`, `100ms` or `agg2`; messages go out once per tick whatever it is, those
//! about orders and trades at once. The last part of `user.orders` and its kin says whether
//! `data` is one thing (`raw`) or a list.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::market_data::{Group, resolution};
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::book::Level;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::MINUTE_MS;
use crate::facade::{BookDifference, BookMirror, number};

/// What a user channel is about.
pub(super) enum Whose {
    Group(Group),
    Market(MarketIndex),
}

impl Whose {
    pub(super) fn holds(&self, exchange: &Exchange, market: MarketIndex) -> bool {
        match self {
            Self::Group(group) => group.holds(&exchange.market(market).instrument),
            Self::Market(wanted) => *wanted == market,
        }
    }
}

/// A channel, read from its name.
pub(super) enum Channel {
    Book(MarketIndex),
    /// So many levels per side.
    BookTop(MarketIndex, usize),
    /// So many minutes.
    Chart(MarketIndex, u64),
    Quote(MarketIndex),
    Ticker(MarketIndex),
    Trades(MarketIndex),
    UserChanges(Whose),
    /// `true` when each message has one order.
    UserOrders(Whose, bool),
    /// `any` or a currency.
    UserPortfolio(String),
    UserTrades(Whose),
}

fn is_interval(text: &str) -> bool {
    matches!(text, "100ms" | "agg2" | "raw")
}

impl Channel {
    /// Reads a name; `None` when there is no such channel here.
    pub(super) fn read(exchange: &Exchange, name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split('.').collect();
        match parts.as_slice() {
            ["book", instrument, interval] if is_interval(interval) => names::find(exchange, instrument).map(Self::Book),
            ["book", instrument, "none", depth, interval] if is_interval(interval) => {
                let depth = matches!(*depth, "1" | "10" | "20").then(|| depth.parse().ok()).flatten()?;
                names::find(exchange, instrument).map(|market| Self::BookTop(market, depth))
            }
            ["chart", "trades", instrument, width] => {
                let minutes = resolution(width)?;
                names::find(exchange, instrument).map(|market| Self::Chart(market, minutes))
            }
            ["quote", instrument] => names::find(exchange, instrument).map(Self::Quote),
            ["ticker", instrument, interval] if is_interval(interval) => names::find(exchange, instrument).map(Self::Ticker),
            ["trades", instrument, interval] if is_interval(interval) => names::find(exchange, instrument).map(Self::Trades),
            ["user", "portfolio", currency] => known_currency(exchange, currency).map(Self::UserPortfolio),
            ["user", topic, instrument, interval] if is_interval(interval) => {
                Self::user(topic, Whose::Market(names::find(exchange, instrument)?), *interval == "raw")
            }
            ["user", topic, kind, currency, interval] if is_interval(interval) => {
                let known = matches!(*kind, "any" | "future" | "future_combo" | "option" | "option_combo" | "spot");
                Self::user(topic, Whose::Group(Group::of(kind, currency)), *interval == "raw").filter(|_| known)
            }
            _ => None,
        }
    }

    fn user(topic: &str, whose: Whose, single: bool) -> Option<Self> {
        match topic {
            "changes" => Some(Self::UserChanges(whose)),
            "orders" => Some(Self::UserOrders(whose, single)),
            "trades" => Some(Self::UserTrades(whose)),
            _ => None,
        }
    }

    /// Whether it is about an account.
    pub(super) const fn is_private(&self) -> bool {
        matches!(self, Self::UserChanges(_) | Self::UserOrders(..) | Self::UserPortfolio(_) | Self::UserTrades(_))
    }
}

fn known_currency(exchange: &Exchange, currency: &str) -> Option<String> {
    let known = exchange.markets().iter().any(|market| names::is_of(&market.instrument, currency));
    known.then(|| if currency == "any" { currency.to_owned() } else { currency.to_ascii_uppercase() })
}

/// A message of a channel.
pub(super) fn notification(channel: &str, data: Value) -> String {
    json!({"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}).to_string()
}

/// `quote`
pub(super) fn quote(exchange: &Exchange, index: MarketIndex, at_ms: u64) -> Value {
    let market = exchange.market(index);
    let ((bid, bid_amount), (ask, ask_amount)) = (shapes::top(market, Side::Buy), shapes::top(market, Side::Sell));
    json!({
        "instrument_name": names::instrument_name(&market.instrument), "best_bid_price": bid, "best_bid_amount": bid_amount,
        "best_ask_price": ask, "best_ask_amount": ask_amount, "timestamp": at_ms,
    })
}

/// The first message of `book`: every level is new.
pub(super) fn book_snapshot(exchange: &Exchange, index: MarketIndex, mirror: &BookMirror, at_ms: u64) -> Value {
    let terms = &exchange.market(index).instrument;
    let side = |side: Side| -> Value {
        let levels = mirror.levels(side);
        levels.iter().map(|level| json!(["new", number(terms.price_of(level.ticks)), number(terms.quantity_of(level.lots))])).collect()
    };
    json!({
        "type": "snapshot", "timestamp": at_ms, "instrument_name": names::instrument_name(terms), "change_id": mirror.update_id(),
        "bids": side(Side::Buy), "asks": side(Side::Sell),
    })
}

/// A later message of `book`, and the mirror's catching up; `None` when nothing changed.
pub(super) fn book_change(exchange: &Exchange, index: MarketIndex, mirror: &mut BookMirror, depth: usize, at_ms: u64) -> Option<Value> {
    let terms = &exchange.market(index).instrument;
    let before = mirror.update_id();
    let had = [Side::Buy, Side::Sell].map(|side| mirror.levels(side).iter().map(|level| level.ticks).collect::<BTreeSet<u128>>());
    let BookDifference { last_id, bids, asks, .. } = mirror.advance(exchange, index, depth);
    if bids.is_empty() && asks.is_empty() {
        return None;
    }
    let rows = |levels: &[Level], had: &BTreeSet<u128>| -> Value {
        let action = |level: &Level| match (level.lots, had.contains(&level.ticks)) {
            (0, _) => "delete",
            (_, true) => "change",
            (_, false) => "new",
        };
        let row = |level: &Level| json!([action(level), number(terms.price_of(level.ticks)), number(terms.quantity_of(level.lots))]);
        levels.iter().map(row).collect()
    };
    Some(json!({
        "type": "change", "timestamp": at_ms, "instrument_name": names::instrument_name(terms), "prev_change_id": before,
        "change_id": last_id, "bids": rows(&bids, &had[0]), "asks": rows(&asks, &had[1]),
    }))
}

/// `book` with a depth: whole, every time.
pub(super) fn book_top(exchange: &Exchange, index: MarketIndex, depth: usize, at_ms: u64) -> Value {
    let market = exchange.market(index);
    let terms = &market.instrument;
    let side = |side: Side| -> Value {
        let levels = market.book.levels(side).take(depth);
        levels.map(|level| json!([number(terms.price_of(level.ticks)), number(terms.quantity_of(level.lots))])).collect()
    };
    json!({
        "timestamp": at_ms, "instrument_name": names::instrument_name(terms), "change_id": market.book.update_id(),
        "bids": side(Side::Buy), "asks": side(Side::Sell),
    })
}

/// `chart.trades`: the candle being written; `None` when there is none.
pub(super) fn candle(exchange: &Exchange, index: MarketIndex, minutes: u64) -> Option<Value> {
    let candles = exchange.market(index).tape.candles(minutes * MINUTE_MS, 0, u64::MAX, 1);
    candles.last().map(|candle| {
        json!({
            "tick": candle.open_ms, "open": number(candle.open), "high": number(candle.high), "low": number(candle.low),
            "close": number(candle.close), "volume": number(candle.volume), "cost": number(candle.quote_volume),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VenueConfig;

    #[test]
    fn reads_the_channels_clients_ask_for_and_no_others() {
        let exchange = Exchange::open(&VenueConfig::default(), 1_795_219_200_000);
        for (name, private) in [
            ("ticker.BTC_USDT.100ms", false),
            ("ticker.BTC_USDT-25DEC26.raw", false),
            ("book.BTC_USDT-25DEC26-100000-C.agg2", false),
            ("book.BTC_USDT.none.20.100ms", false),
            ("chart.trades.BTC_USDT.1D", false),
            ("quote.BTC_USDT", false),
            ("trades.BTC_USDT.100ms", false),
            ("user.orders.any.any.raw", true),
            ("user.orders.BTC_USDT.raw", true),
            ("user.trades.future.USDT.100ms", true),
            ("user.changes.any.any.raw", true),
            ("user.portfolio.btc", true),
        ] {
            let read = Channel::read(&exchange, name).map(|channel| channel.is_private());
            assert_eq!(read, Some(private), "{name}");
        }
        for name in ["", "ticker.BTC_USDT", "ticker.ETH_USDT.raw", "book.BTC_USDT.1s", "book.BTC_USDT.none.7.raw", "user.portfolio.eth"] {
            assert!(Channel::read(&exchange, name).is_none(), "{name}");
        }
    }
}
