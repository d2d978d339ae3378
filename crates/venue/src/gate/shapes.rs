//! Orders, fills, trades and tickers as the venue prints them.

use serde_json::{Value, json};

use super::market_data::name_of;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::exchange::{Exchange, Market};
use crate::operations::{average_price, commission_of, top};

/// A time in whole seconds, as text.
fn seconds(at_ms: u64) -> String {
    (at_ms / 1_000).to_string()
}

pub(super) fn ticker(market: &Market) -> Value {
    let day = market.tape.day();
    let ((bid, bid_size), (ask, ask_size)) = (top(market, Side::Buy), top(market, Side::Sell));
    json!({
        "currency_pair": name_of(market), "last": day.day.close, "lowest_ask": ask, "lowest_size": ask_size,
        "highest_bid": bid, "highest_size": bid_size, "change_percentage": day.change_percent().short(),
        "base_volume": day.day.volume, "quote_volume": day.day.quote_volume, "high_24h": day.day.high, "low_24h": day.day.low,
    })
}

pub(super) fn trade(market: &Market, trade: &PublicTrade) -> Value {
    json!({
        "id": trade.id.to_string(), "create_time": seconds(trade.at_ms), "create_time_ms": trade.at_ms.to_string(),
        "side": trade.taker().lower(), "amount": trade.quantity, "price": trade.price, "currency_pair": name_of(market),
        "range": format!("{0}-{0}", trade.id), "sequence_id": trade.id.to_string(),
    })
}

/// A trade of the stream: like the one of the list, with numbers where that has text.
pub(super) fn streamed_trade(market: &Market, one: &PublicTrade) -> Value {
    let mut shape = trade(market, one);
    shape["id"] = json!(one.id);
    shape["create_time"] = json!(one.at_ms / 1_000);
    shape
}

const fn time_in_force(order: &Order) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::LimitMaker, _) => "poc",
        (OrderKind::Market, TimeInForce::FillOrKill) | (OrderKind::Limit, TimeInForce::FillOrKill) => "fok",
        (OrderKind::Market, _) | (OrderKind::Limit, TimeInForce::ImmediateOrCancel) => "ioc",
        (OrderKind::Limit, TimeInForce::GoodTillCanceled) => "gtc",
    }
}

const fn status(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Canceled | OrderStatus::Expired => "cancelled",
        OrderStatus::Filled => "closed",
        OrderStatus::New | OrderStatus::PartiallyFilled => "open",
    }
}

/// How the order ended; `open` while it has not.
fn finish_as(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Canceled => "cancelled",
        OrderStatus::Expired => time_in_force(order),
        OrderStatus::Filled => "filled",
        OrderStatus::New | OrderStatus::PartiallyFilled => "open",
    }
}

/// Ordered and left. A market buy counts in quote, every other order in base.
fn sizes(order: &Order) -> (Fixed, Fixed) {
    if order.kind == OrderKind::Market && order.side == Side::Buy {
        let ordered = if order.quote_quantity.is_zero() { order.filled_quote } else { order.quote_quantity };
        return (ordered, ordered - order.filled_quote);
    }
    (order.quantity, order.remaining())
}

pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let market = exchange.market(order.market);
    let (fee, fee_currency) = commission_of(exchange, order);
    let (amount, left) = sizes(order);
    let kind = if order.kind == OrderKind::Market { "market" } else { "limit" };
    json!({
        "id": order.id.to_string(), "text": order.client_id, "amend_text": "-",
        "create_time": seconds(order.created_ms), "update_time": seconds(order.updated_ms),
        "create_time_ms": order.created_ms, "update_time_ms": order.updated_ms,
        "status": status(order), "finish_as": finish_as(order), "currency_pair": name_of(market), "type": kind, "account": "spot",
        "side": order.side.lower(), "amount": amount, "price": order.price, "time_in_force": time_in_force(order), "iceberg": "0",
        "left": left, "filled_amount": order.filled, "fill_price": order.filled_quote, "filled_total": order.filled_quote,
        "avg_deal_price": average_price(order), "fee": fee, "fee_currency": fee_currency,
        "point_fee": "0", "gt_fee": "0", "gt_maker_fee": "0", "gt_taker_fee": "0", "gt_discount": false,
        "rebated_fee": "0", "rebated_fee_currency": *market.instrument.quote, "stp_id": 0, "stp_act": "-",
    })
}

pub(super) fn fill(exchange: &Exchange, fill: &Fill) -> Value {
    let text = exchange.orders.get(&fill.order).map_or("", |order| order.client_id.as_str());
    json!({
        "id": fill.trade_id.to_string(), "create_time": seconds(fill.at_ms), "create_time_ms": fill.at_ms.to_string(),
        "currency_pair": name_of(exchange.market(fill.market)), "side": fill.side.lower(),
        "role": if fill.is_maker { "maker" } else { "taker" }, "amount": fill.quantity, "price": fill.price,
        "order_id": fill.order.to_string(), "fee": fill.commission, "fee_currency": *fill.commission_asset,
        "point_fee": "0", "gt_fee": "0", "amend_text": "-", "sequence_id": fill.trade_id.to_string(), "text": text,
    })
}
