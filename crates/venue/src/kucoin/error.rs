//! The venue's errors: `{"code":"…","msg":"…"}`.
//!
//! Codes that begin with 4001 come with the HTTP status of their class, business errors
//! with 200, as the vendor documents.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::exchange::order::OrderError;
use crate::facade::FieldError;
use crate::identity::IdentityError;
use crate::operations::{self, ApiError};

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct KucoinError {
    status: StatusCode,
    pub(super) code: u32,
    pub(super) message: String,
}

impl KucoinError {
    fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 400_100, message)
    }

    fn business(code: u32, message: &str) -> Self {
        Self::new(StatusCode::OK, code, message)
    }

    pub(super) fn unknown_symbol() -> Self {
        Self::bad("Unsupported trading pair.")
    }

    /// For a look, where a cancel says `order_not_exist_or_not_allow_to_cancel`.
    pub(super) fn no_such_order() -> Self {
        Self::bad("order_not_exist")
    }

    pub(super) fn unknown_topic(topic: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 404, format!("topic {topic} is not found"))
    }

    pub(super) fn too_many_streams() -> Self {
        Self::new(StatusCode::OK, 509, "exceed max subscription count limitation")
    }

    pub(super) fn malformed_frame() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 400, "invalid message")
    }
}

impl ApiError for KucoinError {
    fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, 400_007, "Access denied, require more permission.")
    }

    fn bad_body() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, 400_100, "Request body too large or cut off.")
    }

    fn response(&self) -> Response<Body> {
        operations::json(self.status, json!({"code": self.code.to_string(), "msg": self.message}).to_string())
    }
}

impl From<IdentityError> for KucoinError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::new(StatusCode::UNAUTHORIZED, 400_003, "KC-API-KEY not exists"),
            IdentityError::Unavailable => Self::new(StatusCode::SERVICE_UNAVAILABLE, 503, "Service Unavailable"),
        }
    }
}

impl From<FieldError> for KucoinError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::bad(format!("{name} occurs twice.")),
            FieldError::Malformed(name) => Self::bad(format!("{name} not in the given range!")),
            FieldError::Missing(name) => Self::bad(format!("{name} is required.")),
            FieldError::NotAnObject => Self::new(StatusCode::BAD_REQUEST, 400_000, "Bad Request"),
            FieldError::TooPrecise(name) => Self::bad(format!("{name} increment invalid.")),
        }
    }
}

impl From<OrderError> for KucoinError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::new(StatusCode::INTERNAL_SERVER_ERROR, 500, "Internal Server Error"),
            OrderError::DuplicateClientId => Self::business(126_044, "clientOid duplicate"),
            OrderError::InsufficientBalance => Self::business(200_004, "Balance insufficient!"),
            OrderError::MalformedClientId => Self::bad("clientOid not in the given range!"),
            OrderError::MarketClosed => Self::business(400_200, "Forbidden to place an order"),
            OrderError::NoLiquidity => Self::business(300_000, "No liquidity for a market order"),
            OrderError::NotionalTooSmall => Self::business(600_101, "The order funds are below the minimum."),
            OrderError::PriceFilter => Self::business(400_760, "Order price outside its range or increment"),
            OrderError::QuantityFilter => Self::business(600_100, "Order size increment invalid."),
            OrderError::TooManyAccounts => Self::new(StatusCode::SERVICE_UNAVAILABLE, 503, "Service Unavailable"),
            OrderError::TooManyOpenOrders => Self::business(300_000, "Active orders exceed the maximum"),
            OrderError::UnknownOrder => Self::bad("order_not_exist_or_not_allow_to_cancel"),
            OrderError::WouldMatch => Self::business(300_000, "Post only order would take liquidity"),
        }
    }
}
