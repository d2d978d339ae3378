//! Orders and balances of an account.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::KucoinError;
use super::market_data::{market_of, name_of, named};
use super::shapes::{self, data};
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{FieldError, Fields};
use crate::limits::{KUCOIN_PAGE_ROWS, KUCOIN_PAGE_ROWS_MAX, ROWS_PER_ANSWER_MAX};
use crate::operations::{Owner, spot_markets};

pub(super) fn account_mode(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&json!({"selfAccountMode": "CLASSIC"})))
}

/// Whether the account has the newer order family only. It has both, so: no.
pub(super) fn hf_opened(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&json!(false)))
}

/// There is one account, called `trade`; the main account is empty.
pub(super) fn accounts(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    let (kind, currency) = (fields.find("type"), fields.find("currency"));
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

pub(super) fn base_fee(exchange: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, KucoinError> {
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    Ok(data(&json!({"takerFeeRate": rate, "makerFeeRate": rate})))
}

pub(super) fn trade_fees(exchange: &Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    let names = fields.need("symbols")?.split(',');
    let row = |name: &str| {
        named(exchange, name)?;
        Ok(json!({"symbol": name, "takerFeeRate": rate, "makerFeeRate": rate}))
    };
    Ok(data(&names.map(row).collect::<Result<Value, KucoinError>>()?))
}

pub(super) fn read_order(exchange: &Exchange, owner: &Owner, fields: &Fields) -> Result<OrderRequest, KucoinError> {
    let market = market_of(exchange, fields)?;
    let side = match fields.need("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(FieldError::Malformed("side").into()),
    };
    let time_in_force = match fields.find("timeInForce").unwrap_or("GTC") {
        "FOK" => TimeInForce::FillOrKill,
        "GTC" => TimeInForce::GoodTillCanceled,
        "IOC" => TimeInForce::ImmediateOrCancel,
        _ => return Err(FieldError::Malformed("timeInForce").into()),
    };
    let kind = match fields.find("type").unwrap_or("limit") {
        "limit" if fields.flag("postOnly")? => OrderKind::LimitMaker,
        "limit" => OrderKind::Limit,
        "market" => OrderKind::Market,
        _ => return Err(FieldError::Malformed("type").into()),
    };
    for unserved in ["stop", "stopPrice", "iceberg", "hidden"] {
        if fields.find(unserved).is_some_and(|value| value != "false") {
            return Err(FieldError::Malformed(unserved).into());
        }
    }
    let (price, size) = match kind {
        OrderKind::Limit | OrderKind::LimitMaker => (fields.need_decimal("price")?, Size::Base(fields.need_decimal("size")?)),
        OrderKind::Market => match fields.decimal("funds")? {
            Some(funds) => (Fixed::ZERO, Size::Quote(funds)),
            None => (Fixed::ZERO, Size::Base(fields.need_decimal("size")?)),
        },
    };
    let client_id = fields.find("clientOid").map(str::to_owned);
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(&owner.key) })
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let request = read_order(exchange, owner, fields)?;
    let placed = exchange.place(owner.index, request, now_ms)?;
    Ok(data(&json!({"orderId": placed.order.id.to_string(), "clientOid": placed.order.client_id})))
}

/// Checks an order without placing it; the number it answers with belongs to nothing.
pub(super) fn test(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let request = read_order(exchange, owner, fields)?;
    exchange.check(owner.index, &request)?;
    Ok(data(&json!({"orderId": format!("test-{now_ms}"), "clientOid": request.client_id})))
}

/// The order that the path names, by either of its ids.
pub(super) fn find<'a>(exchange: &'a Exchange, owner: &Owner, fields: &Fields) -> Result<Option<&'a Order>, KucoinError> {
    let market = fields.find("symbol").map(|name| named(exchange, name)).transpose()?;
    let order = match (fields.find("order_id"), fields.find("client_oid")) {
        (Some(id), _) => id.parse().ok().and_then(|id| exchange.order(owner.index, id)),
        (None, Some(client_id)) => exchange.order_by_client_id(owner.index, market, client_id),
        (None, None) => return Err(FieldError::Missing("orderId").into()),
    };
    Ok(order.filter(|order| market.is_none_or(|market| order.market == market)))
}

pub(super) fn status(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    let order = find(exchange, owner, fields)?.ok_or_else(KucoinError::no_such_order)?;
    Ok(data(&shapes::order(exchange, order)))
}

pub(super) fn cancel_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Order, KucoinError> {
    let id = find(exchange, owner, fields)?.ok_or(OrderError::UnknownOrder)?.id;
    Ok(exchange.cancel(owner.index, id, now_ms)?)
}

pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let order = cancel_one(exchange, owner, fields, now_ms)?;
    Ok(data(&json!({"cancelledOrderIds": [order.id.to_string()]})))
}

pub(super) fn cancel_by_client_id(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let order = cancel_one(exchange, owner, fields, now_ms)?;
    Ok(data(&json!({"cancelledOrderId": order.id.to_string(), "clientOid": order.client_id})))
}

pub(super) fn hf_cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let order = cancel_one(exchange, owner, fields, now_ms)?;
    Ok(data(&json!({"orderId": order.id.to_string()})))
}

pub(super) fn hf_cancel_by_client_id(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let order = cancel_one(exchange, owner, fields, now_ms)?;
    Ok(data(&json!({"clientOid": order.client_id})))
}

