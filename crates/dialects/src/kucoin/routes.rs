//! What KuCoin's clients ask for. Rows: what ccxt and the vendor's SDK call (recorded 2026-11-21), and the venue's documentation.

use countersign_core::Scope;

use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;
/// Moving funds out.
const WITHDRAW: &str = Scope::FUNDS_WITHDRAW;

/// Where a client gets a token for its own streams.
pub(super) const BULLET_PRIVATE: &str = "/api/v1/bullet-private";

/// Where the WebSocket is opened.
pub(super) const SOCKET_PATH: &str = "/kucoin/ws";

/// What stands for a token where none is needed.
pub(super) const PUBLIC_TOKEN: &str = "public";

/// Beginnings of topics that tell of one's own.
pub(super) const PRIVATE_TOPICS: &[&str] = &[
    "/account/",
    "/contractAccount/",
    "/contractMarket/tradeOrders",
    "/contract/position",
    "/margin/position",
    "/spotMarket/tradeOrders",
    "/spotMarket/advancedOrders",
];

const fn open(path: &'static str) -> RestRoute {
    RestRoute::public("GET", path)
}

const fn read(path: &'static str, scope: &'static str) -> RestRoute {
    RestRoute::signed("GET", path, scope)
}

const fn trade(method: &'static str, path: &'static str, orders: u32) -> RestRoute {
    RestRoute::trade(method, path, orders)
}

/// The endpoints.
pub(super) const REST: &[RestRoute] = &[
    open("/api/v1/contracts/active"),
    open("/api/v1/isolated/symbols"),
    open("/api/v1/market/allTickers"),
    open("/api/v1/market/candles"),
    open("/api/v1/market/histories"),
    open("/api/v1/market/orderbook/level1"),
    open("/api/v1/market/orderbook/level2_100"),
    open("/api/v1/market/orderbook/level2_20"),
    open("/api/v1/market/stats"),
    open("/api/v1/markets"),
    open("/api/v1/prices"),
    open("/api/v1/status"),
    open("/api/v1/timestamp"),
    open("/api/v2/symbols"),
    open("/api/v2/symbols/{symbol}"),
    open("/api/v3/currencies"),
    open("/api/v3/currencies/{currency}"),
    open("/api/v3/margin/symbols"),
    RestRoute::public("POST", "/api/v1/bullet-public").local(),
    RestRoute::signed("POST", BULLET_PRIVATE, ACCOUNT).local(),
    read("/api/v1/accounts", ACCOUNT),
    read("/api/v1/accounts/{id}", ACCOUNT),
    read("/api/v1/base-fee", ACCOUNT),
    read("/api/v1/fills", ORDERS),
    read("/api/v1/hf/accounts/opened", ACCOUNT),
    read("/api/v1/hf/fills", ORDERS),
    read("/api/v1/hf/orders/active", ORDERS),
    read("/api/v1/hf/orders/client-order/{oid}", ORDERS),
    read("/api/v1/hf/orders/done", ORDERS),
    read("/api/v1/hf/orders/{id}", ORDERS),
    read("/api/v1/limit/orders", ORDERS),
    read("/api/v1/order/client-order/{oid}", ORDERS),
    read("/api/v1/orders", ORDERS),
    read("/api/v1/orders/{id}", ORDERS),
    read("/api/v1/trade-fees", ACCOUNT),
    read("/api/v3/market/orderbook/level2", Scope::MD_READ),
    read("/api/ua/v1/account/mode", ACCOUNT),
    trade("DELETE", "/api/v1/hf/orders", 0),
    trade("DELETE", "/api/v1/hf/orders/cancelAll", 0),
    trade("DELETE", "/api/v1/hf/orders/client-order/{oid}", 0),
    trade("DELETE", "/api/v1/hf/orders/{id}", 0),
    trade("DELETE", "/api/v1/order/client-order/{oid}", 0),
    trade("DELETE", "/api/v1/orders", 0),
    trade("DELETE", "/api/v1/orders/{id}", 0),
    trade("POST", "/api/v1/hf/orders", 1),
    trade("POST", "/api/v1/hf/orders/multi", 20),
    trade("POST", "/api/v1/hf/orders/test", 0),
    trade("POST", "/api/v1/orders", 1),
    trade("POST", "/api/v1/orders/multi", 5),
    trade("POST", "/api/v1/orders/test", 0),
    open("/api/v1/contracts/{symbol}"),
    open("/api/v1/currencies"),
    open("/api/v1/currencies/{currency}"),
    open("/api/v1/funding-rate/{symbol}/current"),
    open("/api/v1/mark-price/{symbol}/current"),
    open("/api/v1/symbols"),
    open("/api/v2/currencies/{currency}"),
    open("/api/v3/mark-price/all-symbols"),
    read("/api/v1/accounts/ledgers", ACCOUNT),
    read("/api/v1/deposit-addresses", ACCOUNT),
    read("/api/v1/deposits", ACCOUNT),
    read("/api/v1/hf/accounts/ledgers", ACCOUNT),
    read("/api/v1/transaction-history", ACCOUNT),
    read("/api/v1/user/api-key", ACCOUNT),
    read("/api/v1/withdrawals", ACCOUNT),
    read("/api/v1/withdrawals/quotas", ACCOUNT),
    read("/api/v1/withdrawals/{id}", ACCOUNT),
    read("/api/v2/deposit-addresses", ACCOUNT),
    read("/api/v2/user-info", ACCOUNT),
    read("/api/v3/deposit-addresses", ACCOUNT),
    read("/api/v1/hf/orders/active/page", ORDERS),
    read("/api/v1/hf/orders/active/symbols", ORDERS),
    read("/api/v1/hf/orders/dead-cancel-all/query", ORDERS),
    read("/api/v1/limit/fills", ORDERS),
    read("/api/v1/stop-order", ORDERS),
    read("/api/v1/stop-order/queryOrderByClientOid", ORDERS),
    read("/api/v1/stop-order/{id}", ORDERS),
    trade("DELETE", "/api/v1/hf/orders/cancel/{id}", 0),
    trade("DELETE", "/api/v1/hf/orders/sync/client-order/{oid}", 0),
    trade("DELETE", "/api/v1/hf/orders/sync/{id}", 0),
    trade("DELETE", "/api/v1/stop-order/cancel", 0),
    trade("DELETE", "/api/v1/stop-order/cancelOrderByClientOid", 0),
    trade("DELETE", "/api/v1/stop-order/{id}", 0),
    trade("POST", "/api/v1/hf/orders/alter", 1),
    trade("POST", "/api/v1/hf/orders/dead-cancel-all", 0),
    trade("POST", "/api/v1/hf/orders/multi/sync", 20),
    trade("POST", "/api/v1/hf/orders/sync", 1),
    trade("POST", "/api/v1/stop-order", 1),
    RestRoute::signed("DELETE", "/api/v1/withdrawals/{id}", WITHDRAW),
    RestRoute::signed("POST", "/api/v1/withdrawals", WITHDRAW),
    RestRoute::signed("POST", "/api/v3/withdrawals", WITHDRAW),
];

/// The WebSockets.
pub(super) const SOCKETS: &[SocketRoute] = &[SocketRoute { path: SOCKET_PATH, kind: SocketKind::Dialect, yields: false }];

pub(super) const PUBLIC: &str = "subscribe.public";
pub(super) const PRIVATE: &str = "subscribe.private";

/// The messages.
pub(super) const MESSAGES: &[MessageRoute] = &[MessageRoute::public(PUBLIC), MessageRoute::scoped(PRIVATE, ORDERS)];
