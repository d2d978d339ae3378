//! Parameters of a request: from query and form body, or from the `params` of a frame.

use serde_json::Value;

use super::error::ApiError;
use crate::exchange::Exchange;
use crate::exchange::fixed::{Fixed, FixedError};
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Side, TimeInForce};

const NUMBER_RANGE: &str = r"^([0-9]{1,20})(\.[0-9]{1,20})?$";
const INTEGER_RANGE: &str = "^[0-9]{1,20}$";

/// Names and values of one request, few enough to be searched in a row.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads query and form body. A name may occur once, in either of them.
    pub(super) fn from_http(query: &str, body: &[u8]) -> Result<Self, ApiError> {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body));
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            if params.iter().any(|(known, _)| *known == name) {
                return Err(ApiError::duplicate(&name));
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(params))
    }

    /// Reads the `params` object of a frame; lists become JSON text, as they are in a query.
    pub(super) fn from_json(params: Option<Value>) -> Result<Self, ApiError> {
        match params {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Object(fields)) => {
                let text = |value: Value| match value {
                    Value::String(text) => text,
                    Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => value.to_string(),
                };
                Ok(Self(fields.into_iter().map(|(name, value)| (name, text(value))).collect()))
            }
            Some(Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_)) => Err(ApiError::malformed_frame()),
        }
    }

    /// A value that is there and not empty.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, ApiError> {
        self.find(name).ok_or_else(|| ApiError::mandatory(name))
    }

    /// Refuses a parameter that this kind of request does not take.
    pub(super) fn refuse(&self, name: &str) -> Result<(), ApiError> {
        match self.find(name) {
            None => Ok(()),
            Some(_) => Err(ApiError::superfluous(name)),
        }
    }

    /// A decimal above nought.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<Fixed>, ApiError> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        match Fixed::parse(text) {
            Ok(number) => Ok(Some(number)),
            Err(FixedError::Malformed | FixedError::TooLarge) => Err(ApiError::illegal(name, NUMBER_RANGE)),
            Err(FixedError::TooPrecise) => Err(ApiError::too_precise(name)),
        }
    }

    pub(super) fn need_decimal(&self, name: &str) -> Result<Fixed, ApiError> {
        self.decimal(name)?.ok_or_else(|| ApiError::mandatory(name))
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.map(Some).ok_or_else(|| ApiError::illegal(name, INTEGER_RANGE))
    }

    /// How many rows: the default, or what is asked for up to the maximum.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        match self.integer("limit")? {
            None => Ok(default),
            Some(0) => Err(ApiError::invalid("limit")),
            Some(limit) => Ok(usize::try_from(limit).unwrap_or(max).min(max)),
        }
    }

    /// The spot instrument named by `symbol`.
    pub(super) fn symbol(&self, exchange: &Exchange) -> Result<MarketIndex, ApiError> {
        exchange.find_spot(self.need("symbol")?).ok_or_else(ApiError::unknown_symbol)
    }

    /// The spot instruments named by `symbol` or `symbols`; `None` when neither is sent.
    pub(super) fn symbols(&self, exchange: &Exchange) -> Result<Option<Vec<MarketIndex>>, ApiError> {
        if self.find("symbol").is_some() {
            return self.symbol(exchange).map(|index| Some(vec![index]));
        }
        let Some(text) = self.find("symbols") else {
            return Ok(None);
        };
        let names: Vec<String> = serde_json::from_str(text).map_err(|_| ApiError::illegal("symbols", r#"["SYMBOL"]"#))?;
        let found = names.iter().map(|name| exchange.find_spot(name).ok_or_else(ApiError::unknown_symbol));
        found.collect::<Result<Vec<_>, _>>().map(Some)
    }

    pub(super) fn side(&self) -> Result<Side, ApiError> {
        match self.need("side")? {
            "BUY" => Ok(Side::Buy),
            "SELL" => Ok(Side::Sell),
            _ => Err(ApiError::bad_side()),
        }
    }

    pub(super) fn time_in_force(&self) -> Result<TimeInForce, ApiError> {
        match self.need("timeInForce")? {
            "FOK" => Ok(TimeInForce::FillOrKill),
            "GTC" => Ok(TimeInForce::GoodTillCanceled),
            "IOC" => Ok(TimeInForce::ImmediateOrCancel),
            _ => Err(ApiError::bad_time_in_force()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_query_and_body_alike() {
        let params = Params::from_http("symbol=BTCUSDT&side=BUY", b"quantity=0.1&newClientOrderId=a%2Db").unwrap();
        assert_eq!(params.need("symbol").unwrap(), "BTCUSDT");
        assert_eq!(params.need("newClientOrderId").unwrap(), "a-b");
        assert_eq!(params.need_decimal("quantity").unwrap().short(), "0.1");
    }

    #[test]
    fn a_parameter_occurs_once_wherever_it_is() {
        assert_eq!(Params::from_http("a=1", b"a=2").unwrap_err().code, -1101);
    }

    #[test]
    fn numbers_of_a_frame_keep_their_digits() {
        let params = Params::from_json(serde_json::from_str(r#"{"quantity":"0.10","limit":5}"#).unwrap()).unwrap();
        assert_eq!(params.integer("limit").unwrap(), Some(5));
        assert_eq!(params.need_decimal("quantity").unwrap().short(), "0.1");
    }

    #[test]
    fn says_which_number_is_wrong_and_why() {
        let params = Params::from_http("price=-1&quantity=0.000000001&limit=x", b"").unwrap();
        assert_eq!(params.decimal("price").unwrap_err().code, -1100);
        assert_eq!(params.decimal("quantity").unwrap_err().code, -1111);
        assert_eq!(params.integer("limit").unwrap_err().code, -1100);
    }
}
