//! What OKX's clients ask for. Rows: the venue's v5 documentation, and what ccxt and python-okx call (recorded 2026-11-21).

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

const fn trade(path: &'static str, orders: u32) -> RestRoute {
    RestRoute::trade("POST", path, orders)
}

/// Most orders of one batch (venue).
pub(super) const BATCH_ORDERS_MAX: u32 = 20;

/// The endpoints.
pub(super) const REST: &[RestRoute] = &[
    open("/api/v5/market/books"),
    open("/api/v5/market/books-full"),
    open("/api/v5/market/candles"),
    open("/api/v5/market/history-candles"),
    open("/api/v5/market/history-trades"),
    open("/api/v5/market/index-candles"),
    open("/api/v5/market/index-tickers"),
    open("/api/v5/market/mark-price-candles"),
    open("/api/v5/market/ticker"),
    open("/api/v5/market/tickers"),
    open("/api/v5/market/trades"),
    open("/api/v5/public/delivery-exercise-history"),
    open("/api/v5/public/funding-rate"),
    open("/api/v5/public/funding-rate-history"),
    open("/api/v5/public/instruments"),
    open("/api/v5/public/mark-price"),
    open("/api/v5/public/open-interest"),
    open("/api/v5/public/opt-summary"),
    open("/api/v5/public/price-limit"),
    open("/api/v5/public/time"),
    open("/api/v5/public/underlying"),
    open("/api/v5/system/status"),
    read("/api/v5/account/balance", ACCOUNT),
    read("/api/v5/account/bills", ACCOUNT),
    read("/api/v5/account/config", ACCOUNT),
    read("/api/v5/account/instruments", ACCOUNT),
    read("/api/v5/account/leverage-info", ACCOUNT),
    read("/api/v5/account/max-avail-size", ACCOUNT),
    read("/api/v5/account/max-size", ACCOUNT),
    read("/api/v5/account/positions", ACCOUNT),
    read("/api/v5/account/trade-fee", ACCOUNT),
    read("/api/v5/asset/balances", ACCOUNT),
    read("/api/v5/asset/currencies", ACCOUNT),
    read("/api/v5/trade/fills", ORDERS),
    read("/api/v5/trade/fills-history", ORDERS),
    read("/api/v5/trade/order", ORDERS),
    read("/api/v5/trade/orders-history", ORDERS),
    read("/api/v5/trade/orders-history-archive", ORDERS),
    read("/api/v5/trade/orders-pending", ORDERS),
    trade("/api/v5/account/position/margin-balance", 0),
    trade("/api/v5/account/set-leverage", 0),
    trade("/api/v5/account/set-position-mode", 0),
    trade("/api/v5/trade/amend-batch-orders", BATCH_ORDERS_MAX),
    trade("/api/v5/trade/amend-order", 1),
    trade("/api/v5/trade/batch-orders", BATCH_ORDERS_MAX),
    trade("/api/v5/trade/cancel-all-after", 0),
    trade("/api/v5/trade/cancel-batch-orders", 0),
    trade("/api/v5/trade/cancel-order", 0),
    trade("/api/v5/trade/close-position", 1),
    trade("/api/v5/trade/order", 1),
    open("/api/v5/market/block-ticker"),
    open("/api/v5/market/block-tickers"),
    open("/api/v5/market/books-lite"),
    open("/api/v5/market/books-rpi"),
    open("/api/v5/market/exchange-rate"),
    open("/api/v5/market/history-index-candles"),
    open("/api/v5/market/history-mark-price-candles"),
    open("/api/v5/market/index-components"),
    open("/api/v5/market/option/instrument-family-trades"),
    open("/api/v5/market/platform-24-volume"),
    open("/api/v5/public/block-trades"),
    open("/api/v5/finance/savings/lending-rate-history"),
    open("/api/v5/public/convert-contract-coin"),
    read("/api/v5/asset/convert/currencies", ACCOUNT),
    read("/api/v5/asset/convert/history", ORDERS),
    open("/api/v5/public/discount-rate-interest-free-quota"),
    open("/api/v5/public/estimated-price"),
    open("/api/v5/public/estimated-settlement-info"),
    open("/api/v5/public/instrument-tick-bands"),
    open("/api/v5/public/insurance-fund"),
    open("/api/v5/public/interest-rate-loan-quota"),
    open("/api/v5/public/option-trades"),
    open("/api/v5/public/position-tiers"),
    open("/api/v5/public/premium-history"),
    open("/api/v5/public/settlement-history"),
    open("/api/v5/rubik/stat/*"),
    read("/api/v5/account/account-position-risk", ACCOUNT),
    read("/api/v5/account/bills-archive", ACCOUNT),
    read("/api/v5/account/greeks", ACCOUNT),
    read("/api/v5/account/interest-accrued", ACCOUNT),
    read("/api/v5/account/interest-limits", ACCOUNT),
    read("/api/v5/account/interest-rate", ACCOUNT),
    read("/api/v5/account/max-loan", ACCOUNT),
    read("/api/v5/account/max-withdrawal", ACCOUNT),
    read("/api/v5/account/position-tiers", ACCOUNT),
    read("/api/v5/account/positions-history", ACCOUNT),
    read("/api/v5/account/risk-state", ACCOUNT),
    read("/api/v5/asset/asset-valuation", ACCOUNT),
    read("/api/v5/asset/bills", ACCOUNT),
    read("/api/v5/asset/deposit-address", ACCOUNT),
    read("/api/v5/asset/deposit-history", ACCOUNT),
    read("/api/v5/asset/deposit-withdraw-status", ACCOUNT),
    read("/api/v5/asset/non-tradable-assets", ACCOUNT),
    read("/api/v5/asset/transfer-state", ACCOUNT),
    read("/api/v5/asset/withdrawal-history", ACCOUNT),
    read("/api/v5/trade/account-rate-limit", ORDERS),
    read("/api/v5/trade/order-algo", ORDERS),
    read("/api/v5/trade/orders-algo-history", ORDERS),
    read("/api/v5/trade/orders-algo-pending", ORDERS),
    trade("/api/v5/trade/amend-algos", 1),
    trade("/api/v5/trade/cancel-algos", 0),
    trade("/api/v5/trade/mass-cancel", 0),
    trade("/api/v5/trade/order-algo", 1),
    trade("/api/v5/trade/order-precheck", 0),
    RestRoute::signed("POST", "/api/v5/asset/cancel-withdrawal", WITHDRAW),
    RestRoute::signed("POST", "/api/v5/asset/withdrawal", WITHDRAW),
];

