//! Endpoints of Advanced Trade and the part of the older `/v2` that its clients ask for.
//!
//! What moves funds (conversions, transfers between portfolios, sends, deposits) or changes an account has no route. Weights follow
//! the documented limits per second: private 30, public 10.

use countersign_core::Scope;

use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};

/// Private requests that read the account.
const fn account(path: &'static str) -> RestRoute {
    RestRoute::signed("GET", path, Scope::ACCOUNT_READ)
}

/// Market data for a key.
const fn market(path: &'static str) -> RestRoute {
    RestRoute::signed("GET", path, Scope::ACCOUNT_READ).weighing(3)
}

const fn orders(path: &'static str) -> RestRoute {
    RestRoute::signed("GET", path, Scope::ORDER_READ)
}

const fn public(path: &'static str) -> RestRoute {
    RestRoute::public("GET", path).weighing(3)
}

/// The REST endpoints.
pub const REST: &[RestRoute] = &[
    public("/api/v3/brokerage/time"),
    public("/api/v3/brokerage/market/product_book"),
    public("/api/v3/brokerage/market/products"),
    public("/api/v3/brokerage/market/products/{product_id}"),
    public("/api/v3/brokerage/market/products/{product_id}/candles"),
    public("/api/v3/brokerage/market/products/{product_id}/ticker"),
    public("/v2/currencies"),
    public("/v2/currencies/crypto"),
    public("/v2/exchange-rates"),
    public("/v2/prices/{pair}/buy"),
    public("/v2/prices/{pair}/sell"),
    public("/v2/prices/{pair}/spot"),
    public("/v2/time"),
    account("/api/v3/brokerage/accounts"),
    account("/api/v3/brokerage/accounts/{account_uuid}"),
    account("/api/v3/brokerage/cfm/balance_summary"),
    account("/api/v3/brokerage/cfm/intraday/current_margin_window"),
    account("/api/v3/brokerage/cfm/intraday/margin_setting"),
    account("/api/v3/brokerage/cfm/positions"),
    account("/api/v3/brokerage/cfm/positions/{product_id}"),
    account("/api/v3/brokerage/cfm/sweeps"),
    account("/api/v3/brokerage/intx/balances/{portfolio_uuid}"),
    account("/api/v3/brokerage/intx/portfolio/{portfolio_uuid}"),
    account("/api/v3/brokerage/intx/positions/{portfolio_uuid}"),
    account("/api/v3/brokerage/intx/positions/{portfolio_uuid}/{symbol}"),
    account("/api/v3/brokerage/key_permissions"),
    account("/api/v3/brokerage/payment_methods"),
    account("/api/v3/brokerage/payment_methods/{payment_method_id}"),
    account("/api/v3/brokerage/portfolios"),
    account("/api/v3/brokerage/portfolios/{portfolio_uuid}"),
    account("/api/v3/brokerage/transaction_summary"),
    account("/v2/accounts"),
    account("/v2/accounts/{account_id}"),
    account("/v2/accounts/{account_id}/deposits"),
    account("/v2/accounts/{account_id}/transactions"),
    account("/v2/accounts/{account_id}/transactions/{transaction_id}"),
    account("/v2/accounts/{account_id}/withdrawals"),
    account("/v2/user"),
    account("/v2/user/auth"),
    market("/api/v3/brokerage/best_bid_ask"),
    market("/api/v3/brokerage/product_book"),
    market("/api/v3/brokerage/products"),
    market("/api/v3/brokerage/products/{product_id}"),
    market("/api/v3/brokerage/products/{product_id}/candles"),
    market("/api/v3/brokerage/products/{product_id}/ticker"),
    orders("/api/v3/brokerage/orders/historical/batch"),
    orders("/api/v3/brokerage/orders/historical/fills"),
    orders("/api/v3/brokerage/orders/historical/{order_id}"),
    RestRoute::trade("POST", "/api/v3/brokerage/orders", 1),
    RestRoute::trade("POST", "/api/v3/brokerage/orders/batch_cancel", 0),
    RestRoute::trade("POST", "/api/v3/brokerage/orders/close_position", 1),
    RestRoute::trade("POST", "/api/v3/brokerage/orders/edit", 1),
    RestRoute::trade("POST", "/api/v3/brokerage/orders/edit_preview", 0),
    RestRoute::trade("POST", "/api/v3/brokerage/orders/preview", 0),
];

/// The path of both sockets: market data and `user` have a host each at the venue.
pub const SOCKET_PATH: &str = "/";

/// The WebSockets.
pub const SOCKETS: &[SocketRoute] = &[SocketRoute { path: SOCKET_PATH, kind: SocketKind::Dialect, yields: false }];

/// A frame about a public channel.
pub const PUBLIC_CHANNEL: &str = "channel.public";
/// A frame about the channel of orders and positions.
pub const USER_CHANNEL: &str = "channel.user";
/// A frame about the channel of futures balances.
pub const BALANCE_CHANNEL: &str = "channel.futures_balance_summary";

/// The messages.
pub const MESSAGES: &[MessageRoute] = &[
    MessageRoute::public(PUBLIC_CHANNEL),
    MessageRoute::scoped(USER_CHANNEL, Scope::ORDER_READ),
    MessageRoute::scoped(BALANCE_CHANNEL, Scope::ACCOUNT_READ),
];

/// A channel of the WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Balances of futures: of the key that subscribed.
    Balance,
    /// Market data, heartbeats.
    Public,
    /// Orders and positions: of the key that subscribed.
    User,
}

impl Channel {
    /// Finds a channel by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "futures_balance_summary" => Some(Self::Balance),
            "user" => Some(Self::User),
            "candles" | "heartbeats" | "level2" | "market_trades" | "status" | "ticker" | "ticker_batch" => Some(Self::Public),
            _ => None,
        }
    }

    /// The kind of message that a frame about it is.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Balance => BALANCE_CHANNEL,
            Self::Public => PUBLIC_CHANNEL,
            Self::User => USER_CHANNEL,
        }
    }

    /// Whether it tells something about an account.
    #[must_use]
    pub const fn is_private(self) -> bool {
        match self {
            Self::Balance | Self::User => true,
            Self::Public => false,
        }
    }
}
