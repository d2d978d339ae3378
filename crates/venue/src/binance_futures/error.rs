//! Refusals: the form is that of [`crate::binance`], some codes are the futures' own (vendor, "Error Code").

use axum::body::Body;
use http::Response;

use crate::binance;
use crate::exchange::order::OrderError;
use crate::facade::FieldError;
use crate::identity::IdentityError;
use crate::operations::ApiError;

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct FuturesError(pub(super) binance::ApiError);

impl FuturesError {
    const fn bad(code: i32, text: &'static str) -> Self {
        Self(binance::ApiError::bad(code, text))
    }

    pub(super) const fn unknown_symbol() -> Self {
        Self(binance::ApiError::unknown_symbol())
    }

    pub(super) const fn bad_interval() -> Self {
        Self(binance::ApiError::bad_interval())
    }

    pub(super) const fn bad_side() -> Self {
        Self(binance::ApiError::bad_side())
    }

    pub(super) const fn bad_kind() -> Self {
        Self(binance::ApiError::bad_kind())
    }

    pub(super) const fn bad_time_in_force() -> Self {
        Self(binance::ApiError::bad_time_in_force())
    }

    pub(super) const fn no_such_order() -> Self {
        Self(binance::ApiError::no_such_order())
    }

    pub(super) const fn malformed_frame() -> Self {
        Self(binance::ApiError::malformed_frame())
    }

    pub(super) const fn unknown_method() -> Self {
        Self(binance::ApiError::unknown_method())
    }

    /// Conditional orders are for the algo endpoints.
    pub(super) const fn is_algo_order() -> Self {
        Self::bad(-4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.")
    }

    pub(super) const fn not_reducing() -> Self {
        Self::bad(-2022, "ReduceOnly Order is rejected.")
    }

    pub(super) const fn nothing_to_modify() -> Self {
        Self::bad(-5027, "No need to modify the order.")
    }

    pub(super) const fn other_position_side() -> Self {
        Self::bad(-4061, "Order's position side does not match user's setting.")
    }

    pub(super) const fn same_margin_type() -> Self {
        Self::bad(-4046, "No need to change margin type.")
    }

    pub(super) const fn same_position_side() -> Self {
        Self::bad(-4059, "No need to change position side.")
    }

    pub(super) const fn batch_too_long() -> Self {
        Self::bad(-4082, "Invalid number of batch place orders.")
    }

    pub(super) fn bad_leverage(leverage: u64) -> Self {
        Self(binance::ApiError::told(-4028, format!("Leverage {leverage} is not valid")))
    }

    pub(super) fn mandatory_either(one: &str, other: &str) -> Self {
        Self(binance::ApiError::mandatory_either(one, other))
    }

    pub(super) fn superfluous(name: &str) -> Self {
        Self(binance::ApiError::superfluous(name))
    }

    pub(super) fn invalid(name: &str) -> Self {
        Self(binance::ApiError::invalid(name))
    }
}

impl ApiError for FuturesError {
    fn forbidden() -> Self {
        Self(binance::ApiError::unauthorized())
    }

    fn bad_body() -> Self {
        Self(binance::ApiError::bad_body())
    }

    fn response(&self) -> Response<Body> {
        self.0.response()
    }
}

impl From<IdentityError> for FuturesError {
    fn from(error: IdentityError) -> Self {
        Self(error.into())
    }
}

impl From<FieldError> for FuturesError {
    fn from(error: FieldError) -> Self {
        Self(match error {
            FieldError::Duplicate(name) => binance::ApiError::duplicate(&name),
            FieldError::Malformed(name) => binance::ApiError::invalid(name),
            FieldError::Missing(name) => binance::ApiError::mandatory(name),
            FieldError::NotAnObject => binance::ApiError::malformed_frame(),
            FieldError::TooPrecise(name) => binance::ApiError::too_precise(name),
        })
    }
}

/// What the futures refuse in other words than spot.
impl From<OrderError> for FuturesError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::DuplicateClientId => Self::bad(-4116, "ClientOrderId is duplicated."),
            OrderError::InsufficientBalance => Self::bad(-2019, "Margin is insufficient."),
            OrderError::MalformedClientId => Self::bad(-4015, "Client order id is not valid."),
            OrderError::MarketClosed => Self::bad(-4108, "This contract is pending settlement or settled."),
            OrderError::NoLiquidity => Self::bad(-2020, "Unable to fill."),
            OrderError::NotionalTooSmall => {
                Self::bad(-4164, "Order's notional must be no smaller than 5.0 (unless you choose reduce only)")
            }
            OrderError::PriceFilter => Self::bad(-4014, "Price not increased by tick size."),
            OrderError::QuantityFilter => Self::bad(-4023, "Qty not increased by step size."),
            OrderError::TooManyOpenOrders => Self::bad(-2025, "Reach max open order limit."),
            OrderError::WouldMatch => Self::bad(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be recorded in the order history",
            ),
            OrderError::BookUnavailable | OrderError::TooManyAccounts | OrderError::UnknownOrder => Self(error.into()),
        }
    }
}
