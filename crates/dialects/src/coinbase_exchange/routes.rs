//! What clients of Coinbase Exchange ask for. Rows: what ccxt calls (recorded 2026-11-21), and the venue's documentation.

use countersign_core::Scope;

use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;
/// Moving funds out.
const WITHDRAW: &str = Scope::FUNDS_WITHDRAW;

const fn open(path: &'static str) -> RestRoute {
    RestRoute::public("GET", path)
}

const fn read(path: &'static str, scope: &'static str) -> RestRoute {
    RestRoute::signed("GET", path, scope)
}

/// The endpoints.
pub(super) const REST: &[RestRoute] = &[
    open("/currencies"),
    open("/currencies/{id}"),
    open("/products"),
    open("/products/{id}"),
    open("/products/{id}/book"),
    open("/products/{id}/candles"),
    open("/products/{id}/stats"),
    open("/products/{id}/ticker"),
    open("/products/{id}/trades"),
    open("/products/spark-lines"),
    open("/time"),
    read("/accounts", ACCOUNT),
    // cbpro asks for all accounts as for that of no name.
    read("/accounts/", ACCOUNT),
    read("/accounts/{id}", ACCOUNT),
    read("/accounts/{id}/holds", ACCOUNT),
    read("/accounts/{id}/ledger", ACCOUNT),
    read("/fees", ACCOUNT),
    read("/fills", ORDERS),
    read("/orders", ORDERS),
    read("/orders/{id}", ORDERS),
    read("/profiles", ACCOUNT),
    RestRoute::trade("DELETE", "/orders", 0),
    RestRoute::trade("DELETE", "/orders/{id}", 0),
    RestRoute::trade("POST", "/orders", 1),
    open("/products/volume-summary"),
    read("/accounts/{id}/transfers", ACCOUNT),
    read("/coinbase-accounts", ACCOUNT),
    read("/payment-methods", ACCOUNT),
    read("/transfers", ACCOUNT),
    read("/transfers/{id}", ACCOUNT),
    read("/withdrawals/fee-estimate", ACCOUNT),
    RestRoute::signed("POST", "/withdrawals/crypto", WITHDRAW),
];

/// The WebSockets: clients open the root.
pub(super) const SOCKETS: &[SocketRoute] = &[
    SocketRoute { path: "/", kind: SocketKind::Dialect, yields: false },
    SocketRoute { path: "/coinbase-exchange/ws", kind: SocketKind::Dialect, yields: false },
];

pub(super) const PUBLIC: &str = "subscribe.public";
pub(super) const PRIVATE: &str = "subscribe.private";

/// The messages.
pub(super) const MESSAGES: &[MessageRoute] = &[MessageRoute::public(PUBLIC), MessageRoute::scoped(PRIVATE, ORDERS)];
