//! What Kraken's clients ask for. Rows: what ccxt, krakenex and python-kraken-sdk call (recorded 2026-11-21), and the venue's
//! documentation. Public endpoints take GET and POST; private ones only POST.

use countersign_core::Scope;

use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;
/// Moving funds out.
const WITHDRAW: &str = Scope::FUNDS_WITHDRAW;

const fn get(path: &'static str) -> RestRoute {
    RestRoute::public("GET", path)
}

const fn post(path: &'static str) -> RestRoute {
    RestRoute::public("POST", path)
}

const fn read(path: &'static str, scope: &'static str) -> RestRoute {
    RestRoute::signed("POST", path, scope)
}

const fn trade(path: &'static str, orders: u32) -> RestRoute {
    RestRoute::trade("POST", path, orders)
}

/// The endpoints.
pub(super) const REST: &[RestRoute] = &[
    get("/0/public/AssetPairs"),
    get("/0/public/Assets"),
    get("/0/public/Depth"),
    get("/0/public/OHLC"),
    get("/0/public/Spread"),
    get("/0/public/SystemStatus"),
    get("/0/public/Ticker"),
    get("/0/public/Time"),
    get("/0/public/Trades"),
    post("/0/public/AssetPairs"),
    post("/0/public/Assets"),
    post("/0/public/Depth"),
    post("/0/public/OHLC"),
    post("/0/public/Spread"),
    post("/0/public/SystemStatus"),
    post("/0/public/Ticker"),
    post("/0/public/Time"),
    post("/0/public/Trades"),
    read("/0/private/Balance", ACCOUNT),
    read("/0/private/BalanceEx", ACCOUNT),
    read("/0/private/ClosedOrders", ORDERS),
    read("/0/private/GetWebSocketsToken", ACCOUNT).local(),
    read("/0/private/Ledgers", ACCOUNT),
    read("/0/private/OpenOrders", ORDERS),
    read("/0/private/OpenPositions", ACCOUNT),
    read("/0/private/QueryLedgers", ACCOUNT),
    read("/0/private/QueryOrders", ORDERS),
    read("/0/private/QueryTrades", ORDERS),
    read("/0/private/TradeBalance", ACCOUNT),
    read("/0/private/TradeVolume", ACCOUNT),
    read("/0/private/TradesHistory", ORDERS),
    trade("/0/private/AddOrder", 1),
    trade("/0/private/AddOrderBatch", 15),
    trade("/0/private/AmendOrder", 1),
    trade("/0/private/CancelAll", 0),
    trade("/0/private/CancelAllOrdersAfter", 0),
    trade("/0/private/CancelOrder", 0),
    trade("/0/private/CancelOrderBatch", 0),
    trade("/0/private/EditOrder", 1),
    get("/0/public/GroupedBook"),
    get("/0/public/PostTrade"),
    get("/0/public/PreTrade"),
    read("/0/private/CreditLines", ACCOUNT),
    read("/0/private/DepositAddresses", ACCOUNT),
    read("/0/private/DepositMethods", ACCOUNT),
    read("/0/private/DepositStatus", ACCOUNT),
    read("/0/private/GetApiKeyInfo", ACCOUNT),
    read("/0/private/WithdrawAddresses", ACCOUNT),
    read("/0/private/WithdrawInfo", ACCOUNT),
    read("/0/private/WithdrawMethods", ACCOUNT),
    read("/0/private/WithdrawStatus", ACCOUNT),
    read("/0/private/OrderAmends", ORDERS),
    read("/0/private/Withdraw", WITHDRAW),
    read("/0/private/WithdrawCancel", WITHDRAW),
];

/// WebSocket v2.
pub(super) const V2_PATH: &str = "/v2";

const fn socket(path: &'static str) -> SocketRoute {
    SocketRoute { path, kind: SocketKind::Dialect, yields: false }
}

/// The WebSockets. v1 is at the root, and where that is another venue's, as on a port for all, at a path of its own.
pub(super) const SOCKETS: &[SocketRoute] = &[socket(V2_PATH), SocketRoute { yields: true, ..socket("/") }, socket("/kraken/ws")];

pub(super) const PUBLIC: &str = "subscribe.public";

/// Channels that anybody may have.
pub(super) const PUBLIC_CHANNELS: [&str; 7] = ["book", "heartbeat", "instrument", "ohlc", "status", "ticker", "trade"];

/// Public channels of v1; `*` is all of them.
pub(super) const V1_PUBLIC_CHANNELS: [&str; 6] = ["*", "book", "ohlc", "spread", "ticker", "trade"];

/// Private channels of v1, and the message that a subscription to them is.
pub(super) const V1_PRIVATE_CHANNELS: [(&str, &str); 2] = [("openOrders", "subscribe.openOrders"), ("ownTrades", "subscribe.ownTrades")];

/// A channel in neither list, perhaps one that the venue added later: it may tell of anything of one's own.
pub(super) const UNLISTED: &str = "subscribe.unlisted";

/// Channels that need a token, and the message that a subscription to them is: `level3` is market data for whoever logs in.
pub(super) const PRIVATE_CHANNELS: [(&str, &str); 3] =
    [("balances", "subscribe.balances"), ("executions", "subscribe.executions"), ("level3", "subscribe.level3")];

/// The messages.
pub(super) const MESSAGES: &[MessageRoute] = &[
    MessageRoute::public(PUBLIC),
    MessageRoute::scoped(PRIVATE_CHANNELS[0].1, ACCOUNT),
    MessageRoute::scoped(PRIVATE_CHANNELS[1].1, ORDERS),
    MessageRoute::scoped(PRIVATE_CHANNELS[2].1, Scope::MD_READ),
    MessageRoute::scoped(V1_PRIVATE_CHANNELS[0].1, ORDERS),
    MessageRoute::scoped(V1_PRIVATE_CHANNELS[1].1, ORDERS),
    MessageRoute::scoped(UNLISTED, ACCOUNT),
    MessageRoute::trade("addOrder", 1),
    MessageRoute::trade("add_order", 1),
    MessageRoute::trade("amend_order", 1),
    MessageRoute::trade("batch_add", 15),
    MessageRoute::trade("batch_cancel", 0),
    MessageRoute::trade("cancelAll", 0),
    MessageRoute::trade("cancelAllOrdersAfter", 0),
    MessageRoute::trade("cancelOrder", 0),
    MessageRoute::trade("cancel_all", 0),
    MessageRoute::trade("cancel_all_orders_after", 0),
    MessageRoute::trade("cancel_order", 0),
    MessageRoute::trade("editOrder", 1),
    MessageRoute::trade("edit_order", 1),
];
