//! Orders of the `hf` family that are changed, placed several at once, or told with what became of them.

use serde_json::{Value, json};

use super::error::KucoinError;
use super::shapes::{self, data};
use super::trading::{cancel_one, find, read_order};
use crate::exchange::Exchange;
use crate::exchange::amend::Amendment;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Marks, Order, OrderError};
use crate::facade::{FieldError, Fields};
use crate::limits::{KUCOIN_BATCH_MAX, KUCOIN_OLDER_BATCH_MAX};
use crate::operations::Owner;

/// What the synchronous calls tell of an order besides its names.
fn outcome(order: &Order) -> Value {
    let open = order.status.is_open();
    let canceled = if open { Fixed::ZERO } else { order.remaining() };
    json!({
        "orderId": order.id.to_string(), "clientOid": order.client_id, "orderTime": order.created_ms, "originSize": order.quantity.short(),
        "dealSize": order.filled.short(), "remainSize": if open { order.remaining().short() } else { "0".to_owned() },
        "canceledSize": canceled.short(), "status": if open { "open" } else { "done" }, "matchTime": order.updated_ms,
    })
}

fn place_order(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Order, KucoinError> {
    let request = read_order(exchange, owner, fields)?;
    Ok(exchange.place(owner.index, request, now_ms)?.order)
}

/// An order of a list: placed, or what it asked for and why it is refused.
type Placed = Result<Order, (Fields, KucoinError)>;

/// Places each order of `orderList`; one that is refused says so in its row.
fn each(exchange: &mut Exchange, owner: &Owner, fields: &Fields, max: usize, now_ms: u64) -> Result<Vec<Placed>, KucoinError> {
    let orders = fields.list("orderList")?;
    if orders.is_empty() || orders.len() > max {
        return Err(FieldError::Malformed("orderList").into());
    }
    let pair = fields.find("symbol").unwrap_or("");
    let named = orders.into_iter().map(|order| order.or("symbol", pair));
    Ok(named.map(|order| place_order(exchange, owner, &order, now_ms).map_err(|error| (order, error))).collect())
}

fn refused((order, error): &(Fields, KucoinError)) -> Value {
    json!({"clientOid": order.find("clientOid"), "success": false, "failMsg": error.message})
}

fn accepted(mut row: Value) -> Value {
    row["success"] = json!(true);
    row
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let placed = each(exchange, owner, fields, KUCOIN_BATCH_MAX, now_ms)?;
    let name = |order: &Order| accepted(json!({"orderId": order.id.to_string(), "clientOid": order.client_id}));
    Ok(data(&placed.iter().map(|placed| placed.as_ref().map_or_else(refused, name)).collect()))
}

pub(super) fn place_sync(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let placed = each(exchange, owner, fields, KUCOIN_BATCH_MAX, now_ms)?;
    let told = |order: &Order| accepted(outcome(order));
    Ok(data(&placed.iter().map(|placed| placed.as_ref().map_or_else(refused, told)).collect()))
}

/// The older family: limit orders of one pair, told whole.
pub(super) fn place_older(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let placed = each(exchange, owner, fields, KUCOIN_OLDER_BATCH_MAX, now_ms)?;
    let rows = placed.iter().map(|placed| match placed {
        Ok(order) => {
            let mut row = shapes::order(exchange, order);
            row["status"] = json!("success");
            row["failMsg"] = Value::Null;
            row
        }
        Err((order, error)) => json!({
            "symbol": order.find("symbol"), "side": order.find("side"), "price": order.find("price"), "size": order.find("size"),
            "clientOid": order.find("clientOid"), "id": null, "status": "fail", "failMsg": error.message,
        }),
    });
    Ok(data(&json!({"data": rows.collect::<Value>()})))
}

pub(super) fn place_one_sync(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    Ok(data(&outcome(&place_order(exchange, owner, fields, now_ms)?)))
}

pub(super) fn cancel_sync(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    Ok(data(&outcome(&cancel_one(exchange, owner, fields, now_ms)?)))
}

/// Cancels so much of an order; the rest keeps its number and its place.
pub(super) fn cancel_part(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let size = fields.need_decimal("cancelSize")?;
    let order = find(exchange, owner, fields)?.ok_or(OrderError::UnknownOrder)?;
    if size >= order.remaining() {
        return Err(OrderError::QuantityFilter.into());
    }
    let (id, smaller) = (order.id, Amendment { quantity: Some(order.quantity - size), ..Amendment::default() });
    exchange.amend(owner.index, id, &smaller, now_ms)?;
    Ok(data(&json!({"orderId": id.to_string(), "cancelSize": size.short()})))
}

/// Replaces an order by one with another price, size or both: at this venue the new one has a number of its own.
pub(super) fn alter(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let (id, client_id) = (fields.find("orderId").unwrap_or(""), fields.find("clientOid").unwrap_or(""));
    let named = fields.clone().or("order_id", id).or("client_oid", client_id);
    let order = find(exchange, owner, &named)?.filter(|order| order.status.is_open()).ok_or(OrderError::UnknownOrder)?;
    let (price, size) = (fields.decimal("newPrice")?, fields.decimal("newSize")?);
    if price.is_none() && size.is_none() {
        return Err(FieldError::Missing("newPrice or newSize").into());
    }
    // What is filled already stays with the old order.
    let quantity = size.unwrap_or(order.quantity);
    if quantity <= order.filled {
        return Err(OrderError::QuantityFilter.into());
    }
    let terms = Amendment { price, quantity: Some(quantity - order.filled), client_id: Some(order.client_id.clone()) };
    let (old, request) = (order.id, terms.request(order, &owner.key));
    let new = exchange.replace(owner.index, old, request, Marks::default(), now_ms)?.order;
    Ok(data(&json!({"newOrderId": new.id.to_string(), "clientOid": new.client_id})))
}
