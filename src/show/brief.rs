//! Briefs of nodes for people: what is not there is left out.

use serde_json::{Map, Value};

use crate::api::brief::Brief;
use crate::core::text::yaml;

/// A brief with its name above it.
pub fn text(brief: &Brief) -> String {
    let (name, phase) = (brief.work.qualified(), brief.phase);
    let body = body(brief, &["namespace", "execution", "node", "phase"]);
    let body: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!("{name}: {phase}\n{body}")
}

/// What whoever has just claimed has to know.
pub fn of_claim(brief: &Brief) -> String {
    let known = [
        "namespace",
        "execution",
        "node",
        "phase",
        "attempt",
        "message",
        "claim",
    ];
    body(brief, &known)
}

fn body(brief: &Brief, without: &[&str]) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(brief) else {
        return String::new();
    };
    let fields: Map<String, Value> = fields
        .into_iter()
        .filter(|(name, _)| !without.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name, told(value)?)))
        .collect();
    if fields.is_empty() {
        return String::new();
    }
    yaml::write(&Value::Object(fields))
}

/// A value, without fields of an object in it that hold nothing; nothing, where it holds nothing itself.
fn told(value: Value) -> Option<Value> {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    let without_empty = |fields: Map<String, Value>| {
        let fields = fields.into_iter().filter(|(_, value)| !is_empty(value));
        Value::Object(fields.collect())
    };
    let value = match value {
        Value::Object(fields) => without_empty(fields),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| match item {
                Value::Object(fields) => without_empty(fields),
                other => other,
            });
            Value::Array(items.collect())
        }
        other => other,
    };
    (!is_empty(&value)).then_some(value)
}
