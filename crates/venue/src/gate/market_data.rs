//! Market data: pairs, currencies, tickers, books, trades, candles.

use serde_json::{Value, json};

use super::error::GateError;
use super::shapes;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::MINUTE_MS;
use crate::exchange::{Exchange, Market};
use crate::facade::{FieldError, Fields};
use crate::limits::{BOOK_LEVELS_MAX, CANDLES_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX};
use crate::operations::{find_pair, levels, pair_name, places, spot_markets};

const SEPARATOR: char = '_';

/// Candle widths in the venue's names.
pub(super) const INTERVALS: &[(&str, u64)] = &[
    ("1m", MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1h", 60 * MINUTE_MS),
    ("4h", 240 * MINUTE_MS),
    ("8h", 480 * MINUTE_MS),
    ("1d", 1_440 * MINUTE_MS),
];

/// The name of a spot market.
pub(super) fn name_of(market: &Market) -> String {
    pair_name(&market.instrument, SEPARATOR)
}

/// The market of `currency_pair`.
pub(super) fn market_of(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, GateError> {
    named(exchange, fields.need("currency_pair")?)
}

/// The market of a name.
pub(super) fn named(exchange: &Exchange, name: &str) -> Result<MarketIndex, GateError> {
    find_pair(exchange, name, SEPARATOR).ok_or_else(|| GateError::unknown_pair(name))
}

pub(super) fn time(_: &Exchange, _: &Fields, now_ms: u64) -> Result<String, GateError> {
    Ok(json!({"server_time": now_ms}).to_string())
}

/// The façade lists no contracts and lends nothing.
pub(super) fn no_contracts(_: &Exchange, _: &Fields, _: u64) -> Result<String, GateError> {
    Ok("[]".to_owned())
}

fn currency_shape(name: &str) -> Value {
    json!({
        "currency": name, "name": name, "delisted": false, "withdraw_disabled": true, "withdraw_delayed": false,
        "deposit_disabled": true, "trade_disabled": false, "chain": name,
        "chains": [{"name": name, "addr": "", "withdraw_disabled": true, "withdraw_delayed": false, "deposit_disabled": true}],
    })
}

/// Names of the assets that the spot pairs are made of.
fn assets(exchange: &Exchange) -> Vec<&str> {
    let mut names: Vec<&str> =
        spot_markets(exchange).flat_map(|(_, market)| [&*market.instrument.base, &*market.instrument.quote]).collect();
    names.sort_unstable();
    names.dedup();
    names
}

pub(super) fn currencies(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, GateError> {
    Ok(assets(exchange).into_iter().map(currency_shape).collect::<Value>().to_string())
}

pub(super) fn currency(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, GateError> {
    let name = fields.need("currency")?;
    let known = assets(exchange).contains(&name);
    if known { Ok(currency_shape(name).to_string()) } else { Err(GateError::unknown_currency(name)) }
}

fn pair_shape(exchange: &Exchange, market: &Market) -> Value {
    let terms = &market.instrument;
    // The venue states fees in percent.
    let fee = crate::exchange::fixed::Fixed::whole(100).basis_points(exchange.commission_points).short();
    json!({
        "id": name_of(market), "base": *terms.base, "base_name": *terms.base, "quote": *terms.quote, "quote_name": *terms.quote,
        "fee": fee, "min_base_amount": terms.lot.short(), "min_quote_amount": terms.notional_min.short(),
        "max_base_amount": terms.quantity_max.short(), "amount_precision": places(terms.lot), "precision": places(terms.tick),
        "trade_status": "tradable", "sell_start": 0, "buy_start": 0, "type": "normal",
    })
}

pub(super) fn pairs(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, GateError> {
    Ok(spot_markets(exchange).map(|(_, market)| pair_shape(exchange, market)).collect::<Value>().to_string())
}

pub(super) fn pair(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, GateError> {
    let market = exchange.market(market_of(exchange, fields)?);
    Ok(pair_shape(exchange, market).to_string())
}

pub(super) fn tickers(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, GateError> {
    let wanted = fields.find("currency_pair").map(|name| named(exchange, name)).transpose()?;
    let rows = spot_markets(exchange).filter(|(index, _)| wanted.is_none_or(|wanted| *index == wanted));
    Ok(rows.map(|(_, market)| shapes::ticker(market)).collect::<Value>().to_string())
}

pub(super) fn order_book(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let limit = fields.limit("limit", 10, BOOK_LEVELS_MAX)?;
    let mut book = json!({
        "current": now_ms, "update": now_ms,
        "asks": levels(market, Side::Sell, limit), "bids": levels(market, Side::Buy, limit),
    });
    if fields.flag("with_id")? {
        book["id"] = json!(market.book.update_id());
    }
    Ok(book.to_string())
}

pub(super) fn trades(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, GateError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let limit = fields.limit("limit", 100, ROWS_PER_ANSWER_MAX)?;
    let rows = market.tape.last_trades(limit).rev();
    Ok(rows.map(|trade| shapes::trade(market, trade)).collect::<Value>().to_string())
}

/// Times are in seconds: begin of a candle, `from`, `to`.
pub(super) fn candlesticks(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let interval = fields.find("interval").unwrap_or("30m");
    let width = INTERVALS.iter().find(|(name, _)| *name == interval).map(|(_, width)| *width);
    let width = width.ok_or(FieldError::Malformed("interval"))?;
    let from = fields.integer("from")?.map_or(0, |seconds| seconds.saturating_mul(1_000));
    let to = fields.integer("to")?.map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000));
    let limit = fields.limit("limit", 100, CANDLES_PER_ANSWER_MAX)?;
    let rows = market.tape.candles(width, from, to, limit).into_iter().map(|candle| {
        let closed = candle.open_ms + width <= now_ms;
        let begin = (candle.open_ms / 1_000).to_string();
        json!([begin, candle.quote_volume, candle.close, candle.high, candle.low, candle.open, candle.volume, closed.to_string()])
    });
    Ok(rows.collect::<Value>().to_string())
}
