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
    open("/api/charts/v1/{tick}/{symbol}/{interval}"),
    open("/api/history/v3/market/{symbol}/executions"),
    open("/api/history/v3/market/{symbol}/orders"),
    open("/api/history/v3/market/{symbol}/price"),
    open("/derivatives/api/v3/historicalfundingrates"),
    open("/derivatives/api/v3/history"),
    open("/derivatives/api/v3/instruments"),
    open("/derivatives/api/v3/orderbook"),
    open("/derivatives/api/v3/tickers"),
    open("/derivatives/api/v3/tickers/{symbol}"),
    read("/api/history/v3/account-log", ACCOUNT),
    read("/api/history/v3/executions", ORDERS),
    read("/api/history/v3/orders", ORDERS),
    read("/api/history/v3/triggers", ORDERS),
    read("/derivatives/api/v3/accounts", ACCOUNT),
    read("/derivatives/api/v3/fills", ORDERS),
    read("/derivatives/api/v3/leveragepreferences", ACCOUNT),
    read("/derivatives/api/v3/openorders", ORDERS),
    read("/derivatives/api/v3/openpositions", ACCOUNT),
    read("/derivatives/api/v3/recentorders", ORDERS),
    read("/derivatives/api/v3/orders/status", ORDERS),
    RestRoute::signed("POST", "/derivatives/api/v3/orders/status", ORDERS),
    RestRoute::trade("PUT", "/derivatives/api/v3/leveragepreferences", 0),
    trade("/derivatives/api/v3/batchorder", 10),
    trade("/derivatives/api/v3/cancelallorders", 0),
    trade("/derivatives/api/v3/cancelallordersafter", 0),
    trade("/derivatives/api/v3/cancelorder", 0),
    trade("/derivatives/api/v3/editorder", 1),
    trade("/derivatives/api/v3/sendorder", 1),
    open("/api/charts/v1/{tick}"),
    open("/api/charts/v1/{tick}/{symbol}"),
    open("/derivatives/api/v3/feeschedules"),
    open("/derivatives/api/v3/instruments/status"),
    open("/derivatives/api/v4/historicalfundingrates"),
    read("/api/history/v3/positions", ACCOUNT),
    read("/derivatives/api/v3/feeschedules/volumes", ACCOUNT),
    read("/derivatives/api/v3/notifications", ACCOUNT),
    read("/derivatives/api/v3/pnlpreferences", ACCOUNT),
    read("/derivatives/api/v3/unwindqueue", ACCOUNT),
    read("/api/history/v2/executions", ORDERS),
    read("/api/history/v2/orders", ORDERS),
    read("/api/history/v2/triggers", ORDERS),
];

/// The WebSockets.
pub(super) const SOCKETS: &[SocketRoute] = &[SocketRoute { path: "/ws/v1", kind: SocketKind::Dialect, yields: false }];

pub(super) const PUBLIC: &str = "subscribe.public";
pub(super) const PRIVATE: &str = "subscribe.private";

/// Feeds that anybody may have. Any other, and one that the venue adds later, tells of one's own until it stands here.
pub(super) const PUBLIC_FEEDS: [&str; 5] = ["book", "heartbeat", "ticker", "ticker_lite", "trade"];

/// The messages.
pub(super) const MESSAGES: &[MessageRoute] = &[MessageRoute::public(PUBLIC), MessageRoute::scoped(PRIVATE, ORDERS)];
