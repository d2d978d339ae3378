//! Every REST request of the façade: where it is found and what it needs.

use http::Method;

use crate::facade::Access;

/// One kind of request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    AddOrder,
    AddOrderBatch,
    AmendOrder,
    AssetPairs,
    Assets,
    Balance,
    BalanceEx,
    CancelAll,
    CancelAllOrdersAfter,
    CancelOrder,
    CancelOrderBatch,
    ClosedOrders,
    Depth,
    EditOrder,
    Ohlc,
    OpenOrders,
    OpenPositions,
    QueryOrders,
    QueryTrades,
    SystemStatus,
    Ticker,
    Time,
    TradeBalance,
    TradeVolume,
    Trades,
    TradesHistory,
}

impl Operation {
    /// What it needs.
    pub(super) const fn access(self) -> Access {
        match self {
            Self::AssetPairs | Self::Assets | Self::Depth | Self::Ohlc | Self::SystemStatus | Self::Ticker | Self::Time | Self::Trades => {
                Access::Public
            }
            Self::Balance
            | Self::BalanceEx
            | Self::ClosedOrders
            | Self::OpenOrders
            | Self::OpenPositions
            | Self::QueryOrders
            | Self::QueryTrades
            | Self::TradeBalance
            | Self::TradeVolume
            | Self::TradesHistory => Access::Read,
            Self::AddOrder
            | Self::AddOrderBatch
            | Self::AmendOrder
            | Self::CancelAll
            | Self::CancelAllOrdersAfter
            | Self::CancelOrder
            | Self::CancelOrderBatch
            | Self::EditOrder => Access::Write,
        }
    }
}

/// REST: method, path, operation.
pub(super) const ROUTES: &[(Method, &str, Operation)] = &[
    (Method::POST, "/0/private/AddOrder", Operation::AddOrder),
    (Method::POST, "/0/private/AddOrderBatch", Operation::AddOrderBatch),
    (Method::POST, "/0/private/AmendOrder", Operation::AmendOrder),
    (Method::POST, "/0/private/Balance", Operation::Balance),
    (Method::POST, "/0/private/BalanceEx", Operation::BalanceEx),
    (Method::POST, "/0/private/CancelAll", Operation::CancelAll),
    (Method::POST, "/0/private/CancelAllOrdersAfter", Operation::CancelAllOrdersAfter),
    (Method::POST, "/0/private/CancelOrder", Operation::CancelOrder),
    (Method::POST, "/0/private/CancelOrderBatch", Operation::CancelOrderBatch),
    (Method::POST, "/0/private/ClosedOrders", Operation::ClosedOrders),
    (Method::POST, "/0/private/EditOrder", Operation::EditOrder),
    (Method::POST, "/0/private/OpenOrders", Operation::OpenOrders),
    (Method::POST, "/0/private/OpenPositions", Operation::OpenPositions),
    (Method::POST, "/0/private/QueryOrders", Operation::QueryOrders),
    (Method::POST, "/0/private/QueryTrades", Operation::QueryTrades),
    (Method::POST, "/0/private/TradeBalance", Operation::TradeBalance),
    (Method::POST, "/0/private/TradeVolume", Operation::TradeVolume),
    (Method::POST, "/0/private/TradesHistory", Operation::TradesHistory),
    (Method::GET, "/0/public/AssetPairs", Operation::AssetPairs),
    (Method::GET, "/0/public/Assets", Operation::Assets),
    (Method::GET, "/0/public/Depth", Operation::Depth),
    (Method::GET, "/0/public/OHLC", Operation::Ohlc),
    (Method::GET, "/0/public/SystemStatus", Operation::SystemStatus),
    (Method::GET, "/0/public/Ticker", Operation::Ticker),
    (Method::GET, "/0/public/Time", Operation::Time),
    (Method::GET, "/0/public/Trades", Operation::Trades),
    // krakenex sends public requests as POST, with the parameters in a form body.
    (Method::POST, "/0/public/AssetPairs", Operation::AssetPairs),
    (Method::POST, "/0/public/Assets", Operation::Assets),
    (Method::POST, "/0/public/Depth", Operation::Depth),
    (Method::POST, "/0/public/OHLC", Operation::Ohlc),
    (Method::POST, "/0/public/SystemStatus", Operation::SystemStatus),
    (Method::POST, "/0/public/Ticker", Operation::Ticker),
    (Method::POST, "/0/public/Time", Operation::Time),
    (Method::POST, "/0/public/Trades", Operation::Trades),
];
