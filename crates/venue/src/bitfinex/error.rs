//! The venue's errors: status 500 and `["error", code, "text"]` (vendor document "Error codes").

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::exchange::order::OrderError;
use crate::facade::FieldError;
use crate::identity::IdentityError;
use crate::operations::{self, ApiError};

/// The request has something wrong in it.
const INVALID: u32 = 10020;
/// Everything that has no number of its own.
const GENERIC: u32 = 10001;
/// Key or signature.
const KEY: u32 = 10100;
/// The venue cannot now.
const MAINTENANCE: u32 = 20060;

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct BitfinexError {
    status: StatusCode,
    code: u32,
    text: String,
}

impl BitfinexError {
    fn new(code: u32, text: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code, text: text.into() }
    }

    fn unavailable() -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: MAINTENANCE, text: "maintenance".to_owned() }
    }

    fn order(text: &str) -> Self {
        Self::new(GENERIC, format!("Invalid order: {text}"))
    }

    /// One of the WebSocket's own refusals (vendor document "Websockets: general").
    pub(super) fn subscription(code: u32, text: &str) -> Self {
        Self::new(code, text)
    }

    pub(super) const fn code(&self) -> u32 {
        self.code
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn invalid(name: &str) -> Self {
        Self::new(INVALID, format!("{name}: invalid"))
    }
}

impl ApiError for BitfinexError {
    fn forbidden() -> Self {
        Self::new(GENERIC, "api_key: permission invalid")
    }

    fn bad_body() -> Self {
        Self::new(INVALID, "request: invalid")
    }

    fn response(&self) -> Response<Body> {
        operations::json(self.status, json!(["error", self.code, self.text]).to_string())
    }
}

impl From<IdentityError> for BitfinexError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::new(KEY, "apikey: invalid"),
            IdentityError::Unavailable => Self::unavailable(),
        }
    }
}

impl From<FieldError> for BitfinexError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::invalid(&name),
            FieldError::Malformed(name) | FieldError::Missing(name) | FieldError::TooPrecise(name) => Self::invalid(name),
            FieldError::NotAnObject => Self::invalid("body"),
        }
    }
}

impl From<OrderError> for BitfinexError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::new(GENERIC, "Internal server error"),
            OrderError::DuplicateClientId => Self::order("duplicate cid"),
            OrderError::InsufficientBalance => Self::order("not enough exchange balance"),
            OrderError::MalformedClientId => Self::invalid("cid"),
            OrderError::MarketClosed => Self::order("symbol is not traded"),
            OrderError::NoLiquidity => Self::order("not enough liquidity"),
            OrderError::NotionalTooSmall => Self::order("minimum size"),
            OrderError::PriceFilter => Self::invalid("price"),
            OrderError::QuantityFilter => Self::invalid("amount"),
            OrderError::TooManyAccounts => Self::unavailable(),
            OrderError::TooManyOpenOrders => Self::order("too many open orders"),
            OrderError::UnknownOrder => Self::new(GENERIC, "Order not found."),
            OrderError::WouldMatch => Self::order("postonly would match"),
        }
    }
}
