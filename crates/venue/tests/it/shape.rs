//! The shape of an answer: what changes from run to run replaced by its kind, and one row
//! instead of many.

use serde_json::{Value, json};

pub(crate) fn shape(value: &Value) -> Value {
    let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
    match value {
        Value::Array(rows) if rows.iter().all(Value::is_string) => Value::Array(rows.iter().map(shape).collect()),
        Value::Array(rows) => rows.first().map_or_else(|| json!([]), |row| json!([shape(row)])),
        Value::Bool(_) => json!("bool"),
        Value::Null => Value::Null,
        Value::Number(_) => json!("number"),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::String(text) if text.is_empty() => json!("empty"),
        Value::String(text) if numeric(text) => json!("number as text"),
        Value::String(_) => json!("text"),
    }
}
