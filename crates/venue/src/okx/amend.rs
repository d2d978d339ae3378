//! Amending orders: price, quantity or both; their numbers stay.

use std::sync::Arc;

use super::call::Answer;
use super::error::ApiError;
use super::request::instrument;
use super::trading::{each, find};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::amend::Amendment;
use crate::exchange::order::Order;
use crate::facade::Fields;

/// `amend-order`, `amend-batch-orders`
pub(super) fn amend(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    orders: Vec<Fields>,
    now_ms: u64,
) -> Result<Answer, ApiError> {
    Ok(each(&orders, now_ms, |fields| one(exchange, owner, key, fields, now_ms)))
}

/// `newSz` is that of the whole order, with what is filled already. With `cxlOnFail` an order that cannot be amended is cancelled.
fn one(exchange: &mut Exchange, owner: AccountIndex, key: &Arc<str>, fields: &Fields, now_ms: u64) -> Result<Order, ApiError> {
    let market = instrument(exchange, fields)?;
    if fields.find("attachAlgoOrds").is_some_and(|orders| orders != "[]") {
        return Err(ApiError::parameter("attachAlgoOrds"));
    }
    let open = find(exchange, owner, market, fields)?.filter(|order| order.status.is_open());
    let order = open.ok_or_else(ApiError::not_amendable)?;
    let amendment = Amendment { price: fields.decimal("newPx")?, quantity: fields.decimal("newSz")?, client_id: None };
    if amendment.price.is_none() && amendment.quantity.is_none() {
        return Err(ApiError::nothing_to_amend());
    }
    let (id, wanted) = (order.id, amendment.request(order, key));
    match exchange.amend(owner, id, &amendment, now_ms) {
        Ok(amended) => Ok(amended.order),
        Err(error) => {
            if fields.flag("cxlOnFail")? {
                exchange.cancel(owner, id, now_ms)?;
            }
            Err(ApiError::of_order(error, &wanted, &exchange.market(market).instrument))
        }
    }
}
