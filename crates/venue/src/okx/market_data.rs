//! Instruments, books, tickers, trades, candles.

use serde_json::{Value, json};

use super::call::Answer;
use super::error::ApiError;
use super::request::{SPOT, code_of, id_of, instrument, instrument_if_any, is_spot};
use crate::exchange::book::Level;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::{Candle, MINUTE_MS, Tape};
use crate::exchange::{Exchange, Market};
use crate::facade::Fields;
use crate::limits::{OKX_BOOK_LEVELS_MAX, OKX_CANDLES_MAX, OKX_TRADES_MAX};

const DAY_MS: u64 = 1_440 * MINUTE_MS;

/// Candle widths, in the venue's names. Seconds, weeks and months are not served: history here
/// is a day of minutes.
pub(super) const BARS: &[(&str, u64)] = &[
    ("1m", MINUTE_MS),
    ("3m", 3 * MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1H", 60 * MINUTE_MS),
    ("2H", 120 * MINUTE_MS),
    ("4H", 240 * MINUTE_MS),
    ("6Hutc", 360 * MINUTE_MS),
    ("12Hutc", 720 * MINUTE_MS),
    ("1Dutc", DAY_MS),
];

fn wanted(exchange: &Exchange, fields: &Fields) -> Result<Vec<MarketIndex>, ApiError> {
    if fields.find("instType").is_none() {
        return Err(ApiError::missing("instType"));
    }
    if !is_spot(fields)? {
        return Ok(Vec::new());
    }
    Ok(instrument_if_any(exchange, fields)?.map_or_else(|| exchange.find_spot_markets(), |index| vec![index]))
}

pub(super) fn instruments(exchange: &Exchange, fields: &Fields) -> Result<Answer, ApiError> {
    let row = |index: MarketIndex| {
        let market = exchange.market(index);
        let terms = &market.instrument;
        json!({
            "instType": SPOT,
            "instId": id_of(market),
            "instIdCode": code_of(index),
            "instFamily": "",
            "uly": "",
            "category": "1",
            "baseCcy": &*terms.base,
            "quoteCcy": &*terms.quote,
            "settleCcy": "",
            "tradeQuoteCcyList": [&*terms.quote],
            "ctVal": "",
            "ctMult": "",
            "ctValCcy": "",
            "ctType": "",
            "optType": "",
            "stk": "",
            "listTime": "",
            "expTime": "",
            "lever": "",
            "tickSz": terms.tick.short(),
            "lotSz": terms.lot.short(),
            "minSz": terms.lot.short(),
            "maxLmtSz": terms.quantity_max.short(),
            "maxMktSz": terms.quantity_max.short(),
            "maxTwapSz": "",
            "maxIcebergSz": "",
            "maxTriggerSz": "",
            "maxStopSz": "",
            "maxLmtAmt": terms.quantity_max.mul_down(terms.price_max).short(),
            "maxMktAmt": terms.quantity_max.mul_down(terms.price_max).short(),
            "ruleType": "normal",
            "state": "live",
        })
    };
    Ok(Answer::rows(wanted(exchange, fields)?.into_iter().map(row).collect()))
}

/// `["price","quantity","0","orders"]`; nought as quantity removes the level.
pub(super) fn level(market: &Market, side: Side, level: Level) -> [String; 4] {
    let terms = &market.instrument;
    let orders = market.book.order_count(side, level.ticks);
    [terms.price_of(level.ticks).short(), terms.quantity_of(level.lots).short(), "0".to_owned(), orders.to_string()]
}

pub(super) fn books(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Answer, ApiError> {
    let market = exchange.market(instrument(exchange, fields)?);
    let limit = fields.limit("sz", 1, OKX_BOOK_LEVELS_MAX)?;
    let side = |side| market.book.levels(side).take(limit).map(|row| level(market, side, row)).collect::<Vec<_>>();
    let (bids, asks) = (side(Side::Buy), side(Side::Sell));
    Ok(Answer::row(json!({"asks": asks, "bids": bids, "ts": now_ms.to_string(), "seqId": market.book.update_id()})))
}

/// The price at which a stretch of time began.
fn opened_at(tape: &Tape, from_ms: u64) -> String {
    tape.candles(MINUTE_MS, from_ms, u64::MAX, 1).first().map_or_else(String::new, |candle| candle.open.short())
}

/// One row of `tickers`, and the data of the `tickers` channel.
pub(super) fn ticker_row(market: &Market, now_ms: u64) -> Value {
    let (terms, day) = (&market.instrument, market.tape.day());
    let top = |side| {
        let level = market.book.top(side);
        level.map_or((Fixed::ZERO, Fixed::ZERO), |level| (terms.price_of(level.ticks), terms.quantity_of(level.lots)))
    };
    let ((bid, bids), (ask, asks)) = (top(Side::Buy), top(Side::Sell));
    let midnight = now_ms - now_ms % DAY_MS;
    // Midnight at UTC+8 is 16:00 UTC of the day before, or of today once that is past.
    let shift = DAY_MS / 3;
    let east = (now_ms + shift) - (now_ms + shift) % DAY_MS - shift;
    json!({
        "instType": SPOT,
        "instId": id_of(market),
        "last": day.day.close.short(),
        "lastSz": day.last_quantity.short(),
        "askPx": ask.short(),
        "askSz": asks.short(),
        "bidPx": bid.short(),
        "bidSz": bids.short(),
        "open24h": day.day.open.short(),
        "high24h": day.day.high.short(),
        "low24h": day.day.low.short(),
        "volCcy24h": day.day.quote_volume.short(),
        "vol24h": day.day.volume.short(),
        "sodUtc0": opened_at(&market.tape, midnight),
        "sodUtc8": opened_at(&market.tape, east),
        "ts": now_ms.to_string(),
    })
}

pub(super) fn ticker(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Answer, ApiError> {
    Ok(Answer::row(ticker_row(exchange.market(instrument(exchange, fields)?), now_ms)))
}

pub(super) fn tickers(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Answer, ApiError> {
    let rows = wanted(exchange, fields)?.into_iter().map(|index| ticker_row(exchange.market(index), now_ms));
    Ok(Answer::rows(rows.collect()))
}

/// One public trade.
pub(super) fn trade_row(market: &Market, trade: &PublicTrade) -> Value {
    json!({
        "instId": id_of(market),
        "tradeId": trade.id.to_string(),
        "px": trade.price.short(),
        "sz": trade.quantity.short(),
        "side": trade.taker().lower(),
        "ts": trade.at_ms.to_string(),
        "source": "0",
    })
}

pub(super) fn trades(exchange: &Exchange, fields: &Fields) -> Result<Answer, ApiError> {
    let market = exchange.market(instrument(exchange, fields)?);
    let limit = fields.limit("limit", 100, OKX_TRADES_MAX)?;
    Ok(Answer::rows(market.tape.last_trades(limit).rev().map(|trade| trade_row(market, trade)).collect()))
}

/// `[ts, open, high, low, close, base, quote, quote, confirm]`
pub(super) fn candle_row(candle: &Candle, width: u64, now_ms: u64) -> Value {
    let prices = [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quote_volume, candle.quote_volume];
    let mut row = vec![candle.open_ms.to_string()];
    row.extend(prices.map(Fixed::short));
    row.push(u8::from(now_ms >= candle.open_ms + width).to_string());
    Value::from(row)
}

pub(super) fn candles(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Answer, ApiError> {
    let market = exchange.market(instrument(exchange, fields)?);
    let bar = fields.find("bar").unwrap_or("1m");
    let (_, width) = BARS.iter().find(|(name, _)| *name == bar).ok_or_else(|| ApiError::parameter("bar"))?;
    let limit = fields.limit("limit", 100, OKX_CANDLES_MAX)?;
    let older_than = fields.integer("after")?.unwrap_or(u64::MAX);
    let newer_than = fields.integer("before")?;
    let from = newer_than.map_or(0, |before| before.saturating_add(1));
    let all = market.tape.candles(*width, from, older_than.saturating_sub(1), usize::MAX);
    Ok(Answer::rows(all.iter().rev().take(limit).map(|candle| candle_row(candle, *width, now_ms)).collect()))
}
