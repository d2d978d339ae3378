//! Orders and fills as the venue prints them.

use serde_json::{Value, json};

use super::names;
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderKind, Side};
use crate::operations::average_price;

/// `LIMIT` or `MARKET`; an order that only makes is a limit order of the time in force `GTX`.
pub(super) const fn kind(order: &Order) -> &'static str {
    match order.kind {
        OrderKind::Limit | OrderKind::LimitMaker => "LIMIT",
        OrderKind::Market => "MARKET",
    }
}

pub(super) const fn time_in_force(order: &Order) -> &'static str {
    match order.kind {
        OrderKind::LimitMaker => "GTX",
        OrderKind::Limit | OrderKind::Market => order.time_in_force.upper(),
    }
}

/// An order, as every answer about one has it.
pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    json!({
        "orderId": order.id, "symbol": names::symbol(&exchange.market(order.market).instrument), "status": order.status.upper(),
        "clientOrderId": order.client_id, "price": order.price.short(), "avgPrice": average_price(order).short(),
        "origQty": order.quantity.short(), "executedQty": order.filled.short(), "cumQty": order.filled.short(),
        "cumQuote": order.filled_quote.short(), "timeInForce": time_in_force(order), "type": kind(order), "origType": kind(order),
        "reduceOnly": order.reduce, "closePosition": false, "side": order.side.upper(), "positionSide": "BOTH", "stopPrice": "0",
        "workingType": "CONTRACT_PRICE", "priceProtect": false, "priceMatch": "NONE", "selfTradePreventionMode": "NONE",
        "goodTillDate": 0, "time": order.created_ms, "updateTime": order.updated_ms,
    })
}

/// A fill with what it realised.
pub(super) fn fill(exchange: &Exchange, fill: &Fill, realised: Fixed) -> Value {
    let buyer = fill.side == Side::Buy;
    json!({
        "symbol": names::symbol(&exchange.market(fill.market).instrument), "id": fill.trade_id, "orderId": fill.order, "side": fill.side.upper(),
        "price": fill.price.short(), "qty": fill.quantity.short(), "realizedPnl": realised.short(), "marginAsset": "USDT",
        "quoteQty": fill.quote.short(), "commission": fill.commission.short(), "commissionAsset": &*fill.commission_asset,
        "time": fill.at_ms, "positionSide": "BOTH", "buyer": buyer, "maker": fill.is_maker,
    })
}
