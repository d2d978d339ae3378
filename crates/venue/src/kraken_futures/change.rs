//! Orders that are edited, several operations in one request, and the dead man's switch.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::shapes;
use super::trading::{cancel_one, find, place_one};
use crate::exchange::Exchange;
use crate::exchange::amend::Amendment;
use crate::facade::{FieldError, Fields, iso, order_uuid};
use crate::limits::{KRAKEN_COUNTDOWN_SECONDS_MAX, KRAKEN_FUTURES_BATCH_MAX};
use crate::operations::Owner;

/// Edits the order that `orderId` or `cliOrdId` names, which keeps its number. `size` is that of the whole order.
fn edit_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, FuturesError> {
    let named = fields.clone().or("order_id", fields.find("orderId").unwrap_or(""));
    let order = match find(exchange, owner, &named) {
        Ok(order) if order.status.is_open() => order,
        Ok(_) | Err(FuturesError::NotTaken(_)) => return Ok(json!({"status": "orderForEditNotFound", "receivedTime": iso(now_ms)})),
        Err(failed @ FuturesError::Failed(..)) => return Err(failed),
    };
    let (id, old) = (order.id, shapes::event_order(exchange, order));
    let amendment = Amendment { price: fields.decimal("limitPrice")?, quantity: fields.decimal("size")?, client_id: None };
    match exchange.amend(owner.index, id, &amendment, now_ms).map_err(FuturesError::from) {
        Ok(edited) => {
            let event = json!({"type": "EDIT", "old": old, "new": shapes::event_order(exchange, &edited.order), "reducedQuantity": null});
            Ok(json!({
                "status": "edited", "orderId": order_uuid(id), "order_id": order_uuid(id), "cliOrdId": edited.order.given_client_id(),
                "receivedTime": iso(now_ms), "orderEvents": [event],
            }))
        }
        Err(FuturesError::NotTaken(word)) => Ok(json!({"status": word, "orderId": order_uuid(id), "receivedTime": iso(now_ms)})),
        Err(failed @ FuturesError::Failed(..)) => Err(failed),
    }
}

pub(super) fn edit(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(shapes::success("editStatus", edit_one(exchange, owner, fields, now_ms)?, now_ms))
}

/// `json` is an object whose `batchOrder` lists orders to `send`, `edit` and `cancel`; each has its own status.
pub(super) fn batch(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let orders = Fields::from_body(fields.need("json")?.as_bytes())?.list("batchOrder")?;
    if orders.is_empty() || orders.len() > KRAKEN_FUTURES_BATCH_MAX {
        return Err(FieldError::Malformed("json").into());
    }
    let mut rows = Vec::new();
    for order in orders {
        rows.push(perform(exchange, owner, &order, now_ms)?);
    }
    Ok(shapes::success("batchStatus", Value::from(rows), now_ms))
}

fn perform(exchange: &mut Exchange, owner: &Owner, order: &Fields, now_ms: u64) -> Result<Value, FuturesError> {
    let done = match order.need("order")? {
        "cancel" => cancel_one(exchange, owner, order, now_ms),
        "edit" => edit_one(exchange, owner, order, now_ms),
        "send" => place_one(exchange, owner, order, now_ms),
        _ => return Err(FieldError::Malformed("order").into()),
    };
    let mut row = match done {
        Ok(row) => row,
        Err(FuturesError::NotTaken(word)) => json!({"status": word}),
        Err(failed @ FuturesError::Failed(..)) => return Err(failed),
    };
    row["dateTimeReceived"] = json!(iso(now_ms));
    if let Some(tag) = order.find("order_tag") {
        row["order_tag"] = json!(tag);
    }
    Ok(row)
}

/// `timeout` seconds from now; nought takes the switch back.
pub(super) fn cancel_all_after(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let seconds = fields.integer("timeout")?.filter(|seconds| *seconds <= KRAKEN_COUNTDOWN_SECONDS_MAX);
    let seconds = seconds.ok_or(FieldError::Malformed("timeout"))?;
    let trigger = exchange.cancel_all_after(owner.index, None, seconds * 1_000, now_ms);
    let status = json!({"currentTime": iso(now_ms), "triggerTime": trigger.map_or_else(|| "0".to_owned(), iso)});
    Ok(shapes::success("status", status, now_ms))
}
