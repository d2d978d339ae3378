//! The venue's errors: `{"retCode":…,"retMsg":"…"}`, HTTP 200 for all that concerns an order
//! (vendor document "Error Codes", v5 and spot trade).

use std::borrow::Cow;

use http::StatusCode;

use crate::exchange::instrument::Instrument;
use crate::exchange::order::{OrderError, OrderRequest, Size};
use crate::facade::{Denied, FieldError};
use crate::identity::IdentityError;

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: u32,
    pub(super) text: Cow<'static, str>,
}

impl ApiError {
    const fn new(code: u32, text: &'static str) -> Self {
        Self::at(StatusCode::OK, code, text)
    }

    const fn at(status: StatusCode, code: u32, text: &'static str) -> Self {
        Self { status, code, text: Cow::Borrowed(text) }
    }

    /// A parameter is wrong; the text says which.
    pub(super) fn params(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), ..Self::new(10_001, "") }
    }

    /// The symbol of a market-data request is not listed in its category.
    pub(super) const fn unknown_symbol() -> Self {
        Self::new(10_001, "Not supported symbols")
    }

    /// The symbol of an order is not listed in its category.
    pub(super) const fn invalid_symbol() -> Self {
        Self::new(170_121, "Invalid symbol.")
    }

    pub(super) const fn invalid_side() -> Self {
        Self::new(170_117, "Invalid side.")
    }

    pub(super) const fn invalid_order_type() -> Self {
        Self::new(170_116, "Invalid orderType.")
    }

    pub(super) const fn invalid_time_in_force() -> Self {
        Self::new(170_115, "Invalid timeInForce.")
    }

    pub(super) const fn invalid_order_filter() -> Self {
        Self::new(170_202, "Invalid orderFilter parameter.")
    }

    pub(super) const fn unknown_order() -> Self {
        Self::new(170_213, "Order does not exist.")
    }

    /// An amendment that changes nothing.
    pub(super) const fn unchanged() -> Self {
        Self::new(10_001, "The order remains unchanged as the parameters entered match the existing ones.")
    }

    pub(super) const fn unknown_op() -> Self {
        Self::new(10_404, "op type is not found")
    }

    pub(super) const fn not_found() -> Self {
        Self::at(StatusCode::NOT_FOUND, 10_017, "Route not found.")
    }

    pub(super) const fn bad_body() -> Self {
        Self::at(StatusCode::PAYLOAD_TOO_LARGE, 10_001, "Request body too large or cut off.")
    }

    /// No identity, or one that does not verify.
    pub(super) const fn unauthorized() -> Self {
        Self::at(StatusCode::UNAUTHORIZED, 10_003, "API key is invalid.")
    }

    const fn busy() -> Self {
        Self::at(StatusCode::SERVICE_UNAVAILABLE, 10_016, "Server error.")
    }

    /// What the exchange has against an order, in the finer words of this venue.
    pub(super) fn of_order(error: OrderError, request: &OrderRequest, terms: &Instrument) -> Self {
        match (error, request.size) {
            (OrderError::PriceFilter, _) if request.price > terms.price_max => Self::new(170_132, "Order price too high."),
            (OrderError::PriceFilter, _) if request.price < terms.tick => Self::new(170_133, "Order price lower than the minimum."),
            (OrderError::QuantityFilter, Size::Base(quantity)) if quantity > terms.quantity_max => {
                Self::new(170_135, "Order quantity too large.")
            }
            (OrderError::QuantityFilter, Size::Base(quantity)) if quantity < terms.lot => {
                Self::new(170_136, "Order quantity lower than the minimum.")
            }
            (OrderError::QuantityFilter, Size::Quote(_)) => Self::new(170_124, "Order amount too large."),
            (other, _) => Self::from(other),
        }
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::new(170_001, "Internal error."),
            OrderError::DuplicateClientId => Self::new(170_141, "Duplicate clientOrderId."),
            OrderError::InsufficientBalance => Self::new(170_131, "Insufficient balance."),
            OrderError::MalformedClientId => Self::new(170_130, "Data sent for parameter 'orderLinkId' is not valid."),
            OrderError::MarketClosed => Self::new(170_157, "The trading pair is not available for API trading."),
            OrderError::NoLiquidity => Self::new(170_210, "New order rejected."),
            OrderError::NotionalTooSmall => Self::new(170_140, "Order value exceeded lower limit."),
            OrderError::PriceFilter => Self::new(170_134, "Order price has too many decimals."),
            OrderError::QuantityFilter => Self::new(170_137, "Order quantity has too many decimals."),
            OrderError::TooManyAccounts => Self::busy(),
            OrderError::TooManyOpenOrders => Self::new(110_020, "Not allowed to have more active orders."),
            OrderError::UnknownOrder => Self::unknown_order(),
            OrderError::WouldMatch => Self::new(170_218, "The LIMIT-MAKER order is rejected due to invalid price."),
        }
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::params(format!("params error: {name} sent twice")),
            FieldError::Malformed(name) => Self::params(format!("params error: {name} invalid")),
            FieldError::Missing(name) => Self::params(format!("params error: {name} is required")),
            FieldError::NotAnObject => Self::params("params error: expected a JSON object"),
            FieldError::TooPrecise("price") => Self::from(OrderError::PriceFilter),
            FieldError::TooPrecise("qty") => Self::from(OrderError::QuantityFilter),
            FieldError::TooPrecise(name) => Self::params(format!("params error: {name} has too many decimals")),
        }
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoIdentity => Self::unauthorized(),
            Denied::NoScope => Self::new(10_005, "Permission denied, please check your API key permissions."),
        }
    }
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::unauthorized(),
            IdentityError::Unavailable => Self::busy(),
        }
    }
}
