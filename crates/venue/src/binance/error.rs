//! The venue's errors: `{"code":-NNNN,"msg":"…"}` (vendor document `errors.md`).

use std::borrow::Cow;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

use crate::exchange::order::OrderError;
use crate::facade::Denied;
use crate::identity::IdentityError;

/// One refusal in the venue's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: i32,
    pub(crate) text: Cow<'static, str>,
    /// JSON of the `data` field that only cancel-replace failures have.
    pub(crate) data: Option<String>,
}

impl ApiError {
    pub(crate) const fn bad(code: i32, text: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, text: Cow::Borrowed(text), data: None }
    }

    pub(crate) const fn told(code: i32, text: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, text: Cow::Owned(text), data: None }
    }

    /// No identity, an identity that does not verify, or one without the scope.
    pub(crate) const fn unauthorized() -> Self {
        let text = Cow::Borrowed("Invalid API-key, IP, or permissions for action.");
        Self { status: StatusCode::UNAUTHORIZED, code: -2015, text, data: None }
    }

    /// The venue cannot serve this now; nothing is wrong with the request.
    const fn overloaded() -> Self {
        let text = Cow::Borrowed("Server is currently overloaded with other requests. Please try again in a few minutes.");
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: -1008, text, data: None }
    }

    pub(crate) const fn not_found() -> Self {
        let text = Cow::Borrowed("This operation is not supported.");
        Self { status: StatusCode::NOT_FOUND, code: -1020, text, data: None }
    }

    pub(crate) const fn bad_body() -> Self {
        let text = Cow::Borrowed("Request body too large or cut off.");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: -1130, text, data: None }
    }

    pub(crate) const fn unknown_method() -> Self {
        Self::bad(-1000, "Unknown method.")
    }

    pub(crate) const fn malformed_frame() -> Self {
        Self::bad(-1135, "Invalid JSON Request")
    }

    pub(crate) const fn unknown_symbol() -> Self {
        Self::bad(-1121, "Invalid symbol.")
    }

    pub(crate) const fn no_such_order() -> Self {
        Self::bad(-2013, "Order does not exist.")
    }

    pub(crate) const fn unknown_order() -> Self {
        Self::bad(-2011, "Unknown order sent.")
    }

    /// An amendment is refused; the text says why.
    pub(crate) const fn not_amended(text: &'static str) -> Self {
        Self::bad(-2038, text)
    }

    pub(crate) const fn bad_interval() -> Self {
        Self::bad(-1120, "Invalid interval.")
    }

    pub(crate) const fn bad_side() -> Self {
        Self::bad(-1117, "Invalid side.")
    }

    pub(crate) const fn bad_kind() -> Self {
        Self::bad(-1116, "Invalid orderType.")
    }

    pub(crate) const fn bad_time_in_force() -> Self {
        Self::bad(-1115, "Invalid timeInForce.")
    }

    pub(crate) const fn already_subscribed() -> Self {
        Self::bad(-2035, "User Data Stream subscription is already active.")
    }

    pub(crate) const fn not_subscribed() -> Self {
        Self::bad(-2036, "User Data Stream subscription not found.")
    }

    /// One half of a cancel-replace failed.
    pub(crate) fn half_replaced(data: String) -> Self {
        let status = StatusCode::CONFLICT;
        Self { status, data: Some(data), ..Self::bad(-2021, "Order cancel-replace partially failed.") }
    }

    /// Both halves of a cancel-replace failed.
    pub(crate) fn not_replaced(data: String) -> Self {
        Self { data: Some(data), ..Self::bad(-2022, "Order cancel-replace failed.") }
    }

    /// A parameter that must be there is not, or is unreadable.
    pub(crate) fn mandatory(name: &str) -> Self {
        Self::told(-1102, format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."))
    }

    /// One of two parameters must be there.
    pub(crate) fn mandatory_either(one: &str, other: &str) -> Self {
        Self::told(-1102, format!("Param '{one}' or '{other}' must be sent, but both were empty/null!"))
    }

    /// A parameter does not belong to this kind of order.
    pub(crate) fn superfluous(name: &str) -> Self {
        Self::told(-1106, format!("Parameter '{name}' sent when not required."))
    }

    /// A parameter has characters it may not have.
    pub(crate) fn illegal(name: &str, range: &str) -> Self {
        Self::told(-1100, format!("Illegal characters found in parameter '{name}'; legal range is '{range}'."))
    }

    pub(crate) fn too_precise(name: &str) -> Self {
        Self::told(-1111, format!("Parameter '{name}' has too much precision."))
    }

    pub(crate) fn duplicate(name: &str) -> Self {
        Self::told(-1101, format!("Duplicate values for parameter '{name}' detected."))
    }

    pub(crate) fn invalid(name: &str) -> Self {
        Self::told(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }

    /// As the `error` of a WebSocket API reply or the body of a REST answer.
    pub(crate) fn json(&self) -> String {
        let text = serde_json::to_string(&self.text).expect("a string is always JSON");
        match &self.data {
            None => format!(r#"{{"code":{},"msg":{text}}}"#, self.code),
            Some(data) => format!(r#"{{"code":{},"msg":{text},"data":{data}}}"#, self.code),
        }
    }

    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.json()));
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json;charset=UTF-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

/// Range the vendor states for client order ids.
const CLIENT_ID_RANGE: &str = r"^[\.A-Z\:/a-z0-9_-]{1,36}$";

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoIdentity | Denied::NoScope => Self::unauthorized(),
        }
    }
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Refused => Self::unauthorized(),
            IdentityError::Unavailable => Self::overloaded(),
        }
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BookUnavailable => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                ..Self::bad(-1000, "An unknown error occurred while processing the request.")
            },
            OrderError::DuplicateClientId => Self::bad(-2010, "Duplicate order sent."),
            OrderError::InsufficientBalance => Self::bad(-2010, "Account has insufficient balance for requested action."),
            OrderError::MalformedClientId => Self::illegal("newClientOrderId", CLIENT_ID_RANGE),
            OrderError::MarketClosed => Self::bad(-1013, "Market is closed."),
            OrderError::NoLiquidity => Self::bad(-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."),
            OrderError::NotionalTooSmall => Self::bad(-1013, "Filter failure: NOTIONAL"),
            OrderError::PriceFilter => Self::bad(-1013, "Filter failure: PRICE_FILTER"),
            OrderError::QuantityFilter => Self::bad(-1013, "Filter failure: LOT_SIZE"),
            OrderError::TooManyAccounts => Self::overloaded(),
            OrderError::TooManyOpenOrders => Self::bad(-1013, "Filter failure: MAX_NUM_ORDERS"),
            OrderError::UnknownOrder => Self::unknown_order(),
            OrderError::WouldMatch => Self::bad(-2010, "Order would immediately match and take."),
        }
    }
}
