//! Market data: instruments, assets, book, trades, candles.

use serde_json::{Value, json};

use super::error::BitmexError;
use super::{names, shapes};
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::MINUTE_MS;
use crate::exchange::{Exchange, Market};
use crate::facade::{FieldError, Fields, number};
use crate::limits::{BITMEX_ROWS_MAX, BOOK_LEVELS_MAX};
use crate::operations::{levels, spot_markets, top};

/// Candle widths in the venue's names.
const BINS: &[(&str, u64)] = &[("1m", MINUTE_MS), ("5m", 5 * MINUTE_MS), ("1h", 60 * MINUTE_MS), ("1d", 1_440 * MINUTE_MS)];

/// The pair of `symbol`.
pub(super) fn market_of(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, BitmexError> {
    names::find(exchange, fields.need("symbol")?).ok_or_else(BitmexError::symbol)
}

/// All pairs, or the one of `symbol`; a symbol that is not listed has no row.
pub(super) fn instruments(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let wanted = |(_, market): &(MarketIndex, &Market)| fields.find("symbol").is_none_or(|name| names::symbol(&market.instrument) == name);
    let rows = spot_markets(exchange).filter(wanted).map(|(_, market)| shapes::instrument(exchange, market, now_ms));
    Ok(rows.collect::<Value>().to_string())
}

pub(super) fn nothing(_: &Exchange, _: &Fields, _: u64) -> Result<String, BitmexError> {
    Ok("[]".to_owned())
}

/// What can be subscribed to. The vendor's client for Node asks before it does anything.
pub(super) fn topics(_: &Exchange, _: &Fields, _: u64) -> Result<String, BitmexError> {
    let subjects = json!({
        "authenticationRequired": ["execution", "margin", "order"],
        "public": ["instrument", "orderBook10", "orderBookL2", "orderBookL2_25", "quote", "trade"],
    });
    let help = json!({"subscribe": "{\"op\":\"subscribe\",\"args\":[topic, …]}", "subscriptionSubjects": subjects});
    Ok(help.to_string())
}

pub(super) fn assets(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, BitmexError> {
    let mut listed: Vec<&str> =
        spot_markets(exchange).flat_map(|(_, market)| [&*market.instrument.base, &*market.instrument.quote]).collect();
    listed.sort_unstable();
    listed.dedup();
    let row = |name: &str| {
        json!({
            "asset": names::asset(name), "currency": names::unit(name), "majorCurrency": names::asset(name), "name": name,
            "currencyType": "Crypto", "scale": names::scale(name), "enabled": true, "isMarginCurrency": true, "networks": [],
        })
    };
    Ok(listed.into_iter().map(row).collect::<Value>().to_string())
}

/// Levels of both sides, sells first as the venue has them; `depth` is 25 unless said, nought is all.
pub(super) fn book(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let depth = match fields.integer("depth")? {
        None => 25,
        Some(0) => BOOK_LEVELS_MAX,
        Some(depth) => usize::try_from(depth).unwrap_or(BOOK_LEVELS_MAX).min(BOOK_LEVELS_MAX),
    };
    Ok(Value::from(rows(market, depth, now_ms)).to_string())
}

/// Rows of the book.
pub(super) fn rows(market: &Market, depth: usize, at_ms: u64) -> Vec<Value> {
    let terms = &market.instrument;
    let side =
        |side| levels(market, side, depth).into_iter().map(move |(price, size)| shapes::level(terms, side, price, Some(size), at_ms));
    side(Side::Sell).rev().chain(side(Side::Buy)).collect()
}

pub(super) fn quote(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let base = &market.instrument.base;
    let ((bid, bid_size), (ask, ask_size)) = (top(market, Side::Buy), top(market, Side::Sell));
    let row = json!({
        "timestamp": shapes::moment(now_ms), "symbol": names::symbol(&market.instrument), "bidSize": names::units(base, bid_size),
        "bidPrice": number(bid), "askPrice": number(ask), "askSize": names::units(base, ask_size),
    });
    Ok(json!([row]).to_string())
}

/// Oldest first unless `reverse`.
pub(super) fn trades(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, BitmexError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let count = fields.limit("count", 100, BITMEX_ROWS_MAX)?;
    let mut rows: Vec<Value> = market.tape.last_trades(count).map(|trade| shapes::trade(&market.instrument, trade)).collect();
    if fields.flag("reverse")? {
        rows.reverse();
    }
    Ok(Value::from(rows).to_string())
}

/// A candle bears the time of its end, as the venue has it. Oldest first unless `reverse`; the one being written with `partial`.
pub(super) fn candles(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let bin = fields.find("binSize").unwrap_or("1m");
    let (_, width) = BINS.iter().find(|(name, _)| *name == bin).ok_or(FieldError::Malformed("binSize"))?;
    let count = fields.limit("count", 100, BITMEX_ROWS_MAX)?;
    let (start, end) = (time(fields, "startTime")?.unwrap_or(0), time(fields, "endTime")?.unwrap_or(u64::MAX));
    let partial = fields.flag("partial")?;
    let base = &market.instrument.base;
    // By the time of the end, which is one width later than the time here.
    let candles = market.tape.candles(*width, start.saturating_sub(*width), end.saturating_sub(*width), count);
    let mut rows: Vec<Value> = candles
        .iter()
        .filter(|candle| partial || candle.open_ms + width <= now_ms)
        .map(|candle| {
            json!({
                "timestamp": shapes::moment(candle.open_ms + width), "symbol": names::symbol(&market.instrument), "open": number(candle.open),
                "high": number(candle.high), "low": number(candle.low), "close": number(candle.close), "trades": candle.trades,
                "volume": names::units(base, candle.volume), "homeNotional": number(candle.volume),
                "foreignNotional": number(candle.quote_volume),
            })
        })
        .collect();
    if fields.flag("reverse")? {
        rows.reverse();
    }
    Ok(Value::from(rows).to_string())
}

/// A time in ISO 8601, in Unix milliseconds.
fn time(fields: &Fields, name: &'static str) -> Result<Option<u64>, BitmexError> {
    let Some(text) = fields.find(name) else {
        return Ok(None);
    };
    let stamp: jiff::Timestamp = text.parse().map_err(|_| FieldError::Malformed(name))?;
    Ok(Some(u64::try_from(stamp.as_millisecond()).unwrap_or(0)))
}
