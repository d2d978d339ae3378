//! What one request takes from the weight of a minute.
//!
//! # Security
//! A venue charges by what it reads, and so may whoever asks a dear question in a cheap spelling. A parameter that is escaped, there
//! twice, beside one of a like name, or no plain number costs the most that the route can.

use crate::fields::percent_decoded;
use crate::raw_object::{RawObject, is_alike};

/// Request weight: what one request takes from the weight of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// By the `limit` of an order book (Binance).
    Depth,
    /// Always the same.
    Fixed(u32),
    /// One weight when the parameter is sent, another when not.
    Parameter {
        /// Its name.
        name: &'static str,
        /// Weight with it.
        with: u32,
        /// Weight without it.
        without: u32,
    },
}

/// How a parameter stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'p> {
    /// Not there, under any spelling.
    Absent,
    /// There once, with this raw text.
    Once(&'p str),
    /// There in a way that readers differ about.
    Unclear,
}

/// `limit` where none is sent, and what a limit up to each bound weighs (vendor, "Order book").
const DEPTH_DEFAULT: u32 = 100;
const DEPTHS: [(u32, u32); 3] = [(100, 5), (500, 25), (1_000, 50)];
const DEPTH_MOST: u32 = 250;

impl Weight {
    /// The weight of one request; `parameter` finds a parameter.
    pub fn of<'p>(self, parameter: impl Fn(&str) -> Found<'p>) -> u32 {
        match self {
            Self::Depth => {
                let limit = match parameter("limit") {
                    Found::Absent => Some(DEPTH_DEFAULT),
                    Found::Once(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
                    Found::Once(_) | Found::Unclear => None,
                };
                let step = |limit: u32| DEPTHS.iter().find(|(most, _)| limit <= *most).map(|(_, weight)| *weight);
                limit.and_then(step).unwrap_or(DEPTH_MOST)
            }
            Self::Fixed(weight) => weight,
            Self::Parameter { name, with, without } => match parameter(name) {
                Found::Absent => without,
                Found::Once(text) if says_something(text) => with,
                Found::Once(_) | Found::Unclear => with.max(without),
            },
        }
    }
}

/// Whether something stands in a value: a venue may take one of blanks for none.
fn says_something(text: &str) -> bool {
    percent_decoded(text.as_bytes()).is_some_and(|text| text.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()))
}

impl<'p> Found<'p> {
    /// How a parameter stands in a raw query.
    #[must_use]
    pub fn in_query(query: &'p [u8], name: &str) -> Self {
        let Ok(text) = str::from_utf8(query) else { return Self::Unclear };
        if text.contains(';') {
            return Self::Unclear;
        }
        let mut found = Self::Absent;
        for pair in text.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if key == name && found == Self::Absent {
                found = Self::Once(value);
            } else if is_like(key, name) {
                return Self::Unclear;
            }
        }
        found
    }

    /// How a parameter stands among the members of an object: strings without their quotes.
    #[must_use]
    pub fn in_object(object: &RawObject<'p>, name: &str) -> Self {
        match object.optional_member(name) {
            Ok(None) => Self::Absent,
            Ok(Some(value)) if value.get() == "null" => Self::Absent,
            Ok(Some(value)) => Self::Once(value.get().trim_matches('"')),
            Err(_) => Self::Unclear,
        }
    }
}

/// Whether some reader takes a key of a query for this name, once it is decoded.
fn is_like(key: &str, name: &str) -> bool {
    if !key.contains(['%', '+']) {
        return is_alike(key, name);
    }
    let decoded = percent_decoded(key.as_bytes()).and_then(|key| String::from_utf8(key).ok());
    decoded.is_none_or(|key| is_alike(&key, name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SYMBOL: Weight = Weight::Parameter { name: "symbol", with: 6, without: 80 };

    fn of_query(weight: Weight, query: &str) -> u32 {
        weight.of(|name| Found::in_query(query.as_bytes(), name))
    }

    fn of_object(weight: Weight, text: &str) -> u32 {
        let object: RawObject<'_> = serde_json::from_str(text).unwrap();
        weight.of(|name| Found::in_object(&object, name))
    }

    #[test]
    fn a_book_weighs_by_its_limit() {
        for (query, weight) in
            [("", 5), ("symbol=A", 5), ("limit=0", 5), ("limit=100", 5), ("limit=0101", 25), ("limit=1000&a=1", 50), ("limit=1001", 250)]
        {
            assert_eq!(of_query(Weight::Depth, query), weight, "{query}");
        }
        for (text, weight) in [("{}", 5), (r#"{"limit":null}"#, 5), (r#"{"limit":500}"#, 25), (r#"{"limit":"1000"}"#, 50)] {
            assert_eq!(of_object(Weight::Depth, text), weight, "{text}");
        }
    }

    #[test]
    fn a_limit_in_another_spelling_weighs_the_most() {
        for query in [
            "limit=500%30",
            "limi%74=5000",
            "limi%74=5",
            "limit=5&limit=5000",
            "limit=5&Limit=5000",
            "limit=5&limit[]=5000",
            "limit=4294967296",
            "limit=+5",
            "limit=",
            "limit",
            "limit=x",
            "limit=5;limit=5000",
            "limit=5&+limit=5000",
            "limit=5&%00limit=9",
            "limit=5&%2526limit=9",
        ] {
            assert_eq!(of_query(Weight::Depth, query), 250, "{query}");
        }
        for text in [
            r#"{"limit":5,"Limit":5000}"#,
            r#"{"limit":5e3}"#,
            r#"{"limit":5000.0}"#,
            r#"{"limit":"500\u0030"}"#,
            r#"{"limit":[5]}"#,
            r#"{"limit":4294967296}"#,
            r#"{"limit":""}"#,
            r#"{"limit":-1}"#,
        ] {
            assert_eq!(of_object(Weight::Depth, text), 250, "{text}");
        }
    }

    #[test]
    fn a_parameter_that_may_not_be_read_weighs_the_most() {
        for (query, weight) in [
            ("symbol=A", 6),
            ("symbol=%E5%B8%81", 6),
            ("a=1", 80),
            ("symbol=", 80),
            ("symbol=%20", 80),
            ("symbol=A&symbol=", 80),
            ("symbol=A&SYMBOL=", 80),
        ] {
            assert_eq!(of_query(SYMBOL, query), weight, "{query}");
        }
        for (text, weight) in
            [(r#"{"symbol":"A"}"#, 6), (r#"{"symbol":null}"#, 80), (r#"{"symbol":""}"#, 80), (r#"{"symbol":"A","Symbol":""}"#, 80)]
        {
            assert_eq!(of_object(SYMBOL, text), weight, "{text}");
        }
    }
}
