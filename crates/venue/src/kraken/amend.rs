//! Changing an order, for REST and WebSocket alike: an amended one keeps its number, an edited one is replaced by a new one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::KrakenError;
use super::names;
use super::orders::{describe, find_open, named};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::amend::Amendment;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Marks, Order, OrderId, OrderKind};
use crate::facade::Fields;

/// Amends the order that `number` or `cl_ord_id` names; the amendment's own name, and the order.
pub(super) fn amend_named(
    exchange: &mut Exchange,
    owner: AccountIndex,
    fields: &Fields,
    number: &'static str,
    now_ms: u64,
) -> Result<(String, Order), KrakenError> {
    let id = find_open(exchange, owner, named(fields, number)?)?;
    let amendment = Amendment { price: fields.decimal("limit_price")?, quantity: fields.decimal("order_qty")?, client_id: None };
    if amendment.price.is_none() && amendment.quantity.is_none() {
        return Err(KrakenError::malformed());
    }
    let name = names::amend_text(exchange.next_execution);
    let amended = exchange.amend(owner, id, &amendment, now_ms)?;
    Ok((name, amended.order))
}

/// `AmendOrder`
pub(super) fn amend(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, KrakenError> {
    let (name, _) = amend_named(exchange, owner, fields, "txid", now_ms)?;
    Ok(json!({"amend_id": name}))
}

/// What an edit asks for, by the names that REST and the WebSocket have for it.
pub(super) struct EditWords {
    pub(super) number: &'static str,
    pub(super) volume: &'static str,
    pub(super) price: &'static str,
}

/// An edited order: its description, the old number and the new one.
pub(super) struct Edited {
    pub(super) description: String,
    volume: Fixed,
    price: Fixed,
    pub(super) old: OrderId,
    pub(super) new: OrderId,
}

/// Replaces an order by one with another volume, price or both. What is filled already stays with the old one.
pub(super) fn edit_named(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    fields: &Fields,
    words: &EditWords,
    now_ms: u64,
) -> Result<Edited, KrakenError> {
    let old = find_open(exchange, owner, fields.need(words.number)?)?;
    let order = exchange.order(owner, old).ok_or_else(KrakenError::unknown_order)?;
    let volume = fields.decimal(words.volume)?.unwrap_or_else(|| order.remaining());
    let terms = Amendment { price: fields.decimal(words.price)?, quantity: Some(volume), client_id: None };
    let mut request = terms.request(order, key);
    let makes = fields.find("oflags").is_some_and(|flags| flags.split(',').any(|flag| flag.trim() == "post"));
    if makes || fields.flag("post_only")? {
        request.kind = OrderKind::LimitMaker;
    }
    let (description, price) = (describe(exchange, &request), request.price);
    let new = exchange.replace(owner, old, request, Marks::default(), now_ms)?.order.id;
    Ok(Edited { description, volume, price, old, new })
}

/// `EditOrder`
pub(super) fn edit(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    fields: &Fields,
    now_ms: u64,
) -> Result<Value, KrakenError> {
    let words = EditWords { number: "txid", volume: "volume", price: "price" };
    let edited = edit_named(exchange, owner, key, fields, &words, now_ms)?;
    Ok(json!({
        "status": "ok", "txid": names::order_text(edited.new), "originaltxid": names::order_text(edited.old),
        "volume": edited.volume, "price": edited.price, "orders_cancelled": 1, "descr": {"order": edited.description},
    }))
}
