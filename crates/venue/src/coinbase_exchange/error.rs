//! The venue's errors: an HTTP status and `{"message":"…"}`.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::exchange::order::OrderError;
use crate::facade::FieldError;
use crate::identity::IdentityError;
use crate::operations::{self, ApiError};

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CoinbaseError {
    status: StatusCode,
    pub(super) message: String,
}

impl CoinbaseError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// What the path names is not there.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound")
    }

    /// What the order or the subscription names is not there.
    pub(super) fn unknown_product() -> Self {
        Self::bad("Product not found")
    }

    pub(super) fn unknown_channel(name: &str) -> Self {
        Self::bad(format!("{name} is not a valid channel"))
    }

    pub(super) fn malformed_frame() -> Self {
        Self::bad("Malformed JSON")
    }

    pub(super) fn too_many_streams() -> Self {
        Self::bad("Too many subscriptions")
    }
}

impl ApiError for CoinbaseError {
    fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden")
    }

    fn bad_body() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large or cut off")
    }

    fn response(&self) -> Response<Body> {
        operations::json(self.status, json!({"message": self.message}).to_string())
    }
}

impl From<IdentityError> for CoinbaseError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::new(StatusCode::UNAUTHORIZED, "Invalid API Key"),
            IdentityError::Unavailable => Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
        }
    }
}

impl From<FieldError> for CoinbaseError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::bad(format!("{name} occurs twice")),
            FieldError::Malformed(name) => Self::bad(format!("Invalid {name}")),
            FieldError::Missing(name) => Self::bad(format!("{name} is required")),
            FieldError::NotAnObject => Self::bad("Malformed JSON"),
            FieldError::TooPrecise(name) => Self::bad(format!("{name} too precise")),
        }
    }
}

impl From<OrderError> for CoinbaseError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
            OrderError::DuplicateClientId => Self::bad("client_oid is in use by an open order"),
            OrderError::InsufficientBalance => Self::bad("Insufficient funds"),
            OrderError::MalformedClientId => Self::bad("Invalid client_oid"),
            OrderError::MarketClosed => Self::bad("Trading pair not available"),
            OrderError::NoLiquidity => Self::bad("No liquidity for a market order"),
            OrderError::NotionalTooSmall => Self::bad("size is too small. Funds are below the minimum"),
            OrderError::PriceFilter => Self::bad("price too precise or out of range"),
            OrderError::QuantityFilter => Self::bad("size is too small, too large or too precise"),
            OrderError::TooManyAccounts => Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
            OrderError::TooManyOpenOrders => Self::bad("Too many open orders"),
            OrderError::UnknownOrder => Self::new(StatusCode::NOT_FOUND, "order not found"),
            OrderError::WouldMatch => Self::bad("Post only order would take liquidity"),
        }
    }
}
