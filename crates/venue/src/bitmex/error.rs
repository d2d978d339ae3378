//! The venue's errors: an HTTP status and `{"error":{"message":"…","name":"HTTPError"}}` (vendor document "REST API").

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::exchange::order::OrderError;
use crate::facade::FieldError;
use crate::identity::IdentityError;
use crate::operations::{self, ApiError};

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct BitmexError {
    pub(super) status: StatusCode,
    pub(super) message: String,
    name: &'static str,
}

impl BitmexError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), name: "HTTPError" }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), name: "ValidationError" }
    }

    fn overloaded() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The system is currently overloaded. Please try again later.")
    }

    pub(super) fn symbol() -> Self {
        Self::invalid("symbol is invalid")
    }

    pub(super) fn field(name: &str) -> Self {
        Self::invalid(format!("{name} is invalid"))
    }

    pub(super) fn state() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid ordStatus")
    }

    pub(super) fn unchanged() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid amend: orderQty, leavesQty, price, stopPx, pegOffsetValue unchanged")
    }

    pub(super) fn topic(name: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Unknown table: {name}"))
    }

    pub(super) fn frame() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Unrecognized request. See request help at https://www.bitmex.com/app/wsAPI")
    }

    pub(super) fn too_many_streams() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many subscriptions on one connection")
    }
}

impl ApiError for BitmexError {
    fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Access Denied")
    }

    fn bad_body() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Request too large")
    }

    fn response(&self) -> Response<Body> {
        operations::json(self.status, json!({"error": {"message": self.message, "name": self.name}}).to_string())
    }
}

impl From<IdentityError> for BitmexError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::new(StatusCode::UNAUTHORIZED, "Invalid API Key."),
            IdentityError::Unavailable => Self::overloaded(),
        }
    }
}

impl From<FieldError> for BitmexError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::field(&name),
            FieldError::Malformed(name) | FieldError::TooPrecise(name) => Self::field(name),
            FieldError::Missing(name) => Self::invalid(format!("{name} is required")),
            FieldError::NotAnObject => Self::invalid("The body is no JSON object"),
        }
    }
}

impl From<OrderError> for BitmexError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            OrderError::DuplicateClientId => Self::new(StatusCode::BAD_REQUEST, "Duplicate clOrdID"),
            OrderError::InsufficientBalance => Self::new(StatusCode::BAD_REQUEST, "Account has insufficient Available Balance"),
            OrderError::MalformedClientId => Self::invalid("clOrdID is invalid"),
            OrderError::MarketClosed => Self::new(StatusCode::BAD_REQUEST, "Instrument is not open"),
            OrderError::NoLiquidity => Self::new(StatusCode::BAD_REQUEST, "No liquidity"),
            OrderError::NotionalTooSmall | OrderError::QuantityFilter => Self::invalid("orderQty is invalid"),
            OrderError::PriceFilter => Self::invalid("Invalid price"),
            OrderError::TooManyAccounts => Self::overloaded(),
            OrderError::TooManyOpenOrders => Self::new(StatusCode::BAD_REQUEST, "Too many open orders"),
            OrderError::UnknownOrder => Self::new(StatusCode::NOT_FOUND, "Not Found"),
            OrderError::WouldMatch => Self::new(StatusCode::BAD_REQUEST, "Order had execInst of ParticipateDoNotInitiate"),
        }
    }
}
