//! An action as MessagePack: what the client hashed before it wrote JSON, members in the same order.

use crate::limits;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Deepest nesting of an action: an order's own is four.
const DEPTH_MAX: usize = 16;

/// A JSON value that keeps the order of its members.
enum Value {
    Array(Vec<Self>),
    Bool(bool),
    Float(f64),
    Int(i64),
    Map(Vec<(String, Self)>),
    Null,
    Text(String),
    Uint(u64),
}

/// The MessagePack of a JSON text; `None` when it is no JSON, or too deep.
#[must_use]
pub fn msgpack(json: &str) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_str(json).ok()?;
    let mut packed = Vec::with_capacity(json.len());
    value.write(&mut packed, 0)?;
    Some(packed)
}

impl Value {
    fn write(&self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self {
            Self::Array(items) => {
                rmp::encode::write_array_len(out, u32::try_from(items.len()).ok()?).ok()?;
                items.iter().try_for_each(|item| item.write(out, depth + 1))?;
            }
            Self::Bool(truth) => rmp::encode::write_bool(out, *truth).ok()?,
            Self::Float(number) => rmp::encode::write_f64(out, *number).ok()?,
            Self::Int(number) => drop(rmp::encode::write_sint(out, *number).ok()?),
            Self::Map(members) => {
                rmp::encode::write_map_len(out, u32::try_from(members.len()).ok()?).ok()?;
                for (name, value) in members {
                    rmp::encode::write_str(out, name).ok()?;
                    value.write(out, depth + 1)?;
                }
            }
            Self::Null => rmp::encode::write_nil(out).ok()?,
            Self::Text(text) => rmp::encode::write_str(out, text).ok()?,
            Self::Uint(number) => drop(rmp::encode::write_uint(out, *number).ok()?),
        }
        Some(())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Uint(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map: Vec<(String, Value)> = Vec::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            if map.len() == limits::PARAMETERS_MAX || map.iter().any(|(each, _)| *each == name) {
                return Err(serde::de::Error::custom("a name stands twice, or too many names"));
            }
            map.push((name, value));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_numbers_their_shortest_form() {
        let packed = msgpack(r#"{"type":"order","b":1,"a":[-1,300,true,null,"x",1.5]}"#);
        let expected = "83a474797065a56f72646572a16201a16196ffcd012cc3c0a178cb3ff8000000000000";
        assert_eq!(packed.map(hex::encode).as_deref(), Some(expected));
    }

    #[test]
    fn what_has_two_readings_or_no_bottom_is_refused() {
        assert_eq!(msgpack(r#"{"a":1,"a":2}"#), None);
        assert_eq!(msgpack(&format!("{}{}", "[".repeat(100), "]".repeat(100))), None);
        assert_eq!(msgpack("{"), None);
    }

    /// Each name is compared with those before it, and nobody is known yet.
    #[test]
    fn an_object_of_many_names_is_not_looked_through() {
        let names = |count: usize| {
            let members: Vec<_> = (0..count).map(|number| format!(r#""{number}":0"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(msgpack(&names(limits::PARAMETERS_MAX)).is_some());
        assert_eq!(msgpack(&names(limits::PARAMETERS_MAX + 1)), None);
    }
}
