//! Every method with what it needs: one table for both transports.
//!
//! Over HTTP a method is at `/api/v2/<method>`, as a GET with its parameters in the query and as a POST with a JSON-RPC body; and at
//! `/api/v2`, as a POST whose body names it. What
//! moves funds inside the venue, changes keys or sub-accounts, or trades blocks has no route.

use countersign_core::Scope;

use super::rpc;
use crate::dialect::Security;
use crate::routes::{Handling, MessageRoute, RestRoute, SocketKind, SocketRoute, Weight};

/// What a method needs, and who answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A login or what is made from one: answered by the gateway.
    Login,
    /// Answered by the gateway, for anybody.
    Local,
    /// For anybody.
    Public,
    /// For a key with this scope.
    Scoped(&'static str),
    /// Places or changes so many orders.
    Trade(u32),
}

/// A method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Its path over HTTP.
    pub path: &'static str,
    /// What it needs.
    pub access: Access,
}

macro_rules! methods {
    ($( $access:expr => [$( $name:literal )*] )*) => {
        /// The methods of both transports.
        pub const METHODS: &[Method] = &[$( $( Method { name: $name, path: concat!("/api/v2/", $name), access: $access }, )* )*];
    };
}

methods! {
    Access::Login => ["public/auth" "public/exchange_token" "public/fork_token"]
    Access::Local => ["public/hello"]
    Access::Public => [
        "public/get_announcements" "public/get_apr_history" "public/get_book_summary_by_currency" "public/get_book_summary_by_instrument"
        "public/get_combo_details" "public/get_combo_ids" "public/get_combos" "public/get_contract_size" "public/get_currencies"
        "public/get_delivery_prices" "public/get_expirations" "public/get_funding_chart_data" "public/get_funding_rate_history"
        "public/get_funding_rate_value" "public/get_historical_volatility" "public/get_index" "public/get_index_chart_data"
        "public/get_index_price" "public/get_index_price_names" "public/get_instrument" "public/get_instruments"
        "public/get_last_settlements_by_currency" "public/get_last_settlements_by_instrument" "public/get_last_trades_by_currency"
        "public/get_last_trades_by_currency_and_time" "public/get_last_trades_by_instrument"
        "public/get_last_trades_by_instrument_and_time" "public/get_mark_price_history" "public/get_order_book"
        "public/get_order_book_by_instrument_id" "public/get_supported_index_names" "public/get_time" "public/get_trade_volumes"
        "public/get_tradingview_chart_data" "public/get_volatility_index_data" "public/status" "public/test" "public/ticker"
    ]
    Access::Scoped(Scope::ACCOUNT_READ) => [
        "private/get_account_summaries" "private/get_account_summary" "private/get_current_deposit_address" "private/get_deposits"
        "private/get_margins" "private/get_portfolio_margins" "private/get_position" "private/get_positions"
        "private/get_settlement_history_by_currency" "private/get_settlement_history_by_instrument" "private/get_subaccounts"
        "private/get_subaccounts_details" "private/get_transaction_log" "private/get_transfers" "private/get_withdrawals"
        "private/simulate_portfolio"
    ]
    Access::Scoped(Scope::ORDER_READ) => [
        "private/get_mmp_config" "private/get_mmp_status" "private/get_open_orders" "private/get_open_orders_by_currency"
        "private/get_open_orders_by_instrument" "private/get_open_orders_by_label" "private/get_order_history_by_currency"
        "private/get_order_history_by_instrument" "private/get_order_margin_by_ids" "private/get_order_state"
        "private/get_order_state_by_label" "private/get_stop_order_history" "private/get_trigger_order_history"
        "private/get_user_trades_by_currency" "private/get_user_trades_by_currency_and_time" "private/get_user_trades_by_instrument"
        "private/get_user_trades_by_instrument_and_time" "private/get_user_trades_by_order"
    ]
    Access::Trade(1) => [
        "private/buy" "private/close_position" "private/edit" "private/edit_by_label" "private/mass_quote" "private/sell"
    ]
    Access::Trade(0) => [
        "private/cancel" "private/cancel_all" "private/cancel_all_by_currency" "private/cancel_all_by_currency_pair"
        "private/cancel_all_by_instrument" "private/cancel_all_by_kind_or_type" "private/cancel_by_label" "private/cancel_quotes"
        "private/reset_mmp" "private/set_mmp_config"
    ]
    Access::Scoped(Scope::FUNDS_WITHDRAW) => ["private/cancel_withdrawal" "private/withdraw"]
}

