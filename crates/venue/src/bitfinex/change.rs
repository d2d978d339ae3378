//! Orders that are changed, and several operations in one request.

use serde_json::{Value, json};

use super::error::BitfinexError;
use super::shapes;
use super::trading::{cancel, cancel_multi, notice, submit};
use crate::exchange::Exchange;
use crate::exchange::amend::Amendment;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{OrderError, Side};
use crate::facade::{FieldError, Fields, fields_of};
use crate::limits::BITFINEX_OPERATIONS_MAX;
use crate::operations::Owner;

/// Changes an order, which keeps its number. `amount` is signed as when it was placed, and is what is left to fill; `delta` is added to that.
pub(super) fn update(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitfinexError> {
    let id = fields.integer("id")?.ok_or(FieldError::Missing("id"))?;
    let order = exchange.order(owner.index, id).filter(|order| order.status.is_open()).ok_or(OrderError::UnknownOrder)?;
    let signed = |name: &'static str| {
        let Some(text) = fields.find(name) else { return Ok(None) };
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let amount = Fixed::parse(text).map_err(|_| FieldError::Malformed(name))?;
        // What is sold counts below nought, so for a sale the signs turn.
        let turned = negative != (order.side == Side::Sell);
        Ok::<_, FieldError>(Some(if turned { Fixed::ZERO - amount } else { amount }))
    };
    let left = match (signed("amount")?, signed("delta")?) {
        (Some(amount), _) => Some(amount),
        (None, Some(delta)) => Some(order.remaining() + delta),
        (None, None) => None,
    };
    if left.is_some_and(|left| !left.is_positive()) {
        return Err(FieldError::Malformed("amount").into());
    }
    let amendment = Amendment { price: fields.decimal("price")?, quantity: left.map(|left| order.filled + left), client_id: None };
    let amended = exchange.amend(owner.index, id, &amendment, now_ms)?;
    Ok(notice("ou-req", &shapes::order(exchange, &amended.order), "Submitting update to exchange order.", now_ms))
}

/// Operations in their order, each with its own notice; one that is refused does not take the others with it.
pub(super) fn multi(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitfinexError> {
    let operations: Vec<(String, Value)> = serde_json::from_str(fields.need("ops")?).map_err(|_| FieldError::Malformed("ops"))?;
    if operations.is_empty() || operations.len() > BITFINEX_OPERATIONS_MAX {
        return Err(FieldError::Malformed("ops").into());
    }
    let mut notices = Vec::new();
    for (kind, what) in operations {
        notices.push(perform(exchange, owner, &kind, what, now_ms));
    }
    let rows: Value = notices.into_iter().collect();
    Ok(json!([
        now_ms,
        "ox_multi-req",
        null,
        null,
        rows,
        null,
        "SUCCESS",
        format!("Submitting {} order operations.", rows.as_array().map_or(0, Vec::len))
    ])
    .to_string())
}

fn perform(exchange: &mut Exchange, owner: &Owner, kind: &str, what: Value, now_ms: u64) -> Value {
    let fields = match what {
        Value::Object(fields) => fields_of(fields),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => Fields::default(),
    };
    let done = match kind {
        "oc" => cancel(exchange, owner, &fields, now_ms),
        "oc_multi" => cancel_multi(exchange, owner, &fields, now_ms),
        "on" => submit(exchange, owner, &fields, now_ms),
        "ou" => update(exchange, owner, &fields, now_ms),
        _ => Err(FieldError::Malformed("ops").into()),
    };
    match done {
        Ok(text) => serde_json::from_str(&text).unwrap_or_default(),
        Err(error) => json!([now_ms, format!("{kind}-req"), null, null, null, null, "ERROR", error.text()]),
    }
}
