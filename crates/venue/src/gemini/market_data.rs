//! Market data: symbols, tickers, book, trades, candles.

use serde_json::{Map, Value, json};

use super::error::GeminiError;
use super::shapes;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::{Candle, MINUTE_MS};
use crate::exchange::{Exchange, Market};
use crate::facade::{Fields, number};
use crate::limits::{BOOK_LEVELS_MAX, CANDLES_PER_ANSWER_MAX, GEMINI_TRADE_ROWS};
use crate::operations::{levels, spot_markets, top};

/// Candle widths in the venue's names.
const INTERVALS: &[(&str, u64)] = &[
    ("1m", MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1hr", 60 * MINUTE_MS),
    ("6hr", 360 * MINUTE_MS),
    ("1day", 1_440 * MINUTE_MS),
];

/// Widths of the candles that are streamed: in the names of the vendor's market data v2, and in those of REST, which ccxt asks for.
pub(super) const STREAMED: &[(&str, u64)] = &[
    ("1m", MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1h", 60 * MINUTE_MS),
    ("6h", 360 * MINUTE_MS),
    ("1d", 1_440 * MINUTE_MS),
    ("1hr", 60 * MINUTE_MS),
    ("6hr", 360 * MINUTE_MS),
    ("1day", 1_440 * MINUTE_MS),
];

/// Closes an hour apart that a ticker names.
const HOURS: usize = 24;

/// The symbol that the path or the payload names.
pub(super) fn market_of(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, GeminiError> {
    let name = fields.need("symbol")?;
    shapes::find(exchange, name).ok_or_else(|| GeminiError::symbol(name))
}

pub(super) fn symbols(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, GeminiError> {
    Ok(spot_markets(exchange).map(|(_, market)| shapes::symbol(&market.instrument)).collect::<Value>().to_string())
}

pub(super) fn details(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, GeminiError> {
    let terms = &exchange.market(market_of(exchange, fields)?).instrument;
    let shape = json!({
        "symbol": terms.symbol, "base_currency": *terms.base, "quote_currency": *terms.quote, "tick_size": number(terms.lot),
        "quote_increment": number(terms.tick), "min_order_size": terms.lot.short(), "status": "open", "wrap_enabled": false,
        "product_type": "spot", "contract_type": "vanilla",
    });
    Ok(shape.to_string())
}

pub(super) fn pub_ticker(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, GeminiError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let (day, terms) = (market.tape.day(), &market.instrument);
    let mut volume = Map::new();
    volume.insert(terms.base.to_string(), json!(day.day.volume.short()));
    volume.insert(terms.quote.to_string(), json!(day.day.quote_volume.short()));
    volume.insert("timestamp".to_owned(), json!(day.close_ms));
    let ((bid, _), (ask, _)) = (top(market, Side::Buy), top(market, Side::Sell));
    Ok(json!({"bid": bid.short(), "ask": ask.short(), "last": day.day.close.short(), "volume": volume}).to_string())
}

pub(super) fn price_feed(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, GeminiError> {
    let row = |(_, market): (MarketIndex, &Market)| {
        let day = market.tape.day();
        let relative = day.change().div_down(day.day.open);
        json!({"pair": market.instrument.symbol, "price": day.day.close.short(), "percentChange24h": relative.short()})
    };
    Ok(spot_markets(exchange).map(row).collect::<Value>().to_string())
}

/// `/v2/ticker/{symbol}`; `None` when no such symbol is listed.
pub(crate) fn ticker(exchange: &Exchange, name: &str) -> Option<String> {
    let market = exchange.market(shapes::find(exchange, name)?);
    let day = market.tape.day();
    let hours: Vec<String> =
        market.tape.candles(60 * MINUTE_MS, 0, u64::MAX, HOURS).iter().rev().map(|candle| candle.close.short()).collect();
    let ((bid, _), (ask, _)) = (top(market, Side::Buy), top(market, Side::Sell));
    let shape = json!({
        "symbol": market.instrument.symbol, "open": day.day.open.short(), "high": day.day.high.short(), "low": day.day.low.short(),
        "close": day.day.close.short(), "changes": hours, "bid": bid.short(), "ask": ask.short(),
    });
    Some(shape.to_string())
}

/// `/v2/candles/{symbol}/{width}`: `[time, open, high, low, close, volume]`, newest first; `None` when there is no such symbol or width.
pub(crate) fn candles(exchange: &Exchange, name: &str, width: &str) -> Option<String> {
    let market = exchange.market(shapes::find(exchange, name)?);
    let (_, width_ms) = INTERVALS.iter().find(|(known, _)| *known == width)?;
    let candles = market.tape.candles(*width_ms, 0, u64::MAX, CANDLES_PER_ANSWER_MAX);
    Some(candles.iter().rev().map(candle_row).collect::<Value>().to_string())
}

/// `[time, open, high, low, close, volume]`
pub(super) fn candle_row(candle: &Candle) -> Value {
    let places = [candle.open, candle.high, candle.low, candle.close, candle.volume].map(number);
    std::iter::once(json!(candle.open_ms)).chain(places).collect()
}

/// `limit_bids` and `limit_asks` are 50 each unless said; nought is all.
pub(super) fn book(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, GeminiError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let time = (now_ms / 1_000).to_string();
    let side = |side, name| -> Result<Value, GeminiError> {
        let count = match fields.integer(name)? {
            None => 50,
            Some(0) => BOOK_LEVELS_MAX,
            Some(count) => usize::try_from(count).unwrap_or(BOOK_LEVELS_MAX).min(BOOK_LEVELS_MAX),
        };
        let row = |(price, amount): (crate::exchange::fixed::Fixed, crate::exchange::fixed::Fixed)| json!({"price": price.short(), "amount": amount.short(), "timestamp": time});
        Ok(levels(market, side, count).into_iter().map(row).collect())
    };
    let (bids, asks) = (side(Side::Buy, "limit_bids")?, side(Side::Sell, "limit_asks")?);
    Ok(json!({"bids": bids, "asks": asks}).to_string())
}

/// Newest first; `timestamp`, in seconds or milliseconds, leaves out what is older.
pub(super) fn trades(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, GeminiError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let since = since(fields)?;
    let rows = market.tape.last_trades(fields.limit("limit_trades", 50, GEMINI_TRADE_ROWS)?).rev();
    let rows = rows.filter(|trade| trade.at_ms >= since).map(|trade| {
        json!({
            "timestamp": trade.at_ms / 1_000, "timestampms": trade.at_ms, "tid": trade.id, "price": trade.price.short(),
            "amount": trade.quantity.short(), "exchange": "gemini", "type": trade.taker().lower(),
        })
    });
    Ok(rows.collect::<Value>().to_string())
}

/// A `timestamp` as milliseconds. The venue takes both units; a number of seconds with eleven digits is thousands of years away.
pub(super) fn since(fields: &Fields) -> Result<u64, GeminiError> {
    let told = fields.integer("timestamp")?.unwrap_or(0);
    Ok(if told < 10_000_000_000 { told.saturating_mul(1_000) } else { told })
}
