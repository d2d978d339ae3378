//! The venue's errors: `{"code":"…","msg":"…","data":[]}` for a request, `sCode` and `sMsg` for
//! one order of it (vendor document "Error Code", REST and WebSocket).

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

    /// A parameter has a value it may not have.
    pub(super) fn parameter(name: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: format!("Parameter {name} error").into(), ..Self::new(51_000, "") }
    }

    /// A parameter that must be there is not.
    pub(super) fn missing(name: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: format!("Parameter {name} can not be empty.").into(), ..Self::new(50_014, "") }
    }

    pub(super) const fn unknown_instrument() -> Self {
        Self::new(51_001, "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
    }

    pub(super) const fn no_such_order() -> Self {
        Self::new(51_603, "Order does not exist")
    }

    pub(super) const fn unknown_order() -> Self {
        Self::new(51_400, "Order cancellation failed as the order has been filled, canceled or does not exist.")
    }

    pub(super) const fn not_amendable() -> Self {
        Self::new(51_503, "Order modification failed as the order has been filled, canceled or does not exist.")
    }

    pub(super) const fn nothing_to_amend() -> Self {
        Self::new(51_500, "You must enter a price, quantity, or TP/SL.")
    }

    pub(super) const fn id_required() -> Self {
        Self::new(51_003, "Either client order ID or order ID is required.")
    }

    pub(super) const fn not_json() -> Self {
        Self::at(StatusCode::BAD_REQUEST, 50_002, "JSON syntax error")
    }

    pub(super) const fn bad_body() -> Self {
        Self::at(StatusCode::PAYLOAD_TOO_LARGE, 50_002, "Request body too large or cut off.")
    }

    pub(super) const fn too_many_in_batch() -> Self {
        Self::new(51_111, "Maximum 20 orders can be placed in bulk.")
    }

    pub(super) const fn not_found() -> Self {
        Self::at(StatusCode::NOT_FOUND, 404, "Not Found")
    }

    /// No identity, or one that does not verify.
    pub(super) const fn unauthorized() -> Self {
        Self::at(StatusCode::UNAUTHORIZED, 50_111, "Invalid OK-ACCESS-KEY")
    }

    const fn unavailable() -> Self {
        Self::at(StatusCode::SERVICE_UNAVAILABLE, 50_001, "Service temporarily unavailable. Please try again later.")
    }

    /// What the exchange has against an order, in the finer words of this venue.
    pub(super) fn of_order(error: OrderError, request: &OrderRequest, terms: &Instrument) -> Self {
        match (error, request.size) {
            (OrderError::QuantityFilter, Size::Base(quantity)) if quantity < terms.lot => Self::from(OrderError::NotionalTooSmall),
            (OrderError::QuantityFilter, Size::Base(quantity)) if quantity <= terms.quantity_max => Self::lot_size(),
            (OrderError::QuantityFilter, _) => Self::new(51_203, "Order amount exceeds the limit."),
            (other, _) => Self::from(other),
        }
    }

    const fn lot_size() -> Self {
        Self::new(51_121, "Order quantity must be a multiple of the lot size.")
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self::at(StatusCode::INTERNAL_SERVER_ERROR, 50_026, "System error. Try again later."),
            OrderError::DuplicateClientId => Self::new(51_016, "Client order ID already exists."),
            OrderError::InsufficientBalance => Self::new(51_008, "Order failed. Insufficient balance in account."),
            OrderError::MalformedClientId => Self { status: StatusCode::OK, ..Self::parameter("clOrdId") },
            OrderError::MarketClosed => Self::new(51_027, "Contract expired."),
            OrderError::NoLiquidity => Self::new(51_109, "No bid or ask price in the order book."),
            OrderError::NotionalTooSmall => Self::new(51_020, "Your order should meet or exceed the minimum order amount."),
            OrderError::PriceFilter => Self::new(51_006, "Order price is not within the price limit or not a multiple of the tick size."),
            OrderError::QuantityFilter => Self::lot_size(),
            OrderError::TooManyAccounts => Self::unavailable(),
            OrderError::TooManyOpenOrders => Self::new(51_174, "The number of pending orders reached the upper limit."),
            OrderError::UnknownOrder => Self::unknown_order(),
            OrderError::WouldMatch => Self::new(51_006, "Order price is not within the price limit: a post-only order would take."),
        }
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Duplicate(name) => Self::parameter(&name),
            FieldError::Malformed(name) => Self::parameter(name),
            FieldError::Missing(name) => Self::missing(name),
            FieldError::NotAnObject => Self::not_json(),
            FieldError::TooPrecise("px") => Self::from(OrderError::PriceFilter),
            FieldError::TooPrecise("sz") => Self::lot_size(),
            FieldError::TooPrecise(name) => Self::parameter(name),
        }
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoIdentity => Self::unauthorized(),
            Denied::NoScope => Self::at(StatusCode::UNAUTHORIZED, 50_114, "Invalid Authority"),
        }
    }
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::unauthorized(),
            IdentityError::Unavailable => Self::unavailable(),
        }
    }
}
