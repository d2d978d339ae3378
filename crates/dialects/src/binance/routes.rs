//! Every REST path and WebSocket API method that is known, with its security, scope, weight and order count.
//!
//! Source: `rest-api.md` and `web-socket-api.md` of the venue, 2026-07-21; the `/sapi`, `/fapi`, `/futures` and `/dapi` rows are what
//! ccxt and the connectors ask for (recorded 2026-11-28): wallets are read, margin and USD-M futures traded, nothing borrowed but by an
//! order, funds moved by withdrawal alone. A path or method that is not here has no route.
//!
//! The venue's security types map to our scopes: `NONE` is public; `TRADE` is `order:write`; `USER_DATA` is `order:read` where it is
//! about orders, else `account:read`; `USER_STREAM` is `account:read`, because its events tell balances.

use countersign_core::{Effect, Purpose, Scope};

use super::ws_api::Frame;
use crate::dialect::Security;
use crate::effect;
use crate::routes::{Handling, RestRoute, Weight};
use crate::weight::Found;

/// Where a frame of the WebSocket API ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WsHandling {
    /// Passed on to the venue.
    Forward,
    /// Passed on; needs an open `session.logon` and neither signature nor timestamp.
    ForwardInSession,
    /// `userDataStream.start`, `.ping` and `.stop`: the listen key of a key that is named.
    ListenKey,
    /// `session.logon`.
    Logon,
    /// `session.logout`.
    Logout,
    /// `session.status`.
    Status,
}

/// One WebSocket API method.
#[derive(Clone, Copy, Debug)]
pub struct WsMethod {
    /// Its name, without a version prefix.
    pub name: &'static str,
    /// Where its frames end.
    pub handling: WsHandling,
    /// What a frame must carry.
    pub security: Security,
    /// What the key must be allowed; `None` for anybody.
    pub scope: Option<&'static str>,
    /// What a frame weighs.
    pub weight: Weight,
    /// How many orders it adds to the order count.
    pub orders: u32,
    /// Whether acting on it twice does harm.
    pub writes: bool,
}

impl WsMethod {
    /// Whether acting on a frame twice does harm.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match effect::of_message(Purpose::Binance, self.name, self.scope) {
            _ if !self.writes => Effect::Read,
            Effect::Cancel => Effect::Cancel,
            // A logon needs no scope of writing, and happens once.
            Effect::Read | Effect::Write => Effect::Write,
        }
    }

    /// The weight of one frame.
    #[must_use]
    pub fn weight_of(&self, frame: &Frame<'_>) -> u32 {
        self.weight.of(|name| Found::in_object(&frame.params, name))
    }
}

/// Why there is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteMiss {
    /// The path is there, with other methods.
    Method,
    /// There is no such path.
    Path,
}

/// The endpoint of a method and path, both as sent.
///
/// # Errors
/// [`RouteMiss`] says whether another method would have one.
pub fn rest_route(method: &str, path: &[u8]) -> Result<&'static RestRoute, RouteMiss> {
    let start = REST.partition_point(|route| route.path.as_bytes() < path);
    let mut of_path = REST[start..].iter().take_while(|route| route.path.as_bytes() == path).peekable();
    if of_path.peek().is_none() {
        return Err(RouteMiss::Path);
    }
    of_path.find(|route| route.method == method).ok_or(RouteMiss::Method)
}

/// The WebSocket API method of a name, with or without the version prefix `v3/`.
#[must_use]
pub fn ws_method(name: &str) -> Option<&'static WsMethod> {
    let name = name.strip_prefix("v3/").unwrap_or(name);
    let index = WS.binary_search_by(|method| method.name.cmp(name)).ok()?;
    WS.get(index)
}

use Weight::{Depth, Fixed};

/// Orders in one `batchOrders` at most, and what one is charged whose orders cannot be counted (vendor, "Place Multiple Orders": 5).
pub const BATCH_ORDERS_MAX: u32 = 5;

const ACCOUNT: Option<&str> = Some(Scope::ACCOUNT_READ);
const ORDERS: Option<&str> = Some(Scope::ORDER_READ);
const TRADE: Option<&str> = Some(Scope::ORDER_WRITE);
const WITHDRAW: Option<&str> = Some(Scope::FUNDS_WITHDRAW);

const fn by(name: &'static str, with: u32, without: u32) -> Weight {
    Weight::Parameter { name, with, without }
}

