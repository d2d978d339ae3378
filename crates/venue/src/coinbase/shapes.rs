//! Orders and fills as the venue writes them.
//!
//! Fees are told in quote, as at the vendor; what the house took of a bought base is turned
//! into quote at the price of the fill.

use serde_json::{Value, json};

use super::names;
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::facade::iso;

/// `OPEN`, `FILLED`, `CANCELLED`, `EXPIRED`
pub(super) const fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Canceled => "CANCELLED",
        OrderStatus::Expired => "EXPIRED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::New | OrderStatus::PartiallyFilled => "OPEN",
    }
}

/// How long an order lives.
pub(super) const fn time_in_force(order: &Order) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::Market, _) | (_, TimeInForce::ImmediateOrCancel) => "IMMEDIATE_OR_CANCEL",
        (_, TimeInForce::FillOrKill) => "FILL_OR_KILL",
        (_, TimeInForce::GoodTillCanceled) => "GOOD_UNTIL_CANCELLED",
    }
}

/// `LIMIT` or `MARKET`
pub(super) const fn order_type(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit | OrderKind::LimitMaker => "LIMIT",
        OrderKind::Market => "MARKET",
    }
}

/// The id the client gave; the vendor always has one.
pub(super) fn client_order_id(order: &Order) -> &str {
    if order.tag.is_empty() { &order.client_id } else { &order.tag }
}

fn configuration(order: &Order) -> Value {
    let (size, price) = (order.quantity.short(), order.price.short());
    match (order.kind, order.time_in_force) {
        (OrderKind::Market, _) if order.quote_quantity.is_positive() => {
            json!({"market_market_ioc": {"quote_size": order.quote_quantity.short()}})
        }
        (OrderKind::Market, _) => json!({"market_market_ioc": {"base_size": size}}),
        (_, TimeInForce::FillOrKill) => json!({"limit_limit_fok": {"base_size": size, "limit_price": price}}),
        (_, TimeInForce::ImmediateOrCancel) => json!({"sor_limit_ioc": {"base_size": size, "limit_price": price}}),
        (kind, TimeInForce::GoodTillCanceled) => {
            json!({"limit_limit_gtc": {"base_size": size, "limit_price": price, "post_only": kind == OrderKind::LimitMaker}})
        }
    }
}

fn fee(fill: &Fill, quote: &str) -> Fixed {
    if *fill.commission_asset == *quote { fill.commission } else { fill.commission.mul_down(fill.price) }
}

/// What the fills of one order cost, and how many there are.
fn fees(exchange: &Exchange, order: &Order) -> (Fixed, usize, Option<u64>) {
    let quote = &exchange.market(order.market).instrument.quote;
    let fills: Vec<&Fill> = exchange.account_state(order.owner).fills.iter().filter(|fill| fill.order == order.id).collect();
    (fills.iter().map(|fill| fee(fill, quote)).sum(), fills.len(), fills.last().map(|fill| fill.at_ms))
}

/// An order as the history has it.
pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let terms = &exchange.market(order.market).instrument;
    let (fees, fills, last_fill_ms) = fees(exchange, order);
    let part = order.filled.scale_down(Fixed::whole(100), order.quantity);
    let after_fees = match order.side {
        Side::Buy => order.filled_quote + fees,
        Side::Sell => order.filled_quote - fees,
    };
    json!({
        "order_id": names::order_text(order.id), "product_id": names::product_id(terms),
        "user_id": *exchange.account_state(order.owner).name, "order_configuration": configuration(order), "side": order.side.upper(),
        "client_order_id": client_order_id(order), "status": status(order.status), "time_in_force": time_in_force(order),
        "created_time": iso(order.created_ms), "completion_percentage": part.short(), "filled_size": order.filled.short(),
        "average_filled_price": order.filled_quote.div_down(order.filled).short(), "fee": "", "number_of_fills": fills.to_string(),
        "filled_value": order.filled_quote.short(), "pending_cancel": false, "size_in_quote": order.quote_quantity.is_positive(),
        "total_fees": fees.short(), "size_inclusive_of_fees": false, "total_value_after_fees": after_fees.short(),
        "trigger_status": "INVALID_ORDER_TYPE", "order_type": order_type(order.kind), "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": !order.status.is_open(), "product_type": "SPOT", "reject_message": "", "cancel_message": "",
        "order_placement_source": "RETAIL_ADVANCED", "outstanding_hold_amount": order.held.short(), "is_liquidation": false,
        "last_fill_time": last_fill_ms.map(iso), "edit_history": [], "leverage": "", "margin_type": "UNKNOWN_MARGIN_TYPE",
    })
}

/// An order as the `user` channel has it.
pub(super) fn user_order(exchange: &Exchange, order: &Order) -> Value {
    let terms = &exchange.market(order.market).instrument;
    let (fees, fills, _) = fees(exchange, order);
    let part = order.filled.scale_down(Fixed::whole(100), order.quantity);
    let kind = if order.kind == OrderKind::Market { "Market" } else { "Limit" };
    json!({
        "order_id": names::order_text(order.id), "client_order_id": client_order_id(order), "product_id": names::product_id(terms),
        "product_type": "SPOT", "status": status(order.status), "order_side": order.side.upper(), "order_type": kind,
        "cumulative_quantity": order.filled.short(), "leaves_quantity": order.remaining().short(),
        "avg_price": order.filled_quote.div_down(order.filled).short(), "total_fees": fees.short(),
        "filled_value": order.filled_quote.short(), "number_of_fills": fills.to_string(), "completion_percentage": part.short(),
        "creation_time": iso(order.created_ms), "limit_price": order.price.short(), "stop_price": "",
        "time_in_force": time_in_force(order), "post_only": order.kind == OrderKind::LimitMaker, "cancel_reason": "", "reject_Reason": "",
        "outstanding_hold_amount": order.held.short(), "trigger_status": "INVALID_ORDER_TYPE", "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE", "total_value_after_fees": order.filled_quote.short(), "retail_portfolio_id": "",
    })
}

/// A fill.
pub(super) fn fill(exchange: &Exchange, one: &Fill, user: &str) -> Value {
    let terms = &exchange.market(one.market).instrument;
    let id = one.trade_id.to_string();
    json!({
        "entry_id": id, "trade_id": id, "order_id": names::order_text(one.order), "trade_time": iso(one.at_ms), "trade_type": "FILL",
        "price": one.price.short(), "size": one.quantity.short(), "commission": fee(one, &terms.quote).short(),
        "product_id": names::product_id(terms), "sequence_timestamp": iso(one.at_ms), "side": one.side.upper(),
        "liquidity_indicator": if one.is_maker { "MAKER" } else { "TAKER" }, "size_in_quote": false, "user_id": user,
        "retail_portfolio_id": "",
    })
}
