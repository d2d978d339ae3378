//! Orders and balances of an account.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::BitfinexError;
use super::market_data::market_of;
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::{AccountIndex, Balance};
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Order, OrderError, OrderId, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{FieldError, Fields, number};
use crate::limits::ROWS_PER_ANSWER_MAX;
use crate::operations::{Owner, spot_markets};

/// `[TYPE, CURRENCY, BALANCE, INTEREST, AVAILABLE, …]`
pub(super) fn wallet_rows(exchange: &Exchange, owner: AccountIndex) -> Vec<Value> {
    let balances = exchange.account_state(owner).balances.iter();
    let row = |(asset, balance): (&Arc<str>, &Balance)| {
        json!(["exchange", shapes::currency(asset), number(balance.total), 0, number(balance.free()), null, null])
    };
    balances.map(row).collect()
}

pub(super) fn wallets(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, BitfinexError> {
    Ok(Value::from(wallet_rows(exchange, owner.index)).to_string())
}

/// Spot has none.
pub(super) fn positions(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, BitfinexError> {
    Ok("[]".to_owned())
}

/// The fields of a user, of which the vendor's typed client counts every one (vendor, "User Info").
const USER_FIELDS: usize = 55;

/// `[ID, EMAIL, USERNAME, MTS_ACCOUNT_CREATE, VERIFIED, VERIFICATION_LEVEL, …]`: nothing of a person is known here.
pub(super) fn user(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, BitfinexError> {
    let name = &*exchange.account_state(owner.index).name;
    let known = json!([owner.index.0, "", name, 0, 1, 1, null, "UTC", "en", "bitfinex", 1, null, null, null, 0, null, null, 0, 0]);
    let mut row: Vec<Value> = known.as_array().cloned().unwrap_or_default();
    row.resize(USER_FIELDS, Value::Null);
    Ok(Value::from(row).to_string())
}

/// The fees, in the fifth place: what a maker pays for each kind of pair, and what a taker pays.
pub(super) fn summary(exchange: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, BitfinexError> {
    let rate = number(Fixed::whole(1).basis_points(exchange.commission_points));
    let kinds = json!([rate, rate, rate, null, null, rate]);
    Ok(json!([null, null, null, null, [kinds, kinds], [[], []], null, null, null, {"leo_lev": 0, "leo_amount_avg": 0}]).to_string())
}

fn manner(fields: &Fields) -> Result<(OrderKind, TimeInForce), BitfinexError> {
    let makes = fields.integer("flags")?.unwrap_or(0) & shapes::POST_ONLY != 0;
    match fields.need("type")? {
        "EXCHANGE FOK" => Ok((OrderKind::Limit, TimeInForce::FillOrKill)),
        "EXCHANGE IOC" => Ok((OrderKind::Limit, TimeInForce::ImmediateOrCancel)),
        "EXCHANGE LIMIT" if makes => Ok((OrderKind::LimitMaker, TimeInForce::GoodTillCanceled)),
        "EXCHANGE LIMIT" => Ok((OrderKind::Limit, TimeInForce::GoodTillCanceled)),
        "EXCHANGE MARKET" => Ok((OrderKind::Market, TimeInForce::GoodTillCanceled)),
        _ => Err(FieldError::Malformed("type").into()),
    }
}

/// An amount whose sign is the side.
fn amount(fields: &Fields) -> Result<(Side, Fixed), BitfinexError> {
    let text = fields.need("amount")?;
    let (side, text) = text.strip_prefix('-').map_or((Side::Buy, text), |text| (Side::Sell, text));
    let amount = Fixed::parse(text).map_err(|_| FieldError::Malformed("amount"))?;
    Ok((side, amount))
}

/// What a write is answered: the order it was about, in one more array when it was placed.
pub(super) fn notice(kind: &str, what: &Value, text: &str, now_ms: u64) -> String {
    json!([now_ms, kind, null, null, what, null, "SUCCESS", text]).to_string()
}

fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, BitfinexError> {
    let market = market_of(exchange, fields)?;
    let (side, amount) = amount(fields)?;
    let (kind, time_in_force) = manner(fields)?;
    let price = if kind == OrderKind::Market { Fixed::ZERO } else { fields.need_decimal("price")? };
    let client_id = fields.integer("cid")?.map(|id| id.to_string());
    let request =
        OrderRequest { market, side, kind, time_in_force, size: Size::Base(amount), price, client_id, key: Arc::clone(&owner.key) };
    let placed = exchange.place(owner.index, request, now_ms)?;
    Ok(shapes::order(exchange, &placed.order))
}

pub(super) fn submit(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitfinexError> {
    let order = place(exchange, owner, fields, now_ms)?;
    Ok(notice("on-req", &json!([order]), "Submitting 1 orders.", now_ms))
}

/// The same over the WebSocket, where the order stands alone.
pub(super) fn submit_input(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitfinexError> {
    let order = place(exchange, owner, fields, now_ms)?;
    Ok(notice("on-req", &order, "Submitting exchange order.", now_ms))
}

pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitfinexError> {
    let id = match (fields.integer("id")?, fields.integer("cid")?) {
        (Some(id), _) => Some(id),
        (None, Some(cid)) => exchange.order_by_client_id(owner.index, None, &cid.to_string()).map(|order| order.id),
        (None, None) => return Err(FieldError::Missing("id").into()),
    };
    let canceled = exchange.cancel(owner.index, id.ok_or(OrderError::UnknownOrder)?, now_ms)?;
    Ok(notice("oc-req", &shapes::order(exchange, &canceled), "Submitted for cancellation.", now_ms))
}

/// Cancels what is named by `id` (numbers) or `cid` (pairs of number and date), or `all` that is open; what is not open is passed over,
/// as at the venue.
pub(super) fn cancel_multi(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitfinexError> {
    let named = named_orders(exchange, owner, fields)?;
    let canceled: Vec<Order> = named.into_iter().filter_map(|id| exchange.cancel(owner.index, id, now_ms).ok()).collect();
    let rows: Value = canceled.iter().map(|order| shapes::order(exchange, order)).collect();
    Ok(notice("oc_multi-req", &rows, &format!("Submitting {} order cancellations.", canceled.len()), now_ms))
}

fn named_orders(exchange: &Exchange, owner: &Owner, fields: &Fields) -> Result<Vec<OrderId>, BitfinexError> {
    let listed = |market| spot_markets(exchange).any(|(index, _)| index == market);
    if fields.flag("all")? {
        return Ok(exchange.open_orders(owner.index).filter(|order| listed(order.market)).map(|order| order.id).collect());
    }
    let list = |name| fields.find(name).map(serde_json::from_str::<Vec<Value>>).transpose();
    if let Some(ids) = list("id").map_err(|_| FieldError::Malformed("id"))? {
        let read = ids.iter().map(Value::as_u64).collect::<Option<_>>();
        return Ok(read.ok_or(FieldError::Malformed("id"))?);
    }
    let wrong = || FieldError::Malformed("cid");
    let pairs = list("cid").map_err(|_| wrong())?.ok_or(FieldError::Missing("id"))?;
    let mut orders = Vec::new();
    for pair in &pairs {
        let id = pair.get(0).and_then(Value::as_u64).ok_or_else(wrong)?;
        orders.extend(exchange.order_by_client_id(owner.index, None, &id.to_string()).map(|order| order.id));
    }
    Ok(orders)
}

/// Open orders in pairs that are listed, newest first.
pub(super) fn open_rows(exchange: &Exchange, owner: AccountIndex) -> Vec<Value> {
    let listed = |order: &&Order| spot_markets(exchange).any(|(index, _)| index == order.market);
    let mut rows: Vec<Value> = exchange.open_orders(owner).filter(listed).map(|order| shapes::order(exchange, order)).collect();
    rows.reverse();
    rows
}

/// Orders in pairs that are listed, of one pair when it is named, those of `id` when that is a list; newest first.
fn listed<'a>(exchange: &'a Exchange, owner: &Owner, fields: &Fields, open: bool) -> Result<Vec<&'a Order>, BitfinexError> {
    let named = fields.find("symbol").map(|_| market_of(exchange, fields)).transpose()?;
    let limit = fields.limit("limit", 25, ROWS_PER_ANSWER_MAX)?;
    let ids = fields.words("id")?;
    let wanted = |order: &&Order| {
        order.status.is_open() == open
            && (ids.is_empty() || ids.contains(&order.id.to_string()))
            && named.map_or_else(|| spot_markets(exchange).any(|(index, _)| index == order.market), |named| named == order.market)
    };
    let orders = exchange.all_orders(owner.index).into_iter().rev().filter(wanted);
    // Open orders are told whole.
    Ok(orders.take(if open { usize::MAX } else { limit }).collect())
}

pub(super) fn open_orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let orders = listed(exchange, owner, fields, true)?;
    Ok(orders.into_iter().map(|order| shapes::order(exchange, order)).collect::<Value>().to_string())
}

pub(super) fn past_orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let orders = listed(exchange, owner, fields, false)?;
    Ok(orders.into_iter().map(|order| shapes::order(exchange, order)).collect::<Value>().to_string())
}

/// The trades of one order, whose place in the path is the pair and the number with a colon between.
pub(super) fn order_trades(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let id = fields.need("symbol_id")?.rsplit_once(':').and_then(|(_, id)| id.parse().ok());
    let id: OrderId = id.ok_or(FieldError::Malformed("id"))?;
    let fills = exchange.account_state(owner.index).fills.iter().rev().filter(|fill| fill.order == id);
    Ok(fills.map(|fill| shapes::fill(exchange, fill)).collect::<Value>().to_string())
}

pub(super) fn trades(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let named = fields.find("symbol").map(|_| market_of(exchange, fields)).transpose()?;
    let limit = fields.limit("limit", 25, ROWS_PER_ANSWER_MAX)?;
    let wanted = |market| named.map_or_else(|| spot_markets(exchange).any(|(index, _)| index == market), |named| named == market);
    let fills = exchange.account_state(owner.index).fills.iter().rev().filter(|fill| wanted(fill.market));
    Ok(fills.take(limit).map(|fill| shapes::fill(exchange, fill)).collect::<Value>().to_string())
}
