//! Candles and past executions, which this vendor has beside its trading API.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::market_data::market_of;
use crate::exchange::Exchange;
use crate::exchange::tape::MINUTE_MS;
use crate::facade::{FieldError, Fields};
use crate::limits::{CANDLES_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX};

/// The intervals of the vendor that the venue keeps candles for.
const INTERVALS: [(&str, u64); 7] = [
    ("1m", MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1h", 60 * MINUTE_MS),
    ("4h", 240 * MINUTE_MS),
    ("1d", 1_440 * MINUTE_MS),
];

/// Candles of what was traded; there are no others, so `mark` and `spot` are the same.
pub(super) fn candles(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    if !matches!(fields.need("tick")?, "mark" | "spot" | "trade") {
        return Err(FieldError::Malformed("tick_type").into());
    }
    let interval = fields.need("interval")?;
    let width = INTERVALS.iter().find(|(name, _)| *name == interval).map(|(_, width)| *width);
    let width = width.ok_or(FieldError::Malformed("resolution"))?;
    let from = fields.integer("from")?.map_or(0, |seconds| seconds.saturating_mul(1_000));
    let to = fields.integer("to")?.map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000));
    let count = fields.limit("count", CANDLES_PER_ANSWER_MAX, CANDLES_PER_ANSWER_MAX)?;
    let rows = market.tape.candles(width, from, to, count).into_iter().map(|candle| {
        json!({
            "time": candle.open_ms, "open": candle.open.short(), "high": candle.high.short(), "low": candle.low.short(),
            "close": candle.close.short(), "volume": candle.volume.short(),
        })
    });
    Ok(json!({"candles": rows.collect::<Value>(), "more_candles": false}).to_string())
}

/// Executions, newest first. The parties are told by their side alone.
pub(super) fn executions(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let count = fields.limit("count", ROWS_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX)?;
    let symbol = fields.need("symbol")?;
    let rows = market.tape.last_trades(count).rev().map(|trade| {
        let (taker, uid) = (trade.taker(), trade.id.to_string());
        let order =
            |side: crate::exchange::order::Side| json!({"tradeable": symbol, "direction": side.capital(), "timestamp": trade.at_ms});
        let execution = json!({
            "uid": uid, "makerOrder": order(taker.opposite()), "takerOrder": order(taker), "timestamp": trade.at_ms,
            "quantity": trade.quantity.short(), "price": trade.price.short(), "markPrice": trade.price.short(), "limitFilled": false,
            "usdValue": trade.quote.short(),
        });
        json!({"uid": uid, "timestamp": trade.at_ms, "event": {"Execution": {"execution": execution, "takerReducedQuantity": ""}}})
    });
    let rows: Vec<Value> = rows.collect();
    Ok(json!({"len": rows.len(), "elements": rows}).to_string())
}
