//! Market channels of WebSocket v2: what a subscriber is told first, and what changes.
//!
//! | channel | first | then |
//! |---|---|---|
//! | `book` | the best levels | at every tick, the levels that changed |
//! | `instrument` | assets and pairs | – |
//! | `ohlc` | candles | at every tick, the candle being written |
//! | `ticker` | the ticker | at every tick |
//! | `trade` | the last 50, when asked for | every trade |

use serde_json::{Value, json};

use super::market_data::{INTERVALS, asset_names, average};
use super::names;
use crate::exchange::Exchange;
use crate::exchange::book::Level;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, MarketIndex};
use crate::exchange::order::Side;
use crate::exchange::tape::{Candle, MINUTE_MS};
use crate::facade::{BookDifference, BookMirror, Fields, iso, number};
use crate::limits::{CANDLES_FIRST_MAX, TRADES_FIRST_MAX};

/// Book depths the vendor has.
pub(super) const DEPTHS: [u64; 5] = [10, 25, 100, 500, 1_000];
/// Levels per side that go into a checksum.
const CHECKED_LEVELS: usize = 10;

/// A market channel with its parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Channel {
    /// So many levels per side.
    Book(usize),
    Instrument,
    /// Candles of so many minutes.
    Ohlc(u64),
    Ticker,
    Trade,
}

impl Channel {
    /// Reads the channel of a subscription; the text says what is wrong.
    pub(super) fn read(name: &str, fields: &Fields) -> Result<Self, &'static str> {
        let integer = |name: &'static str, default| fields.integer(name).map(|value| value.unwrap_or(default));
        match name {
            "book" => match integer("depth", 10) {
                Ok(depth) if DEPTHS.contains(&depth) => Ok(Self::Book(usize::try_from(depth).unwrap_or(10))),
                Ok(_) | Err(_) => Err("Subscription depth not supported"),
            },
            "instrument" => Ok(Self::Instrument),
            "ohlc" => match integer("interval", 1) {
                Ok(minutes) if INTERVALS.contains(&minutes) => Ok(Self::Ohlc(minutes)),
                Ok(_) | Err(_) => Err("Subscription ohlc interval not supported"),
            },
            "ticker" => Ok(Self::Ticker),
            "trade" => Ok(Self::Trade),
            _ => Err("Subscription name invalid"),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Book(_) => "book",
            Self::Instrument => "instrument",
            Self::Ohlc(_) => "ohlc",
            Self::Ticker => "ticker",
            Self::Trade => "trade",
        }
    }

    /// The `result` of a subscription.
    pub(super) fn result(self, symbol: Option<&str>, snapshot: bool) -> Value {
        let mut result = json!({"channel": self.name(), "snapshot": snapshot});
        if let Some(symbol) = symbol {
            result["symbol"] = json!(symbol);
        }
        match self {
            Self::Book(depth) => result["depth"] = json!(depth),
            Self::Ohlc(minutes) => result["interval"] = json!(minutes),
            Self::Ticker => result["event_trigger"] = json!("trades"),
            Self::Instrument | Self::Trade => {}
        }
        result
    }
}

/// A message of a channel.
pub(super) fn message(channel: &str, kind: &str, data: Value) -> Value {
    json!({"channel": channel, "type": kind, "data": data})
}

/// `ticker`
pub(super) fn ticker(exchange: &Exchange, index: MarketIndex, at_ms: u64) -> Value {
    let market = exchange.market(index);
    let (terms, day) = (&market.instrument, market.tape.day());
    let top = |side: Side| market.book.top(side).map_or((0, 0), |level| (level.ticks, level.lots));
    let ((bid, bid_lots), (ask, ask_lots)) = (top(Side::Buy), top(Side::Sell));
    json!([{
        "symbol": names::symbol(terms),
        "bid": number(terms.price_of(bid)), "bid_qty": number(terms.quantity_of(bid_lots)),
        "ask": number(terms.price_of(ask)), "ask_qty": number(terms.quantity_of(ask_lots)),
        "last": number(day.day.close), "volume": number(day.day.volume), "vwap": number(day.weighted_price()),
        "low": number(day.day.low), "high": number(day.day.high),
        "change": number(day.change()), "change_pct": number(day.change_percent()), "timestamp": iso(at_ms),
    }])
}

fn levels_of(terms: &Instrument, levels: &[Level]) -> Value {
    let level = |level: &Level| json!({"price": number(terms.price_of(level.ticks)), "qty": number(terms.quantity_of(level.lots))});
    levels.iter().map(level).collect()
}

/// The first message of `book`.
pub(super) fn book(terms: &Instrument, mirror: &BookMirror, at_ms: u64) -> Value {
    let side = |side: Side| levels_of(terms, &mirror.levels(side));
    json!([{
        "symbol": names::symbol(terms), "bids": side(Side::Buy), "asks": side(Side::Sell),
        "checksum": checksum(terms, mirror), "timestamp": iso(at_ms),
    }])
}

/// A later message of `book`; the mirror has caught up already. Levels that are gone come
/// first: a reader that cuts its book after each level would otherwise cut what is new.
pub(super) fn book_change(terms: &Instrument, mirror: &BookMirror, change: &BookDifference, at_ms: u64) -> Value {
    let gone_first = |levels: &[Level]| {
        let (gone, left): (Vec<Level>, Vec<Level>) = levels.iter().partition(|level| level.lots == 0);
        levels_of(terms, &[gone, left].concat())
    };
    json!([{
        "symbol": names::symbol(terms), "bids": gone_first(&change.bids), "asks": gone_first(&change.asks),
        "checksum": checksum(terms, mirror), "timestamp": iso(at_ms),
    }])
}

