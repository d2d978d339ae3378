//! Refusals of the native façade: a word for programs, a sentence for people.

use http::StatusCode;

use crate::exchange::order::OrderError;
use crate::identity::IdentityError;

/// One refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct NativeError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) text: String,
}

impl NativeError {
    fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into() }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "this needs a valid identity")
    }

    pub(super) fn forbidden(scope: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", format!("this needs the scope {scope}"))
    }

    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", text)
    }

    pub(super) fn unknown_op() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unknown_op", "no such op")
    }

    pub(super) fn unknown_symbol() -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown_symbol", "no such instrument")
    }

    pub(super) fn not_reducing() -> Self {
        Self::new(StatusCode::CONFLICT, "not_reducing", "the order would open or enlarge a position")
    }

    /// `{"code":…,"text":…}`
    pub(super) fn json(&self) -> String {
        let text = serde_json::to_string(&self.text).expect("a string is always JSON");
        format!(r#"{{"code":"{}","text":{text}}}"#, self.code)
    }
}

impl From<IdentityError> for NativeError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::unauthorized(),
            IdentityError::Unavailable => Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "identities cannot be verified now"),
        }
    }
}

impl From<OrderError> for NativeError {
    fn from(error: OrderError) -> Self {
        let (status, code) = match error {
            OrderError::BookUnavailable => (StatusCode::INTERNAL_SERVER_ERROR, "unavailable"),
            OrderError::DuplicateClientId => (StatusCode::CONFLICT, "duplicate_cl"),
            OrderError::InsufficientBalance => (StatusCode::UNPROCESSABLE_ENTITY, "insufficient_balance"),
            OrderError::MalformedClientId => (StatusCode::BAD_REQUEST, "bad_request"),
            OrderError::MarketClosed => (StatusCode::UNPROCESSABLE_ENTITY, "market_closed"),
            OrderError::NoLiquidity => (StatusCode::UNPROCESSABLE_ENTITY, "no_liquidity"),
            OrderError::NotionalTooSmall => (StatusCode::UNPROCESSABLE_ENTITY, "notional_too_small"),
            OrderError::PriceFilter => (StatusCode::UNPROCESSABLE_ENTITY, "price_filter"),
            OrderError::QuantityFilter => (StatusCode::UNPROCESSABLE_ENTITY, "quantity_filter"),
            OrderError::TooManyAccounts => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            OrderError::TooManyOpenOrders => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_orders"),
            OrderError::UnknownOrder => (StatusCode::NOT_FOUND, "unknown_order"),
            OrderError::WouldMatch => (StatusCode::UNPROCESSABLE_ENTITY, "would_match"),
        };
        Self::new(status, code, error.to_string())
    }
}
