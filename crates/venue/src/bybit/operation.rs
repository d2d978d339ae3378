//! Every request of the façade: where it is found and what it needs.

use http::Method;

use crate::facade::Access;

/// One kind of request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    AccountInfo,
    AmendBatch,
    AmendOrder,
    ApiKeyInfo,
    CancelAll,
    CancelBatch,
    CancelOrder,
    CoinInfo,
    CreateBatch,
    CreateOrder,
    DisconnectWindows,
    Executions,
    FeeRate,
    Instruments,
    Kline,
    OrderBook,
    OrderHistory,
    Orders,
    Positions,
    RecentTrades,
    ServerTime,
    SetDisconnectWindow,
    SystemStatus,
    Tickers,
    WalletBalance,
}

impl Operation {
    /// What it needs.
    pub(super) const fn access(self) -> Access {
        match self {
            Self::AccountInfo
            | Self::ApiKeyInfo
            | Self::CoinInfo
            | Self::DisconnectWindows
            | Self::Executions
            | Self::FeeRate
            | Self::OrderHistory
            | Self::Orders
            | Self::Positions
            | Self::WalletBalance => Access::Read,
            Self::AmendBatch
            | Self::AmendOrder
            | Self::CancelAll
            | Self::CancelBatch
            | Self::CancelOrder
            | Self::CreateBatch
            | Self::CreateOrder
            | Self::SetDisconnectWindow => Access::Write,
            Self::Instruments
            | Self::Kline
            | Self::OrderBook
            | Self::RecentTrades
            | Self::ServerTime
            | Self::SystemStatus
            | Self::Tickers => Access::Public,
        }
    }

    /// The operation behind an `op` of the trade socket.
    pub(super) fn of_op(op: &str) -> Option<Self> {
        match op {
            "order.amend" => Some(Self::AmendOrder),
            "order.amend-batch" => Some(Self::AmendBatch),
            "order.cancel" => Some(Self::CancelOrder),
            "order.cancel-batch" => Some(Self::CancelBatch),
            "order.create" => Some(Self::CreateOrder),
            "order.create-batch" => Some(Self::CreateBatch),
            _ => None,
        }
    }
}

/// REST: method, path, operation.
pub(super) const ROUTES: &[(Method, &str, Operation)] = &[
    (Method::GET, "/v5/account/fee-rate", Operation::FeeRate),
    (Method::GET, "/v5/account/info", Operation::AccountInfo),
    (Method::GET, "/v5/account/query-dcp-info", Operation::DisconnectWindows),
    (Method::GET, "/v5/account/wallet-balance", Operation::WalletBalance),
    (Method::GET, "/v5/asset/coin/query-info", Operation::CoinInfo),
    (Method::GET, "/v5/execution/list", Operation::Executions),
    (Method::GET, "/v5/market/instruments-info", Operation::Instruments),
    (Method::GET, "/v5/market/kline", Operation::Kline),
    (Method::GET, "/v5/market/orderbook", Operation::OrderBook),
    (Method::GET, "/v5/market/recent-trade", Operation::RecentTrades),
    (Method::GET, "/v5/market/tickers", Operation::Tickers),
    (Method::GET, "/v5/market/time", Operation::ServerTime),
    (Method::POST, "/v5/order/amend", Operation::AmendOrder),
    (Method::POST, "/v5/order/amend-batch", Operation::AmendBatch),
    (Method::POST, "/v5/order/cancel", Operation::CancelOrder),
    (Method::POST, "/v5/order/cancel-all", Operation::CancelAll),
    (Method::POST, "/v5/order/cancel-batch", Operation::CancelBatch),
    (Method::POST, "/v5/order/create", Operation::CreateOrder),
    (Method::POST, "/v5/order/create-batch", Operation::CreateBatch),
    (Method::POST, "/v5/order/disconnected-cancel-all", Operation::SetDisconnectWindow),
    (Method::GET, "/v5/order/history", Operation::OrderHistory),
    (Method::GET, "/v5/order/realtime", Operation::Orders),
    (Method::GET, "/v5/position/list", Operation::Positions),
    (Method::GET, "/v5/system/status", Operation::SystemStatus),
    (Method::GET, "/v5/user/query-api", Operation::ApiKeyInfo),
];
