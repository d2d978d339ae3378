//! Parameters of a request: from a query, or from one JSON object.

use serde_json::{Map, Value};

use crate::exchange::fixed::{Fixed, FixedError};

/// Names and values of one request, few enough to be searched in a row.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Fields(Vec<(String, String)>);

/// What is wrong with a parameter; each façade has its own code for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum FieldError {
    /// The name occurs twice.
    Duplicate(String),
    /// The value cannot be read.
    Malformed(&'static str),
    /// Nothing by that name.
    Missing(&'static str),
    /// The request is not a JSON object.
    NotAnObject,
    /// More decimal places than any instrument has.
    TooPrecise(&'static str),
}

impl Fields {
    /// Reads a query. A name may occur once.
    pub(crate) fn from_query(query: &str) -> Result<Self, FieldError> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(FieldError::Duplicate(name.into_owned()));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(fields))
    }

    /// Reads a body that is one JSON object; an empty body is an empty object.
    pub(crate) fn from_body(body: &[u8]) -> Result<Self, FieldError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| FieldError::NotAnObject)?;
        Ok(Self::from_object(fields))
    }

    /// Reads path segments, query, and a body that is a JSON object or a form. Of a name that
    /// occurs twice the first counts, so that no query can stand in for a path segment.
    pub(crate) fn from_parts(segments: Vec<(String, String)>, query: &str, body: &[u8]) -> Result<Self, FieldError> {
        let mut fields = Self(segments);
        fields.0.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        if body.trim_ascii_start().first().is_some_and(|byte| *byte == b'{') {
            fields.0.extend(Self::from_body(body)?.0);
        } else {
            fields.0.extend(form_urlencoded::parse(body).into_owned());
        }
        Ok(fields)
    }

    /// Reads one element of a list of requests.
    pub(crate) fn from_value(value: Value) -> Result<Self, FieldError> {
        match value {
            Value::Object(fields) => Ok(Self::from_object(fields)),
            Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => Err(FieldError::NotAnObject),
        }
    }

    /// Strings as they are, everything else as JSON text; `null` is as good as absent.
    pub(crate) fn from_object(fields: Map<String, Value>) -> Self {
        let text = |value: Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
        };
        Self(fields.into_iter().map(|(name, value)| (name, text(value))).collect())
    }

    /// A value that is there and not empty.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A value that must be there.
    pub(crate) fn need(&self, name: &'static str) -> Result<&str, FieldError> {
        self.find(name).ok_or(FieldError::Missing(name))
    }

    /// An unsigned decimal.
    pub(crate) fn decimal(&self, name: &'static str) -> Result<Option<Fixed>, FieldError> {
        let number = self.find(name).map(Fixed::parse).transpose();
        number.map_err(|error| match error {
            FixedError::Malformed | FixedError::TooLarge => FieldError::Malformed(name),
            FixedError::TooPrecise => FieldError::TooPrecise(name),
        })
    }

    /// An unsigned decimal that must be there.
    pub(crate) fn need_decimal(&self, name: &'static str) -> Result<Fixed, FieldError> {
        self.decimal(name)?.ok_or(FieldError::Missing(name))
    }

    /// An unsigned integer.
    pub(crate) fn integer(&self, name: &'static str) -> Result<Option<u64>, FieldError> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits).map(Some).ok_or(FieldError::Malformed(name))
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, FieldError> {
        match self.find(name) {
            None | Some("false" | "False" | "0") => Ok(false),
            Some("true" | "True" | "1") => Ok(true),
            Some(_) => Err(FieldError::Malformed(name)),
        }
    }

    /// How many rows: the default, or what is asked for up to the maximum.
    pub(crate) fn limit(&self, name: &'static str, default: usize, max: usize) -> Result<usize, FieldError> {
        match self.integer(name)? {
            None => Ok(default),
            Some(0) => Err(FieldError::Malformed(name)),
            Some(limit) => Ok(usize::try_from(limit).unwrap_or(max).min(max)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn query_and_object_read_alike() {
        let query = Fields::from_query("qty=0.10&limit=5&link=a%2Db&none=").unwrap();
        let body = Fields::from_body(br#"{"qty":"0.10","limit":5,"link":"a-b","none":null}"#).unwrap();
        for fields in [query, body] {
            assert_eq!(fields.need_decimal("qty").unwrap().short(), "0.1");
            assert_eq!(fields.limit("limit", 20, 50).unwrap(), 5);
            assert_eq!((fields.find("link"), fields.find("none")), (Some("a-b"), None));
        }
    }

    #[test]
    fn reads_path_query_and_either_kind_of_body() {
        let segments = vec![("order_id".to_owned(), "7".to_owned())];
        let fields = Fields::from_parts(segments, "order_id=8&a=%2D", br#" {"size":"0.10","post":true,"gone":null,"n":5}"#).unwrap();
        assert_eq!((fields.find("order_id"), fields.find("a"), fields.find("gone")), (Some("7"), Some("-"), None));
        assert_eq!((fields.flag("post"), fields.flag("gone"), fields.integer("n")), (Ok(true), Ok(false), Ok(Some(5))));
        let form = Fields::from_parts(Vec::new(), "", b"side=buy").unwrap();
        assert_eq!((form.need("side"), form.flag("side")), (Ok("buy"), Err(FieldError::Malformed("side"))));
        assert_eq!(Fields::from_parts(Vec::new(), "", b"{"), Err(FieldError::NotAnObject));
    }

    #[test]
    fn says_what_is_wrong() {
        let fields = Fields::from_query("price=-1&qty=0.000000001&limit=x").unwrap();
        assert_eq!(fields.decimal("price"), Err(FieldError::Malformed("price")));
        assert_eq!(fields.decimal("qty"), Err(FieldError::TooPrecise("qty")));
        assert_eq!(fields.integer("limit"), Err(FieldError::Malformed("limit")));
        assert_eq!(fields.need("side"), Err(FieldError::Missing("side")));
        assert_eq!(Fields::from_query("a=1&a=2"), Err(FieldError::Duplicate("a".to_owned())));
        assert_eq!(Fields::from_body(b"[1]"), Err(FieldError::NotAnObject));
    }
}
