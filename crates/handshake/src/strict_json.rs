//! JSON read strictly, because signed bytes must have one reading.
//!
//! No duplicate member names at any depth (compared after escapes are resolved), no fractions or exponents, integers below
//! 2^53, bounded depth and width (HS-5, HS-6, HS-7). Nothing is ever written back from what was read.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::limits;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// An integer of magnitude below 2^53.
    Integer(i64),
    /// A list.
    List(Vec<Self>),
    /// `null`.
    Null,
    /// An object.
    Object(Object),
    /// A text.
    Text(String),
}

/// A JSON object: members in the order received, names unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object(Vec<(String, Value)>);

/// Why bytes are not an acceptable JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Deeper than [`limits::JSON_DEPTH_MAX`].
    Depth,
    /// A member name occurs twice.
    Duplicate,
    /// Valid JSON, but no object.
    NotAnObject,
    /// A fraction, an exponent, minus zero, or a magnitude of 2^53 or more.
    Number,
    /// Not JSON in UTF-8, or something after it.
    Syntax,
    /// More members or elements than [`limits::JSON_MEMBERS_MAX`].
    Width,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Depth => "JSON is nested too deeply",
            Self::Duplicate => "a JSON member name occurs twice",
            Self::NotAnObject => "not a JSON object",
            Self::Number => "a JSON number is not an integer below 2^53",
            Self::Syntax => "not JSON",
            Self::Width => "a JSON object or list has too many elements",
        })
    }
}

impl std::error::Error for JsonError {}

impl Object {
    /// Reads an object; nothing but white space may follow it.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let fault = Cell::new(None);
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let read = Reader { depth: 1, fault: &fault }.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
        match read {
            Ok(Value::Object(object)) => Ok(object),
            Ok(Value::Bool(_) | Value::Integer(_) | Value::List(_) | Value::Null | Value::Text(_)) => Err(JsonError::NotAnObject),
            Err(_) => Err(fault.get().unwrap_or(JsonError::Syntax)),
        }
    }

    /// The value of a member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Names and values in the order received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one and not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Integer(number) = self { u64::try_from(*number).ok() } else { None }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The elements, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The object, if it is one.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }
}

/// Reads one value at a depth; remembers the first fault, because serde errors carry only text.
#[derive(Clone, Copy)]
struct Reader<'f> {
    depth: usize,
    fault: &'f Cell<Option<JsonError>>,
}

impl Reader<'_> {
    fn fail<E: de::Error>(self, fault: JsonError) -> E {
        self.fault.set(Some(fault));
        E::custom(fault)
    }

    fn inner<E: de::Error>(self) -> Result<Self, E> {
        // HS-6
        if self.depth > limits::JSON_DEPTH_MAX {
            return Err(self.fail(JsonError::Depth));
        }
        Ok(Self { depth: self.depth + 1, fault: self.fault })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        // HS-7
        match i64::try_from(number) {
            Ok(small) if number < limits::JSON_INTEGER_END => Ok(Value::Integer(small)),
            Ok(_) | Err(_) => Err(self.fail(JsonError::Number)),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        if number.unsigned_abs() < limits::JSON_INTEGER_END { Ok(Value::Integer(number)) } else { Err(self.fail(JsonError::Number)) }
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Err(self.fail(JsonError::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inner)? {
            if values.len() == limits::JSON_MEMBERS_MAX {
                return Err(self.fail(JsonError::Width));
            }
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            // HS-5
            if members.iter().any(|(own, _)| *own == name) {
                return Err(self.fail(JsonError::Duplicate));
            }
            if members.len() == limits::JSON_MEMBERS_MAX {
                return Err(self.fail(JsonError::Width));
            }
            members.push((name, map.next_value_seed(inner)?));
        }
        Ok(Value::Object(Object(members)))
    }
}

#[cfg(test)]
mod tests;
