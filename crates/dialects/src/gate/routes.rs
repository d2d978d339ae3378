//! What Gate's clients ask for. Rows: what ccxt and gate-api call (recorded 2026-11-21), and the venue's documentation.

use countersign_core::Scope;

use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;
/// Moving funds out.
const WITHDRAW: &str = Scope::FUNDS_WITHDRAW;

/// The longest list of orders the venue takes; a request on an endpoint that takes one is charged as the orders in it.
pub(super) const BATCH_ORDERS_MAX: u32 = 10;

/// The longest list of amendments of spot orders the venue takes.
pub(super) const SPOT_AMENDS_MAX: u32 = 5;

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
    read("/api/v4/spot/fee", ACCOUNT),
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
    trade("POST", "/api/v4/spot/batch_orders", BATCH_ORDERS_MAX),
    trade("POST", "/api/v4/spot/cancel_batch_orders", 0),
    trade("POST", "/api/v4/spot/countdown_cancel_all", 0),
    trade("POST", "/api/v4/spot/orders", 1),
    open("/api/v4/futures/{settle}/candlesticks"),
    open("/api/v4/futures/{settle}/contract_stats"),
    open("/api/v4/futures/{settle}/funding_rate"),
    open("/api/v4/futures/{settle}/index_constituents/{index}"),
    open("/api/v4/futures/{settle}/insurance"),
    open("/api/v4/futures/{settle}/liq_orders"),
    open("/api/v4/futures/{settle}/premium_index"),
    open("/api/v4/futures/{settle}/risk_limit_tiers"),
    open("/api/v4/margin/currency_pairs/{pair}"),
    open("/api/v4/spot/insurance_history"),
    open("/api/v4/wallet/currency_chains"),
    read("/api/v4/futures/{settle}/account_book", ACCOUNT),
    read("/api/v4/futures/{settle}/accounts", ACCOUNT),
    read("/api/v4/futures/{settle}/positions", ACCOUNT),
    read("/api/v4/futures/{settle}/positions/{contract}", ACCOUNT),
    read("/api/v4/margin/accounts", ACCOUNT),
    read("/api/v4/spot/account_book", ACCOUNT),
    read("/api/v4/wallet/deposit_address", ACCOUNT),
    read("/api/v4/wallet/deposits", ACCOUNT),
    read("/api/v4/wallet/withdraw_status", ACCOUNT),
    read("/api/v4/wallet/withdrawals", ACCOUNT),
    read("/api/v4/futures/{settle}/auto_deleverages", ORDERS),
    read("/api/v4/futures/{settle}/liquidates", ORDERS),
    read("/api/v4/futures/{settle}/my_trades", ORDERS),
    read("/api/v4/futures/{settle}/my_trades_timerange", ORDERS),
    read("/api/v4/futures/{settle}/orders", ORDERS),
    read("/api/v4/futures/{settle}/orders/{id}", ORDERS),
    read("/api/v4/futures/{settle}/orders_timerange", ORDERS),
    read("/api/v4/futures/{settle}/position_close", ORDERS),
    read("/api/v4/futures/{settle}/price_orders", ORDERS),
    read("/api/v4/futures/{settle}/price_orders/{id}", ORDERS),
    read("/api/v4/spot/price_orders", ORDERS),
    read("/api/v4/spot/price_orders/{id}", ORDERS),
    trade("DELETE", "/api/v4/futures/{settle}/orders", 0),
    trade("DELETE", "/api/v4/futures/{settle}/orders/{id}", 0),
    trade("DELETE", "/api/v4/futures/{settle}/price_orders", 0),
    trade("DELETE", "/api/v4/futures/{settle}/price_orders/{id}", 0),
    trade("DELETE", "/api/v4/spot/price_orders", 0),
    trade("DELETE", "/api/v4/spot/price_orders/{id}", 0),
    trade("POST", "/api/v4/futures/{settle}/batch_amend_orders", BATCH_ORDERS_MAX),
    trade("POST", "/api/v4/futures/{settle}/batch_cancel_orders", 0),
    trade("POST", "/api/v4/futures/{settle}/batch_orders", BATCH_ORDERS_MAX),
    trade("POST", "/api/v4/futures/{settle}/countdown_cancel_all", 0),
    trade("POST", "/api/v4/futures/{settle}/dual_mode", 0),
    trade("POST", "/api/v4/futures/{settle}/orders", 1),
    trade("POST", "/api/v4/futures/{settle}/positions/{contract}/leverage", 0),
    trade("POST", "/api/v4/futures/{settle}/positions/{contract}/margin", 0),
    trade("POST", "/api/v4/futures/{settle}/price_orders", 1),
    trade("POST", "/api/v4/spot/amend_batch_orders", SPOT_AMENDS_MAX),
    trade("POST", "/api/v4/spot/cross_liquidate_orders", 1),
    trade("POST", "/api/v4/spot/price_orders", 1),
    trade("PUT", "/api/v4/futures/{settle}/orders/{id}", 1),
    // Of margin everything is told that ccxt reads; nothing is borrowed or lent here.
    open("/api/v4/delivery/{settle}/candlesticks"),
    open("/api/v4/delivery/{settle}/order_book"),
    open("/api/v4/delivery/{settle}/risk_limit_tiers"),
    open("/api/v4/delivery/{settle}/tickers"),
    open("/api/v4/delivery/{settle}/trades"),
    open("/api/v4/margin/uni/currency_pairs"),
    open("/api/v4/margin/uni/currency_pairs/{pair}"),
    open("/api/v4/options/candlesticks"),
    open("/api/v4/options/contracts/{contract}"),
    open("/api/v4/options/order_book"),
    open("/api/v4/options/tickers"),
    open("/api/v4/options/trades"),
    read("/api/v4/delivery/{settle}/account_book", ACCOUNT),
    read("/api/v4/delivery/{settle}/accounts", ACCOUNT),
    read("/api/v4/delivery/{settle}/liquidates", ORDERS),
    read("/api/v4/delivery/{settle}/my_trades", ORDERS),
    read("/api/v4/delivery/{settle}/orders", ORDERS),
    read("/api/v4/delivery/{settle}/orders/{id}", ORDERS),
    read("/api/v4/delivery/{settle}/position_close", ORDERS),
    read("/api/v4/delivery/{settle}/positions", ACCOUNT),
    read("/api/v4/delivery/{settle}/positions/{contract}", ACCOUNT),
    read("/api/v4/delivery/{settle}/price_orders", ORDERS),
    read("/api/v4/delivery/{settle}/price_orders/{id}", ORDERS),
    read("/api/v4/margin/account_book", ACCOUNT),
    read("/api/v4/margin/cross/interest_records", ACCOUNT),
    read("/api/v4/margin/funding_accounts", ACCOUNT),
    read("/api/v4/margin/uni/interest_records", ACCOUNT),
    read("/api/v4/options/account_book", ACCOUNT),
    read("/api/v4/options/accounts", ACCOUNT),
    read("/api/v4/options/my_trades", ORDERS),
    read("/api/v4/options/orders", ORDERS),
    read("/api/v4/options/orders/{id}", ORDERS),
    read("/api/v4/options/position_close", ORDERS),
    read("/api/v4/options/positions", ACCOUNT),
    read("/api/v4/options/positions/{contract}", ACCOUNT),
    read("/api/v4/unified/interest_records", ACCOUNT),
    open("/api/v4/delivery/{settle}/contracts/{contract}"),
    open("/api/v4/delivery/{settle}/insurance"),
    open("/api/v4/options/settlements"),
    open("/api/v4/options/settlements/{contract}"),
    open("/api/v4/options/underlying/candlesticks"),
    open("/api/v4/options/underlying/tickers/{underlying}"),
    read("/api/v4/delivery/{settle}/settlements", ACCOUNT),
    read("/api/v4/options/my_settlements", ACCOUNT),
    trade("DELETE", "/api/v4/delivery/{settle}/orders", 0),
    trade("DELETE", "/api/v4/delivery/{settle}/orders/{id}", 0),
    trade("DELETE", "/api/v4/delivery/{settle}/price_orders", 0),
    trade("DELETE", "/api/v4/delivery/{settle}/price_orders/{id}", 0),
    trade("DELETE", "/api/v4/options/orders", 0),
    trade("DELETE", "/api/v4/options/orders/{id}", 0),
    trade("POST", "/api/v4/delivery/{settle}/orders", 1),
    trade("POST", "/api/v4/delivery/{settle}/positions/{contract}/leverage", 0),
    trade("POST", "/api/v4/delivery/{settle}/positions/{contract}/margin", 0),
    trade("POST", "/api/v4/delivery/{settle}/positions/{contract}/risk_limit", 0),
    trade("POST", "/api/v4/delivery/{settle}/price_orders", 1),
    trade("POST", "/api/v4/options/countdown_cancel_all", 0),
    trade("POST", "/api/v4/options/orders", 1),
    trade("PUT", "/api/v4/options/orders/{id}", 1),
    RestRoute::signed("DELETE", "/api/v4/withdrawals/{id}", WITHDRAW),
    RestRoute::signed("POST", "/api/v4/withdrawals", WITHDRAW),
];

const fn socket(path: &'static str) -> SocketRoute {
    SocketRoute { path, kind: SocketKind::Dialect, yields: false }
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
