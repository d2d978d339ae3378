//! The shape of an answer: what changes from run to run replaced by its kind.

use serde_json::{Value, json};

/// Numbers in text are `digits`, other text is `text`; of a list, the first row is kept.
pub(crate) fn shape(value: &Value) -> Value {
    match value {
        Value::Array(rows) => rows.first().map_or_else(|| json!([]), |row| json!([shape(row)])),
        Value::Bool(_) => json!("bool"),
        Value::Null => Value::Null,
        Value::Number(_) => json!("number"),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::String(text) if text.parse::<f64>().is_ok() => json!("digits"),
        Value::String(_) => json!("text"),
    }
}
