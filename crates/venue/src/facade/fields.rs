//! Parameters of a request: from a query, or from one JSON object.

use serde_json::{Map, Value};

use crate::exchange::fixed::{Fixed, FixedError};

/// Names and values of one request, few enough to be searched in a row; and what a body that is a list brought.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Fields {
    named: Vec<(String, String)>,
    rows: Vec<Self>,
}

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
        Ok(Self::named(fields))
    }

    const fn named(named: Vec<(String, String)>) -> Self {
        Self { named, rows: Vec::new() }
    }

    /// Reads a body that is one JSON object; an empty body is an empty object.
    pub(crate) fn from_body(body: &[u8]) -> Result<Self, FieldError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| FieldError::NotAnObject)?;
        Ok(Self::from_object(fields))
    }

    /// Reads path segments, query, and a body that is a JSON object, a list of them or a form. Of
    /// a name that occurs twice the first counts, so that no query can stand in for a path segment.
    pub(crate) fn from_parts(segments: Vec<(String, String)>, query: &str, body: &[u8]) -> Result<Self, FieldError> {
        let mut fields = Self::named(segments);
        fields.named.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        match body.trim_ascii_start().first() {
            Some(b'{') => fields.named.extend(Self::from_body(body)?.named),
            Some(b'[') => fields.rows = read_rows(body)?,
            Some(_) | None => fields.named.extend(form_urlencoded::parse(body).into_owned()),
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

    /// Reads what a frame brings: one object or a list of them; nothing is an empty object.
    pub(crate) fn from_param(value: Value) -> Result<Self, FieldError> {
        match value {
            Value::Array(_) => Ok(Self { rows: read_rows(value.to_string().as_bytes())?, ..Self::default() }),
            Value::Null => Ok(Self::default()),
            Value::Object(fields) => Ok(super::fields_of(fields)),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(FieldError::NotAnObject),
        }
    }

    /// Strings as they are, everything else as JSON text; `null` is as good as absent.
    pub(crate) fn from_object(fields: Map<String, Value>) -> Self {
        let text = |value: Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
        };
        Self::named(fields.into_iter().map(|(name, value)| (name, text(value))).collect())
    }

    /// The objects that a body brought as a list; none when it was no list.
    pub(crate) fn rows(&self) -> &[Self] {
        &self.rows
    }

    /// The objects of a list in a member; none when there is no such member.
    pub(crate) fn list(&self, name: &'static str) -> Result<Vec<Self>, FieldError> {
        let text = self.find(name).unwrap_or("[]");
        read_rows(text.as_bytes()).map_err(|_| FieldError::Malformed(name))
    }

    /// The words of a list in a member, strings or numbers; none when there is no such member.
    pub(crate) fn words(&self, name: &'static str) -> Result<Vec<String>, FieldError> {
        let word = |value: Value| match value {
            Value::Number(number) => Ok(number.to_string()),
            Value::String(text) => Ok(text),
            Value::Array(_) | Value::Bool(_) | Value::Null | Value::Object(_) => Err(FieldError::Malformed(name)),
        };
        let list: Vec<Value> = serde_json::from_str(self.find(name).unwrap_or("[]")).map_err(|_| FieldError::Malformed(name))?;
        list.into_iter().map(word).collect()
    }

    /// The same with one value more, where nothing has that name yet.
    pub(crate) fn or(mut self, name: &str, value: &str) -> Self {
        if self.find(name).is_none() {
            self.named.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// A value that is there and not empty.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let found = self.named.iter().find(|(known, _)| known == name);
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

/// Numbers in a list are read as they are elsewhere: without exponent.
fn read_rows(text: &[u8]) -> Result<Vec<Fields>, FieldError> {
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(text).map_err(|_| FieldError::NotAnObject)?;
    Ok(rows.into_iter().map(super::fields_of).collect())
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
    fn reads_lists_of_objects_and_of_words() {
        let body = br#"[{"size":1e-05,"side":"buy"},{"size":"2"}]"#;
        let fields = Fields::from_parts(Vec::new(), "account=spot", body).unwrap();
        let sizes: Vec<String> = fields.rows().iter().map(|row| row.need_decimal("size").unwrap().short()).collect();
        assert_eq!((sizes.join(" ").as_str(), fields.find("account")), ("0.00001 2", Some("spot")));
        let fields = Fields::from_body(br#"{"orders":[{"a":1}],"ids":["x",7],"bad":[[]]}"#).unwrap();
        assert_eq!(fields.list("orders").unwrap()[0].find("a"), Some("1"));
        assert_eq!((fields.words("ids").unwrap(), fields.words("none").unwrap()), (vec!["x".to_owned(), "7".to_owned()], vec![]));
        assert_eq!((fields.words("bad"), fields.list("ids")), (Err(FieldError::Malformed("bad")), Err(FieldError::Malformed("ids"))));
        assert_eq!(fields.or("ids", "x").or("more", "y").find("more"), Some("y"));
        assert_eq!(Fields::from_parts(Vec::new(), "", b"[1]"), Err(FieldError::NotAnObject));
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
