//! Market data: lists, tickers, book, trades, candles.

use serde_json::{Value, json};

use super::error::BitfinexError;
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::MINUTE_MS;
use crate::facade::{FieldError, Fields, number};
use crate::gemini;
use crate::limits::{BOOK_LEVELS_MAX, CANDLES_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX};
use crate::operations::{candle_width, counted_levels, spot_markets};

/// Candle widths in the venue's names.
pub(super) const INTERVALS: &[(&str, u64)] = &[
    ("1m", MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1h", 60 * MINUTE_MS),
    ("3h", 180 * MINUTE_MS),
    ("6h", 360 * MINUTE_MS),
    ("12h", 720 * MINUTE_MS),
    ("1D", 1_440 * MINUTE_MS),
];

/// The pair of `symbol`.
pub(super) fn market_of(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, BitfinexError> {
    shapes::find(exchange, fields.need("symbol")?).ok_or_else(|| BitfinexError::invalid("symbol"))
}

pub(super) fn status(_: &Exchange, _: &Fields, _: u64) -> Result<String, BitfinexError> {
    Ok("[1]".to_owned())
}

/// Lists by name, one for each `pub:…`; a list that has nothing to say here is empty.
pub(super) fn conf(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let list = |key: &str| match key {
        "pub:info:pair" => spot_markets(exchange)
            .map(|(_, market)| {
                let terms = &market.instrument;
                let (least, most) = (terms.lot.short(), terms.quantity_max.short());
                json!([shapes::pair(terms), [null, null, null, least, most, null, null, null, null, null, null, null]])
            })
            .collect(),
        "pub:list:currency" => {
            let mut names: Vec<&str> = spot_markets(exchange)
                .flat_map(|(_, market)| [&*market.instrument.base, &*market.instrument.quote])
                .map(shapes::currency)
                .collect();
            names.sort_unstable();
            names.dedup();
            json!(names)
        }
        "pub:list:pair:exchange" => spot_markets(exchange).map(|(_, market)| shapes::pair(&market.instrument)).collect(),
        _ => json!([]),
    };
    Ok(fields.need("keys")?.split(',').map(list).collect::<Value>().to_string())
}

/// Gemini has this path as well; its symbols bear no `t`.
pub(super) fn ticker(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    if let Some(other) = fields.find("symbol").and_then(|name| gemini::ticker(exchange, name)) {
        return Ok(other);
    }
    let market = exchange.market(market_of(exchange, fields)?);
    Ok(Value::from(shapes::ticker(market)).to_string())
}

/// Tickers of `symbols`, or of `ALL`; a name that is not listed has none.
pub(super) fn tickers(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let wanted: Vec<&str> = fields.need("symbols")?.split(',').collect();
    let named = spot_markets(exchange).map(|(_, market)| (shapes::symbol(&market.instrument), market));
    let listed = named.filter(|(name, _)| wanted.contains(&"ALL") || wanted.contains(&name.as_str()));
    let row = |(name, market)| std::iter::once(json!(name)).chain(shapes::ticker(market)).collect::<Value>();
    Ok(listed.map(row).collect::<Value>().to_string())
}

/// `P0`: price, count, amount; `R0`, which at the venue is order by order, has one row per level here, named by its place.
pub(super) fn book(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let index = market_of(exchange, fields)?;
    let raw = match fields.need("precision")? {
        "P0" => false,
        "R0" => true,
        _ => return Err(BitfinexError::invalid("precision")),
    };
    let levels = fields.limit("len", 25, BOOK_LEVELS_MAX)?;
    let both = [Side::Buy, Side::Sell].into_iter().flat_map(|side| {
        counted_levels(exchange, index, side, levels)
            .into_iter()
            .map(move |(price, size, count)| (price, count.max(1), shapes::signed(side, size)))
    });
    let row = |(place, (price, count, amount)): (usize, (_, usize, Value))| {
        if raw { json!([place + 1, number(price), amount]) } else { json!([number(price), count, amount]) }
    };
    Ok(both.enumerate().map(row).collect::<Value>().to_string())
}

/// `[ID, MTS, AMOUNT, PRICE]`, newest first; the amount has the taker's sign.
pub(super) fn trades(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let rows = market
        .tape
        .last_trades(fields.limit("limit", 125, ROWS_PER_ANSWER_MAX)?)
        .rev()
        .map(|trade| json!([trade.id, trade.at_ms, shapes::signed(trade.taker(), trade.quantity), number(trade.price)]));
    Ok(rows.collect::<Value>().to_string())
}

/// `trade:1m:tBTCUST`: the pair, and the index of the width.
pub(super) fn candle_key(exchange: &Exchange, key: &str) -> Result<(MarketIndex, u8), BitfinexError> {
    let mut parts = key.splitn(3, ':');
    let (Some("trade"), Some(interval), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(BitfinexError::invalid("key"));
    };
    let index = shapes::find(exchange, name).ok_or_else(|| BitfinexError::invalid("symbol"))?;
    Ok((index, candle_width(INTERVALS, interval).ok_or(FieldError::Malformed("key"))?))
}

/// `trade:1m:tBTCUST`: `[MTS, OPEN, CLOSE, HIGH, LOW, VOLUME]`, newest first unless `sort` is 1; `last` is the newest alone. Gemini
/// has this path as well: a symbol where the key is, and a width where the section is.
pub(super) fn candles(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    if let (Some(name), Some(width)) = (fields.find("key"), fields.find("section"))
        && let Some(other) = gemini::candles(exchange, name, width)
    {
        return Ok(other);
    }
    let (index, width) = candle_key(exchange, fields.need("key")?)?;
    let (_, width) = INTERVALS[usize::from(width)];
    let (from, to) = (fields.integer("start")?.unwrap_or(0), fields.integer("end")?.unwrap_or(u64::MAX));
    let limit = fields.limit("limit", 100, CANDLES_PER_ANSWER_MAX)?;
    let mut rows: Vec<Value> =
        exchange.market(index).tape.candles(width, from, to, limit).into_iter().map(|candle| shapes::candle(&candle)).collect();
    match fields.need("section")? {
        "hist" if fields.find("sort") == Some("1") => {}
        "hist" => rows.reverse(),
        "last" => return Ok(rows.pop().unwrap_or(json!([])).to_string()),
        _ => return Err(BitfinexError::invalid("section")),
    }
    Ok(Value::from(rows).to_string())
}
