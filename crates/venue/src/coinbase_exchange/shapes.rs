//! Orders, fills and tickers as the venue prints them.

use serde_json::{Value, json};

use super::market_data::name_of;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side};
use crate::exchange::{Exchange, Market};
use crate::operations::top;

/// ISO 8601, UTC.
pub(super) fn moment(at_ms: u64) -> String {
    let millis = i64::try_from(at_ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// The side of the resting order of a trade.
pub(super) const fn maker(trade: &PublicTrade) -> &'static str {
    trade.taker().opposite().lower()
}

pub(super) fn ticker(market: &Market, at_ms: u64) -> Value {
    let day = market.tape.day();
    let ((bid, _), (ask, _)) = (top(market, Side::Buy), top(market, Side::Sell));
    json!({
        "trade_id": day.last_id, "price": day.day.close.short(), "size": day.last_quantity.short(), "bid": bid.short(),
        "ask": ask.short(), "volume": day.day.volume.short(), "time": moment(at_ms),
    })
}

/// The commission of a fill in quote, in which the vendor counts all fees.
pub(super) fn fee(fill: &Fill) -> Fixed {
    match fill.side {
        Side::Buy => fill.commission.mul_down(fill.price),
        Side::Sell => fill.commission,
    }
}

fn fees(exchange: &Exchange, order: &Order) -> Fixed {
    let fills = exchange.account_state(order.owner).fills.iter().filter(|fill| fill.order == order.id);
    fills.map(fee).sum()
}

pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let market = order.kind == OrderKind::Market;
    let mut shape = json!({
        "id": order.id.to_string(), "product_id": name_of(exchange.market(order.market)), "profile_id": order.owner.0.to_string(),
        "side": order.side.lower(), "type": if market { "market" } else { "limit" }, "post_only": order.kind == OrderKind::LimitMaker,
        "created_at": moment(order.created_ms), "fill_fees": fees(exchange, order).short(), "filled_size": order.filled.short(),
        "executed_value": order.filled_quote.short(), "market_type": "spot", "size": order.quantity.short(),
        "client_oid": order.client_id,
    });
    if market {
        shape["funds"] = json!(order.quote_quantity.short());
    } else {
        shape["price"] = json!(order.price.short());
        shape["time_in_force"] = json!(order.time_in_force.upper());
    }
    let reason = match order.status {
        OrderStatus::Canceled | OrderStatus::Expired => Some("canceled"),
        OrderStatus::Filled => Some("filled"),
        OrderStatus::New | OrderStatus::PartiallyFilled => None,
    };
    shape["status"] = json!(if reason.is_some() { "done" } else { "open" });
    shape["settled"] = json!(reason == Some("filled"));
    if let Some(reason) = reason {
        shape["done_reason"] = json!(reason);
        shape["done_at"] = json!(moment(order.updated_ms));
    }
    shape
}

pub(super) fn fill(exchange: &Exchange, fill: &Fill) -> Value {
    json!({
        "created_at": moment(fill.at_ms), "trade_id": fill.trade_id, "product_id": name_of(exchange.market(fill.market)),
        "order_id": fill.order.to_string(), "liquidity": if fill.is_maker { "M" } else { "T" }, "price": fill.price.short(),
        "size": fill.quantity.short(), "fee": fee(fill).short(), "side": fill.side.lower(), "settled": true, "market_type": "spot",
    })
}
