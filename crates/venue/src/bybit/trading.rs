//! Orders of an account: create, cancel, list; and their executions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ApiError;
use super::request::{Page, SPOT, is_spot, order_symbol, symbol_if_any};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Order, OrderId, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::Fields;
use crate::limits::{BYBIT_EXECUTIONS_MAX, BYBIT_ORDERS_MAX};

/// Stops, take-profits and the like are not served: refused, never ignored.
pub(super) const CONDITIONS: [&str; 6] = ["triggerPrice", "takeProfit", "stopLoss", "slippageTolerance", "bboSideType", "orderIv"];

fn read_order(exchange: &Exchange, fields: &Fields, key: &Arc<str>) -> Result<OrderRequest, ApiError> {
    let market = order_symbol(exchange, fields)?;
    let side = match fields.need("side")? {
        "Buy" => Side::Buy,
        "Sell" => Side::Sell,
        _ => return Err(ApiError::invalid_side()),
    };
    if !matches!(fields.find("orderFilter"), None | Some("Order")) {
        return Err(ApiError::invalid_order_filter());
    }
    if let Some(name) = CONDITIONS.into_iter().find(|name| fields.find(name).is_some_and(|value| value != "0")) {
        return Err(ApiError::params(format!("params error: {name} is not supported")));
    }
    if !matches!(fields.find("isLeverage"), None | Some("0")) {
        return Err(ApiError::params("params error: isLeverage is not supported"));
    }
    let (kind, time_in_force, price, size) = match fields.need("orderType")? {
        "Limit" => {
            let (kind, time_in_force) = limit_kind(fields)?;
            (kind, time_in_force, fields.need_decimal("price")?, Size::Base(fields.need_decimal("qty")?))
        }
        "Market" => (OrderKind::Market, TimeInForce::GoodTillCanceled, Fixed::ZERO, market_size(fields, side)?),
        _ => return Err(ApiError::invalid_order_type()),
    };
    let client_id = fields.find("orderLinkId").map(str::to_owned);
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(key) })
}

fn limit_kind(fields: &Fields) -> Result<(OrderKind, TimeInForce), ApiError> {
    match fields.find("timeInForce") {
        None | Some("GTC") => Ok((OrderKind::Limit, TimeInForce::GoodTillCanceled)),
        Some("FOK") => Ok((OrderKind::Limit, TimeInForce::FillOrKill)),
        Some("IOC") => Ok((OrderKind::Limit, TimeInForce::ImmediateOrCancel)),
        Some("PostOnly") => Ok((OrderKind::LimitMaker, TimeInForce::GoodTillCanceled)),
        Some(_) => Err(ApiError::invalid_time_in_force()),
    }
}

/// The quantity of a market order is in base, but of a buy in quote unless `marketUnit` says
/// otherwise.
fn market_size(fields: &Fields, side: Side) -> Result<Size, ApiError> {
    let quantity = fields.need_decimal("qty")?;
    match (fields.find("marketUnit"), side) {
        (Some("baseCoin"), _) | (None, Side::Sell) => Ok(Size::Base(quantity)),
        (Some("quoteCoin"), _) | (None, Side::Buy) => Ok(Size::Quote(quantity)),
        (Some(_), _) => Err(ApiError::params("params error: marketUnit invalid")),
    }
}

pub(super) fn reference(order: &Order) -> Value {
    json!({"orderId": order.id.to_string(), "orderLinkId": order.given_client_id()})
}

pub(super) fn create(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    fields: &Fields,
    now_ms: u64,
) -> Result<Value, ApiError> {
    let request = read_order(exchange, fields, key)?;
    let placed = exchange.place(owner, request.clone(), now_ms);
    let placed = placed.map_err(|error| ApiError::of_order(error, &request, &exchange.market(request.market).instrument))?;
    Ok(reference(&placed.order))
}

/// The open order that `orderId` or `orderLinkId` means.
pub(super) fn find_open<'a>(exchange: &'a Exchange, owner: AccountIndex, fields: &Fields) -> Result<&'a Order, ApiError> {
    let market = order_symbol(exchange, fields)?;
    let order = match (fields.find("orderId"), fields.find("orderLinkId")) {
        (None, None) => return Err(ApiError::params("params error: orderId or orderLinkId is required")),
        (Some(id), _) => id.parse::<OrderId>().ok().and_then(|id| exchange.order(owner, id)),
        (None, Some(client_id)) => exchange.order_by_client_id(owner, Some(market), client_id),
    };
    let open = order.filter(|order| order.market == market && order.status.is_open());
    open.ok_or_else(ApiError::unknown_order)
}

