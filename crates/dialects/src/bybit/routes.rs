//! What Bybit's clients ask for. Rows: the venue's v5 documentation, and what ccxt and pybit call (recorded 2026-11-21).

use countersign_core::Scope;

use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;
/// Moving funds out.
const WITHDRAW: &str = Scope::FUNDS_WITHDRAW;

/// The longest list of orders the venue takes: of contracts twenty, of spot ten (vendor, "Batch Place Order").
const BATCH_ORDERS_MAX: u32 = 20;

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
    open("/v5/announcements/index"),
    open("/v5/market/delivery-price"),
    open("/v5/market/funding/history"),
    open("/v5/market/historical-volatility"),
    open("/v5/market/index-price-kline"),
    open("/v5/market/instruments-info"),
    open("/v5/market/insurance"),
    open("/v5/market/kline"),
    open("/v5/market/mark-price-kline"),
    open("/v5/market/open-interest"),
    open("/v5/market/orderbook"),
    open("/v5/market/premium-index-price-kline"),
    open("/v5/market/recent-trade"),
    open("/v5/market/risk-limit"),
    open("/v5/market/tickers"),
    open("/v5/market/time"),
    read("/v5/account/fee-rate", ACCOUNT),
    read("/v5/account/info", ACCOUNT),
    read("/v5/account/query-dcp-info", ACCOUNT),
    read("/v5/account/transaction-log", ACCOUNT),
    read("/v5/account/wallet-balance", ACCOUNT),
    read("/v5/asset/coin/query-info", ACCOUNT),
    read("/v5/asset/transfer/query-account-coin-balance", ACCOUNT),
    read("/v5/asset/transfer/query-account-coins-balance", ACCOUNT),
    read("/v5/execution/list", ORDERS),
    read("/v5/order/history", ORDERS),
    read("/v5/order/realtime", ORDERS),
    read("/v5/position/closed-pnl", ACCOUNT),
    read("/v5/position/list", ACCOUNT),
    read("/v5/user/query-api", ACCOUNT),
    trade("/v5/order/amend", 1),
    trade("/v5/order/amend-batch", BATCH_ORDERS_MAX),
    trade("/v5/order/cancel", 0),
    trade("/v5/order/cancel-all", 0),
    trade("/v5/order/cancel-batch", 0),
    trade("/v5/order/create", 1),
    trade("/v5/order/create-batch", BATCH_ORDERS_MAX),
    trade("/v5/order/disconnected-cancel-all", 0),
    trade("/v5/position/set-leverage", 0),
    trade("/v5/position/switch-mode", 0),
    trade("/v5/position/trading-stop", 0),
    open("/v5/market/account-ratio"),
    open("/v5/market/fee-group-info"),
    open("/v5/market/index-price-components"),
    open("/v5/market/new-delivery-price"),
    open("/v5/market/price-limit"),
    open("/v5/market/rpi_orderbook"),
    open("/v5/system/status"),
    open("/v5/spot-margin-trade/data"),
    read("/v5/asset/exchange/query-convert-history", ORDERS),
    read("/v5/spot-cross-margin-trade/account", ACCOUNT),
    read("/v5/spot-margin-trade/interest-rate-history", ACCOUNT),
    read("/v5/account/borrow-history", ACCOUNT),
    read("/v5/account/collateral-info", ACCOUNT),
    read("/v5/account/contract-transaction-log", ACCOUNT),
    read("/v5/account/withdrawal", ACCOUNT),
    read("/v5/asset/deposit/query-address", ACCOUNT),
    read("/v5/asset/deposit/query-internal-record", ACCOUNT),
    read("/v5/asset/deposit/query-record", ACCOUNT),
    read("/v5/asset/delivery-record", ACCOUNT),
    read("/v5/asset/settlement-record", ACCOUNT),
    read("/v5/asset/transfer/query-inter-transfer-list", ACCOUNT),
    read("/v5/asset/transfer/query-transfer-coin-list", ACCOUNT),
    read("/v5/asset/withdraw/query-record", ACCOUNT),
    read("/v5/asset/withdraw/withdrawable-amount", ACCOUNT),
    read("/v5/order/spot-borrow-check", ORDERS),
    trade("/v5/account/set-margin-mode", 0),
    trade("/v5/position/add-margin", 0),
    trade("/v5/position/set-auto-add-margin", 0),
    trade("/v5/position/set-risk-limit", 0),
    trade("/v5/position/switch-isolated", 0),
    RestRoute::signed("POST", "/v5/asset/withdraw/cancel", WITHDRAW),
    RestRoute::signed("POST", "/v5/asset/withdraw/create", WITHDRAW),
];

/// The third version and those before it, which the venue has ended; ccxt still lists them (`privateGetUserV3PrivateQueryApi`), and
/// releases up to 3.0 call them. They have a signature of their own, which is not read here.
pub(super) const FORMER: &[&str] = &[
    "/asset/v1",
    "/asset/v2",
    "/asset/v3",
    "/contract/v3",
    "/derivatives/v3",
    "/fht/compliance",
    "/futures/private",
    "/option/usdc",
    "/perpetual/usdc",
    "/private/linear",
    "/public/linear",
    "/spot/quote",
    "/spot/v1",
    "/spot/v3",
    "/unified/v3",
    "/user/v3",
];

const fn socket(path: &'static str) -> SocketRoute {
    SocketRoute { path, kind: SocketKind::Dialect, yields: false }
}

/// The WebSockets.
pub(super) const SOCKETS: &[SocketRoute] = &[
    socket("/v5/private"),
    socket("/v5/public/inverse"),
    socket("/v5/public/linear"),
    socket("/v5/public/option"),
    socket("/v5/public/spot"),
    socket("/v5/trade"),
];

pub(super) const PUBLIC: &str = "subscribe.public";
pub(super) const PRIVATE: &str = "subscribe.private";
pub(super) const UNSUBSCRIBE: &str = "unsubscribe.private";

/// A subscription whose end cancels orders.
pub(super) const PROTECTION: &str = "subscribe.protection";

/// The messages.
pub(super) const MESSAGES: &[MessageRoute] = &[
    MessageRoute::public(PUBLIC),
    MessageRoute::scoped(PRIVATE, ORDERS),
    MessageRoute::scoped(UNSUBSCRIBE, ORDERS),
    MessageRoute::trade(PROTECTION, 0),
    MessageRoute::trade("order.amend", 1),
    MessageRoute::trade("order.amend-batch", BATCH_ORDERS_MAX),
    MessageRoute::trade("order.cancel", 0),
    MessageRoute::trade("order.cancel-batch", 0),
    MessageRoute::trade("order.create", 1),
    MessageRoute::trade("order.create-batch", BATCH_ORDERS_MAX),
];
