//! Editing an order: size, price or both; its number stays.

use serde_json::{Value, json};

use super::call::Input;
use super::error::{CoinbaseError, OrderRefusal};
use super::orders::text;
use super::{market_data, names};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::amend::Amendment;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Order, OrderError, Side};

/// Why an edit is refused, as a row of `errors`; a preview has the second word only.
fn refused(edit: &str, preview: &str) -> Value {
    json!({"edit_failure_reason": edit, "preview_failure_reason": preview})
}

fn told(error: OrderError) -> Value {
    match error {
        OrderError::UnknownOrder => refused("ORDER_NOT_FOUND", "UNKNOWN_PREVIEW_FAILURE_REASON"),
        OrderError::QuantityFilter => refused("INVALID_EDITED_SIZE", OrderRefusal::size().preview),
        OrderError::PriceFilter => refused("INVALID_EDITED_PRICE", OrderRefusal::price().preview),
        OrderError::BookUnavailable
        | OrderError::DuplicateClientId
        | OrderError::InsufficientBalance
        | OrderError::MalformedClientId
        | OrderError::MarketClosed
        | OrderError::NoLiquidity
        | OrderError::NotionalTooSmall
        | OrderError::TooManyAccounts
        | OrderError::TooManyOpenOrders
        | OrderError::WouldMatch => refused("COMMANDER_REJECTED_EDIT_ORDER", OrderRefusal::from(error).preview),
    }
}

/// The order and its new terms. `size` is that of the whole order, with what is filled already.
fn read<'a>(exchange: &'a Exchange, owner: AccountIndex, input: &Input) -> Result<(&'a Order, Amendment), Value> {
    let id = names::read_order(text(&input.body, "order_id"));
    let order = id.and_then(|id| exchange.order(owner, id)).ok_or_else(|| told(OrderError::UnknownOrder))?;
    if !order.status.is_open() {
        return Err(refused("ONLY_OPEN_ORDERS_CAN_BE_EDITED", "UNKNOWN_PREVIEW_FAILURE_REASON"));
    }
    let number = |name: &str, wrong: OrderError| {
        let text = text(&input.body, name);
        let number = Some(text).filter(|text| !text.is_empty()).map(Fixed::parse).transpose();
        number.map_err(|_| told(wrong))
    };
    let (price, quantity) = (number("price", OrderError::PriceFilter)?, number("size", OrderError::QuantityFilter)?);
    Ok((order, Amendment { price, quantity, client_id: None }))
}

/// `orders/edit`
pub(super) fn edit(exchange: &mut Exchange, owner: AccountIndex, input: &Input, now_ms: u64) -> Result<Value, CoinbaseError> {
    let read = read(exchange, owner, input).map(|(order, amendment)| (order.id, amendment));
    let edited = read.and_then(|(id, amendment)| exchange.amend(owner, id, &amendment, now_ms).map_err(told));
    let errors: Vec<Value> = edited.err().into_iter().collect();
    Ok(json!({"success": errors.is_empty(), "errors": errors}))
}

/// `orders/edit_preview`: what the order would be.
pub(super) fn preview(exchange: &Exchange, owner: AccountIndex, input: &Input) -> Result<Value, CoinbaseError> {
    let read = read(exchange, owner, input);
    let checked = read.and_then(|(order, amendment)| match exchange.check_amendment(owner, order.id, &amendment) {
        Err(error) => Err(told(error)),
        Ok(()) => Ok((order, amendment)),
    });
    let (order, amendment) = match checked {
        Err(error) => return Ok(json!({"errors": [error]})),
        Ok(checked) => checked,
    };
    let [bid, ask] = [Side::Buy, Side::Sell].map(|side| market_data::top(exchange, order.market, side).0);
    let (size, price) = (amendment.quantity.unwrap_or(order.quantity), amendment.price.unwrap_or(order.price));
    let total = price.mul_down(size);
    Ok(json!({
        "errors": [], "slippage": "0", "order_total": total.short(), "quote_size": total.short(), "base_size": size.short(),
        "commission_total": total.basis_points(exchange.commission_points).short(), "best_bid": bid.short(), "best_ask": ask.short(),
        "average_filled_price": order.filled_quote.div_down(order.filled).short(),
    }))
}
