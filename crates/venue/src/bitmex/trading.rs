//! Orders and balances of an account.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::BitmexError;
use super::market_data::market_of;
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{FieldError, Fields, order_uuid, read_order_uuid};
use crate::limits::BITMEX_ROWS_MAX;
use crate::operations::{Owner, spot_markets};

pub(super) fn user(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, BitmexError> {
    let name = &exchange.account_state(owner.index).name;
    Ok(json!({"id": owner.index.0, "username": **name, "typ": "Individual"}).to_string())
}

/// One row for each asset.
pub(super) fn margin_rows(exchange: &Exchange, owner: AccountIndex, at_ms: u64) -> Vec<Value> {
    let balances = exchange.account_state(owner).balances.iter();
    balances.map(|(asset, balance)| shapes::margin(owner.0, asset, *balance, at_ms)).collect()
}

/// The row of `currency`, which is `XBt` unless said; with `all`, all of them.
pub(super) fn margin(exchange: &Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let rows = margin_rows(exchange, owner.index, now_ms);
    let wanted = fields.find("currency").unwrap_or("XBt");
    if wanted == "all" {
        return Ok(Value::from(rows).to_string());
    }
    let row = rows.into_iter().find(|row| row["currency"] == wanted).ok_or(FieldError::Malformed("currency"))?;
    Ok(row.to_string())
}

pub(super) fn wallet(exchange: &Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    margin(exchange, owner, fields, now_ms)
}

/// Spot has none.
pub(super) fn positions(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, BitmexError> {
    Ok("[]".to_owned())
}

fn manner(fields: &Fields) -> Result<(OrderKind, TimeInForce), BitmexError> {
    let makes = fields.find("execInst").is_some_and(|text| text.split(',').any(|word| word.trim() == "ParticipateDoNotInitiate"));
    let time_in_force = match fields.find("timeInForce").unwrap_or("GoodTillCancel") {
        "FillOrKill" => TimeInForce::FillOrKill,
        "GoodTillCancel" => TimeInForce::GoodTillCanceled,
        "ImmediateOrCancel" => TimeInForce::ImmediateOrCancel,
        _ => return Err(BitmexError::field("timeInForce")),
    };
    let unnamed = if fields.find("price").is_some() { "Limit" } else { "Market" };
    let named = fields.find("ordType").unwrap_or(unnamed);
    match named {
        "Limit" if makes => Ok((OrderKind::LimitMaker, time_in_force)),
        "Limit" => Ok((OrderKind::Limit, time_in_force)),
        "Market" => Ok((OrderKind::Market, TimeInForce::GoodTillCanceled)),
        _ => Err(BitmexError::field("ordType")),
    }
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    Ok(place_one(exchange, owner, fields, now_ms)?.to_string())
}

/// Places one order, and tells it.
pub(super) fn place_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, BitmexError> {
    let market = market_of(exchange, fields)?;
    let side = match fields.find("side").unwrap_or("Buy") {
        "Buy" => Side::Buy,
        "Sell" => Side::Sell,
        _ => return Err(BitmexError::field("side")),
    };
    let (kind, time_in_force) = manner(fields)?;
    let units = fields.integer("orderQty")?.ok_or(FieldError::Missing("orderQty"))?;
    let size = Size::Base(names::amount(&exchange.market(market).instrument.base, units));
    let price = if kind == OrderKind::Market { Fixed::ZERO } else { fields.need_decimal("price")? };
    let client_id = fields.find("clOrdID").map(str::to_owned);
    let request = OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(&owner.key) };
    let placed = exchange.place(owner.index, request, now_ms)?;
    Ok(shapes::order(exchange, &placed.order))
}

/// A name, or a list of them.
fn list(fields: &Fields, name: &'static str) -> Result<Vec<String>, BitmexError> {
    match fields.find(name) {
        None => Ok(Vec::new()),
        Some(text) if text.starts_with('[') => Ok(serde_json::from_str(text).map_err(|_| FieldError::Malformed(name))?),
        Some(text) => Ok(text.split(',').map(str::to_owned).collect()),
    }
}

/// One row for each order that is named; one that cannot be cancelled says so in its row.
pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let by_id = list(fields, "orderID")?.into_iter().map(|id| (read_order_uuid(&id), "orderID", id));
    let by_client = list(fields, "clOrdID")?.into_iter().map(|id| {
        let order = exchange.order_by_client_id(owner.index, None, &id);
        (order.map(|order| order.id), "clOrdID", id)
    });
    let named: Vec<_> = by_id.chain(by_client).collect();
    if named.is_empty() {
        return Err(FieldError::Missing("orderID").into());
    }
    if named.len() > BITMEX_ROWS_MAX {
        return Err(BitmexError::field("orderID"));
    }
    let known = named.iter().any(|(id, ..)| id.is_some_and(|id| exchange.order(owner.index, id).is_some()));
    if !known {
        return Err(OrderError::UnknownOrder.into());
    }
    let rows = named.into_iter().map(|(id, name, text)| match id.map(|id| exchange.cancel(owner.index, id, now_ms)) {
        Some(Ok(order)) => shapes::order(exchange, &order),
        Some(Err(_)) | None => {
            let mut row = Map::new();
            row.insert(name.to_owned(), json!(text));
            row.insert("error".to_owned(), json!("Unable to cancel order due to existing state: Canceled"));
            Value::Object(row)
        }
    });
    Ok(rows.collect::<Value>().to_string())
}

