//! Market data: symbols, currencies, tickers, books, trades, candles.

use serde_json::{Value, json};

use super::error::KucoinError;
use super::shapes::{self, data, rows, sequence};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::MINUTE_MS;
use crate::exchange::{Exchange, Market};
use crate::facade::{FieldError, Fields};
use crate::limits::{BOOK_LEVELS_MAX, CANDLES_PER_ANSWER_MAX, KUCOIN_HISTORY_ROWS};
use crate::operations::{Owner, find_pair, levels, pair_name, spot_markets, top};

const SEPARATOR: char = '-';

/// Candle widths in the venue's names.
pub(super) const INTERVALS: &[(&str, u64)] = &[
    ("1min", MINUTE_MS),
    ("3min", 3 * MINUTE_MS),
    ("5min", 5 * MINUTE_MS),
    ("15min", 15 * MINUTE_MS),
    ("30min", 30 * MINUTE_MS),
    ("1hour", 60 * MINUTE_MS),
    ("2hour", 120 * MINUTE_MS),
    ("4hour", 240 * MINUTE_MS),
    ("6hour", 360 * MINUTE_MS),
    ("8hour", 480 * MINUTE_MS),
    ("12hour", 720 * MINUTE_MS),
    ("1day", 1_440 * MINUTE_MS),
];

/// The name of a spot market.
pub(super) fn name_of(market: &Market) -> String {
    pair_name(&market.instrument, SEPARATOR)
}

/// The market of `symbol`.
pub(super) fn market_of(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, KucoinError> {
    named(exchange, fields.need("symbol")?)
}

/// The market of a name.
pub(super) fn named(exchange: &Exchange, name: &str) -> Result<MarketIndex, KucoinError> {
    find_pair(exchange, name, SEPARATOR).ok_or_else(KucoinError::unknown_symbol)
}

pub(super) fn timestamp(_: &Exchange, _: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    Ok(data(&json!(now_ms)))
}

pub(super) fn status(_: &Exchange, _: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&json!({"status": "open", "msg": ""})))
}

/// The façade lists no contracts and no isolated pairs.
pub(super) fn empty_list(_: &Exchange, _: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&json!([])))
}

/// The façade lends nothing.
pub(super) fn no_margin(_: &Exchange, _: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    Ok(data(&json!({"timestamp": now_ms, "items": []})))
}

/// What spot pairs are made of, each name once.
fn currency_names(exchange: &Exchange) -> Vec<&str> {
    let mut names: Vec<&str> =
        spot_markets(exchange).flat_map(|(_, market)| [&*market.instrument.base, &*market.instrument.quote]).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn currency_shape(name: &str) -> Value {
    let chain = json!({
        "chainName": name, "chainId": name.to_ascii_lowercase(), "isDepositEnabled": false, "isWithdrawEnabled": false, "confirms": 1,
        "preConfirms": 1, "contractAddress": "", "withdrawPrecision": 8, "needTag": false,
    });
    json!({
        "currency": name, "name": name, "fullName": name, "precision": 8, "confirms": null, "contractAddress": null,
        "isMarginEnabled": false, "isDebitEnabled": false, "chains": [chain],
    })
}

pub(super) fn currencies(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&currency_names(exchange).into_iter().map(currency_shape).collect()))
}

pub(super) fn currency(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    let wanted = fields.need("currency")?;
    let name = currency_names(exchange).into_iter().find(|name| *name == wanted).ok_or(FieldError::Malformed("currency"))?;
    Ok(data(&currency_shape(name)))
}

