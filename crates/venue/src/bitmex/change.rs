//! Orders that are changed, and the dead man's switch.

use serde_json::{Value, json};

use super::error::BitmexError;
use super::{names, shapes, trading};
use crate::exchange::Exchange;
use crate::exchange::amend::Amendment;
use crate::exchange::order::OrderError;
use crate::facade::{FieldError, Fields, read_order_uuid};
use crate::limits::{BITMEX_BULK_MAX, BITMEX_COUNTDOWN_MS_MAX};
use crate::operations::Owner;

/// Amends the order that `orderID` or `origClOrdID` names, which keeps its number. `orderQty` is that of the whole order, `leavesQty` what
/// is left of it; `clOrdID` is a new name.
pub(super) fn amend(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    Ok(amend_one(exchange, owner, fields, now_ms)?.to_string())
}

/// What one row of a list may do.
type One = fn(&mut Exchange, &Owner, &Fields, u64) -> Result<Value, BitmexError>;

/// Does something for each of `orders`; one that is refused says so in its row.
fn each(exchange: &mut Exchange, owner: &Owner, fields: &Fields, work: One, now_ms: u64) -> Result<String, BitmexError> {
    let orders = fields.list("orders")?;
    if orders.is_empty() || orders.len() > BITMEX_BULK_MAX {
        return Err(BitmexError::field("orders"));
    }
    let row = |fields: &Fields| match work(exchange, owner, fields, now_ms) {
        Ok(order) => order,
        Err(error) => json!({
            "orderID": fields.find("orderID").unwrap_or(""), "clOrdID": fields.find("clOrdID").unwrap_or(""),
            "symbol": fields.find("symbol").unwrap_or(""), "ordStatus": "Rejected", "ordRejReason": error.message, "error": error.message,
        }),
    };
    Ok(orders.iter().map(row).collect::<Value>().to_string())
}

pub(super) fn place_bulk(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    each(exchange, owner, fields, trading::place_one, now_ms)
}

pub(super) fn amend_bulk(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    each(exchange, owner, fields, amend_one, now_ms)
}

fn amend_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, BitmexError> {
    let order = match (fields.find("orderID"), fields.find("origClOrdID")) {
        (Some(id), _) => read_order_uuid(id).and_then(|id| exchange.order(owner.index, id)),
        (None, Some(name)) => exchange.order_by_client_id(owner.index, None, name),
        (None, None) => return Err(FieldError::Missing("orderID").into()),
    };
    let order = order.ok_or(OrderError::UnknownOrder)?;
    if !order.status.is_open() {
        return Err(BitmexError::state());
    }
    let base = &exchange.market(order.market).instrument.base;
    let units = |name| Ok::<_, FieldError>(fields.integer(name)?.map(|units| names::amount(base, units)));
    let (whole, left) = (units("orderQty")?, units("leavesQty")?);
    let quantity = whole.or_else(|| left.map(|left| order.filled + left));
    let amendment = Amendment { price: fields.decimal("price")?, quantity, client_id: fields.find("clOrdID").map(str::to_owned) };
    if amendment.is_idle(order) {
        return Err(BitmexError::unchanged());
    }
    let id = order.id;
    let amended = exchange.amend(owner.index, id, &amendment, now_ms)?;
    Ok(shapes::order(exchange, &amended.order))
}

/// `timeout` milliseconds from now; nought takes the switch back.
pub(super) fn cancel_all_after(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let after_ms = fields.integer("timeout")?.filter(|after_ms| *after_ms <= BITMEX_COUNTDOWN_MS_MAX);
    let after_ms = after_ms.ok_or(FieldError::Malformed("timeout"))?;
    let trigger = exchange.cancel_all_after(owner.index, None, after_ms, now_ms);
    let moment = trigger.map_or_else(|| json!(0), |at_ms| json!(shapes::moment(at_ms)));
    Ok(json!({"now": shapes::moment(now_ms), "cancelTime": moment}).to_string())
}