pub(super) fn cancel_all(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let markets = match fields.find("symbol") {
        Some(_) => vec![market_of(exchange, fields)?],
        None => spot_markets(exchange).map(|(index, _)| index).collect(),
    };
    let canceled: Vec<Order> = markets.into_iter().flat_map(|market| exchange.cancel_all(owner.index, Some(market), now_ms)).collect();
    Ok(canceled.iter().map(|order| shapes::order(exchange, order)).collect::<Value>().to_string())
}

/// Whether an order passes the `filter` of a list, an object of field and value; of `open`, only `true` leaves anything out.
fn passes(exchange: &Exchange, order: &Order, filter: &Map<String, Value>) -> bool {
    let open = filter.get("open").is_none_or(|open| *open != json!(true) || order.status.is_open());
    let row = shapes::order(exchange, order);
    let same = |(name, value): (&String, &Value)| name == "open" || row.get(name).is_some_and(|told| told == value);
    open && filter.iter().all(same)
}

/// Oldest first unless `reverse`.
pub(super) fn orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, BitmexError> {
    let market = fields.find("symbol").map(|_| market_of(exchange, fields)).transpose()?;
    let filter: Map<String, Value> = match fields.find("filter") {
        Some(text) => serde_json::from_str(text).map_err(|_| FieldError::Malformed("filter"))?,
        None => Map::new(),
    };
    let wanted = |order: &&Order| {
        let listed = market.map_or_else(|| spot_markets(exchange).any(|(index, _)| index == order.market), |market| order.market == market);
        listed && passes(exchange, order, &filter)
    };
    let count = fields.limit("count", 100, BITMEX_ROWS_MAX)?;
    let mut found: Vec<&Order> = exchange.all_orders(owner.index).into_iter().rev().filter(wanted).take(count).collect();
    if !fields.flag("reverse")? {
        found.reverse();
    }
    Ok(found.into_iter().map(|order| shapes::order(exchange, order)).collect::<Value>().to_string())
}

/// Open orders of the pairs that are listed.
pub(super) fn open(exchange: &Exchange, owner: AccountIndex) -> Vec<Value> {
    let listed = |order: &&Order| spot_markets(exchange).any(|(index, _)| index == order.market);
    exchange.open_orders(owner).filter(listed).map(|order| shapes::order(exchange, order)).collect()
}

/// Oldest first unless `reverse`.
pub(super) fn fills(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, BitmexError> {
    let market = fields.find("symbol").map(|_| market_of(exchange, fields)).transpose()?;
    let order = fields.find("orderID").map(str::to_owned);
    let wanted = |fill: &&Fill| {
        let listed = market.map_or_else(|| spot_markets(exchange).any(|(index, _)| index == fill.market), |market| fill.market == market);
        listed && order.as_ref().is_none_or(|order| order_uuid(fill.order) == *order)
    };
    let count = fields.limit("count", 100, BITMEX_ROWS_MAX)?;
    let mut found: Vec<&Fill> = exchange.account_state(owner.index).fills.iter().rev().filter(wanted).take(count).collect();
    if !fields.flag("reverse")? {
        found.reverse();
    }
    Ok(found.into_iter().map(|fill| shapes::execution(exchange, fill)).collect::<Value>().to_string())
}
