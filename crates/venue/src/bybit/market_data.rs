//! Instruments, books, tickers, trades, candles.

use serde_json::{Value, json};

use super::error::ApiError;
use super::request::{SPOT, is_spot, symbol, symbol_if_any};
use super::shapes::levels;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::Side;
use crate::exchange::tape::MINUTE_MS;
use crate::exchange::{Exchange, Market};
use crate::facade::Fields;
use crate::limits::{BYBIT_BOOK_LEVELS_MAX, BYBIT_TRADES_MAX, CANDLES_PER_ANSWER_MAX};

/// Candle widths, in the venue's names. Weeks and months are not served: history here is a
/// day of minutes.
pub(super) const INTERVALS: &[(&str, u64)] = &[
    ("1", MINUTE_MS),
    ("3", 3 * MINUTE_MS),
    ("5", 5 * MINUTE_MS),
    ("15", 15 * MINUTE_MS),
    ("30", 30 * MINUTE_MS),
    ("60", 60 * MINUTE_MS),
    ("120", 120 * MINUTE_MS),
    ("240", 240 * MINUTE_MS),
    ("360", 360 * MINUTE_MS),
    ("720", 720 * MINUTE_MS),
    ("D", 1_440 * MINUTE_MS),
];

/// The spot markets a request means: the one it names, or all; none in another category.
fn wanted<'a>(exchange: &'a Exchange, fields: &Fields) -> Result<Vec<&'a Market>, ApiError> {
    if !is_spot(fields)? {
        return Ok(Vec::new());
    }
    Ok(match symbol_if_any(exchange, fields)? {
        Some(index) => vec![exchange.market(index)],
        None => exchange.markets().iter().filter(|market| market.instrument.kind.is_spot()).collect(),
    })
}

fn instrument(market: &Market) -> Value {
    let terms = &market.instrument;
    json!({
        "symbol": terms.symbol,
        "baseCoin": &*terms.base,
        "quoteCoin": &*terms.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "lotSizeFilter": {
            "basePrecision": terms.lot.short(),
            "quotePrecision": Fixed::from_units(1).short(),
            "minOrderQty": terms.lot.short(),
            "maxOrderQty": terms.quantity_max.short(),
            "minOrderAmt": terms.notional_min.short(),
            "maxOrderAmt": terms.quantity_max.mul_down(terms.price_max).short(),
        },
        "priceFilter": {"tickSize": terms.tick.short()},
    })
}

pub(super) fn instruments(exchange: &Exchange, fields: &Fields) -> Result<Value, ApiError> {
    let category = fields.need("category")?;
    let prelaunch = fields.find("status").is_some_and(|status| status != "Trading");
    let rows: Vec<Value> = if prelaunch { Vec::new() } else { wanted(exchange, fields)?.into_iter().map(instrument).collect() };
    Ok(json!({"category": category, "list": rows, "nextPageCursor": ""}))
}

/// One row of `tickers`, and the data of the `tickers` topic.
pub(super) fn ticker(market: &Market) -> Value {
    let (terms, day) = (&market.instrument, market.tape.day());
    let top = |side| {
        let level = market.book.top(side);
        level.map_or((Fixed::ZERO, Fixed::ZERO), |level| (terms.price_of(level.ticks), terms.quantity_of(level.lots)))
    };
    let ((bid, bids), (ask, asks)) = (top(Side::Buy), top(Side::Sell));
    json!({
        "symbol": terms.symbol,
        "bid1Price": bid.short(),
        "bid1Size": bids.short(),
        "ask1Price": ask.short(),
        "ask1Size": asks.short(),
        "lastPrice": day.day.close.short(),
        "prevPrice24h": day.day.open.short(),
        "price24hPcnt": day.change().div_down(day.day.open).short(),
        "highPrice24h": day.day.high.short(),
        "lowPrice24h": day.day.low.short(),
        "turnover24h": day.day.quote_volume.short(),
        "volume24h": day.day.volume.short(),
        "usdIndexPrice": day.day.close.short(),
    })
}

pub(super) fn tickers(exchange: &Exchange, fields: &Fields) -> Result<Value, ApiError> {
    let category = fields.need("category")?;
    let rows: Vec<Value> = wanted(exchange, fields)?.into_iter().map(ticker).collect();
    Ok(json!({"category": category, "list": rows}))
}

pub(super) fn order_book(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Value, ApiError> {
    let market = exchange.market(symbol(exchange, fields)?);
    let limit = fields.limit("limit", 1, BYBIT_BOOK_LEVELS_MAX)?;
    let side = |side| levels(&market.instrument, market.book.levels(side).take(limit));
    let id = market.book.update_id();
    Ok(json!({"s": market.instrument.symbol, "b": side(Side::Buy), "a": side(Side::Sell), "ts": now_ms, "u": id, "seq": id, "cts": now_ms}))
}

pub(super) fn recent_trades(exchange: &Exchange, fields: &Fields) -> Result<Value, ApiError> {
    let market = exchange.market(symbol(exchange, fields)?);
    let limit = fields.limit("limit", BYBIT_TRADES_MAX, BYBIT_TRADES_MAX)?;
    let row = |trade: &PublicTrade| {
        json!({
            "execId": trade.id.to_string(),
            "symbol": market.instrument.symbol,
            "price": trade.price.short(),
            "size": trade.quantity.short(),
            "side": trade.taker().capital(),
            "time": trade.at_ms.to_string(),
            "isBlockTrade": false,
            "isRPITrade": false,
        })
    };
    let rows: Vec<Value> = market.tape.last_trades(limit).rev().map(row).collect();
    Ok(json!({"category": SPOT, "list": rows}))
}

pub(super) fn kline(exchange: &Exchange, fields: &Fields) -> Result<Value, ApiError> {
    let market = exchange.market(symbol(exchange, fields)?);
    let interval = fields.need("interval")?;
    let known = INTERVALS.iter().find(|(name, _)| *name == interval);
    let (_, width) = known.ok_or_else(|| ApiError::params("Invalid period!"))?;
    let limit = fields.limit("limit", 200, CANDLES_PER_ANSWER_MAX)?;
    let (start, end) = (fields.integer("start")?.unwrap_or(0), fields.integer("end")?.unwrap_or(u64::MAX));
    let candles = market.tape.candles(*width, start, end, limit);
    let rows = candles.iter().rev().map(|candle| {
        let prices = [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quote_volume];
        let mut row = vec![candle.open_ms.to_string()];
        row.extend(prices.map(Fixed::short));
        row
    });
    Ok(json!({"category": SPOT, "symbol": market.instrument.symbol, "list": rows.collect::<Vec<_>>()}))
}
