//! Every request of the façade: where it is found and what it needs.

use http::Method;

use crate::facade::Access;

/// One kind of request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    AccountConfig,
    AccountInstruments,
    AmendBatch,
    AmendOrder,
    Balance,
    Books,
    CancelAllAfter,
    CancelBatch,
    CancelOrder,
    Candles,
    Currencies,
    Fills,
    FundingBalances,
    Instruments,
    Order,
    OrdersHistory,
    OrdersPending,
    PlaceBatch,
    PlaceOrder,
    Positions,
    ServerTime,
    SystemStatus,
    Ticker,
    Tickers,
    TradeFee,
    Trades,
}

impl Operation {
    /// What it needs.
    pub(super) const fn access(self) -> Access {
        match self {
            Self::AccountConfig
            | Self::AccountInstruments
            | Self::Balance
            | Self::Currencies
            | Self::Fills
            | Self::FundingBalances
            | Self::Order
            | Self::OrdersHistory
            | Self::OrdersPending
            | Self::Positions
            | Self::TradeFee => Access::Read,
            Self::AmendBatch
            | Self::AmendOrder
            | Self::CancelAllAfter
            | Self::CancelBatch
            | Self::CancelOrder
            | Self::PlaceBatch
            | Self::PlaceOrder => Access::Write,
            Self::Books
            | Self::Candles
            | Self::Instruments
            | Self::ServerTime
            | Self::SystemStatus
            | Self::Ticker
            | Self::Tickers
            | Self::Trades => Access::Public,
        }
    }

    /// The operation behind an `op` of the private socket. There, every one of them takes a
    /// list of orders.
    pub(super) fn of_op(op: &str) -> Option<Self> {
        match op {
            "amend-order" => Some(Self::AmendOrder),
            "batch-amend-orders" => Some(Self::AmendBatch),
            "batch-cancel-orders" => Some(Self::CancelBatch),
            "batch-orders" => Some(Self::PlaceBatch),
            "cancel-order" => Some(Self::CancelOrder),
            "order" => Some(Self::PlaceOrder),
            _ => None,
        }
    }
}

/// REST: method, path, operation.
pub(super) const ROUTES: &[(Method, &str, Operation)] = &[
    (Method::GET, "/api/v5/account/balance", Operation::Balance),
    (Method::GET, "/api/v5/account/config", Operation::AccountConfig),
    (Method::GET, "/api/v5/account/instruments", Operation::AccountInstruments),
    (Method::GET, "/api/v5/account/positions", Operation::Positions),
    (Method::GET, "/api/v5/account/trade-fee", Operation::TradeFee),
    (Method::GET, "/api/v5/asset/balances", Operation::FundingBalances),
    (Method::GET, "/api/v5/asset/currencies", Operation::Currencies),
    (Method::GET, "/api/v5/market/books", Operation::Books),
    (Method::GET, "/api/v5/market/candles", Operation::Candles),
    (Method::GET, "/api/v5/market/history-candles", Operation::Candles),
    (Method::GET, "/api/v5/market/ticker", Operation::Ticker),
    (Method::GET, "/api/v5/market/tickers", Operation::Tickers),
    (Method::GET, "/api/v5/market/trades", Operation::Trades),
    (Method::GET, "/api/v5/public/instruments", Operation::Instruments),
    (Method::GET, "/api/v5/public/time", Operation::ServerTime),
    (Method::GET, "/api/v5/system/status", Operation::SystemStatus),
    (Method::POST, "/api/v5/trade/amend-batch-orders", Operation::AmendBatch),
    (Method::POST, "/api/v5/trade/amend-order", Operation::AmendOrder),
    (Method::POST, "/api/v5/trade/batch-orders", Operation::PlaceBatch),
    (Method::POST, "/api/v5/trade/cancel-all-after", Operation::CancelAllAfter),
    (Method::POST, "/api/v5/trade/cancel-batch-orders", Operation::CancelBatch),
    (Method::POST, "/api/v5/trade/cancel-order", Operation::CancelOrder),
    (Method::GET, "/api/v5/trade/fills", Operation::Fills),
    (Method::GET, "/api/v5/trade/fills-history", Operation::Fills),
    (Method::GET, "/api/v5/trade/order", Operation::Order),
    (Method::POST, "/api/v5/trade/order", Operation::PlaceOrder),
    (Method::GET, "/api/v5/trade/orders-history", Operation::OrdersHistory),
    (Method::GET, "/api/v5/trade/orders-history-archive", Operation::OrdersHistory),
    (Method::GET, "/api/v5/trade/orders-pending", Operation::OrdersPending),
];
