//! Market data: products, currencies, tickers, books, trades, candles.

use serde_json::{Value, json};

use super::error::CoinbaseError;
use super::shapes::{self, moment};
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::MINUTE_MS;
use crate::exchange::{Exchange, Market};
use crate::facade::{FieldError, Fields, number};
use crate::limits::{BOOK_LEVELS_PUBLISHED, COINBASE_CANDLE_ROWS, ROWS_PER_ANSWER_MAX};
use crate::operations::{counted_levels, find_pair, pair_name, spot_markets};

const SEPARATOR: char = '-';
/// The step of a spark line.
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// Candle widths in seconds.
const GRANULARITIES: [u64; 6] = [60, 300, 900, 3_600, 21_600, 86_400];

/// The name of a spot market.
pub(super) fn name_of(market: &Market) -> String {
    pair_name(&market.instrument, SEPARATOR)
}

/// The market of a name.
pub(super) fn named(exchange: &Exchange, name: &str) -> Option<MarketIndex> {
    find_pair(exchange, name, SEPARATOR)
}

/// The market that the path names.
fn in_path<'a>(exchange: &'a Exchange, fields: &Fields) -> Result<(MarketIndex, &'a Market), CoinbaseError> {
    let index = named(exchange, fields.need("product_id")?).ok_or_else(CoinbaseError::not_found)?;
    Ok((index, exchange.market(index)))
}

/// The epoch has decimals, which a JSON library would round.
pub(super) fn time(_: &Exchange, _: &Fields, now_ms: u64) -> Result<String, CoinbaseError> {
    Ok(format!(r#"{{"iso":"{}","epoch":{}.{:03}}}"#, moment(now_ms), now_ms / 1_000, now_ms % 1_000))
}

/// Assets of the spot pairs.
fn assets(exchange: &Exchange) -> Vec<&str> {
    let mut names: Vec<&str> =
        spot_markets(exchange).flat_map(|(_, market)| [&*market.instrument.base, &*market.instrument.quote]).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn currency_shape(name: &str) -> Value {
    json!({
        "id": name, "name": name, "min_size": "0.00000001", "max_precision": "0.00000001", "status": "online", "message": "",
        "convertible_to": [], "details": {"type": "crypto", "symbol": name, "sort_order": 0, "push_payment_methods": []},
        "default_network": "", "supported_networks": [], "display_name": name,
    })
}

pub(super) fn currencies(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, CoinbaseError> {
    Ok(assets(exchange).into_iter().map(currency_shape).collect::<Value>().to_string())
}

pub(super) fn currency(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let name = fields.need("currency_id")?;
    let known = assets(exchange).contains(&name);
    if known { Ok(currency_shape(name).to_string()) } else { Err(CoinbaseError::not_found()) }
}

fn product_shape(market: &Market) -> Value {
    let terms = &market.instrument;
    json!({
        "id": name_of(market), "base_currency": *terms.base, "quote_currency": *terms.quote, "quote_increment": terms.tick.short(),
        "base_increment": terms.lot.short(), "display_name": pair_name(terms, '-'), "min_market_funds": terms.notional_min.short(),
        "margin_enabled": false, "post_only": false, "limit_only": false, "cancel_only": false, "status": "online", "status_message": "",
        "trading_disabled": false, "fx_stablecoin": false, "auction_mode": false,
    })
}

pub(super) fn products(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, CoinbaseError> {
    Ok(spot_markets(exchange).map(|(_, market)| product_shape(market)).collect::<Value>().to_string())
}

pub(super) fn product(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    Ok(product_shape(in_path(exchange, fields)?.1).to_string())
}

pub(super) fn ticker(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, CoinbaseError> {
    Ok(shapes::ticker(in_path(exchange, fields)?.1, now_ms).to_string())
}

/// Closing prices of the last hours, newest first.
pub(super) fn spark_lines(exchange: &Exchange, _: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let line = |market: &Market| {
        let hours = market.tape.candles(HOUR_MS, 0, u64::MAX, COINBASE_CANDLE_ROWS);
        hours.into_iter().rev().map(|hour| json!([hour.open_ms / 1_000, number(hour.close)])).collect::<Value>()
    };
    let lines = spot_markets(exchange).map(|(_, market)| (name_of(market), line(market)));
    Ok(Value::Object(lines.collect()).to_string())
}

pub(super) fn stats(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let day = in_path(exchange, fields)?.1.tape.day().day;
    let text = |value: crate::exchange::fixed::Fixed| value.short();
    Ok(json!({"open": text(day.open), "high": text(day.high), "low": text(day.low), "last": text(day.close), "volume": text(day.volume)})
        .to_string())
}

/// Level 1 is the best price, level 2 all prices; level 3, every order, is not served.
pub(super) fn book(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, CoinbaseError> {
    let (index, market) = in_path(exchange, fields)?;
    let count = match fields.integer("level")?.unwrap_or(1) {
        1 => 1,
        2 => BOOK_LEVELS_PUBLISHED,
        _ => return Err(FieldError::Malformed("level").into()),
    };
    let side = |side| {
        let rows = counted_levels(exchange, index, side, count).into_iter();
        rows.map(|(price, size, orders)| json!([price.short(), size.short(), orders])).collect::<Vec<_>>()
    };
    Ok(json!({
        "bids": side(Side::Buy), "asks": side(Side::Sell), "sequence": market.book.update_id(), "auction_mode": false, "auction": null,
        "time": moment(now_ms),
    })
    .to_string())
}

/// Newest first; the side is the maker's.
pub(super) fn trades(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let market = in_path(exchange, fields)?.1;
    let limit = fields.limit("limit", ROWS_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX)?;
    let rows = market.tape.last_trades(limit).rev().map(|trade| {
        json!({
            "time": moment(trade.at_ms), "trade_id": trade.id, "price": trade.price.short(), "size": trade.quantity.short(),
            "side": shapes::maker(trade),
        })
    });
    Ok(rows.collect::<Value>().to_string())
}

/// Unix milliseconds of an ISO 8601 time or of whole seconds.
fn bound(fields: &Fields, name: &'static str) -> Result<Option<u64>, CoinbaseError> {
    let Some(text) = fields.find(name) else {
        return Ok(None);
    };
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Some(seconds.saturating_mul(1_000)));
    }
    let stamp: Option<jiff::Timestamp> = text.parse().ok();
    let millis = stamp.and_then(|stamp| u64::try_from(stamp.as_millisecond()).ok());
    millis.map(Some).ok_or_else(|| FieldError::Malformed(name).into())
}

/// Rows are numbers, which are printed as they are kept: a JSON library would round them.
pub(super) fn candles(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let market = in_path(exchange, fields)?.1;
    let width = fields.integer("granularity")?.unwrap_or(60);
    if !GRANULARITIES.contains(&width) {
        return Err(FieldError::Malformed("granularity").into());
    }
    let (from, to) = (bound(fields, "start")?.unwrap_or(0), bound(fields, "end")?.unwrap_or(u64::MAX));
    let rows = market.tape.candles(width * 1_000, from, to, COINBASE_CANDLE_ROWS).into_iter().rev().map(|candle| {
        let values = [candle.low, candle.high, candle.open, candle.close, candle.volume].map(crate::exchange::fixed::Fixed::short);
        format!("[{},{}]", candle.open_ms / 1_000, values.join(","))
    });
    Ok(format!("[{}]", rows.collect::<Vec<_>>().join(",")))
}
