//! What became of an account's orders, and its executions: the vendor keeps them beside its trading API.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::names;
use crate::exchange::Exchange;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus};
use crate::facade::{Fields, iso, order_uuid};
use crate::limits::KRAKEN_ROWS_MAX;
use crate::operations::Owner;

/// Bounds of a list, in milliseconds, and how many rows it has at most.
struct Window {
    since: u64,
    before: u64,
    oldest_first: bool,
    count: usize,
}

impl Window {
    fn read(fields: &Fields) -> Result<Self, FuturesError> {
        Ok(Self {
            since: fields.integer("since")?.unwrap_or(0),
            before: fields.integer("before")?.unwrap_or(u64::MAX),
            oldest_first: fields.find("sort") == Some("asc"),
            count: fields.limit("count", KRAKEN_ROWS_MAX, KRAKEN_ROWS_MAX)?,
        })
    }

    /// The rows of this window, each with its time; they come oldest first.
    fn answer(&self, exchange: &Exchange, owner: &Owner, rows: Vec<(u64, Value)>, now_ms: u64) -> String {
        let mut rows: Vec<Value> =
            rows.into_iter().filter(|(at_ms, _)| (self.since..self.before).contains(at_ms)).map(|(_, row)| row).collect();
        if !self.oldest_first {
            rows.reverse();
        }
        rows.truncate(self.count);
        let name = &exchange.account_state(owner.index).name;
        json!({"accountUid": **name, "len": rows.len(), "serverTime": iso(now_ms), "elements": rows}).to_string()
    }
}

/// An order inside an event. Quantities are told as text here.
fn order(exchange: &Exchange, order: &Order, filled: &str) -> Value {
    let kind = match order.kind {
        OrderKind::Limit => "lmt",
        OrderKind::LimitMaker => "post",
        OrderKind::Market => "mkt",
    };
    json!({
        "uid": order_uuid(order.id), "accountUid": *exchange.account_state(order.owner).name,
        "tradeable": names::symbol(&exchange.market(order.market).instrument), "direction": order.side.capital(),
        "quantity": order.quantity.short(), "filled": filled, "timestamp": order.created_ms, "limitPrice": order.price.short(),
        "orderType": kind, "clientId": order.given_client_id(), "reduceOnly": order.reduce, "lastUpdateTimestamp": order.updated_ms,
    })
}

/// What happened to an order: that it was placed, and how it ended.
fn events(exchange: &Exchange, of: &Order) -> Vec<(u64, Value)> {
    let row =
        |at_ms: u64, event: Value| (at_ms, json!({"uid": format!("{}-{at_ms}", order_uuid(of.id)), "timestamp": at_ms, "event": event}));
    let (before, after) = (order(exchange, of, "0"), order(exchange, of, &of.filled.short()));
    let mut told = vec![row(of.created_ms, json!({"OrderPlaced": {"order": before, "reason": "new_user_order", "reducedQuantity": ""}}))];
    match of.status {
        OrderStatus::Canceled => told.push(row(of.updated_ms, json!({"OrderCancelled": {"order": after, "reason": "cancelled_by_user"}}))),
        OrderStatus::Expired => told.push(row(of.updated_ms, json!({"OrderCancelled": {"order": after, "reason": "ioc_order_failed"}}))),
        OrderStatus::Filled => told.push(row(
            of.updated_ms,
            json!({"OrderUpdated": {"oldOrder": before, "newOrder": after, "reason": "full_fill", "reducedQuantity": ""}}),
        )),
        OrderStatus::New | OrderStatus::PartiallyFilled => {}
    }
    told
}

/// `history/v3/orders`: newest first unless `sort` is `asc`.
pub(super) fn orders(exchange: &Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let listed = |order: &&Order| names::contracts(exchange).any(|(index, _)| index == order.market);
    let wanted = fields.find("tradeable");
    let mut rows: Vec<(u64, Value)> = exchange
        .all_orders(owner.index)
        .into_iter()
        .filter(listed)
        .filter(|order| wanted.is_none_or(|wanted| names::symbol(&exchange.market(order.market).instrument).eq_ignore_ascii_case(wanted)))
        .flat_map(|order| events(exchange, order))
        .collect();
    rows.sort_by_key(|(at_ms, _)| *at_ms);
    Ok(Window::read(fields)?.answer(exchange, owner, rows, now_ms))
}

fn execution(exchange: &Exchange, fill: &Fill) -> (u64, Value) {
    let symbol = names::symbol(&exchange.market(fill.market).instrument);
    let uid = format!("{}-{}", order_uuid(fill.order), fill.trade_id);
    let own = exchange.orders.get(&fill.order).map(|of| order(exchange, of, &of.filled.short()));
    let other = json!({"tradeable": symbol, "direction": fill.side.opposite().capital(), "timestamp": fill.at_ms});
    let (maker, taker) = if fill.is_maker { (own, Some(other)) } else { (Some(other), own) };
    let execution = json!({
        "uid": uid, "makerOrder": maker, "takerOrder": taker, "timestamp": fill.at_ms, "quantity": fill.quantity.short(),
        "price": fill.price.short(), "markPrice": fill.price.short(), "limitFilled": false, "usdValue": fill.quote.short(),
        "executionType": if fill.is_maker { "maker" } else { "taker" }, "orderData": {"fee": fill.commission.short(), "positionSize": ""},
    });
    (fill.at_ms, json!({"uid": uid, "timestamp": fill.at_ms, "event": {"Execution": {"execution": execution, "takerReducedQuantity": ""}}}))
}

/// `history/v3/executions`: those of the account.
pub(super) fn executions(exchange: &Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let fills = exchange.account_state(owner.index).fills.iter();
    let listed = fills.filter(|fill| names::contracts(exchange).any(|(index, _)| index == fill.market));
    let rows = listed.map(|fill| execution(exchange, fill)).collect();
    Ok(Window::read(fields)?.answer(exchange, owner, rows, now_ms))
}
