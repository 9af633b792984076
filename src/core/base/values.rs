//! The values inside of a value.

use serde_json::Value;

/// Returns these values and every value inside of them.
pub fn all<'v>(of: impl IntoIterator<Item = &'v Value>) -> impl Iterator<Item = &'v Value> {
    let mut open: Vec<&Value> = of.into_iter().collect();
    std::iter::from_fn(move || {
        let value = open.pop()?;
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
        Some(value)
    })
}
