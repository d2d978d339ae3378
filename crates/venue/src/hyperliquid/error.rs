//! The venue's refusals.
//!
//! | what is wrong | answer |
//! |---|---|
//! | the action as a whole | 200, `{"status":"err","response":"…"}` |
//! | one order or cancel of it | 200, `{"error":"…"}` in its place: [`order_text`] |
//! | the body cannot be read | 422, plain text |

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::exchange::order::OrderError;
use crate::facade::FieldError;
use crate::identity::IdentityError;
use crate::operations::{self, ApiError};

/// One refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum HyperliquidError {
    /// The action is refused.
    Action(String),
    /// The body is none that the venue knows.
    Malformed,
    /// The venue cannot serve this now.
    Unavailable,
}

impl HyperliquidError {
    /// An action that the paper venue has not.
    pub(super) fn unserved() -> Self {
        Self::Action("This action is not served.".to_owned())
    }

    /// As the JSON of an answer over the WebSocket.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Action(text) => text,
            Self::Malformed => "Failed to deserialize the JSON body into the target type",
            Self::Unavailable => "Service unavailable",
        }
    }
}

impl ApiError for HyperliquidError {
    fn forbidden() -> Self {
        Self::Action("User or API Wallet may not do this.".to_owned())
    }

    fn bad_body() -> Self {
        Self::Malformed
    }

    fn response(&self) -> Response<Body> {
        let plain = |status| {
            let mut response = Response::new(Body::from(self.text().to_owned()));
            *response.status_mut() = status;
            response
        };
        match self {
            Self::Action(text) => operations::json(StatusCode::OK, json!({"status": "err", "response": text}).to_string()),
            Self::Malformed => plain(StatusCode::UNPROCESSABLE_ENTITY),
            Self::Unavailable => plain(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

impl From<IdentityError> for HyperliquidError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::Action("User or API Wallet does not exist.".to_owned()),
            IdentityError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<FieldError> for HyperliquidError {
    fn from(_: FieldError) -> Self {
        Self::Malformed
    }
}

impl From<OrderError> for HyperliquidError {
    fn from(error: OrderError) -> Self {
        Self::Action(order_text(error).to_owned())
    }
}

/// Why one order or cancel is refused, in the vendor's words where it has some.
pub(super) const fn order_text(error: OrderError) -> &'static str {
    match error {
        OrderError::BookUnavailable => "Internal error.",
        OrderError::DuplicateClientId => "Order with this cloid already exists.",
        OrderError::InsufficientBalance => "Insufficient spot balance asset=10000",
        OrderError::MalformedClientId => "Invalid cloid.",
        OrderError::MarketClosed => "Trading is halted. asset=10000",
        OrderError::NoLiquidity => "No liquidity available for market order. asset=10000",
        OrderError::NotionalTooSmall => "Order must have minimum value of $10. asset=10000",
        OrderError::PriceFilter => "Price must be divisible by tick size. asset=10000",
        OrderError::QuantityFilter => "Order has invalid size. asset=10000",
        OrderError::TooManyAccounts => "Too many users.",
        OrderError::TooManyOpenOrders => "Too many open orders.",
        OrderError::UnknownOrder => "Order was never placed, already canceled, or filled. asset=10000",
        OrderError::WouldMatch => "Post only order would have immediately matched, so it was not placed. asset=10000",
    }
}
