//! Numbers and times as exchanges write them in JSON.

use serde_json::{Map, Number, Value};

use super::Fields;
use crate::exchange::fixed::Fixed;

/// A decimal as a JSON number: the nearest one, for venues that do not write strings.
pub(crate) fn number(value: Fixed) -> Value {
    let short = value.short();
    short.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// The names and values of a JSON object, numbers written without exponent.
///
/// Python writes 0.00001 as `1e-05`; the plain text is what a decimal is read from.
pub(crate) fn fields_of(object: Map<String, Value>) -> Fields {
    let plain = |value: Value| match value {
        Value::Number(number) if number.is_f64() => Value::String(number.as_f64().unwrap_or_default().to_string()),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => value,
    };
    Fields::from_object(object.into_iter().map(|(name, value)| (name, plain(value))).collect())
}

/// RFC 3339 in UTC with microseconds, as `2026-11-21T00:51:51.840000Z`.
pub(crate) fn iso(at_ms: u64) -> String {
    let millis = i64::try_from(at_ms).unwrap_or(i64::MAX);
    let stamp = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{stamp:.6}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn small_numbers_of_a_frame_are_read_without_their_exponent() {
        let object = serde_json::from_str(r#"{"order_qty":1e-05,"limit_price":50000,"text":"1e-05"}"#).unwrap();
        let fields = fields_of(object);
        assert_eq!(fields.need_decimal("order_qty").unwrap().short(), "0.00001");
        assert_eq!(fields.need_decimal("limit_price").unwrap().short(), "50000");
        assert_eq!(fields.find("text"), Some("1e-05"));
    }

    #[test]
    fn decimals_and_times_are_written_as_venues_do() {
        assert_eq!(number(Fixed::parse("100000.10").unwrap()).to_string(), "100000.1");
        assert_eq!(number(Fixed::whole(5)).to_string(), "5");
        assert_eq!(iso(1_795_219_200_840), "2026-11-21T00:00:00.840000Z");
    }
}