pub(super) fn cancel_all(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let markets = match fields.find("symbol") {
        Some(name) => vec![named(exchange, name)?],
        None => spot_markets(exchange).map(|(index, _)| index).collect(),
    };
    let canceled = markets.into_iter().flat_map(|market| exchange.cancel_all(owner.index, Some(market), now_ms));
    let ids: Vec<String> = canceled.map(|order| order.id.to_string()).collect();
    Ok(data(&json!({"cancelledOrderIds": ids})))
}

/// Cancels what is open in one pair.
pub(super) fn hf_cancel_pair(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let market = market_of(exchange, fields)?;
    exchange.cancel_all(owner.index, Some(market), now_ms);
    Ok(data(&json!("success")))
}

/// Cancels what is open in every pair, and names the pairs that had something.
pub(super) fn hf_cancel_all(exchange: &mut Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let markets: Vec<_> = spot_markets(exchange).map(|(index, market)| (index, name_of(market))).collect();
    let mut canceled = Vec::new();
    for (market, name) in markets {
        if !exchange.cancel_all(owner.index, Some(market), now_ms).is_empty() {
            canceled.push(name);
        }
    }
    Ok(data(&json!({"succeedSymbols": canceled, "failedSymbols": []})))
}

/// One page of rows, of which all are at hand.
fn page(fields: &Fields, rows: Vec<Value>) -> Result<String, KucoinError> {
    let size = fields.limit("pageSize", KUCOIN_PAGE_ROWS, KUCOIN_PAGE_ROWS_MAX)?.max(1);
    let current = fields.limit("currentPage", 1, ROWS_PER_ANSWER_MAX)?.max(1);
    let total = rows.len();
    let items: Vec<Value> = rows.into_iter().skip((current - 1) * size).take(size).collect();
    Ok(data(&json!({"currentPage": current, "pageSize": size, "totalNum": total, "totalPage": total.div_ceil(size), "items": items})))
}

/// Nothing was ever paid in or out.
pub(super) fn no_payments(_: &Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    page(fields, Vec::new())
}

/// Orders of the façade's markets with this state, newest first.
fn orders_that(exchange: &Exchange, owner: &Owner, fields: &Fields, active: bool) -> Result<Vec<Value>, KucoinError> {
    let market = fields.find("symbol").map(|name| named(exchange, name)).transpose()?;
    let served = |order: &&Order| {
        let spot = spot_markets(exchange).any(|(index, _)| index == order.market);
        spot && market.is_none_or(|market| order.market == market) && order.status.is_open() == active
    };
    let orders = exchange.all_orders(owner.index).into_iter().rev();
    Ok(orders.filter(served).map(|order| shapes::order(exchange, order)).collect())
}

/// `status` is `active` or, unless said, `done`.
pub(super) fn orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    let active = match fields.find("status").unwrap_or("done") {
        "active" => true,
        "done" => false,
        _ => return Err(FieldError::Malformed("status").into()),
    };
    page(fields, orders_that(exchange, owner, fields, active)?)
}

pub(super) fn hf_active(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    market_of(exchange, fields)?;
    Ok(data(&Value::from(orders_that(exchange, owner, fields, true)?)))
}

/// Open orders of one pair, a page at a time.
pub(super) fn hf_active_page(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    market_of(exchange, fields)?;
    let page_fields = fields.clone().or("currentPage", fields.find("pageNum").unwrap_or("1"));
    page(&page_fields, orders_that(exchange, owner, fields, true)?)
}

/// The pairs that have an open order.
pub(super) fn hf_active_symbols(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, KucoinError> {
    let has = |index| exchange.open_orders(owner.index).any(|order| order.market == index);
    let names: Vec<String> = spot_markets(exchange).filter(|(index, _)| has(*index)).map(|(_, market)| name_of(market)).collect();
    Ok(data(&json!({"symbolSize": names.len(), "symbols": names})))
}

/// Finished orders of one pair, newest first.
pub(super) fn hf_done(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    market_of(exchange, fields)?;
    let limit = fields.limit("limit", 20, ROWS_PER_ANSWER_MAX)?;
    let rows: Vec<Value> = orders_that(exchange, owner, fields, false)?.into_iter().take(limit).collect();
    let last = rows.last().map_or_else(|| json!(0), |row| row["id"].clone());
    Ok(data(&json!({"lastId": last, "items": rows})))
}

fn fill_rows(exchange: &Exchange, owner: &Owner, fields: &Fields) -> Result<Vec<Value>, KucoinError> {
    let market = fields.find("symbol").map(|name| named(exchange, name)).transpose()?;
    let order = fields.integer("orderId")?;
    let served = |fill: &&Fill| {
        let spot = spot_markets(exchange).any(|(index, _)| index == fill.market);
        spot && market.is_none_or(|market| fill.market == market) && order.is_none_or(|order| fill.order == order)
    };
    let fills = exchange.account_state(owner.index).fills.iter().rev();
    Ok(fills.filter(served).map(|fill| shapes::fill(exchange, fill)).collect())
}

pub(super) fn fills(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    page(fields, fill_rows(exchange, owner, fields)?)
}

pub(super) fn hf_fills(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, KucoinError> {
    let mut rows = fill_rows(exchange, owner, fields)?;
    rows.truncate(fields.limit("limit", KUCOIN_PAGE_ROWS, KUCOIN_PAGE_ROWS_MAX)?);
    Ok(data(&json!({"items": rows, "lastId": 0})))
}
