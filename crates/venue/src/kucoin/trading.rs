//! Orders and balances of an account.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::KucoinError;
use super::market_data::{market_of, named};
use super::shapes::{self, data};
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::limits::{KUCOIN_PAGE_ROWS, KUCOIN_PAGE_ROWS_MAX, ROWS_PER_ANSWER_MAX};
use crate::operations::{Owner, ParamError, Params, spot_markets};

pub(super) fn account_mode(_: &Exchange, _: &Owner, _: &Params, _: u64) -> Result<String, KucoinError> {
    Ok(data(&json!({"selfAccountMode": "CLASSIC"})))
}

/// Whether the account has the newer order family only. It has both, so: no.
pub(super) fn hf_opened(_: &Exchange, _: &Owner, _: &Params, _: u64) -> Result<String, KucoinError> {
    Ok(data(&json!(false)))
}

/// There is one account, called `trade`; the main account is empty.
pub(super) fn accounts(exchange: &Exchange, owner: &Owner, params: &Params, _: u64) -> Result<String, KucoinError> {
    let (kind, currency) = (params.find("type"), params.find("currency"));
    let account = exchange.account_state(owner.index);
    let served = kind.is_none_or(|kind| kind == "trade");
    let rows = account.balances.iter().filter(|(asset, _)| served && currency.is_none_or(|currency| &***asset == currency));
    let row = |(number, (asset, balance)): (usize, (&Arc<str>, &crate::exchange::account::Balance))| {
        json!({
            "id": format!("{}-{number}", owner.index.0), "currency": **asset, "type": "trade", "balance": balance.total.short(),
            "available": balance.free().short(), "holds": balance.held.short(),
        })
    };
    Ok(data(&rows.enumerate().map(row).collect()))
}

pub(super) fn trade_fees(exchange: &Exchange, _: &Owner, params: &Params, _: u64) -> Result<String, KucoinError> {
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    let names = params.need("symbols")?.split(',');
    let row = |name: &str| {
        named(exchange, name)?;
        Ok(json!({"symbol": name, "takerFeeRate": rate, "makerFeeRate": rate}))
    };
    Ok(data(&names.map(row).collect::<Result<Value, KucoinError>>()?))
}

fn read_order(exchange: &Exchange, owner: &Owner, params: &Params) -> Result<OrderRequest, KucoinError> {
    let market = market_of(exchange, params)?;
    let side = match params.need("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(ParamError::malformed("side").into()),
    };
    let time_in_force = match params.find("timeInForce").unwrap_or("GTC") {
        "FOK" => TimeInForce::FillOrKill,
        "GTC" => TimeInForce::GoodTillCanceled,
        "IOC" => TimeInForce::ImmediateOrCancel,
        _ => return Err(ParamError::malformed("timeInForce").into()),
    };
    let kind = match params.find("type").unwrap_or("limit") {
        "limit" if params.flag("postOnly")? => OrderKind::LimitMaker,
        "limit" => OrderKind::Limit,
        "market" => OrderKind::Market,
        _ => return Err(ParamError::malformed("type").into()),
    };
    for unserved in ["stop", "stopPrice", "iceberg", "hidden"] {
        if params.find(unserved).is_some_and(|value| value != "false") {
            return Err(ParamError::malformed(unserved).into());
        }
    }
    let (price, size) = match kind {
        OrderKind::Limit | OrderKind::LimitMaker => (params.need_decimal("price")?, Size::Base(params.need_decimal("size")?)),
        OrderKind::Market => match params.decimal("funds")? {
            Some(funds) => (Fixed::ZERO, Size::Quote(funds)),
            None => (Fixed::ZERO, Size::Base(params.need_decimal("size")?)),
        },
    };
    let client_id = params.find("clientOid").map(str::to_owned);
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(&owner.key) })
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, params: &Params, now_ms: u64) -> Result<String, KucoinError> {
    let request = read_order(exchange, owner, params)?;
    let placed = exchange.place(owner.index, request, now_ms)?;
    Ok(data(&json!({"orderId": placed.order.id.to_string(), "clientOid": placed.order.client_id})))
}

/// Checks an order without placing it; the number it answers with belongs to nothing.
pub(super) fn test(exchange: &mut Exchange, owner: &Owner, params: &Params, now_ms: u64) -> Result<String, KucoinError> {
    let request = read_order(exchange, owner, params)?;
    exchange.check(owner.index, &request)?;
    Ok(data(&json!({"orderId": format!("test-{now_ms}"), "clientOid": request.client_id})))
}

/// The order that the path names, by either of its ids.
fn find<'a>(exchange: &'a Exchange, owner: &Owner, params: &Params) -> Result<Option<&'a Order>, KucoinError> {
    let market = params.find("symbol").map(|name| named(exchange, name)).transpose()?;
    let order = match (params.find("order_id"), params.find("client_oid")) {
        (Some(id), _) => id.parse().ok().and_then(|id| exchange.order(owner.index, id)),
        (None, Some(client_id)) => exchange.order_by_client_id(owner.index, market, client_id),
        (None, None) => return Err(ParamError::missing("orderId").into()),
    };
    Ok(order.filter(|order| market.is_none_or(|market| order.market == market)))
}

pub(super) fn status(exchange: &Exchange, owner: &Owner, params: &Params, _: u64) -> Result<String, KucoinError> {
    let order = find(exchange, owner, params)?.ok_or_else(KucoinError::no_such_order)?;
    Ok(data(&shapes::order(exchange, order)))
}

