//! Orders, balances and positions of an account.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::FuturesError;
use super::market_data::market_of;
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{FieldError, Fields, iso, number, order_uuid, read_order_uuid};
use crate::limits::ROWS_PER_ANSWER_MAX;
use crate::operations::Owner;

/// The one wallet there is, as cash and as multi-collateral margin: clients ask for either.
pub(super) fn accounts(exchange: &Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let balances = &exchange.account_state(owner.index).balances;
    let (mut cash, mut flex) = (Map::new(), Map::new());
    for (asset, balance) in balances {
        let name = names::currency(asset);
        cash.insert(name.to_lowercase(), number(balance.total));
        flex.insert(name.to_owned(), shapes::currency(balance.total, balance.free()));
    }
    let accounts = json!({
        "cash": {"type": "cashAccount", "balances": cash}, "flex": {"type": "multiCollateralMarginAccount", "currencies": flex},
    });
    Ok(shapes::success("accounts", accounts, now_ms))
}

fn manner(fields: &Fields) -> Result<(OrderKind, TimeInForce), FuturesError> {
    match fields.need("orderType")? {
        "ioc" => Ok((OrderKind::Limit, TimeInForce::ImmediateOrCancel)),
        "lmt" => Ok((OrderKind::Limit, TimeInForce::GoodTillCanceled)),
        "mkt" => Ok((OrderKind::Market, TimeInForce::GoodTillCanceled)),
        "post" => Ok((OrderKind::LimitMaker, TimeInForce::GoodTillCanceled)),
        _ => Err(FuturesError::NotTaken("invalidOrderType")),
    }
}

/// Places one order; how that went.
pub(super) fn place_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, FuturesError> {
    let market = market_of(exchange, fields)?;
    let side = match fields.need("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(FuturesError::NotTaken("invalidSide")),
    };
    let (kind, time_in_force) = manner(fields)?;
    let size = Size::Base(fields.need_decimal("size")?);
    let price = if kind == OrderKind::Market { Fixed::ZERO } else { fields.need_decimal("limitPrice")? };
    let client_id = fields.find("cliOrdId").map(str::to_owned);
    let request = OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(&owner.key) };
    let placed = exchange.place(owner.index, request, now_ms)?;
    let order = shapes::event_order(exchange, &placed.order);
    let mut events: Vec<Value> = placed
        .fills
        .iter()
        .map(|fill| {
            json!({
                "type": "EXECUTION", "executionId": fill.trade_id.to_string(), "price": number(fill.price), "amount": number(fill.quantity),
                "orderPriorEdit": null, "orderPriorExecution": order, "takerReducedQuantity": null,
            })
        })
        .collect();
    if events.is_empty() {
        events.push(json!({"type": "PLACE", "order": order, "reducedQuantity": null}));
    }
    Ok(json!({
        "order_id": order_uuid(placed.order.id), "cliOrdId": placed.order.given_client_id(), "status": "placed",
        "receivedTime": iso(now_ms), "orderEvents": events,
    }))
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(shapes::success("sendStatus", place_one(exchange, owner, fields, now_ms)?, now_ms))
}

/// The open order that `order_id` or `cliOrdId` means.
pub(super) fn find<'a>(exchange: &'a Exchange, owner: &Owner, fields: &Fields) -> Result<&'a Order, FuturesError> {
    let order = match (fields.find("order_id"), fields.find("cliOrdId")) {
        (Some(id), _) => read_order_uuid(id).and_then(|id| exchange.order(owner.index, id)),
        (None, Some(id)) => exchange.order_by_client_id(owner.index, None, id),
        (None, None) => return Err(FieldError::Missing("order_id").into()),
    };
    order.ok_or_else(|| OrderError::UnknownOrder.into())
}

/// A cancel that finds nothing succeeds, and says so.
pub(super) fn cancel_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, FuturesError> {
    let found = find(exchange, owner, fields).map(|order| order.id);
    let canceled = found.and_then(|id| exchange.cancel(owner.index, id, now_ms).map_err(FuturesError::from));
    match canceled {
        Ok(order) => {
            let event = json!({"type": "CANCEL", "uid": order_uuid(order.id), "order": shapes::event_order(exchange, &order)});
            let id = order_uuid(order.id);
            Ok(json!({"status": "cancelled", "order_id": id, "receivedTime": iso(now_ms), "orderEvents": [event]}))
        }
        Err(FuturesError::NotTaken(word)) => Ok(json!({"status": word, "receivedTime": iso(now_ms)})),
        Err(failed @ FuturesError::Failed(..)) => Err(failed),
    }
}

pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(shapes::success("cancelStatus", cancel_one(exchange, owner, fields, now_ms)?, now_ms))
}

pub(super) fn cancel_all(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let named = fields.find("symbol").map(|_| market_of(exchange, fields)).transpose()?;
    let contracts: Vec<_> =
        names::contracts(exchange).map(|(index, _)| index).filter(|index| named.is_none_or(|named| named == *index)).collect();
    let mut canceled: Vec<Value> = Vec::new();
    for market in contracts {
        canceled
            .extend(exchange.cancel_all(owner.index, Some(market), now_ms).iter().map(|order| json!({"order_id": order_uuid(order.id)})));
    }
    let word = if canceled.is_empty() { "noOrdersToCancel" } else { "cancelled" };
    let status = json!({"status": word, "cancelOnly": fields.find("symbol").unwrap_or("all"), "receivedTime": iso(now_ms), "cancelledOrders": canceled});
    Ok(shapes::success("cancelStatus", status, now_ms))
}

/// Open orders in contracts.
pub(super) fn open(exchange: &Exchange, owner: crate::exchange::account::AccountIndex) -> Vec<&Order> {
    let listed = |order: &&Order| names::contracts(exchange).any(|(index, _)| index == order.market);
    exchange.open_orders(owner).filter(listed).collect()
}

pub(super) fn open_orders(exchange: &Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let rows: Value = open(exchange, owner.index).into_iter().map(|order| shapes::open_order(exchange, order)).collect();
    Ok(shapes::success("openOrders", rows, now_ms))
}

pub(super) fn fills(exchange: &Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let fills = exchange.account_state(owner.index).fills.iter().rev();
    let listed = fills.filter(|fill| names::contracts(exchange).any(|(index, _)| index == fill.market));
    let rows: Value = listed.take(ROWS_PER_ANSWER_MAX).map(|fill| shapes::fill(exchange, fill)).collect();
    Ok(shapes::success("fills", rows, now_ms))
}

pub(super) fn positions(exchange: &Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let account = exchange.account_state(owner.index);
    let held =
        names::contracts(exchange).map(|(index, market)| (market, account.position(index))).filter(|(_, held)| !held.quantity.is_zero());
    let rows = held.map(|(market, held)| {
        let short = held.quantity < Fixed::ZERO;
        let (size, cost) = if short { (Fixed::ZERO - held.quantity, Fixed::ZERO - held.cost) } else { (held.quantity, held.cost) };
        json!({
            "side": if short { "short" } else { "long" }, "symbol": names::symbol(&market.instrument), "price": number(cost.div_down(size)),
            "fillTime": iso(now_ms), "size": number(size), "unrealizedFunding": 0, "pnlCurrency": names::currency(&market.instrument.quote),
        })
    });
    Ok(shapes::success("openPositions", rows.collect(), now_ms))
}
