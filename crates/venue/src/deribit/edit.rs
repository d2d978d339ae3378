//! Editing an order: amount, price or both; its number stays.

use serde_json::{Value, json};

use super::error::RpcError;
use super::{account, market_data, orders, shapes};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::amend::Amendment;
use crate::exchange::order::OrderId;
use crate::facade::Fields;

/// `private/edit`
pub(super) fn edit(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let order = account::find_order(exchange, owner, fields)?;
    if !order.status.is_open() {
        return Err(RpcError::not_open());
    }
    let id = order.id;
    edit_one(exchange, owner, id, fields, now_ms)
}

/// `private/edit_by_label`: of the one open order of the instrument that has the label.
pub(super) fn edit_by_label(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let (market, label) = (market_data::market(exchange, fields)?, fields.need("label")?);
    let labelled = exchange.open_orders(owner).filter(|order| order.market == market && *order.tag == *label);
    let ids: Vec<OrderId> = labelled.map(|order| order.id).collect();
    match ids.as_slice() {
        [] => Err(RpcError::unknown_order()),
        [id] => edit_one(exchange, owner, *id, fields, now_ms),
        [..] => Err(RpcError::parameter("label", "must be of one open order")),
    }
}

fn edit_one(exchange: &mut Exchange, owner: AccountIndex, id: OrderId, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let amendment = Amendment { price: fields.decimal("price")?, quantity: orders::amount(fields)?, client_id: None };
    let edited = exchange.amend(owner, id, &amendment, now_ms)?;
    let trades: Value = edited.fills.iter().map(|fill| shapes::user_trade(exchange, owner, fill)).collect();
    Ok(json!({"order": shapes::order(exchange, &edited.order), "trades": trades}))
}