fn cancel_one(exchange: &mut Exchange, owner: &Owner, params: &Params, now_ms: u64) -> Result<Order, KucoinError> {
    let id = find(exchange, owner, params)?.ok_or(OrderError::UnknownOrder)?.id;
    Ok(exchange.cancel(owner.index, id, now_ms)?)
}

pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, params: &Params, now_ms: u64) -> Result<String, KucoinError> {
    let order = cancel_one(exchange, owner, params, now_ms)?;
    Ok(data(&json!({"cancelledOrderIds": [order.id.to_string()]})))
}

pub(super) fn cancel_by_client_id(exchange: &mut Exchange, owner: &Owner, params: &Params, now_ms: u64) -> Result<String, KucoinError> {
    let order = cancel_one(exchange, owner, params, now_ms)?;
    Ok(data(&json!({"cancelledOrderId": order.id.to_string(), "clientOid": order.client_id})))
}

pub(super) fn hf_cancel(exchange: &mut Exchange, owner: &Owner, params: &Params, now_ms: u64) -> Result<String, KucoinError> {
    let order = cancel_one(exchange, owner, params, now_ms)?;
    Ok(data(&json!({"orderId": order.id.to_string()})))
}

pub(super) fn hf_cancel_by_client_id(exchange: &mut Exchange, owner: &Owner, params: &Params, now_ms: u64) -> Result<String, KucoinError> {
    let order = cancel_one(exchange, owner, params, now_ms)?;
    Ok(data(&json!({"clientOid": order.client_id})))
}

pub(super) fn cancel_all(exchange: &mut Exchange, owner: &Owner, params: &Params, now_ms: u64) -> Result<String, KucoinError> {
    let markets = match params.find("symbol") {
        Some(name) => vec![named(exchange, name)?],
        None => spot_markets(exchange).map(|(index, _)| index).collect(),
    };
    let canceled = markets.into_iter().flat_map(|market| exchange.cancel_all(owner.index, Some(market), now_ms));
    let ids: Vec<String> = canceled.map(|order| order.id.to_string()).collect();
    Ok(data(&json!({"cancelledOrderIds": ids})))
}

/// One page of rows, of which all are at hand.
fn page(params: &Params, rows: Vec<Value>) -> Result<String, KucoinError> {
    let size = params.limit("pageSize", KUCOIN_PAGE_ROWS, KUCOIN_PAGE_ROWS_MAX)?.max(1);
    let current = params.limit("currentPage", 1, ROWS_PER_ANSWER_MAX)?.max(1);
    let total = rows.len();
    let items: Vec<Value> = rows.into_iter().skip((current - 1) * size).take(size).collect();
    Ok(data(&json!({"currentPage": current, "pageSize": size, "totalNum": total, "totalPage": total.div_ceil(size), "items": items})))
}

/// Orders of the façade's markets with this state, newest first.
fn orders_that(exchange: &Exchange, owner: &Owner, params: &Params, active: bool) -> Result<Vec<Value>, KucoinError> {
    let market = params.find("symbol").map(|name| named(exchange, name)).transpose()?;
    let served = |order: &&Order| {
        let spot = spot_markets(exchange).any(|(index, _)| index == order.market);
        spot && market.is_none_or(|market| order.market == market) && order.status.is_open() == active
    };
    let orders = exchange.all_orders(owner.index).into_iter().rev();
    Ok(orders.filter(served).map(|order| shapes::order(exchange, order)).collect())
}

/// `status` is `active` or, unless said, `done`.
pub(super) fn orders(exchange: &Exchange, owner: &Owner, params: &Params, _: u64) -> Result<String, KucoinError> {
    let active = match params.find("status").unwrap_or("done") {
        "active" => true,
        "done" => false,
        _ => return Err(ParamError::malformed("status").into()),
    };
    page(params, orders_that(exchange, owner, params, active)?)
}

pub(super) fn hf_active(exchange: &Exchange, owner: &Owner, params: &Params, _: u64) -> Result<String, KucoinError> {
    market_of(exchange, params)?;
    Ok(data(&Value::from(orders_that(exchange, owner, params, true)?)))
}

fn fill_rows(exchange: &Exchange, owner: &Owner, params: &Params) -> Result<Vec<Value>, KucoinError> {
    let market = params.find("symbol").map(|name| named(exchange, name)).transpose()?;
    let order = params.integer("orderId")?;
    let served = |fill: &&Fill| {
        let spot = spot_markets(exchange).any(|(index, _)| index == fill.market);
        spot && market.is_none_or(|market| fill.market == market) && order.is_none_or(|order| fill.order == order)
    };
    let fills = exchange.account_state(owner.index).fills.iter().rev();
    Ok(fills.filter(served).map(|fill| shapes::fill(exchange, fill)).collect())
}

pub(super) fn fills(exchange: &Exchange, owner: &Owner, params: &Params, _: u64) -> Result<String, KucoinError> {
    page(params, fill_rows(exchange, owner, params)?)
}

pub(super) fn hf_fills(exchange: &Exchange, owner: &Owner, params: &Params, _: u64) -> Result<String, KucoinError> {
    let mut rows = fill_rows(exchange, owner, params)?;
    rows.truncate(params.limit("limit", KUCOIN_PAGE_ROWS, KUCOIN_PAGE_ROWS_MAX)?);
    Ok(data(&json!({"items": rows, "lastId": 0})))
}
