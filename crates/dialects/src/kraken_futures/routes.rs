//! What clients of Kraken Futures ask for. Rows: what ccxt calls (recorded 2026-11-21), and the venue's documentation.

use countersign_core::Scope;

use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;

const fn open(path: &'static str) -> RestRoute {
    RestRoute::public("GET", path)
}

const fn read(path: &'static str, scope: &'static str) -> RestRoute {
    RestRoute::signed("GET", path, scope)
}

const fn trade(path: &'static str, orders: u32) -> RestRoute {
    RestRoute::trade("POST", path, orders)
}

/// The endpoints.
pub(super) const REST: &[RestRoute] = &[
    open("/derivatives/api/v3/historicalfundingrates"),
    open("/derivatives/api/v3/history"),
    open("/derivatives/api/v3/instruments"),
    open("/derivatives/api/v3/orderbook"),
    open("/derivatives/api/v3/tickers"),
    open("/derivatives/api/v3/tickers/{symbol}"),
    read("/derivatives/api/v3/accounts", ACCOUNT),
    read("/derivatives/api/v3/fills", ORDERS),
    read("/derivatives/api/v3/leveragepreferences", ACCOUNT),
    read("/derivatives/api/v3/openorders", ORDERS),
    read("/derivatives/api/v3/openpositions", ACCOUNT),
    read("/derivatives/api/v3/recentorders", ORDERS),
    read("/derivatives/api/v3/orders/status", ORDERS),
    RestRoute::signed("POST", "/derivatives/api/v3/orders/status", ORDERS),
    trade("/derivatives/api/v3/batchorder", 10),
    trade("/derivatives/api/v3/cancelallorders", 0),
    trade("/derivatives/api/v3/cancelallordersafter", 0),
    trade("/derivatives/api/v3/cancelorder", 0),
    trade("/derivatives/api/v3/editorder", 1),
    trade("/derivatives/api/v3/sendorder", 1),
];

/// The WebSockets.
pub(super) const SOCKETS: &[SocketRoute] = &[SocketRoute { path: "/ws/v1", kind: SocketKind::Dialect }];

pub(super) const PUBLIC: &str = "subscribe.public";
pub(super) const PRIVATE: &str = "subscribe.private";

/// Feeds that tell of one's own.
pub(super) const PRIVATE_FEEDS: [&str; 10] = [
    "account_balances_and_margins",
    "account_log",
    "balances",
    "deposits_withdrawals",
    "fills",
    "notifications_auth",
    "open_orders",
    "open_orders_verbose",
    "open_positions",
    "balances_snapshot",
];

/// The messages.
pub(super) const MESSAGES: &[MessageRoute] = &[MessageRoute::public(PUBLIC), MessageRoute::scoped(PRIVATE, ORDERS)];
