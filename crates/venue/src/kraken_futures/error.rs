//! The venue's errors: `{"result":"error","error":"…","serverTime":"…"}` for a request that fails, and a `status` for an order that is
//! not taken (vendor documents "Errors" and "Send order").

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::clock::now_ms;
use crate::exchange::order::OrderError;
use crate::facade::{FieldError, iso};
use crate::identity::IdentityError;
use crate::operations::{self, ApiError};

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum FuturesError {
    /// The request fails with this word.
    Failed(StatusCode, String),
    /// The order is not taken; the request itself succeeds.
    NotTaken(&'static str),
}

impl FuturesError {
    fn bad(word: impl Into<String>) -> Self {
        Self::Failed(StatusCode::BAD_REQUEST, word.into())
    }

    pub(super) fn unknown_contract() -> Self {
        Self::bad("invalidArgument: symbol")
    }

    pub(super) fn unknown_feed() -> Self {
        Self::bad("Invalid feed")
    }

    pub(super) fn unknown_product() -> Self {
        Self::bad("Invalid product id")
    }

    pub(super) fn too_many_streams() -> Self {
        Self::bad("Maximum number of subscriptions reached")
    }

    /// Its word.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Failed(_, word) => word,
            Self::NotTaken(word) => word,
        }
    }
}

impl ApiError for FuturesError {
    fn forbidden() -> Self {
        Self::Failed(StatusCode::FORBIDDEN, "authenticationError".to_owned())
    }

    fn bad_body() -> Self {
        Self::Failed(StatusCode::PAYLOAD_TOO_LARGE, "invalidArgument".to_owned())
    }

    fn response(&self) -> Response<Body> {
        let time = iso(now_ms());
        match self {
            Self::Failed(status, word) => {
                operations::json(*status, json!({"result": "error", "error": word, "serverTime": time}).to_string())
            }
            Self::NotTaken(word) => {
                let status = json!({"status": word, "receivedTime": time, "orderEvents": []});
                operations::json(StatusCode::OK, json!({"result": "success", "sendStatus": status, "serverTime": time}).to_string())
            }
        }
    }
}

impl From<IdentityError> for FuturesError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::Failed(StatusCode::UNAUTHORIZED, "authenticationError".to_owned()),
            IdentityError::Unavailable => Self::Failed(StatusCode::SERVICE_UNAVAILABLE, "Unavailable".to_owned()),
        }
    }
}

impl From<FieldError> for FuturesError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::bad(format!("invalidArgument: {name}")),
            FieldError::Malformed(name) | FieldError::TooPrecise(name) => Self::bad(format!("invalidArgument: {name}")),
            FieldError::Missing(_) => Self::bad("requiredArgumentMissing"),
            FieldError::NotAnObject => Self::bad("Json Parse Error"),
        }
    }
}

impl From<OrderError> for FuturesError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::Failed(StatusCode::INTERNAL_SERVER_ERROR, "Server Error".to_owned()),
            OrderError::DuplicateClientId => Self::NotTaken("clientOrderIdAlreadyExist"),
            OrderError::InsufficientBalance => Self::NotTaken("insufficientAvailableFunds"),
            OrderError::MalformedClientId => Self::NotTaken("clientOrderIdTooLong"),
            OrderError::MarketClosed => Self::NotTaken("marketInactive"),
            OrderError::NoLiquidity => Self::NotTaken("iocWouldNotExecute"),
            OrderError::NotionalTooSmall | OrderError::QuantityFilter => Self::NotTaken("invalidSize"),
            OrderError::PriceFilter => Self::NotTaken("invalidPrice"),
            OrderError::TooManyAccounts => Self::Failed(StatusCode::SERVICE_UNAVAILABLE, "Unavailable".to_owned()),
            OrderError::TooManyOpenOrders => Self::NotTaken("tooManySmallOrders"),
            OrderError::UnknownOrder => Self::NotTaken("notFound"),
            OrderError::WouldMatch => Self::NotTaken("postWouldExecute"),
        }
    }
}
