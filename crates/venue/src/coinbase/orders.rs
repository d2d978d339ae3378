//! Placing and cancelling.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::Input;
use super::error::{CoinbaseError, OrderRefusal};
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Marks, Order, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::Fields;
use crate::limits::{COINBASE_CANCEL_BATCH_MAX, ORDER_TAG_BYTES_MAX};

pub(super) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or("")
}

/// Reads an order: its `order_configuration` is an object with one member, named for its kind.
fn read(exchange: &Exchange, body: &Map<String, Value>, key: &Arc<str>) -> Result<OrderRequest, OrderRefusal> {
    let market = names::find(exchange, text(body, "product_id")).ok_or_else(OrderRefusal::unknown_product)?;
    let side = match text(body, "side") {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(OrderRefusal::side()),
    };
    let configuration = body.get("order_configuration").and_then(Value::as_object).ok_or_else(OrderRefusal::unsupported)?;
    let (name, terms) = configuration.iter().next().filter(|_| configuration.len() == 1).ok_or_else(OrderRefusal::unsupported)?;
    let terms = Fields::from_value(terms.clone()).map_err(|_| OrderRefusal::unsupported())?;
    let (kind, time_in_force) = match name.as_str() {
        "limit_limit_fok" => (OrderKind::Limit, TimeInForce::FillOrKill),
        "limit_limit_gtc" if terms.find("post_only") == Some("true") => (OrderKind::LimitMaker, TimeInForce::GoodTillCanceled),
        "limit_limit_gtc" => (OrderKind::Limit, TimeInForce::GoodTillCanceled),
        "market_market_ioc" => (OrderKind::Market, TimeInForce::ImmediateOrCancel),
        "sor_limit_ioc" => (OrderKind::Limit, TimeInForce::ImmediateOrCancel),
        _ => return Err(OrderRefusal::unsupported()),
    };
    let base = terms.decimal("base_size").map_err(|_| OrderRefusal::size())?;
    let quote = terms.decimal("quote_size").map_err(|_| OrderRefusal::size())?;
    let size = match (base, quote, kind) {
        (Some(size), None, _) => Size::Base(size),
        (None, Some(amount), OrderKind::Market) => Size::Quote(amount),
        (Some(_) | None, Some(_) | None, _) => return Err(OrderRefusal::size()),
    };
    let price = match kind {
        OrderKind::Limit | OrderKind::LimitMaker => terms.need_decimal("limit_price").map_err(|_| OrderRefusal::price())?,
        OrderKind::Market => Fixed::ZERO,
    };
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id: None, key: Arc::clone(key) })
}

fn placed(order: &Order, exchange: &Exchange, configuration: &Value) -> Value {
    let id = names::order_text(order.id);
    let terms = &exchange.market(order.market).instrument;
    json!({
        "success": true, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": id,
        "success_response": {
            "order_id": id, "product_id": names::product_id(terms), "side": order.side.upper(),
            "client_order_id": shapes::client_order_id(order), "attached_order_id": "",
        },
        "order_configuration": configuration,
    })
}

/// `orders`. A `client_order_id` that was used before means the order it was used for: nothing
/// new is placed, and that order is answered (vendor: "Create Order").
pub(super) fn place(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    input: &Input,
    now_ms: u64,
) -> Result<Value, CoinbaseError> {
    let client_order_id = text(&input.body, "client_order_id");
    if client_order_id.is_empty() || client_order_id.len() > ORDER_TAG_BYTES_MAX {
        return Err(CoinbaseError::argument("client_order_id is not valid"));
    }
    let configuration = input.body.get("order_configuration").cloned().unwrap_or(Value::Null);
    if let Some(known) = exchange.all_orders(owner).into_iter().find(|order| *order.tag == *client_order_id) {
        return Ok(placed(known, exchange, &configuration));
    }
    let request = match read(exchange, &input.body, key) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal.json(&configuration)),
    };
    match exchange.place_marked(owner, request, Marks::tag(Arc::from(client_order_id)), now_ms) {
        Err(error) => Ok(OrderRefusal::from(error).json(&configuration)),
        Ok(done) => Ok(placed(&done.order, exchange, &configuration)),
    }
}

/// `orders/preview`: what would become of an order.
pub(super) fn preview(exchange: &Exchange, owner: AccountIndex, key: &Arc<str>, input: &Input) -> Result<Value, CoinbaseError> {
    let read = read(exchange, &input.body, key);
    let checked = read.and_then(|request| exchange.check(owner, &request).map(|()| request).map_err(OrderRefusal::from));
    let index = names::find(exchange, text(&input.body, "product_id")).ok_or_else(CoinbaseError::unknown_product)?;
    let [bid, ask] = [Side::Buy, Side::Sell].map(|side| super::market_data::top(exchange, index, side).0);
    let (errs, total, base, quote) = match &checked {
        Err(refusal) => (json!([refusal.preview]), Fixed::ZERO, Fixed::ZERO, Fixed::ZERO),
        Ok(request) => {
            let price = match (request.kind, request.side) {
                (OrderKind::Limit | OrderKind::LimitMaker, _) => request.price,
                (OrderKind::Market, Side::Buy) => ask,
                (OrderKind::Market, Side::Sell) => bid,
            };
            match request.size {
                Size::Base(size) => (json!([]), size.mul_down(price), size, size.mul_down(price)),
                Size::Quote(amount) => (json!([]), amount, amount.div_down(price), amount),
            }
        }
    };
    let commission = total.basis_points(exchange.commission_points);
    Ok(json!({
        "order_total": total.short(), "commission_total": commission.short(), "errs": errs, "warning": [],
        "quote_size": quote.short(), "base_size": base.short(), "best_bid": bid.short(), "best_ask": ask.short(), "is_max": false,
        "order_margin_total": "0", "leverage": "", "long_leverage": "", "short_leverage": "", "slippage": "0", "preview_id": "",
        "current_liquidation_buffer": "0", "projected_liquidation_buffer": "0", "max_leverage": "", "pnl_configuration": {},
    }))
}

/// `orders/batch_cancel`: each order has its own result.
pub(super) fn batch_cancel(exchange: &mut Exchange, owner: AccountIndex, input: &Input, now_ms: u64) -> Result<Value, CoinbaseError> {
    let ids = input.body.get("order_ids").and_then(Value::as_array).filter(|ids| !ids.is_empty() && ids.len() <= COINBASE_CANCEL_BATCH_MAX);
    let ids = ids.ok_or_else(|| CoinbaseError::argument("order_ids is not valid"))?;
    let mut results = Vec::new();
    for id in ids {
        let id = id.as_str().ok_or_else(|| CoinbaseError::argument("order_ids is not valid"))?;
        let canceled = names::read_order(id).is_some_and(|order| exchange.cancel(owner, order, now_ms).is_ok());
        let reason = if canceled { "UNKNOWN_CANCEL_FAILURE_REASON" } else { "UNKNOWN_CANCEL_ORDER" };
        results.push(json!({"success": canceled, "failure_reason": reason, "order_id": id}));
    }
    Ok(json!({"results": results}))
}
