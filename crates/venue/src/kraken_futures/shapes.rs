//! Orders, fills, tickers and books as the venue prints them: numbers are JSON numbers, times ISO 8601.

use serde_json::{Map, Value, json};

use super::names;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::exchange::{Exchange, Market};
use crate::facade::{iso, number, order_uuid};
use crate::operations::{levels, top};

/// An answer: what it holds, `result` and `serverTime`.
pub(super) fn success(name: &str, value: Value, now_ms: u64) -> String {
    let mut answer = Map::new();
    answer.insert("result".to_owned(), json!("success"));
    answer.insert(name.to_owned(), value);
    answer.insert("serverTime".to_owned(), json!(iso(now_ms)));
    Value::Object(answer).to_string()
}

pub(super) fn ticker(market: &Market) -> Value {
    let (terms, day) = (&market.instrument, market.tape.day());
    let ((bid, bid_size), (ask, ask_size)) = (top(market, Side::Buy), top(market, Side::Sell));
    let last = number(day.day.close);
    json!({
        "symbol": names::symbol(terms), "tag": "quarter", "pair": format!("{}:{}", names::currency(&terms.base), names::currency(&terms.quote)),
        "markPrice": last, "indexPrice": last, "bid": number(bid), "bidSize": number(bid_size), "ask": number(ask), "askSize": number(ask_size),
        "vol24h": number(day.day.volume), "volumeQuote": number(day.day.quote_volume), "openInterest": 0, "open24h": number(day.day.open),
        "high24h": number(day.day.high), "low24h": number(day.day.low), "last": last, "lastTime": iso(day.close_ms),
        "lastSize": number(day.last_quantity), "change24h": number(day.change_percent()), "suspended": false, "postOnly": false,
    })
}

/// Price and quantity of the best levels of one side.
pub(super) fn rows(market: &Market, side: Side, count: usize) -> Value {
    levels(market, side, count).into_iter().map(|(price, quantity)| json!([number(price), number(quantity)])).collect()
}

/// `lmt`, `ioc`, `post` or `mkt`.
const fn kind(order: &Order) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::Limit, TimeInForce::GoodTillCanceled) => "lmt",
        (OrderKind::Limit, TimeInForce::FillOrKill | TimeInForce::ImmediateOrCancel) => "ioc",
        (OrderKind::LimitMaker, _) => "post",
        (OrderKind::Market, _) => "mkt",
    }
}

/// An order inside an event.
pub(super) fn event_order(exchange: &Exchange, order: &Order) -> Value {
    json!({
        "orderId": order_uuid(order.id), "cliOrdId": order.given_client_id(), "type": kind(order),
        "symbol": names::symbol(&exchange.market(order.market).instrument), "side": order.side.lower(), "quantity": number(order.quantity),
        "filled": number(order.filled), "limitPrice": number(order.price), "reduceOnly": false, "timestamp": iso(order.created_ms),
        "lastUpdateTimestamp": iso(order.updated_ms),
    })
}

/// An order of the list of open ones.
pub(super) fn open_order(exchange: &Exchange, order: &Order) -> Value {
    let status = if order.status == OrderStatus::PartiallyFilled { "partiallyFilled" } else { "untouched" };
    json!({
        "order_id": order_uuid(order.id), "cliOrdId": order.given_client_id(),
        "symbol": names::symbol(&exchange.market(order.market).instrument), "side": order.side.lower(), "orderType": kind(order),
        "limitPrice": number(order.price), "unfilledSize": number(order.remaining()), "filledSize": number(order.filled),
        "receivedTime": iso(order.created_ms), "lastUpdateTime": iso(order.updated_ms), "status": status, "reduceOnly": false,
    })
}

/// An order of the stream.
pub(super) fn streamed_order(exchange: &Exchange, order: &Order) -> Value {
    json!({
        "instrument": names::symbol(&exchange.market(order.market).instrument), "time": order.created_ms,
        "last_update_time": order.updated_ms, "qty": number(order.remaining()), "filled": number(order.filled),
        "limit_price": number(order.price), "stop_price": 0, "type": "limit", "order_id": order_uuid(order.id),
        "cli_ord_id": order.given_client_id(), "direction": u8::from(order.side == Side::Sell), "reduce_only": false,
    })
}

pub(super) fn fill(exchange: &Exchange, fill: &Fill) -> Value {
    json!({
        "fill_id": fill.trade_id.to_string(), "symbol": names::symbol(&exchange.market(fill.market).instrument),
        "side": fill.side.lower(), "order_id": order_uuid(fill.order), "size": number(fill.quantity), "price": number(fill.price),
        "fillTime": iso(fill.at_ms), "fillType": if fill.is_maker { "maker" } else { "taker" },
    })
}

/// What one currency of an account is worth to it.
pub(super) fn currency(total: Fixed, free: Fixed) -> Value {
    json!({"quantity": number(total), "value": number(total), "collateral": number(total), "available": number(free)})
}
