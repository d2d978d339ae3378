//! Amending an order: price, quantity or both; its number stays.

use std::sync::Arc;

use serde_json::Value;

use super::error::ApiError;
use super::trading::{CONDITIONS, find_open, reference};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::amend::Amendment;
use crate::facade::Fields;

/// `order/amend`. `qty` is that of the whole order, with what is filled already.
pub(super) fn amend(exchange: &mut Exchange, owner: AccountIndex, key: &Arc<str>, fields: &Fields, now_ms: u64) -> Result<Value, ApiError> {
    if let Some(name) = CONDITIONS.into_iter().find(|name| fields.find(name).is_some_and(|value| value != "0")) {
        return Err(ApiError::params(format!("params error: {name} is not supported")));
    }
    let order = find_open(exchange, owner, fields)?;
    let amendment = Amendment { price: fields.decimal("price")?, quantity: fields.decimal("qty")?, client_id: None };
    if amendment.is_idle(order) {
        return Err(ApiError::unchanged());
    }
    let (id, wanted) = (order.id, amendment.request(order, key));
    let amended = exchange.amend(owner, id, &amendment, now_ms);
    let amended = amended.map_err(|error| ApiError::of_order(error, &wanted, &exchange.market(wanted.market).instrument))?;
    Ok(reference(&amended.order))
}
