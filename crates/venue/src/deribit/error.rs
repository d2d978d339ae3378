//! The venue's errors: JSON-RPC `{"code":…,"message":…,"data":…}`, with HTTP status 400.

use serde_json::{Value, json};

use crate::exchange::order::OrderError;
use crate::facade::{Denied, FieldError, Unreadable};
use crate::identity::IdentityError;

/// One refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RpcError {
    code: i32,
    message: &'static str,
    /// Which parameter, and what is wrong with it.
    data: Option<(String, &'static str)>,
}

impl RpcError {
    const fn of(code: i32, message: &'static str) -> Self {
        Self { code, message, data: None }
    }

    /// A parameter is missing or unreadable.
    pub(super) fn parameter(name: &str, reason: &'static str) -> Self {
        Self { code: -32_602, message: "Invalid params", data: Some((name.to_owned(), reason)) }
    }

    pub(super) const fn malformed() -> Self {
        Self::of(-32_700, "Parse error")
    }

    pub(super) const fn invalid_request() -> Self {
        Self::of(-32_600, "Invalid Request")
    }

    pub(super) const fn unknown_method() -> Self {
        Self::of(-32_601, "Method not found")
    }

    pub(super) const fn unknown_instrument() -> Self {
        Self::of(13_020, "not_found")
    }

    pub(super) const fn unknown_order() -> Self {
        Self::of(10_004, "order_not_found")
    }

    /// The order is the account's, but has ended.
    pub(super) const fn not_open() -> Self {
        Self::of(11_044, "not_open_order")
    }

    pub(super) const fn too_many_channels() -> Self {
        Self::of(10_028, "too_many_requests")
    }

    /// `raw` streams are for those who logged in.
    pub(super) const fn raw_needs_identity() -> Self {
        Self::of(13_778, "raw_subscriptions_not_available_for_unauthorized")
    }

    pub(super) const fn only_on_websocket() -> Self {
        Self::of(10_030, "must_be_websocket_request")
    }

    /// As the `error` of a reply.
    pub(super) fn json(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some((param, reason)) = &self.data {
            error["data"] = json!({"param": param, "reason": reason});
        }
        error
    }
}

impl From<Denied> for RpcError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoIdentity => Self::of(10_000, "authorization_required"),
            Denied::NoScope => Self::of(13_021, "forbidden"),
        }
    }
}

impl From<FieldError> for RpcError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::parameter(&name, "duplicate"),
            FieldError::Malformed(name) => Self::parameter(name, "wrong format"),
            FieldError::Missing(name) => Self::parameter(name, "value required"),
            FieldError::NotAnObject => Self::malformed(),
            FieldError::TooPrecise(name) => Self::parameter(name, "too precise"),
        }
    }
}

impl From<Unreadable> for RpcError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Body => Self::malformed(),
            Unreadable::Identity(IdentityError::Refused) => Self::of(13_009, "unauthorized"),
            Unreadable::Identity(IdentityError::Unavailable) => Self::of(11_051, "system_maintenance"),
        }
    }
}

impl From<OrderError> for RpcError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::of(11_094, "internal_server_error"),
            OrderError::DuplicateClientId => Self::parameter("label", "in use by an open order"),
            OrderError::InsufficientBalance => Self::of(10_009, "not_enough_funds"),
            OrderError::MalformedClientId => Self::parameter("label", "wrong format"),
            OrderError::MarketClosed => Self::of(10_012, "book_closed"),
            OrderError::NoLiquidity => Self::of(11_030, "other_reject no_liquidity"),
            OrderError::NotionalTooSmall => Self::of(10_032, "whole_cost_too_low"),
            OrderError::PriceFilter => Self::of(10_043, "price_wrong_tick"),
            OrderError::QuantityFilter => Self::of(10_021, "invalid_amount"),
            OrderError::TooManyAccounts => Self::of(11_051, "system_maintenance"),
            OrderError::TooManyOpenOrders => Self::of(10_013, "pme_max_total_open_orders"),
            OrderError::UnknownOrder => Self::unknown_order(),
            OrderError::WouldMatch => Self::of(11_054, "post_only_reject"),
        }
    }
}