/// The first version of the list tells no chains but the fee of the one.
pub(super) fn plain_currencies(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, KucoinError> {
    let row = |name: &str| {
        json!({
            "currency": name, "name": name, "fullName": name, "precision": 8, "confirms": 1, "contractAddress": "",
            "withdrawalMinSize": "0", "withdrawalMinFee": "0", "isWithdrawEnabled": false, "isDepositEnabled": false,
            "isMarginEnabled": false, "isDebitEnabled": false,
        })
    };
    Ok(data(&currency_names(exchange).into_iter().map(row).collect()))
}

fn symbol_shape(market: &Market) -> Value {
    let terms = &market.instrument;
    let name = name_of(market);
    json!({
        "symbol": name, "name": name, "baseCurrency": *terms.base, "quoteCurrency": *terms.quote, "feeCurrency": *terms.quote,
        "market": *terms.quote, "baseMinSize": terms.lot.short(), "quoteMinSize": terms.notional_min.short(),
        "baseMaxSize": terms.quantity_max.short(), "quoteMaxSize": terms.price_max.short(), "baseIncrement": terms.lot.short(),
        "quoteIncrement": Fixed::from_units(1).short(), "priceIncrement": terms.tick.short(), "priceLimitRate": "1",
        "minFunds": terms.notional_min.short(), "isMarginEnabled": false, "enableTrading": true, "feeCategory": 1,
        "makerFeeCoefficient": "1", "takerFeeCoefficient": "1", "st": false,
    })
}

pub(super) fn symbols(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&spot_markets(exchange).map(|(_, market)| symbol_shape(market)).collect()))
}

pub(super) fn symbol(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&symbol_shape(exchange.market(market_of(exchange, fields)?))))
}

pub(super) fn all_tickers(exchange: &Exchange, _: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let tickers = spot_markets(exchange).map(|(_, market)| shapes::stats(exchange, market));
    Ok(data(&json!({"time": now_ms, "ticker": tickers.collect::<Vec<_>>()})))
}

pub(super) fn stats(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let mut stats = shapes::stats(exchange, exchange.market(market_of(exchange, fields)?));
    stats["time"] = json!(now_ms);
    Ok(data(&stats))
}

pub(super) fn level1(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let market = exchange.market(market_of(exchange, fields)?);
    Ok(data(&shapes::level1(market, now_ms)))
}

fn book(exchange: &Exchange, fields: &Fields, depth: usize, now_ms: u64) -> Result<String, KucoinError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let (bids, asks) = (levels(market, Side::Buy, depth), levels(market, Side::Sell, depth));
    Ok(data(&json!({"time": now_ms, "sequence": sequence(market), "bids": rows(&bids), "asks": rows(&asks)})))
}

pub(super) fn level2_20(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    book(exchange, fields, 20, now_ms)
}

pub(super) fn level2_100(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    book(exchange, fields, 100, now_ms)
}

/// The whole book; the venue wants a key for it.
pub(super) fn level2(exchange: &Exchange, _: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    book(exchange, fields, BOOK_LEVELS_MAX, now_ms)
}

pub(super) fn histories(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let trades = market.tape.last_trades(KUCOIN_HISTORY_ROWS).map(|trade| {
        json!({
            "sequence": trade.id.to_string(), "price": trade.price.short(), "size": trade.quantity.short(),
            "side": trade.taker().lower(), "time": trade.at_ms.saturating_mul(1_000_000),
        })
    });
    Ok(data(&trades.collect()))
}

/// Newest first; times are in seconds.
pub(super) fn candles(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let interval = fields.need("type")?;
    let width = INTERVALS.iter().find(|(name, _)| *name == interval).map(|(_, width)| *width);
    let width = width.ok_or(FieldError::Malformed("type"))?;
    // The vendor takes nought for "not said".
    let seconds = |name| Ok::<_, FieldError>(fields.integer(name)?.filter(|at| *at > 0).map(|at| at.saturating_mul(1_000)));
    let (from, to) = (seconds("startAt")?.unwrap_or(0), seconds("endAt")?.unwrap_or(u64::MAX));
    let candles = market.tape.candles(width, from, to, CANDLES_PER_ANSWER_MAX).into_iter().rev().map(|candle| {
        let begin = (candle.open_ms / 1_000).to_string();
        json!([
            begin,
            candle.open.short(),
            candle.close.short(),
            candle.high.short(),
            candle.low.short(),
            candle.volume.short(),
            candle.quote_volume.short()
        ])
    });
    Ok(data(&candles.collect()))
}

/// Best level per side, for the ticker stream.
pub(super) fn best(market: &Market) -> [(Fixed, Fixed); 2] {
    [top(market, Side::Buy), top(market, Side::Sell)]
}
