//! Orders and fills as the venue prints them, and the names of symbols.

use serde_json::{Value, json};

use crate::exchange::Exchange;
use crate::exchange::instrument::{Instrument, MarketIndex};
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::operations::{average_price, spot_markets};

/// A symbol: `btcusdt`.
pub(super) fn symbol(terms: &Instrument) -> String {
    terms.symbol.to_lowercase()
}

/// Finds a symbol, in whatever case: REST writes it small, the WebSocket large.
pub(super) fn find(exchange: &Exchange, name: &str) -> Option<MarketIndex> {
    spot_markets(exchange).find(|(_, market)| market.instrument.symbol.eq_ignore_ascii_case(name)).map(|(index, _)| index)
}

/// What an order may not do.
pub(super) const fn option(order: &Order) -> Option<&'static str> {
    match (order.kind, order.time_in_force) {
        (OrderKind::LimitMaker, _) => Some("maker-or-cancel"),
        (OrderKind::Limit | OrderKind::Market, TimeInForce::FillOrKill) => Some("fill-or-kill"),
        (OrderKind::Limit, TimeInForce::ImmediateOrCancel) => Some("immediate-or-cancel"),
        (OrderKind::Market, TimeInForce::ImmediateOrCancel) | (OrderKind::Limit | OrderKind::Market, TimeInForce::GoodTillCanceled) => None,
    }
}

/// The name of an order's type. Orders without a price come from other façades.
pub(super) const fn kind(order: &Order) -> &'static str {
    match (order.kind, order.side) {
        (OrderKind::Limit | OrderKind::LimitMaker, _) => "exchange limit",
        (OrderKind::Market, Side::Buy) => "market buy",
        (OrderKind::Market, Side::Sell) => "market sell",
    }
}

pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let cancelled = matches!(order.status, OrderStatus::Canceled | OrderStatus::Expired);
    let mut shape = json!({
        "order_id": order.id.to_string(), "id": order.id.to_string(), "symbol": symbol(&exchange.market(order.market).instrument),
        "exchange": "gemini", "avg_execution_price": average_price(order).short(), "side": order.side.lower(), "type": kind(order),
        "timestamp": (order.created_ms / 1_000).to_string(), "timestampms": order.created_ms, "is_live": order.status.is_open(),
        "is_cancelled": cancelled, "is_hidden": false, "was_forced": false, "executed_amount": order.filled.short(),
        "client_order_id": order.given_client_id(), "options": option(order).into_iter().collect::<Vec<_>>(), "price": order.price.short(),
        "original_amount": order.quantity.short(), "remaining_amount": order.remaining().short(),
    });
    match order.status {
        OrderStatus::Canceled => shape["reason"] = json!("Requested"),
        OrderStatus::Expired => shape["reason"] = json!("ImmediateOrCancelWouldPost"),
        OrderStatus::Filled | OrderStatus::New | OrderStatus::PartiallyFilled => {}
    }
    shape
}

pub(super) fn fill(exchange: &Exchange, fill: &Fill) -> Value {
    json!({
        "price": fill.price.short(), "amount": fill.quantity.short(), "timestamp": fill.at_ms / 1_000, "timestampms": fill.at_ms,
        "type": fill.side.capital(), "aggressor": !fill.is_maker, "fee_currency": *fill.commission_asset, "fee_amount": fill.commission.short(),
        "tid": fill.trade_id, "order_id": fill.order.to_string(), "exchange": "gemini", "is_auction_fill": false,
        "is_clearing_fill": false, "symbol": exchange.market(fill.market).instrument.symbol,
        "client_order_id": exchange.orders.get(&fill.order).map(Order::given_client_id),
    })
}
