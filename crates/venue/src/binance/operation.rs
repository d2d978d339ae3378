//! Every request of the façade: where it is found and what it needs.

use http::Method;

use crate::facade::Access;

/// One kind of request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Account,
    AggTrades,
    AllOrders,
    AmendOrder,
    AvgPrice,
    CancelOpenOrders,
    CancelOrder,
    CancelReplace,
    CapitalConfig,
    Commission,
    Depth,
    EmptyContracts,
    EmptyList,
    ExchangeInfo,
    Klines,
    MyTrades,
    OpenOrders,
    OrderRateLimits,
    OrderStatus,
    Ping,
    PlaceOrder,
    SystemStatus,
    TestOrder,
    Ticker24h,
    TickerBook,
    TickerPrice,
    Time,
    TradeFee,
    Trades,
}

impl Operation {
    /// What it needs.
    pub(super) const fn access(self) -> Access {
        match self {
            Self::Account
            | Self::AllOrders
            | Self::CapitalConfig
            | Self::Commission
            | Self::MyTrades
            | Self::OpenOrders
            | Self::OrderRateLimits
            | Self::OrderStatus
            | Self::TradeFee => Access::Read,
            Self::AmendOrder | Self::CancelOpenOrders | Self::CancelOrder | Self::CancelReplace | Self::PlaceOrder | Self::TestOrder => {
                Access::Write
            }
            Self::AggTrades
            | Self::AvgPrice
            | Self::Depth
            | Self::EmptyContracts
            | Self::EmptyList
            | Self::ExchangeInfo
            | Self::Klines
            | Self::Ping
            | Self::SystemStatus
            | Self::Ticker24h
            | Self::TickerBook
            | Self::TickerPrice
            | Self::Time
            | Self::Trades => Access::Public,
        }
    }

    /// The operation behind a WebSocket API method.
    pub(super) fn of_method(method: &str) -> Option<Self> {
        Some(match method {
            "account.commission" => Self::Commission,
            "account.rateLimits.orders" => Self::OrderRateLimits,
            "account.status" => Self::Account,
            "allOrders" => Self::AllOrders,
            "avgPrice" => Self::AvgPrice,
            "depth" => Self::Depth,
            "exchangeInfo" => Self::ExchangeInfo,
            "klines" | "uiKlines" => Self::Klines,
            "myTrades" => Self::MyTrades,
            "openOrders.cancelAll" => Self::CancelOpenOrders,
            "openOrders.status" => Self::OpenOrders,
            "order.amend.keepPriority" => Self::AmendOrder,
            "order.cancel" => Self::CancelOrder,
            "order.cancelReplace" => Self::CancelReplace,
            "order.place" => Self::PlaceOrder,
            "order.status" => Self::OrderStatus,
            "order.test" => Self::TestOrder,
            "ping" => Self::Ping,
            "ticker.24hr" => Self::Ticker24h,
            "ticker.book" => Self::TickerBook,
            "ticker.price" => Self::TickerPrice,
            "time" => Self::Time,
            "trades.aggregate" => Self::AggTrades,
            "trades.historical" | "trades.recent" => Self::Trades,
            _ => return None,
        })
    }
}

/// REST: method, path, operation.
pub(super) const ROUTES: &[(Method, &str, Operation)] = &[
    (Method::GET, "/api/v3/account", Operation::Account),
    (Method::GET, "/api/v3/account/commission", Operation::Commission),
    (Method::GET, "/api/v3/aggTrades", Operation::AggTrades),
    (Method::GET, "/api/v3/allOrders", Operation::AllOrders),
    (Method::GET, "/api/v3/avgPrice", Operation::AvgPrice),
    (Method::GET, "/api/v3/depth", Operation::Depth),
    (Method::GET, "/api/v3/exchangeInfo", Operation::ExchangeInfo),
    (Method::GET, "/api/v3/historicalTrades", Operation::Trades),
    (Method::GET, "/api/v3/klines", Operation::Klines),
    (Method::GET, "/api/v3/myTrades", Operation::MyTrades),
    (Method::DELETE, "/api/v3/openOrders", Operation::CancelOpenOrders),
    (Method::GET, "/api/v3/openOrders", Operation::OpenOrders),
    (Method::DELETE, "/api/v3/order", Operation::CancelOrder),
    (Method::GET, "/api/v3/order", Operation::OrderStatus),
    (Method::POST, "/api/v3/order", Operation::PlaceOrder),
    (Method::PUT, "/api/v3/order/amend/keepPriority", Operation::AmendOrder),
    (Method::POST, "/api/v3/order/cancelReplace", Operation::CancelReplace),
    (Method::POST, "/api/v3/order/test", Operation::TestOrder),
    (Method::GET, "/api/v3/ping", Operation::Ping),
    (Method::GET, "/api/v3/rateLimit/order", Operation::OrderRateLimits),
    (Method::GET, "/api/v3/ticker/24hr", Operation::Ticker24h),
    (Method::GET, "/api/v3/ticker/bookTicker", Operation::TickerBook),
    (Method::GET, "/api/v3/ticker/price", Operation::TickerPrice),
    (Method::GET, "/api/v3/time", Operation::Time),
    (Method::GET, "/api/v3/trades", Operation::Trades),
    (Method::GET, "/api/v3/uiKlines", Operation::Klines),
    (Method::GET, "/dapi/v1/exchangeInfo", Operation::EmptyContracts),
    (Method::GET, "/sapi/v1/asset/tradeFee", Operation::TradeFee),
    (Method::GET, "/sapi/v1/capital/config/getall", Operation::CapitalConfig),
    (Method::GET, "/sapi/v1/margin/allAssets", Operation::EmptyList),
    (Method::GET, "/sapi/v1/margin/allPairs", Operation::EmptyList),
    (Method::GET, "/sapi/v1/margin/isolated/allPairs", Operation::EmptyList),
    (Method::GET, "/sapi/v1/system/status", Operation::SystemStatus),
];
