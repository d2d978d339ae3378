//! Orders and balances of an account.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::CoinbaseError;
use super::market_data::named;
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Fill, Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{FieldError, Fields};
use crate::limits::ROWS_PER_ANSWER_MAX;
use crate::operations::{Owner, spot_markets};

/// Marks an order id as the client's.
const CLIENT_PREFIX: &str = "client:";

fn account_shapes(exchange: &Exchange, owner: &Owner) -> Vec<Value> {
    let balances = exchange.account_state(owner.index).balances.iter();
    let shape = |(asset, balance): (&Arc<str>, &crate::exchange::account::Balance)| {
        json!({
            "id": format!("{}-{asset}", owner.index.0), "currency": **asset, "balance": balance.total.short(),
            "available": balance.free().short(), "hold": balance.held.short(), "profile_id": owner.index.0.to_string(),
            "trading_enabled": true,
        })
    };
    balances.map(shape).collect()
}

/// Nothing was ever paid in or out.
pub(super) fn transfers(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, CoinbaseError> {
    Ok("[]".to_owned())
}

pub(super) fn accounts(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, CoinbaseError> {
    Ok(Value::from(account_shapes(exchange, owner)).to_string())
}

pub(super) fn account(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let id = fields.need("account_id")?;
    let found = account_shapes(exchange, owner).into_iter().find(|account| account["id"] == id);
    found.map(|account| account.to_string()).ok_or_else(CoinbaseError::not_found)
}

pub(super) fn fees(exchange: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    Ok(json!({"taker_fee_rate": rate, "maker_fee_rate": rate, "usd_volume": null}).to_string())
}

/// The market of `product_id`, if it is said.
fn market_of(exchange: &Exchange, fields: &Fields) -> Result<Option<MarketIndex>, CoinbaseError> {
    let named = |name| named(exchange, name).ok_or_else(CoinbaseError::unknown_product);
    fields.find("product_id").map(named).transpose()
}

fn read_order(exchange: &Exchange, owner: &Owner, fields: &Fields) -> Result<OrderRequest, CoinbaseError> {
    let market = market_of(exchange, fields)?.ok_or(FieldError::Missing("product_id"))?;
    let side = match fields.need("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(FieldError::Malformed("side").into()),
    };
    let kind = match fields.find("type").unwrap_or("limit") {
        "limit" if fields.flag("post_only")? => OrderKind::LimitMaker,
        "limit" => OrderKind::Limit,
        "market" => OrderKind::Market,
        _ => return Err(FieldError::Malformed("type").into()),
    };
    let time_in_force = match fields.find("time_in_force").unwrap_or("GTC") {
        "FOK" => TimeInForce::FillOrKill,
        "GTC" => TimeInForce::GoodTillCanceled,
        "IOC" => TimeInForce::ImmediateOrCancel,
        _ => return Err(FieldError::Malformed("time_in_force").into()),
    };
    if fields.find("stop").or_else(|| fields.find("stop_price")).is_some() {
        return Err(FieldError::Malformed("stop").into());
    }
    let (price, size) = match (kind, fields.decimal("funds")?) {
        (OrderKind::Limit | OrderKind::LimitMaker, _) => (fields.need_decimal("price")?, Size::Base(fields.need_decimal("size")?)),
        (OrderKind::Market, Some(funds)) => (Fixed::ZERO, Size::Quote(funds)),
        (OrderKind::Market, None) => (Fixed::ZERO, Size::Base(fields.need_decimal("size")?)),
    };
    let client_id = fields.find("client_oid").map(str::to_owned);
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(&owner.key) })
}

/// Answers with the order as it was taken; what it filled is for a look or the feed, as the
/// venue does, but its state is the present one.
pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, CoinbaseError> {
    let request = read_order(exchange, owner, fields)?;
    let placed = exchange.place(owner.index, request, now_ms)?;
    Ok(shapes::order(exchange, &placed.order).to_string())
}

/// The order that the path names. A `product_id` beside it is not looked at: the number is enough.
fn find<'a>(exchange: &'a Exchange, owner: &Owner, fields: &Fields) -> Result<Option<&'a Order>, CoinbaseError> {
    let id = fields.need("order_id")?;
    Ok(match id.strip_prefix(CLIENT_PREFIX) {
        Some(client_id) => exchange.order_by_client_id(owner.index, None, client_id),
        None => id.parse().ok().and_then(|id| exchange.order(owner.index, id)),
    })
}

pub(super) fn status(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let order = find(exchange, owner, fields)?.ok_or_else(CoinbaseError::not_found)?;
    Ok(shapes::order(exchange, order).to_string())
}

/// Answers with the id that was asked for.
pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, CoinbaseError> {
    let id = find(exchange, owner, fields)?.ok_or(OrderError::UnknownOrder)?.id;
    exchange.cancel(owner.index, id, now_ms)?;
    Ok(json!(id.to_string()).to_string())
}

pub(super) fn cancel_all(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, CoinbaseError> {
    let markets = match market_of(exchange, fields)? {
        Some(market) => vec![market],
        None => spot_markets(exchange).map(|(index, _)| index).collect(),
    };
    let canceled = markets.into_iter().flat_map(|market| exchange.cancel_all(owner.index, Some(market), now_ms));
    Ok(canceled.map(|order| order.id.to_string()).collect::<Value>().to_string())
}

/// `status` is `open` unless said, `done` or `all`; newest first.
pub(super) fn orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let market = market_of(exchange, fields)?;
    let (open, done) = match fields.find("status").unwrap_or("open") {
        "active" | "open" | "pending" => (true, false),
        "all" => (true, true),
        "done" => (false, true),
        _ => return Err(FieldError::Malformed("status").into()),
    };
    let wanted = |order: &&Order| {
        let spot = spot_markets(exchange).any(|(index, _)| index == order.market);
        let state = if order.status.is_open() { open } else { done };
        spot && state && market.is_none_or(|market| order.market == market)
    };
    let limit = fields.limit("limit", ROWS_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX)?;
    let orders = exchange.all_orders(owner.index).into_iter().rev().filter(wanted).take(limit);
    Ok(orders.map(|order| shapes::order(exchange, order)).collect::<Value>().to_string())
}

pub(super) fn fills(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, CoinbaseError> {
    let (market, order) = (market_of(exchange, fields)?, fields.integer("order_id")?);
    if market.is_none() && order.is_none() {
        return Err(FieldError::Missing("product_id").into());
    }
    let wanted = |fill: &&Fill| {
        let spot = spot_markets(exchange).any(|(index, _)| index == fill.market);
        spot && market.is_none_or(|market| fill.market == market) && order.is_none_or(|order| fill.order == order)
    };
    let limit = fields.limit("limit", ROWS_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX)?;
    let fills = exchange.account_state(owner.index).fills.iter().rev().filter(wanted).take(limit);
    Ok(fills.map(|fill| shapes::fill(exchange, fill)).collect::<Value>().to_string())
}