/// CRC-32 over the ten best asks, then bids: price and quantity with all their places,
/// without point and leading noughts (vendor guide "Book checksum (v2)").
pub(super) fn checksum(terms: &Instrument, mirror: &BookMirror) -> u32 {
    let levels = [Side::Sell, Side::Buy].map(|side| mirror.levels(side));
    let level = |level: &Level| (terms.price_of(level.ticks), terms.quantity_of(level.lots));
    let levels = levels.iter().flat_map(|side| side.iter().take(CHECKED_LEVELS).map(level));
    crc32(checked_text(levels, names::places(terms.tick), names::places(terms.lot)).as_bytes())
}

/// What is summed: prices and quantities in the order given, as digits.
fn checked_text(levels: impl Iterator<Item = (Fixed, Fixed)>, price_places: usize, quantity_places: usize) -> String {
    let digits = |value: Fixed, places: usize| names::with_places(value, places).replace('.', "").trim_start_matches('0').to_owned();
    levels.map(|(price, quantity)| digits(price, price_places) + &digits(quantity, quantity_places)).collect()
}

/// CRC-32 as in IEEE 802.3, bit by bit: the text is a few hundred bytes.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let shift = |sum: u32, _| if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), shift))
}

/// One trade of `trade`.
pub(super) fn trade(terms: &Instrument, trade: &PublicTrade) -> Value {
    json!({
        "symbol": names::symbol(terms), "side": trade.taker().lower(), "price": number(trade.price), "qty": number(trade.quantity),
        "ord_type": "market", "trade_id": trade.id, "timestamp": iso(trade.at_ms),
    })
}

/// The first message of `trade`.
pub(super) fn last_trades(exchange: &Exchange, index: MarketIndex) -> Value {
    let market = exchange.market(index);
    market.tape.last_trades(TRADES_FIRST_MAX).map(|one| trade(&market.instrument, one)).collect()
}

fn candle_shape(terms: &Instrument, candle: &Candle, minutes: u64) -> Value {
    let end_ms = candle.open_ms + minutes * MINUTE_MS;
    json!({
        "symbol": names::symbol(terms), "open": number(candle.open), "high": number(candle.high), "low": number(candle.low),
        "close": number(candle.close), "trades": candle.trades, "volume": number(candle.volume), "vwap": number(average(candle)),
        "interval_begin": iso(candle.open_ms), "interval": minutes, "timestamp": iso(end_ms),
    })
}

/// The newest candles of `ohlc`: many at first, one later.
pub(super) fn candles(exchange: &Exchange, index: MarketIndex, minutes: u64, first: bool) -> Value {
    let market = exchange.market(index);
    let count = if first { CANDLES_FIRST_MAX } else { 1 };
    let candles = market.tape.candles(minutes * MINUTE_MS, 0, u64::MAX, count);
    candles.iter().map(|candle| candle_shape(&market.instrument, candle, minutes)).collect()
}

/// `instrument`
pub(super) fn instruments(exchange: &Exchange) -> Value {
    let asset = |name: &String| json!({"id": name, "status": "enabled", "precision": 8, "precision_display": 5, "borrowable": false});
    let assets: Value = asset_names(exchange).iter().map(asset).collect();
    let pair = |terms: &Instrument| {
        json!({
            "symbol": names::symbol(terms), "base": *terms.base, "quote": *terms.quote, "status": "online", "marginable": false,
            "price_precision": names::places(terms.tick), "price_increment": number(terms.tick),
            "qty_precision": names::places(terms.lot), "qty_increment": number(terms.lot), "qty_min": number(terms.lot),
            "cost_precision": 8, "cost_min": number(terms.notional_min), "has_index": false,
        })
    };
    let pairs: Value = names::pairs(exchange).map(|(_, terms)| pair(terms)).collect();
    json!({"assets": assets, "pairs": pairs})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The worked example of the vendor guide "Book checksum (v2)": asks from low to high, then bids from high to low.
    const EXAMPLE: [[(&str, &str); 10]; 2] = [
        [
            ("45285.2", "0.00100000"),
            ("45286.4", "1.54571953"),
            ("45286.6", "1.54571109"),
            ("45289.6", "1.54560911"),
            ("45290.2", "0.15890660"),
            ("45291.8", "1.54553491"),
            ("45294.7", "0.04454749"),
            ("45296.1", "0.35380000"),
            ("45297.5", "0.09945542"),
            ("45299.5", "0.18772827"),
        ],
        [
            ("45283.5", "0.10000000"),
            ("45283.4", "1.54582015"),
            ("45282.1", "0.10000000"),
            ("45281.0", "0.10000000"),
            ("45280.3", "1.54592586"),
            ("45279.0", "0.07990000"),
            ("45277.6", "0.03310103"),
            ("45277.5", "0.30000000"),
            ("45277.3", "1.54602737"),
            ("45276.6", "0.15445238"),
        ],
    ];

    fn example(sides: [usize; 2]) -> String {
        let decimal = |text| Fixed::parse(text).unwrap();
        let levels = sides.into_iter().flat_map(|side| EXAMPLE[side].iter().map(|(price, quantity)| (decimal(price), decimal(quantity))));
        checked_text(levels, 1, 8)
    }

    #[test]
    fn the_text_of_a_checksum_is_that_of_the_vendors_example() {
        let text = example([0, 1]);
        assert!(text.starts_with("45285210000045286415457195345286615457110945289615456091145290215890660"));
        // A price without cents keeps its nought: the number of places is the pair's.
        assert!(text.contains("45281010000000") && text.ends_with("45276615445238"));
        assert_eq!(crc32(text.as_bytes()), 3_310_070_434);
        assert_ne!(crc32(example([1, 0]).as_bytes()), 3_310_070_434, "asks come first");
    }

    #[test]
    fn the_sum_is_the_common_crc32() {
        // The check value of the CRC catalogue.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
