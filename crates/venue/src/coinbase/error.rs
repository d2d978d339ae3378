//! The venue's errors.
//!
//! | what | status | body |
//! |---|---|---|
//! | a request that cannot be served | 4xx, 5xx | `{"error":"INVALID_ARGUMENT","error_details":…,"message":…}` |
//! | an order that is refused | 200 | `{"success":false,"error_response":{…}}` |

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::exchange::order::OrderError;
use crate::facade::{Denied, FieldError, Unreadable, json_response};
use crate::identity::IdentityError;

/// One refusal of a whole request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CoinbaseError {
    status: StatusCode,
    code: &'static str,
    text: String,
}

impl CoinbaseError {
    fn of(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into() }
    }

    pub(super) fn argument(text: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", text)
    }

    pub(super) fn unknown_account() -> Self {
        Self::of(StatusCode::NOT_FOUND, "NOT_FOUND", "account not found")
    }

    pub(super) fn unknown_order() -> Self {
        Self::of(StatusCode::NOT_FOUND, "NOT_FOUND", "order with this orderID was not found")
    }

    pub(super) fn unknown_product() -> Self {
        Self::of(StatusCode::NOT_FOUND, "NOT_FOUND", "valid product is required")
    }

    fn overloaded() -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "service unavailable")
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn response(&self) -> Response<Body> {
        json_response(self.status, &json!({"error": self.code, "error_details": self.text, "message": self.text}))
    }
}

impl From<Denied> for CoinbaseError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoIdentity => Self::of(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized"),
            Denied::NoScope => Self::of(StatusCode::FORBIDDEN, "PERMISSION_DENIED", "Missing required scopes"),
        }
    }
}

impl From<FieldError> for CoinbaseError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::argument(format!("{name} may be sent once")),
            FieldError::Malformed(name) => Self::argument(format!("{name} is not valid")),
            FieldError::Missing(name) => Self::argument(format!("{name} is required")),
            FieldError::NotAnObject => Self::argument("the body must be a JSON object"),
            FieldError::TooPrecise(name) => Self::argument(format!("{name} has too much precision")),
        }
    }
}

impl From<Unreadable> for CoinbaseError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Body => Self::argument("the body is too large or was cut off"),
            Unreadable::Identity(IdentityError::Refused) => Self::of(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized"),
            Unreadable::Identity(IdentityError::Unavailable) => Self::overloaded(),
        }
    }
}

/// For what is refused before there is an order to refuse: an account that cannot be opened.
impl From<OrderError> for CoinbaseError {
    fn from(error: OrderError) -> Self {
        let text = error.to_string();
        match error {
            OrderError::TooManyAccounts => Self::overloaded(),
            OrderError::BookUnavailable => Self::of(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", text),
            OrderError::DuplicateClientId
            | OrderError::InsufficientBalance
            | OrderError::MalformedClientId
            | OrderError::MarketClosed
            | OrderError::NoLiquidity
            | OrderError::NotionalTooSmall
            | OrderError::PriceFilter
            | OrderError::QuantityFilter
            | OrderError::TooManyOpenOrders
            | OrderError::UnknownOrder
            | OrderError::WouldMatch => Self::argument(text),
        }
    }
}

/// Why one order is refused: `error` and `preview_failure_reason` of the vendor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct OrderRefusal {
    pub(super) error: &'static str,
    pub(super) preview: &'static str,
    pub(super) text: &'static str,
}

impl OrderRefusal {
    const fn of(error: &'static str, preview: &'static str, text: &'static str) -> Self {
        Self { error, preview, text }
    }

    pub(super) const fn unsupported() -> Self {
        Self::of("UNSUPPORTED_ORDER_CONFIGURATION", "UNSUPPORTED_ORDER_CONFIGURATION", "The order configuration is not supported")
    }

    pub(super) const fn unknown_product() -> Self {
        Self::of("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID", "Invalid product_id")
    }

    pub(super) const fn side() -> Self {
        Self::of("INVALID_SIDE", "PREVIEW_INVALID_SIDE", "Invalid side")
    }

    pub(super) const fn size() -> Self {
        Self::of("INVALID_BASE_SIZE", "PREVIEW_INVALID_BASE_SIZE", "Invalid size")
    }

    pub(super) const fn price() -> Self {
        Self::of("INVALID_LIMIT_PRICE", "PREVIEW_INVALID_LIMIT_PRICE", "Invalid limit price")
    }

    /// The answer to an order.
    pub(super) fn json(&self, configuration: &Value) -> Value {
        json!({
            "success": false, "failure_reason": self.error, "order_id": "",
            "error_response": {
                "error": self.error, "message": self.text, "error_details": "", "preview_failure_reason": self.preview,
                "new_order_failure_reason": self.error,
            },
            "order_configuration": configuration,
        })
    }
}

impl From<OrderError> for OrderRefusal {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::of("UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON", "Internal error"),
            OrderError::DuplicateClientId | OrderError::MalformedClientId => {
                Self::of("INVALID_CLIENT_ORDER_ID", "UNKNOWN_PREVIEW_FAILURE_REASON", "Invalid client_order_id")
            }
            OrderError::InsufficientBalance => {
                Self::of("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND", "Insufficient balance in source account")
            }
            OrderError::MarketClosed => Self::of("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID", "Product is not traded"),
            OrderError::NoLiquidity => Self::of("INVALID_NO_LIQUIDITY", "PREVIEW_INVALID_NO_LIQUIDITY", "No liquidity"),
            OrderError::NotionalTooSmall => {
                Self::of("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", "Order is below the smallest size")
            }
            OrderError::PriceFilter => Self::price(),
            OrderError::QuantityFilter => Self::size(),
            OrderError::TooManyAccounts | OrderError::TooManyOpenOrders => {
                Self::of("COMMANDER_REJECTED_NEW_ORDER", "UNKNOWN_PREVIEW_FAILURE_REASON", "Too many open orders")
            }
            OrderError::UnknownOrder => Self::of("UNKNOWN_CANCEL_ORDER", "UNKNOWN_PREVIEW_FAILURE_REASON", "Unknown order"),
            OrderError::WouldMatch => {
                Self::of("INVALID_LIMIT_PRICE_POST_ONLY", "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY", "Post only order would trade")
            }
        }
    }
}