const fn socket(path: &'static str) -> SocketRoute {
    SocketRoute { path, kind: SocketKind::Dialect, yields: false }
}

/// The WebSockets.
pub(super) const SOCKETS: &[SocketRoute] = &[socket("/ws/v5/business"), socket("/ws/v5/private"), socket("/ws/v5/public")];

pub(super) const PUBLIC: &str = "subscribe.public";
pub(super) const PRIVATE: &str = "subscribe.private";

/// The messages.
pub(super) const MESSAGES: &[MessageRoute] = &[
    MessageRoute::public(PUBLIC),
    MessageRoute::scoped(PRIVATE, ORDERS),
    MessageRoute::trade("amend-order", 1),
    MessageRoute::trade("batch-amend-orders", BATCH_ORDERS_MAX),
    MessageRoute::trade("batch-cancel-orders", 0),
    MessageRoute::trade("batch-orders", BATCH_ORDERS_MAX),
    MessageRoute::trade("cancel-order", 0),
    MessageRoute::trade("mass-cancel", 0),
    MessageRoute::trade("order", 1),
];

/// Channels that tell of one's own: they need a login. All others are public.
pub(super) const PRIVATE_CHANNELS: &[&str] = &[
    "account",
    "account-greeks",
    "adl-warning",
    "algo-advance",
    "balance_and_position",
    "deposit-info",
    "fills",
    "grid-orders-contract",
    "grid-orders-spot",
    "grid-positions",
    "grid-sub-orders",
    "liquidation-warning",
    "orders",
    "orders-algo",
    "positions",
    "rfqs",
    "quotes",
    "struc-block-trades",
    "withdrawal-info",
];
