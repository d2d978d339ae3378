//! Placing and cancelling.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::RpcError;
use super::{account, market_data, names, shapes};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Marks, Order, OrderId, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::Fields;
use crate::limits::ORDER_TAG_BYTES_MAX;

fn flag(fields: &Fields, name: &str, default: bool) -> bool {
    fields.find(name).map_or(default, |value| value == "true" || value == "True")
}

/// A contract is one unit of the base asset, so both counts mean the same.
pub(super) fn amount(fields: &Fields) -> Result<Option<Fixed>, RpcError> {
    match fields.decimal("amount")? {
        Some(amount) => Ok(Some(amount)),
        None => Ok(fields.decimal("contracts")?),
    }
}

/// Reads an order. A `post_only` order that would trade is refused, never repriced: the
/// book keeps the price it was given, so `reject_post_only` may not be false.
fn read(exchange: &Exchange, key: &Arc<str>, side: Side, fields: &Fields) -> Result<OrderRequest, RpcError> {
    let market = market_data::market(exchange, fields)?;
    let post_only = flag(fields, "post_only", false);
    let (kind, price) = match fields.find("type").unwrap_or("limit") {
        "limit" if post_only => (OrderKind::LimitMaker, fields.need_decimal("price")?),
        "limit" => (OrderKind::Limit, fields.need_decimal("price")?),
        "market" => (OrderKind::Market, Fixed::ZERO),
        _ => return Err(RpcError::parameter("type", "not supported")),
    };
    let time_in_force = match fields.find("time_in_force").unwrap_or("good_til_cancelled") {
        "fill_or_kill" => TimeInForce::FillOrKill,
        "good_til_cancelled" => TimeInForce::GoodTillCanceled,
        "immediate_or_cancel" => TimeInForce::ImmediateOrCancel,
        _ => return Err(RpcError::parameter("time_in_force", "not supported")),
    };
    if post_only && !flag(fields, "reject_post_only", true) {
        return Err(RpcError::parameter("reject_post_only", "must be true"));
    }
    let amount = amount(fields)?.ok_or_else(|| RpcError::parameter("amount", "value required"))?;
    Ok(OrderRequest { market, side, kind, time_in_force, size: Size::Base(amount), price, client_id: None, key: Arc::clone(key) })
}

/// `private/buy`, `private/sell`
pub(super) fn place(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    side: Side,
    fields: &Fields,
    now_ms: u64,
) -> Result<Value, RpcError> {
    let request = read(exchange, key, side, fields)?;
    let label = fields.find("label").unwrap_or("");
    if label.len() > ORDER_TAG_BYTES_MAX {
        return Err(RpcError::parameter("label", "too long"));
    }
    let placed = exchange.place_marked(owner, request, Marks::tag(Arc::from(label)), now_ms)?;
    let trades: Value = placed.fills.iter().map(|fill| shapes::user_trade(exchange, owner, fill)).collect();
    Ok(json!({"order": shapes::order(exchange, &placed.order), "trades": trades}))
}

/// `private/cancel`
pub(super) fn cancel(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let order = account::find_order(exchange, owner, fields)?;
    if !order.status.is_open() {
        return Err(RpcError::not_open());
    }
    let id = order.id;
    let order = exchange.cancel(owner, id, now_ms)?;
    Ok(shapes::order(exchange, &order))
}

fn cancel_where(exchange: &mut Exchange, owner: AccountIndex, now_ms: u64, wanted: impl Fn(&Exchange, &Order) -> bool) -> Value {
    let ids: Vec<OrderId> = exchange.open_orders(owner).filter(|order| wanted(exchange, order)).map(|order| order.id).collect();
    json!(ids.into_iter().filter(|id| exchange.cancel(owner, *id, now_ms).is_ok()).count())
}

/// `private/cancel_all_by_instrument`
pub(super) fn cancel_by_instrument(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let market = market_data::market(exchange, fields)?;
    Ok(cancel_where(exchange, owner, now_ms, |_, order| order.market == market))
}

/// `private/cancel_all_by_currency`
pub(super) fn cancel_by_currency(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let wanted = market_data::Group::read(fields)?;
    Ok(cancel_where(exchange, owner, now_ms, |exchange, order| wanted.holds(&exchange.market(order.market).instrument)))
}

/// `private/cancel_by_label`
pub(super) fn cancel_by_label(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let label = fields.need("label")?;
    let currency = fields.find("currency").unwrap_or("any");
    let of_currency = |exchange: &Exchange, order: &Order| names::is_of(&exchange.market(order.market).instrument, currency);
    Ok(cancel_where(exchange, owner, now_ms, |exchange, order| *order.tag == *label && of_currency(exchange, order)))
}