pub(super) fn cancel(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, ApiError> {
    let id = find_open(exchange, owner, fields)?.id;
    let order = exchange.cancel(owner, id, now_ms)?;
    Ok(reference(&order))
}

pub(super) fn cancel_all(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, ApiError> {
    if !is_spot(fields)? {
        return Ok(json!({"list": [], "success": "1"}));
    }
    let named = fields.find("symbol").map(|_| order_symbol(exchange, fields)).transpose()?;
    let mut markets = Vec::new();
    match named {
        Some(index) => markets.push(index),
        None => markets.extend(exchange.find_spot_markets()),
    }
    let orders = markets.into_iter().flat_map(|market| exchange.cancel_all(owner, Some(market), now_ms));
    let rows: Vec<Value> = orders.map(|order| reference(&order)).collect();
    Ok(json!({"list": rows, "success": "1"}))
}

/// Orders of the spot category that a request names by symbol and id.
fn filter<'a>(exchange: &'a Exchange, owner: AccountIndex, fields: &Fields) -> Result<Vec<&'a Order>, ApiError> {
    if !is_spot(fields)? {
        return Ok(Vec::new());
    }
    let market = symbol_if_any(exchange, fields)?;
    let (id, client_id, status) = (fields.find("orderId"), fields.find("orderLinkId"), fields.find("orderStatus"));
    let mut orders = exchange.all_orders(owner);
    orders.reverse();
    orders.retain(|order| {
        let spot = exchange.market(order.market).instrument.kind.is_spot();
        spot && market.is_none_or(|market| order.market == market)
            && id.is_none_or(|id| id.parse() == Ok(order.id))
            && client_id.is_none_or(|client_id| order.client_id == client_id)
            && status.is_none_or(|status| shapes::has_status(order, status))
    });
    Ok(orders)
}

fn page_of(exchange: &Exchange, mut orders: Vec<&Order>, fields: &Fields) -> Result<Value, ApiError> {
    let page = Page::read(fields, 20, BYBIT_ORDERS_MAX)?;
    orders.retain(|order| page.holds(order.id, order.created_ms));
    let (orders, cursor) = page.cut(orders, |order| order.id);
    let rows: Vec<Value> = orders.into_iter().map(|order| shapes::order(exchange, order)).collect();
    Ok(json!({"category": fields.find("category"), "list": rows, "nextPageCursor": cursor}))
}

/// The open orders, or whatever became of the one that is named; finished ones with
/// `openOnly=1`.
pub(super) fn orders(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, ApiError> {
    let mut orders = filter(exchange, owner, fields)?;
    let named = fields.find("orderId").is_some() || fields.find("orderLinkId").is_some();
    let finished = fields.find("openOnly") == Some("1");
    orders.retain(|order| named || order.status.is_open() != finished);
    page_of(exchange, orders, fields)
}

/// The finished orders.
pub(super) fn history(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, ApiError> {
    let mut orders = filter(exchange, owner, fields)?;
    orders.retain(|order| !order.status.is_open());
    page_of(exchange, orders, fields)
}

pub(super) fn executions(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, ApiError> {
    let spot = is_spot(fields)?;
    let market = symbol_if_any(exchange, fields)?;
    let page = Page::read(fields, 50, BYBIT_EXECUTIONS_MAX)?;
    let traded = matches!(fields.find("execType"), None | Some("Trade"));
    let (id, client_id) = (fields.find("orderId"), fields.find("orderLinkId"));
    let fills = exchange.account_state(owner).fills.iter().rev().filter(|fill| {
        let listed = exchange.market(fill.market).instrument.kind.is_spot();
        let linked = |name: &str| exchange.order(owner, fill.order).is_some_and(|order| order.client_id == name);
        spot && traded
            && listed
            && market.is_none_or(|market| fill.market == market)
            && id.is_none_or(|id| id.parse() == Ok(fill.order))
            && client_id.is_none_or(linked)
            && page.holds(fill.trade_id, fill.at_ms)
    });
    let (fills, cursor) = page.cut(fills.collect(), |fill| fill.trade_id);
    let rows: Vec<Value> = fills.into_iter().map(|fill| shapes::execution(exchange, owner, fill)).collect();
    Ok(json!({"category": fields.find("category"), "list": rows, "nextPageCursor": cursor}))
}

/// Nothing with a position is listed in this façade.
pub(super) fn positions(fields: &Fields) -> Result<Value, ApiError> {
    let category = fields.need("category")?;
    if category == SPOT {
        return Err(ApiError::params("Illegal category"));
    }
    Ok(json!({"category": category, "list": [], "nextPageCursor": ""}))
}
