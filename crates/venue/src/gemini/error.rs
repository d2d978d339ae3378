//! The venue's errors: an HTTP status and `{"result":"error","reason":"…","message":"…"}` (vendor document "Error codes").

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::exchange::order::OrderError;
use crate::facade::FieldError;
use crate::identity::IdentityError;
use crate::operations::{self, ApiError};

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct GeminiError {
    status: StatusCode,
    pub(super) reason: &'static str,
    message: String,
}

impl GeminiError {
    fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into() }
    }

    fn bad(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, message)
    }

    fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Maintenance", "The exchange is down for maintenance")
    }

    pub(super) fn symbol(name: &str) -> Self {
        Self::bad("InvalidSymbol", format!("'{name}' is not a valid symbol"))
    }

    pub(super) fn order_type() -> Self {
        Self::bad("InvalidOrderType", "Invalid order type for symbol")
    }

    pub(super) fn option(name: &str) -> Self {
        Self::bad("UnsupportedOption", format!("The option '{name}' is not supported"))
    }

    pub(super) fn no_pairs() -> Self {
        Self::bad("NoValidTradingPairs", "No valid trading pairs")
    }

    /// As a message of a WebSocket.
    pub(super) fn text(&self) -> String {
        json!({"result": "error", "reason": self.reason, "message": self.message}).to_string()
    }
}

impl ApiError for GeminiError {
    fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "MissingRole", "To access this endpoint, the key needs another role")
    }

    fn bad_body() -> Self {
        Self::bad("InvalidJson", "The payload is malformed")
    }

    fn response(&self) -> Response<Body> {
        operations::json(self.status, self.text())
    }
}

impl From<IdentityError> for GeminiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::bad("InvalidSignature", "InvalidSignature"),
            IdentityError::Unavailable => Self::unavailable(),
        }
    }
}

impl From<FieldError> for GeminiError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::bad("InvalidJson", format!("'{name}' is there twice")),
            FieldError::Malformed("amount") | FieldError::TooPrecise("amount") => Self::bad("InvalidQuantity", "Invalid quantity"),
            FieldError::Malformed("price") | FieldError::TooPrecise("price") => Self::bad("InvalidPrice", "Invalid price"),
            FieldError::Malformed("side") => Self::bad("InvalidSide", "Invalid side"),
            FieldError::Missing("order_id") => Self::bad("MissingOrderField", "Missing order_id"),
            FieldError::Malformed(name) | FieldError::Missing(name) | FieldError::TooPrecise(name) => {
                Self::bad("InvalidJson", format!("'{name}' is missing or malformed"))
            }
            FieldError::NotAnObject => Self::bad("InvalidJson", "The payload is no JSON object"),
        }
    }
}

impl From<OrderError> for GeminiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "System", "Internal Server Error"),
            OrderError::DuplicateClientId => Self::bad("ClientOrderIdInUse", "An open order has this client_order_id"),
            OrderError::InsufficientBalance => {
                Self::new(StatusCode::NOT_ACCEPTABLE, "InsufficientFunds", "Failed to place order: insufficient funds")
            }
            OrderError::MalformedClientId => Self::bad("ClientOrderIdTooLong", "client_order_id is too long or has other characters"),
            OrderError::MarketClosed => Self::bad("MarketNotOpen", "The market is not open"),
            OrderError::NoLiquidity | OrderError::NotionalTooSmall | OrderError::QuantityFilter => {
                Self::bad("InvalidQuantity", "Invalid quantity for symbol")
            }
            OrderError::PriceFilter => Self::bad("InvalidPrice", "Invalid price for symbol"),
            OrderError::TooManyAccounts => Self::unavailable(),
            OrderError::TooManyOpenOrders => Self::bad("TooManyOpenOrders", "Too many open orders"),
            OrderError::UnknownOrder => Self::new(StatusCode::NOT_FOUND, "OrderNotFound", "Order not found"),
            OrderError::WouldMatch => Self::bad("MakerOrCancelWouldTake", "The order would have taken liquidity"),
        }
    }
}
