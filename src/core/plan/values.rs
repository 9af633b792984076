//! Checks values against the types that capabilities and tasks declare.

use serde_json::Value;

use crate::core::base::diagnostic::PathStep;
use crate::core::base::words::type_words;
use crate::core::plan::template::is_template;
use crate::core::resource::{Parameter, ValueType};

/// A value of a wrong type, at or below the value of a parameter.
pub struct WrongType<'v> {
    /// The expected type.
    pub expected: ValueType,
    /// The value.
    pub value: &'v Value,
    /// Its path from the value of the parameter.
    pub path: Vec<PathStep>,
}

impl WrongType<'_> {
    /// `a string`, or `a list in which each entry is a string`.
    pub fn place_words(&self) -> String {
        let inner = type_words(type_name(self.expected));
        match self.path.first() {
            None => inner.to_owned(),
            Some(PathStep::Index(_)) => format!("a list in which each entry is {inner}"),
            Some(PathStep::Key(key)) => format!("a mapping in which `{key}` is {inner}"),
        }
    }
}

/// The first value of a wrong type: the whole value, an item of a list or a property.
pub fn wrong_type<'v>(parameter: &Parameter, value: &'v Value) -> Option<WrongType<'v>> {
    // Null is valid if it is among the permitted values.
    if value.is_null() && parameter.allowed.contains(value) {
        return None;
    }
    if !has_type(parameter.value_type, value) {
        return Some(WrongType {
            expected: parameter.value_type,
            value,
            path: Vec::new(),
        });
    }
    let wrong = |expected: ValueType, value: &'v Value, step: PathStep| {
        let fits = is_reference(value) || has_type(expected, value);
        (!fits).then(|| WrongType {
            expected,
            value,
            path: vec![step],
        })
    };
    match (value, parameter.item_type) {
        (Value::Array(items), Some(expected)) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| wrong(expected, item, index.into()))
        }
        (Value::Object(fields), _) => {
            let properties = &parameter.object_properties;
            fields.iter().find_map(|(name, value)| {
                let expected = property_type(properties.get(name)?)?;
                wrong(expected, value, name.as_str().into())
            })
        }
        _ => None,
    }
}

/// The type of a property: a type name, or a parameter with a `type`.
fn property_type(property: &Value) -> Option<ValueType> {
    let name = property.get("type").unwrap_or(property);
    serde_json::from_value(name.clone()).ok()
}

/// A value as typed by a user: `true`, `false`, and numbers that print back unchanged; anything
/// else is text.
pub fn as_written(text: &str) -> Value {
    let value = serde_json::from_str(text).ok();
    let value = value.filter(|value: &Value| value.is_boolean() || value.is_number());
    let prints_back = |value: &Value| serde_json::to_string(value).is_ok_and(|back| back == text);
    let value = value.filter(prints_back);
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Whether the type of a value is only known later, because it contains a reference.
pub fn is_reference(value: &Value) -> bool {
    value.as_str().is_some_and(is_template)
}

fn has_type(expected: ValueType, value: &Value) -> bool {
    match expected {
        ValueType::String => value.is_string(),
        ValueType::Number => value.is_number(),
        ValueType::Boolean => value.is_boolean(),
        ValueType::Object => value.is_object(),
        ValueType::Array => value.is_array(),
    }
}

/// The name of the type in JSON Schema.
pub fn type_name(expected: ValueType) -> &'static str {
    match expected {
        ValueType::String => "string",
        ValueType::Number => "number",
        ValueType::Boolean => "boolean",
        ValueType::Object => "object",
        ValueType::Array => "array",
    }
}
