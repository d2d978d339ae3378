//! Parameters of a request: from path, query and body, or from the object of a frame.

use serde_json::{Map, Value};

use crate::exchange::fixed::{Fixed, FixedError};

/// What is wrong with a parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Problem {
    /// It is not of its kind, or not one of its values.
    Malformed,
    /// It must be there.
    Missing,
    /// It has more than eight places.
    TooPrecise,
}

/// A parameter and what is wrong with it; an empty name means the whole body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ParamError {
    pub(crate) name: String,
    pub(crate) problem: Problem,
}

impl ParamError {
    pub(crate) fn malformed(name: &str) -> Self {
        Self { name: name.to_owned(), problem: Problem::Malformed }
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self { name: name.to_owned(), problem: Problem::Missing }
    }
}

/// Names and values of one request, few enough to be searched in a row. Path segments come
/// first, so that no query can stand in for them.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads path segments, query, and a body that is a JSON object or a form.
    pub(crate) fn from_http(segments: Vec<(String, String)>, query: &str, body: &[u8]) -> Result<Self, ParamError> {
        let mut params = segments;
        params.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        if body.trim_ascii_start().first().is_some_and(|byte| *byte == b'{') {
            let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| ParamError::malformed(""))?;
            params.extend(Self::from_json(fields).0);
        } else {
            params.extend(form_urlencoded::parse(body).into_owned());
        }
        Ok(Self(params))
    }

    /// Reads an object: strings as they are, everything else as its JSON text; null is absent.
    pub(crate) fn from_json(fields: Map<String, Value>) -> Self {
        let text = |value: Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(value.to_string()),
        };
        Self(fields.into_iter().filter_map(|(name, value)| text(value).map(|value| (name, value))).collect())
    }

    /// A value that is there and not empty.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn need(&self, name: &str) -> Result<&str, ParamError> {
        self.find(name).ok_or_else(|| ParamError::missing(name))
    }

    /// A decimal that is not negative.
    pub(crate) fn decimal(&self, name: &str) -> Result<Option<Fixed>, ParamError> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        match Fixed::parse(text) {
            Ok(number) => Ok(Some(number)),
            Err(FixedError::Malformed | FixedError::TooLarge) => Err(ParamError::malformed(name)),
            Err(FixedError::TooPrecise) => Err(ParamError { name: name.to_owned(), problem: Problem::TooPrecise }),
        }
    }

    pub(crate) fn need_decimal(&self, name: &str) -> Result<Fixed, ParamError> {
        self.decimal(name)?.ok_or_else(|| ParamError::missing(name))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<u64>, ParamError> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| ParamError::malformed(name))
    }

    /// How many rows: the default, or what is asked for up to the maximum.
    pub(crate) fn limit(&self, name: &str, default: usize, max: usize) -> Result<usize, ParamError> {
        let asked = self.integer(name)?.map(|limit| usize::try_from(limit).unwrap_or(max).min(max));
        Ok(asked.unwrap_or(default))
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ParamError> {
        match self.find(name) {
            None | Some("false" | "False" | "0") => Ok(false),
            Some("true" | "True" | "1") => Ok(true),
            Some(_) => Err(ParamError::malformed(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_path_query_and_either_kind_of_body() {
        let segments = vec![("order_id".to_owned(), "7".to_owned())];
        let params = Params::from_http(segments, "order_id=8&a=%2D", br#" {"size":"0.10","post":true,"gone":null,"n":5}"#).unwrap();
        assert_eq!((params.find("order_id"), params.find("a"), params.find("gone")), (Some("7"), Some("-"), None));
        assert_eq!(params.need_decimal("size").unwrap().short(), "0.1");
        assert_eq!((params.flag("post"), params.integer("n")), (Ok(true), Ok(Some(5))));
        let form = Params::from_http(Vec::new(), "", b"side=buy").unwrap();
        assert_eq!(form.need("side"), Ok("buy"));
    }

    #[test]
    fn says_which_parameter_is_wrong_and_why() {
        let params = Params::from_http(Vec::new(), "price=-1&size=0.000000001&limit=x", b"").unwrap();
        assert_eq!(params.decimal("price"), Err(ParamError::malformed("price")));
        assert_eq!(params.decimal("size").unwrap_err().problem, Problem::TooPrecise);
        assert_eq!(params.limit("limit", 1, 2), Err(ParamError::malformed("limit")));
        assert_eq!(params.need("side"), Err(ParamError::missing("side")));
        assert_eq!(Params::from_http(Vec::new(), "", b"{").unwrap_err(), ParamError::malformed(""));
    }
}
