//! The venue's errors: `{"label":"…","message":"…"}` (vendor document, "Label list").

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::exchange::order::OrderError;
use crate::facade::FieldError;
use crate::identity::IdentityError;
use crate::operations::{self, ApiError};

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct GateError {
    pub(super) status: StatusCode,
    pub(super) label: &'static str,
    pub(super) message: String,
}

impl GateError {
    fn new(status: StatusCode, label: &'static str, message: impl Into<String>) -> Self {
        Self { status, label, message: message.into() }
    }

    fn bad(label: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, label, message)
    }

    pub(super) fn unknown_pair(name: &str) -> Self {
        Self::bad("INVALID_CURRENCY_PAIR", format!("Invalid currency pair {name}"))
    }

    pub(super) fn unknown_currency(name: &str) -> Self {
        Self::bad("INVALID_CURRENCY", format!("Invalid currency {name}"))
    }

    pub(super) fn unknown_channel() -> Self {
        Self::bad("INVALID_ARGUMENT", "unknown channel, event or payload")
    }

    pub(super) fn too_many_streams() -> Self {
        Self::bad("TOO_MANY_REQUESTS", "too many subscriptions")
    }

    pub(super) fn json(&self) -> String {
        json!({"label": self.label, "message": self.message}).to_string()
    }
}

impl ApiError for GateError {
    fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", "API key does not have the permission")
    }

    fn bad_body() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "INVALID_REQUEST_BODY", "request body too large or cut off")
    }

    fn response(&self) -> Response<Body> {
        operations::json(self.status, self.json())
    }
}

impl From<IdentityError> for GateError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::new(StatusCode::UNAUTHORIZED, "INVALID_KEY", "Invalid key provided"),
            IdentityError::Unavailable => Self::new(StatusCode::SERVICE_UNAVAILABLE, "SERVER_ERROR", "temporarily unavailable"),
        }
    }
}

impl From<FieldError> for GateError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::bad("INVALID_PARAM_VALUE", format!("Duplicate {name}")),
            FieldError::Malformed(name) => Self::bad("INVALID_PARAM_VALUE", format!("Invalid {name}")),
            FieldError::Missing(name) => Self::bad("MISSING_REQUIRED_PARAM", format!("Missing required parameter {name}")),
            FieldError::NotAnObject => Self::bad("INVALID_REQUEST_BODY", "Invalid request body"),
            FieldError::TooPrecise(name) => Self::bad("INVALID_PRECISION", format!("Invalid precision of {name}")),
        }
    }
}

impl From<OrderError> for GateError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "SERVER_ERROR", "Internal server error"),
            OrderError::DuplicateClientId => Self::bad("REPEATED_CREATION", "An open order has this text"),
            OrderError::InsufficientBalance => Self::bad("BALANCE_NOT_ENOUGH", "Not enough balance"),
            OrderError::MalformedClientId => Self::bad("INVALID_PARAM_VALUE", "Invalid text"),
            OrderError::MarketClosed => Self::bad("TRADE_RESTRICTED", "Trading is closed"),
            OrderError::NoLiquidity => Self::bad("QUANTITY_NOT_ENOUGH", "Not enough liquidity"),
            OrderError::NotionalTooSmall => Self::bad("AMOUNT_TOO_LITTLE", "Your order size is too small"),
            OrderError::PriceFilter => Self::bad("INVALID_PRECISION", "Invalid price"),
            OrderError::QuantityFilter => Self::bad("INVALID_PRECISION", "Invalid amount"),
            OrderError::TooManyAccounts => Self::new(StatusCode::SERVICE_UNAVAILABLE, "SERVER_ERROR", "The venue is full"),
            OrderError::TooManyOpenOrders => Self::bad("TOO_MANY_ORDERS", "Too many open orders"),
            OrderError::UnknownOrder => Self::new(StatusCode::NOT_FOUND, "ORDER_NOT_FOUND", "Order with that ID does not exist"),
            OrderError::WouldMatch => Self::bad("POC_FILL_IMMEDIATELY", "Order would match and take immediately so its cancelled"),
        }
    }
}
