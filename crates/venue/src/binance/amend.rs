//! `order/amend/keepPriority`: an order becomes smaller, and keeps its number and its place in the queue.

use serde::Serialize;

use super::error::ApiError;
use super::params::Params;
use super::shapes::{NO_LIST, STP, to_json};
use super::trading::{BY_ID, find};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::amend::Amendment;
use crate::exchange::fixed::Fixed;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmendedShape<'a> {
    transact_time: u64,
    execution_id: u64,
    amended_order: AmendedOrder<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmendedOrder<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    orig_client_order_id: &'a str,
    client_order_id: &'a str,
    price: Fixed,
    qty: Fixed,
    executed_qty: Fixed,
    prevented_qty: Fixed,
    quote_order_qty: Fixed,
    cumulative_quote_qty: Fixed,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    side: &'static str,
    working_time: u64,
    self_trade_prevention_mode: &'static str,
}

/// The amended order has the name that the request gives it, or a new one (vendor document "Order Amend Keep Priority").
pub(super) fn amend(exchange: &mut Exchange, owner: AccountIndex, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    let quantity = params.need_decimal("newQty")?;
    let order = find(exchange, owner, params, BY_ID)?.ok_or_else(ApiError::no_such_order)?;
    if !order.status.is_open() {
        return Err(ApiError::not_amended("Order is not open; it cannot be amended."));
    }
    if quantity >= order.quantity {
        return Err(ApiError::not_amended("The requested action would change no state; rejecting."));
    }
    if quantity <= order.filled {
        return Err(ApiError::not_amended("newQty must be greater than the executed quantity."));
    }
    let (id, before, execution) = (order.id, order.client_id.clone(), exchange.next_execution);
    let name = params.find("newClientOrderId").map_or_else(|| format!("amend-{execution}"), str::to_owned);
    let amendment = Amendment { quantity: Some(quantity), client_id: Some(name), ..Amendment::default() };
    let order = exchange.amend(owner, id, &amendment, now_ms)?.order;
    Ok(to_json(&AmendedShape {
        transact_time: now_ms,
        execution_id: execution,
        amended_order: AmendedOrder {
            symbol: &exchange.market(order.market).instrument.symbol,
            order_id: order.id,
            order_list_id: NO_LIST,
            orig_client_order_id: &before,
            client_order_id: &order.client_id,
            price: order.price,
            qty: order.quantity,
            executed_qty: order.filled,
            prevented_qty: Fixed::ZERO,
            quote_order_qty: order.quote_quantity,
            cumulative_quote_qty: order.filled_quote,
            status: order.status.upper(),
            time_in_force: order.time_in_force.upper(),
            kind: order.kind.upper(),
            side: order.side.upper(),
            working_time: order.created_ms,
            self_trade_prevention_mode: STP,
        },
    }))
}