/// A subscription that tells of balances and positions; `private/subscribe` without this ending tells of orders at most.
pub const SUBSCRIBE_ACCOUNT: &str = "private/subscribe.account";
/// A subscription that tells of orders and trades.
pub const SUBSCRIBE_ORDERS: &str = "private/subscribe.orders";
/// A subscription of market data that only those who logged in may have.
pub const SUBSCRIBE_MARKET: &str = "private/subscribe.market";

/// Switches cancel on disconnect on.
pub const ENABLE_CANCEL_ON_DISCONNECT: &str = "private/enable_cancel_on_disconnect";
/// Switches it off.
pub const DISABLE_CANCEL_ON_DISCONNECT: &str = "private/disable_cancel_on_disconnect";

/// What it weighs to change that for an account: all nodes read their accounts and keys again, and nobody does it often.
const SETTING_WEIGHT: u32 = 100;

const SOCKET_ONLY: &[MessageRoute] = &[
    MessageRoute::public("public/subscribe"),
    MessageRoute::public("public/unsubscribe"),
    MessageRoute::public("public/unsubscribe_all"),
    MessageRoute::public(SUBSCRIBE_MARKET),
    MessageRoute::scoped(SUBSCRIBE_ACCOUNT, Scope::ACCOUNT_READ),
    MessageRoute::scoped(SUBSCRIBE_ORDERS, Scope::ORDER_READ),
    MessageRoute { weight: SETTING_WEIGHT, ..MessageRoute::public(ENABLE_CANCEL_ON_DISCONNECT) },
    MessageRoute { weight: SETTING_WEIGHT, ..MessageRoute::public(DISABLE_CANCEL_ON_DISCONNECT) },
    MessageRoute::public("private/unsubscribe"),
    MessageRoute::public("private/unsubscribe_all"),
];

impl Method {
    const fn scope(self) -> Option<&'static str> {
        match self.access {
            Access::Local | Access::Login | Access::Public => None,
            Access::Scoped(scope) => Some(scope),
            Access::Trade(_) => Some(Scope::ORDER_WRITE),
        }
    }

    pub(super) const fn orders(self) -> u32 {
        match self.access {
            Access::Local | Access::Login | Access::Public | Access::Scoped(_) => 0,
            Access::Trade(orders) => orders,
        }
    }

    const fn route(self, method: &'static str) -> RestRoute {
        let (security, handling) = match self.access {
            Access::Local => (Security::None, Handling::Local),
            Access::Login => (Security::Signed, Handling::Local),
            Access::Public => (Security::None, Handling::Forward),
            Access::Scoped(_) | Access::Trade(_) => (Security::Signed, Handling::Forward),
        };
        let (scope, orders) = (self.scope(), self.orders());
        RestRoute { method, path: self.path, security, scope, weight: Weight::Fixed(1), orders, handling }
    }

    /// Finds a method of both transports.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }
}

/// The last one is for calls that name their method in the body alone.
static REST_ROUTES: [RestRoute; METHODS.len() * 2 + 1] = {
    let mut routes = [RestRoute::in_body("POST", rpc::ENDPOINT); METHODS.len() * 2 + 1];
    let mut index = 0;
    while index < METHODS.len() {
        routes[2 * index] = METHODS[index].route("GET");
        routes[2 * index + 1] = METHODS[index].route("POST");
        index += 1;
    }
    routes
};

static MESSAGE_ROUTES: [MessageRoute; METHODS.len() + SOCKET_ONLY.len()] = {
    let mut routes = [SOCKET_ONLY[0]; METHODS.len() + SOCKET_ONLY.len()];
    let mut index = 0;
    while index < METHODS.len() {
        let method = METHODS[index];
        routes[index] = MessageRoute { name: method.name, scope: method.scope(), weight: 1, orders: method.orders() };
        index += 1;
    }
    let mut index = 0;
    while index < SOCKET_ONLY.len() {
        routes[METHODS.len() + index] = SOCKET_ONLY[index];
        index += 1;
    }
    routes
};

/// The REST endpoints.
pub const REST: &[RestRoute] = &REST_ROUTES;

/// The messages.
pub const MESSAGES: &[MessageRoute] = &MESSAGE_ROUTES;

const fn socket(path: &'static str) -> SocketRoute {
    SocketRoute { path, kind: SocketKind::Dialect, yields: false }
}

/// The WebSockets: one, which many clients open with a slash at its end.
pub const SOCKETS: &[SocketRoute] = &[socket("/ws/api/v2"), socket("/ws/api/v2/")];
