//! What Gate's clients ask for. Rows: what ccxt and gate-api call (recorded 2026-11-21), and the venue's documentation.

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

const fn trade(method: &'static str, path: &'static str, orders: u32) -> RestRoute {
    RestRoute::trade(method, path, orders)
}

/// The endpoints.
pub(super) const REST: &[RestRoute] = &[
    open("/api/v4/delivery/{settle}/contracts"),
    open("/api/v4/futures/{settle}/contracts"),
    open("/api/v4/futures/{settle}/contracts/{contract}"),
    open("/api/v4/futures/{settle}/order_book"),
    open("/api/v4/futures/{settle}/tickers"),
    open("/api/v4/futures/{settle}/trades"),
    open("/api/v4/margin/currency_pairs"),
    open("/api/v4/options/contracts"),
    open("/api/v4/options/expirations"),
    open("/api/v4/options/underlyings"),
    open("/api/v4/spot/candlesticks"),
    open("/api/v4/spot/currencies"),
    open("/api/v4/spot/currencies/{currency}"),
    open("/api/v4/spot/currency_pairs"),
    open("/api/v4/spot/currency_pairs/{pair}"),
    open("/api/v4/spot/order_book"),
    open("/api/v4/spot/tickers"),
    open("/api/v4/spot/time"),
    open("/api/v4/spot/trades"),
    open("/api/v4/unified/currencies"),
    read("/api/v4/account/detail", ACCOUNT),
    read("/api/v4/spot/accounts", ACCOUNT),
    read("/api/v4/spot/batch_fee", ACCOUNT),
    read("/api/v4/spot/my_trades", ORDERS),
    read("/api/v4/spot/open_orders", ORDERS),
    read("/api/v4/spot/orders", ORDERS),
    read("/api/v4/spot/orders/{id}", ORDERS),
    read("/api/v4/unified/accounts", ACCOUNT),
    read("/api/v4/wallet/fee", ACCOUNT),
    read("/api/v4/wallet/total_balance", ACCOUNT),
    trade("DELETE", "/api/v4/spot/orders", 0),
    trade("DELETE", "/api/v4/spot/orders/{id}", 0),
    trade("PATCH", "/api/v4/spot/orders/{id}", 1),
    trade("POST", "/api/v4/spot/batch_orders", 10),
    trade("POST", "/api/v4/spot/cancel_batch_orders", 0),
    trade("POST", "/api/v4/spot/countdown_cancel_all", 0),
    trade("POST", "/api/v4/spot/orders", 1),
];

const fn socket(path: &'static str) -> SocketRoute {
    SocketRoute { path, kind: SocketKind::Dialect }
}

/// The WebSockets; clients write the path with and without the slash at the end.
pub(super) const SOCKETS: &[SocketRoute] = &[socket("/ws/v4"), socket("/ws/v4/")];

pub(super) const PUBLIC: &str = "subscribe.public";
pub(super) const PRIVATE: &str = "subscribe.private";

/// The messages.
pub(super) const MESSAGES: &[MessageRoute] = &[
    MessageRoute::public(PUBLIC),
    MessageRoute::scoped(PRIVATE, ORDERS),
    MessageRoute::scoped("spot.order_list", ORDERS),
    MessageRoute::scoped("spot.order_status", ORDERS),
    MessageRoute::trade("spot.order_amend", 1),
    MessageRoute::trade("spot.order_cancel", 0),
    MessageRoute::trade("spot.order_cancel_cp", 0),
    MessageRoute::trade("spot.order_cancel_ids", 0),
    MessageRoute::trade("spot.order_place", 1),
];
