//! The venue's errors: `{"error":["EOrder:Insufficient funds"]}`, always with status 200.

use std::borrow::Cow;

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use crate::exchange::order::OrderError;
use crate::facade::{Denied, FieldError, Unreadable, json_response};
use crate::identity::IdentityError;

/// One refusal, in the vendor's `ECategory:Text` form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct KrakenError(Cow<'static, str>);

impl KrakenError {
    const fn of(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// An argument is missing or unreadable.
    pub(super) fn argument(name: &str) -> Self {
        Self(Cow::Owned(format!("EGeneral:Invalid arguments:{name}")))
    }

    pub(super) const fn malformed() -> Self {
        Self::of("EGeneral:Invalid arguments")
    }

    pub(super) const fn unknown_asset() -> Self {
        Self::of("EQuery:Unknown asset")
    }

    pub(super) const fn unknown_order() -> Self {
        Self::of("EOrder:Unknown order")
    }

    pub(super) const fn unknown_pair() -> Self {
        Self::of("EQuery:Invalid asset pair")
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The same on the WebSocket, which says more than REST in two places.
    pub(super) fn socket_text(self) -> Cow<'static, str> {
        match &*self.0 {
            "EOrder:Insufficient funds" => Cow::Borrowed("EOrder:Insufficient funds (insufficient user funds)"),
            "EOrder:Order minimum not met" => Cow::Borrowed("EOrder:Order minimum not met (volume too low)"),
            _ => self.0,
        }
    }

    pub(super) fn response(&self) -> Response<Body> {
        json_response(StatusCode::OK, &json!({"error": [self.0]}))
    }
}

impl From<Denied> for KrakenError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoIdentity => Self::of("EAPI:Invalid key"),
            Denied::NoScope => Self::of("EGeneral:Permission denied"),
        }
    }
}

impl From<FieldError> for KrakenError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::argument(&name),
            FieldError::Malformed(name) | FieldError::Missing(name) | FieldError::TooPrecise(name) => Self::argument(name),
            FieldError::NotAnObject => Self::malformed(),
        }
    }
}

impl From<Unreadable> for KrakenError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Body => Self::malformed(),
            Unreadable::Identity(IdentityError::Refused) => Self::of("EAPI:Invalid key"),
            Unreadable::Identity(IdentityError::Unavailable) => Self::of("EService:Unavailable"),
        }
    }
}

impl From<OrderError> for KrakenError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::of("EGeneral:Internal error"),
            OrderError::DuplicateClientId => Self::of("EOrder:cl_ord_id is not unique"),
            OrderError::InsufficientBalance => Self::of("EOrder:Insufficient funds"),
            OrderError::MalformedClientId => Self::argument("cl_ord_id"),
            OrderError::MarketClosed => Self::of("EService:Market in cancel_only mode"),
            OrderError::NoLiquidity => Self::of("EOrder:Invalid order"),
            OrderError::NotionalTooSmall => Self::of("EOrder:Order minimum not met"),
            OrderError::PriceFilter => Self::argument("price"),
            OrderError::QuantityFilter => Self::argument("volume"),
            OrderError::TooManyAccounts => Self::of("EService:Busy"),
            OrderError::TooManyOpenOrders => Self::of("EOrder:Orders limit exceeded"),
            OrderError::UnknownOrder => Self::unknown_order(),
            OrderError::WouldMatch => Self::of("EOrder:Post only order"),
        }
    }
}