/// A public endpoint.
const fn open(method: &'static str, path: &'static str, weight: Weight) -> RestRoute {
    RestRoute { method, path, security: Security::None, scope: None, weight, orders: 0, handling: Handling::Forward }
}

/// An endpoint for which a key must be named.
const fn keyed(method: &'static str, path: &'static str, weight: Weight) -> RestRoute {
    RestRoute { method, path, security: Security::ApiKey, scope: None, weight, orders: 0, handling: Handling::Forward }
}

/// A signed endpoint that only reads.
const fn signed(method: &'static str, path: &'static str, scope: Option<&'static str>, weight: Weight) -> RestRoute {
    RestRoute { method, path, security: Security::Signed, scope, weight, orders: 0, handling: Handling::Forward }
}

/// A signed endpoint that trades.
const fn trade(method: &'static str, path: &'static str, weight: u32, orders: u32) -> RestRoute {
    RestRoute { method, path, security: Security::Signed, scope: TRADE, weight: Fixed(weight), orders, handling: Handling::Forward }
}

/// Options and portfolio margin, which no row has: ccxt asks for them where it is told to, some of it without a key.
pub const UNROUTED: &[&str] = &["/eapi", "/papi"];

/// The REST endpoints, sorted by path.
#[rustfmt::skip]
pub const REST: &[RestRoute] = &[
    signed("GET",    "/api/v3/account", ACCOUNT, Fixed(20)),
    signed("GET",    "/api/v3/account/commission", ACCOUNT, Fixed(20)),
    open("GET",      "/api/v3/aggTrades", Fixed(4)),
    signed("GET",    "/api/v3/allOrderList", ORDERS, Fixed(20)),
    signed("GET",    "/api/v3/allOrders", ORDERS, Fixed(20)),
    open("GET",      "/api/v3/avgPrice", Fixed(2)),
    open("GET",      "/api/v3/depth", Depth),
    open("GET",      "/api/v3/exchangeInfo", Fixed(20)),
    open("GET",      "/api/v3/executionRules", by("symbol", 2, 40)),
    open("GET",      "/api/v3/historicalBlockTrades", Fixed(25)),
    open("GET",      "/api/v3/historicalTrades", Fixed(25)),
    open("GET",      "/api/v3/klines", Fixed(2)),
    signed("GET",    "/api/v3/myAllocations", ORDERS, Fixed(20)),
    signed("GET",    "/api/v3/myFilters", ACCOUNT, Fixed(40)),
    signed("GET",    "/api/v3/myPreventedMatches", ORDERS, by("preventedMatchId", 2, 20)),
    signed("GET",    "/api/v3/myTrades", ORDERS, by("orderId", 5, 20)),
    signed("GET",    "/api/v3/openOrderList", ORDERS, Fixed(6)),
    trade("DELETE",  "/api/v3/openOrders", 1, 0),
    signed("GET",    "/api/v3/openOrders", ORDERS, by("symbol", 6, 80)),
    trade("DELETE",  "/api/v3/order", 1, 0),
    signed("GET",    "/api/v3/order", ORDERS, Fixed(4)),
    trade("POST",    "/api/v3/order", 1, 1),
    trade("PUT",     "/api/v3/order/amend/keepPriority", 4, 0),
    signed("GET",    "/api/v3/order/amendments", ORDERS, Fixed(4)),
    trade("POST",    "/api/v3/order/cancelReplace", 1, 1),
    trade("POST",    "/api/v3/order/oco", 1, 2),
    RestRoute { weight: by("computeCommissionRates", 20, 1), ..trade("POST", "/api/v3/order/test", 1, 0) },
    trade("DELETE",  "/api/v3/orderList", 1, 0),
    signed("GET",    "/api/v3/orderList", ORDERS, Fixed(4)),
    trade("POST",    "/api/v3/orderList/oco", 1, 2),
    trade("POST",    "/api/v3/orderList/opo", 1, 2),
    trade("POST",    "/api/v3/orderList/opoco", 1, 3),
    trade("POST",    "/api/v3/orderList/oto", 1, 2),
    trade("POST",    "/api/v3/orderList/otoco", 1, 3),
    open("GET",      "/api/v3/ping", Fixed(1)),
    signed("GET",    "/api/v3/rateLimit/order", ORDERS, Fixed(40)),
    open("GET",      "/api/v3/referencePrice", Fixed(2)),
    open("GET",      "/api/v3/referencePrice/calculation", Fixed(2)),
    trade("POST",    "/api/v3/sor/order", 1, 1),
    RestRoute { weight: by("computeCommissionRates", 20, 1), ..trade("POST", "/api/v3/sor/order/test", 1, 0) },
    open("GET",      "/api/v3/ticker", by("symbol", 4, 200)),
    open("GET",      "/api/v3/ticker/24hr", by("symbol", 2, 80)),
    open("GET",      "/api/v3/ticker/bookTicker", by("symbol", 2, 4)),
    open("GET",      "/api/v3/ticker/price", by("symbol", 2, 4)),
    open("GET",      "/api/v3/ticker/tradingDay", by("symbol", 4, 200)),
    open("GET",      "/api/v3/time", Fixed(1)),
    open("GET",      "/api/v3/trades", Fixed(25)),
    open("GET",      "/api/v3/uiKlines", Fixed(2)),
    open("GET",      "/dapi/v1/exchangeInfo", Fixed(1)),
    signed("GET",    "/fapi/v1/accountConfig", ACCOUNT, Fixed(5)),
    signed("GET",    "/fapi/v1/adlQuantile", ACCOUNT, Fixed(5)),
    open("GET",      "/fapi/v1/aggTrades", Fixed(20)),
    trade("DELETE",  "/fapi/v1/algoOpenOrders", 1, 0),
    trade("DELETE",  "/fapi/v1/algoOrder", 1, 0),
    signed("GET",    "/fapi/v1/algoOrder", ORDERS, Fixed(1)),
    trade("POST",  "/fapi/v1/algoOrder", 1, 1),
    signed("GET",    "/fapi/v1/allAlgoOrders", ORDERS, Fixed(5)),
    trade("DELETE",  "/fapi/v1/allOpenOrders", 1, 0),
    signed("GET",    "/fapi/v1/allOrders", ORDERS, Fixed(5)),
    signed("GET",    "/fapi/v1/apiTradingStatus", ACCOUNT, Fixed(10)),
    trade("DELETE",  "/fapi/v1/batchOrders", 1, 0),
    trade("POST",  "/fapi/v1/batchOrders", 5, BATCH_ORDERS_MAX),
    trade("PUT",  "/fapi/v1/batchOrders", 5, BATCH_ORDERS_MAX),
    signed("GET",    "/fapi/v1/commissionRate", ACCOUNT, Fixed(20)),
    open("GET",      "/fapi/v1/constituents", Fixed(2)),
    open("GET",      "/fapi/v1/continuousKlines", Fixed(5)),
    trade("POST",  "/fapi/v1/countdownCancelAll", 10, 0),
    open("GET",      "/fapi/v1/depth", Fixed(20)),
    open("GET",      "/fapi/v1/exchangeInfo", Fixed(1)),
    signed("GET",    "/fapi/v1/forceOrders", ORDERS, by("symbol", 20, 50)),
    open("GET",      "/fapi/v1/fundingInfo", Fixed(1)),
    open("GET",      "/fapi/v1/fundingRate", Fixed(1)),
    keyed("GET",     "/fapi/v1/historicalTrades", Fixed(20)),
    signed("GET",    "/fapi/v1/income", ACCOUNT, Fixed(30)),
    open("GET",      "/fapi/v1/indexInfo", by("symbol", 1, 10)),
    open("GET",      "/fapi/v1/indexPriceKlines", Fixed(5)),
    open("GET",      "/fapi/v1/klines", Fixed(5)),
    trade("POST",  "/fapi/v1/leverage", 1, 0),
    signed("GET",    "/fapi/v1/leverageBracket", ACCOUNT, Fixed(1)),
    keyed("DELETE",  "/fapi/v1/listenKey", Fixed(1)).local(),
    keyed("POST",    "/fapi/v1/listenKey", Fixed(1)).local(),
    keyed("PUT",     "/fapi/v1/listenKey", Fixed(1)).local(),
    trade("POST",  "/fapi/v1/marginType", 1, 0),
    open("GET",      "/fapi/v1/markPriceKlines", Fixed(5)),
    signed("GET",    "/fapi/v1/multiAssetsMargin", ACCOUNT, Fixed(30)),
    trade("POST",  "/fapi/v1/multiAssetsMargin", 1, 0),
    signed("GET",    "/fapi/v1/openAlgoOrders", ORDERS, by("symbol", 1, 40)),
    open("GET",      "/fapi/v1/openInterest", Fixed(1)),
    signed("GET",    "/fapi/v1/openOrder", ORDERS, Fixed(1)),
    signed("GET",    "/fapi/v1/openOrders", ORDERS, by("symbol", 1, 40)),
    trade("DELETE",  "/fapi/v1/order", 1, 0),
    signed("GET",    "/fapi/v1/order", ORDERS, Fixed(1)),
    trade("POST",  "/fapi/v1/order", 1, 1),
    trade("PUT",  "/fapi/v1/order", 1, 1),
    trade("POST",  "/fapi/v1/order/test", 1, 0),
    signed("GET",    "/fapi/v1/orderAmendment", ORDERS, Fixed(1)),
    open("GET",      "/fapi/v1/ping", Fixed(1)),
    trade("POST",  "/fapi/v1/positionMargin", 1, 0),
    signed("GET",    "/fapi/v1/positionMargin/history", ACCOUNT, Fixed(1)),
    signed("GET",    "/fapi/v1/positionSide/dual", ACCOUNT, Fixed(30)),
    trade("POST",  "/fapi/v1/positionSide/dual", 1, 0),
    open("GET",      "/fapi/v1/premiumIndex", by("symbol", 1, 10)),
    open("GET",      "/fapi/v1/premiumIndexKlines", Fixed(5)),
    signed("GET",    "/fapi/v1/rateLimit/order", ORDERS, Fixed(1)),
    open("GET",      "/fapi/v1/rpiDepth", Fixed(20)),
    open("GET",      "/fapi/v1/symbolAdlRisk", Fixed(1)),
    signed("GET",    "/fapi/v1/symbolConfig", ACCOUNT, Fixed(5)),
    open("GET",      "/fapi/v1/ticker/24hr", by("symbol", 1, 40)),
    open("GET",      "/fapi/v1/ticker/bookTicker", by("symbol", 2, 5)),
    open("GET",      "/fapi/v1/ticker/price", by("symbol", 1, 2)),
    open("GET",      "/fapi/v1/time", Fixed(1)),
    open("GET",      "/fapi/v1/trades", Fixed(5)),
    signed("GET",    "/fapi/v1/userTrades", ORDERS, Fixed(5)),
    signed("GET",    "/fapi/v2/account", ACCOUNT, Fixed(5)),
    signed("GET",    "/fapi/v2/balance", ACCOUNT, Fixed(5)),
    signed("GET",    "/fapi/v2/positionRisk", ACCOUNT, Fixed(5)),
    open("GET",      "/fapi/v2/ticker/price", by("symbol", 1, 2)),
    signed("GET",    "/fapi/v3/account", ACCOUNT, Fixed(5)),
    signed("GET",    "/fapi/v3/balance", ACCOUNT, Fixed(5)),
    signed("GET",    "/fapi/v3/positionRisk", ACCOUNT, Fixed(5)),
    open("GET",      "/futures/data/basis", Fixed(1)),
    open("GET",      "/futures/data/globalLongShortAccountRatio", Fixed(1)),
    open("GET",      "/futures/data/openInterestHist", Fixed(1)),
    open("GET",      "/futures/data/takerlongshortRatio", Fixed(1)),
    open("GET",      "/futures/data/topLongShortAccountRatio", Fixed(1)),
    open("GET",      "/futures/data/topLongShortPositionRatio", Fixed(1)),
    signed("GET",    "/sapi/v1/account/apiRestrictions", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/account/apiTradingStatus", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/account/info", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/account/status", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/accountSnapshot", ACCOUNT, Fixed(2_400)),
    signed("GET",    "/sapi/v1/asset/assetDetail", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/asset/assetDividend", ACCOUNT, Fixed(10)),
    signed("GET",    "/sapi/v1/asset/dribblet", ACCOUNT, Fixed(1)),
    signed("POST",    "/sapi/v1/asset/get-funding-asset", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/asset/tradeFee", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/asset/transfer", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/capital/config/getall", ACCOUNT, Fixed(10)),
    signed("GET",    "/sapi/v1/capital/deposit/address", ACCOUNT, Fixed(10)),
    signed("GET",    "/sapi/v1/capital/deposit/hisrec", ACCOUNT, Fixed(1)),
    signed("POST",    "/sapi/v1/capital/withdraw/apply", WITHDRAW, Fixed(600)),
    signed("GET",    "/sapi/v1/capital/withdraw/history", ACCOUNT, Fixed(10)),
    signed("GET",    "/sapi/v1/convert/assetInfo", ACCOUNT, Fixed(100)),
    signed("GET",    "/sapi/v1/convert/orderStatus", ORDERS, Fixed(100)),
    signed("GET",    "/sapi/v1/convert/tradeFlow", ORDERS, Fixed(3_000)),
    signed("GET",    "/sapi/v1/margin/account", ACCOUNT, Fixed(10)),
    keyed("GET",     "/sapi/v1/margin/allAssets", Fixed(1)),
    signed("GET",    "/sapi/v1/margin/allOrderList", ORDERS, Fixed(200)),
    signed("GET",    "/sapi/v1/margin/allOrders", ORDERS, Fixed(200)),
    keyed("GET",     "/sapi/v1/margin/allPairs", Fixed(1)),
    signed("GET",    "/sapi/v1/margin/available-inventory", ACCOUNT, Fixed(50)),
    signed("GET",    "/sapi/v1/margin/borrow-repay", ACCOUNT, Fixed(10)),
    signed("GET",    "/sapi/v1/margin/capital-flow", ACCOUNT, Fixed(100)),
    keyed("GET",     "/sapi/v1/margin/crossMarginCollateralRatio", Fixed(100)),
    signed("GET",    "/sapi/v1/margin/crossMarginData", ACCOUNT, Fixed(5)),
    keyed("GET",     "/sapi/v1/margin/delist-schedule", Fixed(100)),
    signed("GET",    "/sapi/v1/margin/forceLiquidationRec", ORDERS, Fixed(1)),
    signed("GET",    "/sapi/v1/margin/interestHistory", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/margin/interestRateHistory", ACCOUNT, Fixed(1)),
    signed("GET",    "/sapi/v1/margin/isolated/account", ACCOUNT, Fixed(10)),
    signed("GET",    "/sapi/v1/margin/isolated/accountLimit", ACCOUNT, Fixed(1)),
    keyed("GET",     "/sapi/v1/margin/isolated/allPairs", Fixed(10)),
    signed("GET",    "/sapi/v1/margin/isolatedMarginData", ACCOUNT, Fixed(10)),
    signed("GET",    "/sapi/v1/margin/isolatedMarginTier", ACCOUNT, Fixed(1)),
    keyed("GET",     "/sapi/v1/margin/leverageBracket", Fixed(1)),
    signed("GET",    "/sapi/v1/margin/maxBorrowable", ACCOUNT, Fixed(50)),
    signed("GET",    "/sapi/v1/margin/maxTransferable", ACCOUNT, Fixed(50)),
    signed("GET",    "/sapi/v1/margin/myTrades", ORDERS, Fixed(10)),
    signed("GET",    "/sapi/v1/margin/next-hourly-interest-rate", ACCOUNT, Fixed(100)),
    signed("GET",    "/sapi/v1/margin/openOrderList", ORDERS, Fixed(10)),
    trade("DELETE",  "/sapi/v1/margin/openOrders", 1, 0),
    signed("GET",    "/sapi/v1/margin/openOrders", ORDERS, Fixed(10)),
    trade("DELETE",  "/sapi/v1/margin/order", 10, 0),
    signed("GET",    "/sapi/v1/margin/order", ORDERS, Fixed(10)),
    trade("POST",    "/sapi/v1/margin/order", 6, 1),
    trade("POST",    "/sapi/v1/margin/order/oco", 6, 2),
    trade("POST",    "/sapi/v1/margin/order/oto", 6, 2),
    trade("POST",    "/sapi/v1/margin/order/otoco", 6, 3),
    trade("DELETE",  "/sapi/v1/margin/orderList", 1, 0),
    signed("GET",    "/sapi/v1/margin/orderList", ORDERS, Fixed(10)),
    keyed("GET",     "/sapi/v1/margin/priceIndex", Fixed(10)),
    signed("GET",    "/sapi/v1/margin/rateLimit/order", ORDERS, Fixed(20)),
    signed("GET",    "/sapi/v1/margin/tradeCoeff", ACCOUNT, Fixed(10)),
    signed("GET",    "/sapi/v1/margin/transfer", ACCOUNT, Fixed(1)),
    open("GET",      "/sapi/v1/system/status", Fixed(1)),
    signed("POST",    "/sapi/v3/asset/getUserAsset", ACCOUNT, Fixed(5)),
];

const fn ws(name: &'static str, handling: WsHandling, security: Security, scope: Option<&'static str>, weight: Weight) -> WsMethod {
    WsMethod { name, handling, security, scope, weight, orders: 0, writes: false }
}

const fn ws_open(name: &'static str, weight: Weight) -> WsMethod {
    ws(name, WsHandling::Forward, Security::None, None, weight)
}

const fn ws_read(name: &'static str, scope: Option<&'static str>, weight: Weight) -> WsMethod {
    ws(name, WsHandling::Forward, Security::Signed, scope, weight)
}

const fn ws_trade(name: &'static str, weight: u32, orders: u32) -> WsMethod {
    WsMethod { orders, writes: true, ..ws(name, WsHandling::Forward, Security::Signed, TRADE, Fixed(weight)) }
}

/// The WebSocket API methods, sorted by name.
#[rustfmt::skip]
pub const WS: &[WsMethod] = &[
    ws_read("account.balance", ACCOUNT, Fixed(5)),
    ws_read("account.commission", ACCOUNT, Fixed(20)),
    ws_read("account.position", ACCOUNT, Fixed(5)),
    ws_read("account.rateLimits.orders", ORDERS, Fixed(40)),
    ws_read("account.status", ACCOUNT, Fixed(20)),
    ws_read("allOrderLists", ORDERS, Fixed(20)),
    ws_read("allOrders", ORDERS, Fixed(20)),
    ws_open("avgPrice", Fixed(2)),
    ws_open("blockTrades.historical", Fixed(25)),
    ws_open("depth", Depth),
    ws_open("exchangeInfo", Fixed(20)),
    ws_open("executionRules", by("symbol", 2, 40)),
    ws_open("klines", Fixed(2)),
    ws_read("myAllocations", ORDERS, Fixed(20)),
    ws_read("myFilters", ACCOUNT, Fixed(40)),
    ws_read("myPreventedMatches", ORDERS, by("preventedMatchId", 2, 20)),
    ws_read("myTrades", ORDERS, by("orderId", 5, 20)),
    ws_read("openOrderLists.status", ORDERS, Fixed(6)),
    ws_trade("openOrders.cancelAll", 1, 0),
    ws_read("openOrders.status", ORDERS, by("symbol", 6, 80)),
    ws_trade("order.amend.keepPriority", 4, 0),
    ws_read("order.amendments", ORDERS, Fixed(4)),
    ws_trade("order.cancel", 1, 0),
    ws_trade("order.cancelReplace", 1, 1),
    ws_trade("order.modify", 1, 1),
    ws_trade("order.place", 1, 1),
    ws_read("order.status", ORDERS, Fixed(4)),
    WsMethod { weight: by("computeCommissionRates", 20, 1), ..ws_trade("order.test", 1, 0) },
    ws_trade("orderList.cancel", 1, 0),
    ws_trade("orderList.place", 1, 2),
    ws_trade("orderList.place.oco", 1, 2),
    ws_trade("orderList.place.opo", 1, 2),
    ws_trade("orderList.place.opoco", 1, 3),
    ws_trade("orderList.place.oto", 1, 2),
    ws_trade("orderList.place.otoco", 1, 3),
    ws_read("orderList.status", ORDERS, Fixed(4)),
    ws_open("ping", Fixed(1)),
    ws_open("referencePrice", Fixed(2)),
    ws_open("referencePrice.calculation", Fixed(2)),
    // A logon takes a connection over: its frame is accepted once.
    WsMethod { writes: true, ..ws("session.logon", WsHandling::Logon, Security::Signed, None, Fixed(2)) },
    ws("session.logout", WsHandling::Logout, Security::None, None, Fixed(2)),
    ws("session.status", WsHandling::Status, Security::None, None, Fixed(2)),
    ws_open("session.subscriptions", Fixed(2)),
    ws_trade("sor.order.place", 1, 1),
    WsMethod { weight: by("computeCommissionRates", 20, 1), ..ws_trade("sor.order.test", 1, 0) },
    ws_open("ticker", by("symbol", 4, 200)),
    ws_open("ticker.24hr", by("symbol", 2, 80)),
    ws_open("ticker.book", by("symbol", 2, 4)),
    ws_open("ticker.price", by("symbol", 2, 4)),
    ws_open("ticker.tradingDay", by("symbol", 4, 200)),
    ws_open("time", Fixed(1)),
    ws_open("trades.aggregate", Fixed(4)),
    ws_open("trades.historical", Fixed(25)),
    ws_open("trades.recent", Fixed(25)),
    ws_open("uiKlines", Fixed(2)),
    ws("userDataStream.ping", WsHandling::ListenKey, Security::ApiKey, None, Fixed(1)),
    ws("userDataStream.start", WsHandling::ListenKey, Security::ApiKey, None, Fixed(5)),
    ws("userDataStream.stop", WsHandling::ListenKey, Security::ApiKey, None, Fixed(1)),
    ws("userDataStream.subscribe", WsHandling::ForwardInSession, Security::Signed, ACCOUNT, Fixed(2)),
    // A subscription delivers to whoever sent it: its frame is accepted once.
    WsMethod { writes: true, ..ws_read("userDataStream.subscribe.signature", ACCOUNT, Fixed(2)) },
    ws_open("userDataStream.unsubscribe", Fixed(2)),
    ws_read("v2/account.balance", ACCOUNT, Fixed(5)),
    ws_read("v2/account.position", ACCOUNT, Fixed(5)),
    ws_read("v2/account.status", ACCOUNT, Fixed(5)),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_without_duplicates() {
        assert!(REST.is_sorted_by(|one, two| (one.path, one.method) < (two.path, two.method)));
        assert!(WS.is_sorted_by(|one, two| one.name < two.name));
    }

    #[test]
    fn every_scope_is_a_scope_and_every_secured_route_has_one() {
        let rows = REST.iter().map(|route| (route.path, route.security, route.scope));
        let methods = WS.iter().map(|method| (method.name, method.security, method.scope));
        for (name, security, scope) in rows.chain(methods) {
            assert!(scope.is_none_or(|text| Scope::KNOWN.contains(&text)), "{name}");
            assert_eq!(scope.is_some(), security == Security::Signed && name != "session.logon", "{name}");
        }
    }

    #[test]
    fn only_exact_paths_and_methods_have_a_route() {
        for route in REST {
            assert_eq!(rest_route(route.method, route.path.as_bytes()).unwrap().path, route.path);
        }
        assert_eq!(rest_route("POST", b"/api/v3/order").unwrap().orders, 1);
        assert_eq!(rest_route("PATCH", b"/api/v3/order").unwrap_err(), RouteMiss::Method);
        assert_eq!(rest_route("get", b"/api/v3/order").unwrap_err(), RouteMiss::Method);
        let others: [&[u8]; 8] =
            [b"", b"/", b"/api/v3/order/", b"/api/v3//order", b"/API/v3/order", b"/api/v3/%6frder", b"/api/v3/order;x", b"/zapi"];
        for path in others {
            assert_eq!(rest_route("POST", path).unwrap_err(), RouteMiss::Path);
        }
    }

    #[test]
    fn methods_are_found_with_and_without_the_version() {
        for method in WS {
            assert_eq!(ws_method(method.name).unwrap().name, method.name);
        }
        assert_eq!(ws_method("v3/order.place").unwrap().orders, 1);
        for name in ["v4/order.place", "v3/v3/order.place", "order.Place", "", "v3/"] {
            assert!(ws_method(name).is_none(), "{name}");
        }
    }

    #[test]
    fn weights_follow_the_parameters() {
        let depth = rest_route("GET", b"/api/v3/depth").unwrap();
        for (query, weight) in
            [("", 5), ("limit=100", 5), ("symbol=A&limit=500", 25), ("limit=1000", 50), ("limit=5000", 250), ("limit=x", 250)]
        {
            assert_eq!(depth.weight_of(query.as_bytes()), weight, "{query}");
        }
        let open_orders = rest_route("GET", b"/api/v3/openOrders").unwrap();
        assert_eq!(open_orders.weight_of(b"symbol=BTCUSDT&timestamp=1"), 6);
        assert_eq!(open_orders.weight_of(b"symbols=BTCUSDT&timestamp=1"), 80);
        let frame = Frame::read(r#"{"id":1,"method":"depth","params":{"symbol":"A","limit":"1000"}}"#).unwrap();
        assert_eq!(ws_method("depth").unwrap().weight_of(&frame), 50);
    }
}
