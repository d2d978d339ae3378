//! FIX: the messages that clients send, by MsgType. The answers of the venue need no route.

use countersign_core::{Access, Scope};

use super::scoped;
use crate::routes::{Family, RouteKind, RouteSpec, RouteTarget, RouteWeight};

/// MsgType, name, scope, orders charged. What is not here is refused.
const MESSAGES: &[(&str, &str, &str, u32)] = &[
    ("D", "NewOrderSingle", Scope::ORDER_WRITE, 1),
    ("E", "NewOrderList", Scope::ORDER_WRITE, 1),
    ("F", "OrderCancelRequest", Scope::ORDER_WRITE, 0),
    ("G", "OrderCancelReplaceRequest", Scope::ORDER_WRITE, 1),
    ("q", "OrderMassCancelRequest", Scope::ORDER_WRITE, 0),
    ("XCN", "OrderCancelRequestAndNewOrderSingle", Scope::ORDER_WRITE, 1),
    ("i", "MassQuote", Scope::ORDER_WRITE, 1),
    ("Z", "QuoteCancel", Scope::ORDER_WRITE, 0),
    ("H", "OrderStatusRequest", Scope::ORDER_READ, 0),
    ("AF", "OrderMassStatusRequest", Scope::ORDER_READ, 0),
    ("AD", "TradeCaptureReportRequest", Scope::ORDER_READ, 0),
    ("XLQ", "LimitQuery", Scope::ORDER_READ, 0),
    ("AN", "RequestForPositions", Scope::ACCOUNT_READ, 0),
    ("BE", "UserRequest", Scope::ACCOUNT_READ, 0),
    ("V", "MarketDataRequest", Scope::MD_READ, 0),
    ("c", "SecurityDefinitionRequest", Scope::MD_READ, 0),
    ("e", "SecurityStatusRequest", Scope::MD_READ, 0),
    ("x", "SecurityListRequest", Scope::MD_READ, 0),
];

/// The FIX table; `prefix` starts the name of each route. Logon needs no scope: every message behind it needs its own.
#[must_use]
pub fn fix_routes(prefix: &str, upstream: usize) -> Vec<RouteSpec> {
    let route = |msg_type: &str, name: &str, access, orders| RouteSpec {
        name: format!("{prefix} {name}"),
        target: RouteTarget::FixMessage(msg_type.to_owned()),
        access,
        upstream,
        family: Family::Any,
        kind: RouteKind::Http,
        weight: RouteWeight::Fixed(1),
        orders,
        yields: false,
    };
    let logon = route("A", "Logon", Access::Public, 0);
    std::iter::once(logon)
        .chain(MESSAGES.iter().map(|(msg_type, name, scope, orders)| route(msg_type, name, scoped(scope), *orders)))
        .collect()
}
