//! Several orders in one request: a list, each of which fares for itself; and the dead man's switch.

use serde_json::{Value, json};

use super::error::GateError;
use super::market_data::named;
use super::trading::{self, amend_one, cancel_one, place_one};
use crate::exchange::Exchange;
use crate::facade::{FieldError, Fields};
use crate::limits::{GATE_AMEND_BATCH_MAX, GATE_CANCEL_BATCH_MAX, GATE_COUNTDOWN_SECONDS, GATE_PLACE_BATCH_MAX};
use crate::operations::Owner;

/// What one row may do.
type One = fn(&mut Exchange, &Owner, &Fields, u64) -> Result<Value, GateError>;

/// Does something for each row; one that is refused repeats what it asked for.
fn each(exchange: &mut Exchange, owner: &Owner, fields: &Fields, (max, work): (usize, One), now_ms: u64) -> Result<Vec<Value>, GateError> {
    if fields.rows().is_empty() || fields.rows().len() > max {
        return Err(FieldError::Malformed("orders").into());
    }
    let row = |fields: &Fields| match work(exchange, owner, fields, now_ms) {
        Ok(mut row) => {
            row["succeeded"] = json!(true);
            row["label"] = json!("");
            row["message"] = json!("");
            row
        }
        Err(error) => json!({
            "succeeded": false, "label": error.label, "message": error.message, "id": fields.find("order_id"),
            "text": fields.find("text"), "currency_pair": fields.find("currency_pair"),
        }),
    };
    Ok(fields.rows().iter().map(row).collect())
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    Ok(Value::from(each(exchange, owner, fields, (GATE_PLACE_BATCH_MAX, place_one), now_ms)?).to_string())
}

/// One order, or each of a list: the WebSocket has one channel for both.
pub(super) fn place_any(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    if fields.rows().is_empty() { trading::place(exchange, owner, fields, now_ms) } else { place(exchange, owner, fields, now_ms) }
}

pub(super) fn amend(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    Ok(Value::from(each(exchange, owner, fields, (GATE_AMEND_BATCH_MAX, amend_one), now_ms)?).to_string())
}

/// A cancel names its order by `id`, and is told shorter.
pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    let one: One = |exchange, owner, fields, now_ms| {
        let named = fields.clone().or("order_id", fields.need("id")?);
        cancel_one(exchange, owner, &named, now_ms)
    };
    let rows = each(exchange, owner, fields, (GATE_CANCEL_BATCH_MAX, one), now_ms)?;
    let short = rows.into_iter().zip(fields.rows()).map(|(row, asked)| {
        json!({
            "currency_pair": row["currency_pair"], "id": asked.find("id"), "text": row["text"], "succeeded": row["succeeded"],
            "label": row["label"], "message": row["message"], "account": "spot",
        })
    });
    Ok(short.collect::<Value>().to_string())
}

/// Everything is cancelled in `timeout` seconds, at least five; nought takes that back.
pub(super) fn countdown(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    let seconds = fields.integer("timeout")?.filter(|seconds| *seconds == 0 || GATE_COUNTDOWN_SECONDS.contains(seconds));
    let seconds = seconds.ok_or(FieldError::Malformed("timeout"))?;
    let market = fields.find("currency_pair").map(|name| named(exchange, name)).transpose()?;
    let trigger = exchange.cancel_all_after(owner.index, market, seconds * 1_000, now_ms).unwrap_or(0);
    Ok(json!({"triggerTime": trigger.to_string()}).to_string())
}
