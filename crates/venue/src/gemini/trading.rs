//! Orders and balances of an account.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::GeminiError;
use super::market_data::{market_of, since};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::Balance;
use crate::exchange::order::{Fill, Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{FieldError, Fields};
use crate::limits::{GEMINI_TRADE_ROWS, ROWS_PER_ANSWER_MAX};
use crate::operations::{Owner, spot_markets};

pub(super) fn balances(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, GeminiError> {
    let row = |(asset, balance): (&Arc<str>, &Balance)| {
        let (amount, free) = (balance.total.short(), balance.free().short());
        json!({"type": "exchange", "currency": **asset, "amount": amount, "available": free, "availableForWithdrawal": "0"})
    };
    Ok(exchange.account_state(owner.index).balances.iter().map(row).collect::<Value>().to_string())
}

pub(super) fn account(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, GeminiError> {
    let name = &exchange.account_state(owner.index).name;
    Ok(json!({"account": {"accountName": **name, "shortName": **name, "type": "exchange", "created": "0"}, "users": []}).to_string())
}

pub(super) fn heartbeat(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, GeminiError> {
    Ok(json!({"result": "ok"}).to_string())
}

pub(super) fn fees(exchange: &Exchange, _: &Owner, _: &Fields, now_ms: u64) -> Result<String, GeminiError> {
    let points = exchange.commission_points;
    let shape = json!({
        "api_maker_fee_bps": points, "api_taker_fee_bps": points, "api_auction_fee_bps": points, "web_maker_fee_bps": points,
        "web_taker_fee_bps": points, "fix_maker_fee_bps": points, "fix_taker_fee_bps": points, "last_updated_ms": now_ms,
        "notional_30d_volume": 0, "notional_1d_volume": [],
    });
    Ok(shape.to_string())
}

/// Kind and time in force by the one option that an order may have.
fn manner(fields: &Fields) -> Result<(OrderKind, TimeInForce), GeminiError> {
    if fields.need("type")? != "exchange limit" {
        return Err(GeminiError::order_type());
    }
    let options: Vec<String> = match fields.find("options") {
        Some(text) => serde_json::from_str(text).map_err(|_| FieldError::Malformed("options"))?,
        None => Vec::new(),
    };
    match options.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok((OrderKind::Limit, TimeInForce::GoodTillCanceled)),
        ["fill-or-kill"] => Ok((OrderKind::Limit, TimeInForce::FillOrKill)),
        ["immediate-or-cancel"] => Ok((OrderKind::Limit, TimeInForce::ImmediateOrCancel)),
        ["maker-or-cancel"] => Ok((OrderKind::LimitMaker, TimeInForce::GoodTillCanceled)),
        [other, ..] => Err(GeminiError::option(other)),
    }
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GeminiError> {
    let market = market_of(exchange, fields)?;
    let side = match fields.need("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(FieldError::Malformed("side").into()),
    };
    let (kind, time_in_force) = manner(fields)?;
    let (size, price) = (Size::Base(fields.need_decimal("amount")?), fields.need_decimal("price")?);
    let client_id = fields.find("client_order_id").map(str::to_owned);
    let request = OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(&owner.key) };
    let placed = exchange.place(owner.index, request, now_ms)?;
    Ok(shapes::order(exchange, &placed.order).to_string())
}

/// The order that `order_id` or `client_order_id` means.
fn find<'a>(exchange: &'a Exchange, owner: &Owner, fields: &Fields) -> Result<&'a Order, GeminiError> {
    let order = match (fields.integer("order_id")?, fields.find("client_order_id")) {
        (Some(id), _) => exchange.order(owner.index, id),
        (None, Some(id)) => exchange.order_by_client_id(owner.index, None, id),
        (None, None) => return Err(FieldError::Missing("order_id").into()),
    };
    order.ok_or_else(|| OrderError::UnknownOrder.into())
}

pub(super) fn status(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GeminiError> {
    Ok(shapes::order(exchange, find(exchange, owner, fields)?).to_string())
}

pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GeminiError> {
    let id = find(exchange, owner, fields)?.id;
    let canceled = exchange.cancel(owner.index, id, now_ms)?;
    Ok(shapes::order(exchange, &canceled).to_string())
}

pub(super) fn cancel_all(exchange: &mut Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, GeminiError> {
    let markets: Vec<_> = spot_markets(exchange).map(|(index, _)| index).collect();
    let canceled: Vec<u64> =
        markets.into_iter().flat_map(|market| exchange.cancel_all(owner.index, Some(market), now_ms)).map(|order| order.id).collect();
    Ok(json!({"result": "ok", "details": {"cancelledOrders": canceled, "cancelRejects": []}}).to_string())
}

fn listed<'a>(exchange: &'a Exchange, owner: &Owner, open: bool) -> impl Iterator<Item = &'a Order> {
    let wanted = move |order: &&Order| order.status.is_open() == open && spot_markets(exchange).any(|(index, _)| index == order.market);
    exchange.all_orders(owner.index).into_iter().rev().filter(wanted)
}

pub(super) fn open_orders(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, GeminiError> {
    Ok(listed(exchange, owner, true).map(|order| shapes::order(exchange, order)).collect::<Value>().to_string())
}

pub(super) fn past_orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GeminiError> {
    let orders = listed(exchange, owner, false).take(fields.limit("limit_orders", 50, ROWS_PER_ANSWER_MAX)?);
    Ok(orders.map(|order| shapes::order(exchange, order)).collect::<Value>().to_string())
}

/// Newest first.
pub(super) fn fills(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GeminiError> {
    let market = market_of(exchange, fields)?;
    let since = since(fields)?;
    let wanted = |fill: &&Fill| fill.market == market && fill.at_ms >= since;
    let limit = fields.limit("limit_trades", 50, GEMINI_TRADE_ROWS)?;
    let fills = exchange.account_state(owner.index).fills.iter().rev().filter(wanted).take(limit);
    Ok(fills.map(|fill| shapes::fill(exchange, fill)).collect::<Value>().to_string())
}
