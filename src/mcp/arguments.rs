//! The arguments of a call, checked against the fields of its tool.

use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};

use super::tools::Tool;
use crate::core::base::escape;
use crate::core::base::words::{shortened, type_of};
use crate::service::{Error, Result};

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A string.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number, up to this one.
    Number(u64),
    /// A JSON object.
    Object,
}

/// An argument of a tool.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub takes: Takes,
    /// Whether a call must have it.
    pub is_required: bool,
    /// Its description, for agents.
    pub about: &'static str,
}

impl Field {
    fn schema(&self) -> Value {
        let mut schema = match self.takes {
            Takes::Text => json!({"type": "string"}),
            Takes::Word(words) => json!({"type": "string", "enum": words}),
            Takes::Number(most) => json!({"type": "integer", "minimum": 1, "maximum": most}),
            Takes::Object => json!({"type": "object"}),
        };
        if !self.about.is_empty() {
            schema["description"] = self.about.into();
        }
        schema
    }

    /// Why a value is refused, if so.
    fn objection(&self, value: &Value) -> Option<String> {
        let wanted = match (self.takes, value) {
            (Takes::Text, Value::String(_)) | (Takes::Object, Value::Object(_)) => return None,
            (Takes::Word(words), Value::String(word)) if words.contains(&word.as_str()) => {
                return None;
            }
            (Takes::Number(most), Value::Number(number))
                if number.as_u64().is_some_and(|n| (1..=most).contains(&n)) =>
            {
                return None;
            }
            (Takes::Text, _) => "a string".to_owned(),
            (Takes::Word(words), _) => format!("one of {}", words.join(", ")),
            (Takes::Number(most), _) => format!("a whole number from 1 to {most}"),
            (Takes::Object, _) => "an object".to_owned(),
        };
        let (name, kind) = (self.name, type_of(value));
        let shown = shortened(&value.to_string(), 40);
        Some(format!(
            "`{name}` must be {wanted}; this is {kind}: {}",
            escape::line(&shown)
        ))
    }
}

/// The flat JSON Schema of the arguments of a tool.
pub fn schema(fields: &[Field]) -> JsonObject {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), field.schema()))
        .collect();
    let required = fields.iter().filter(|field| field.is_required);
    let required: Vec<&str> = required.map(|field| field.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    schema
}

/// The checked arguments of a call.
#[derive(Debug)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    /// Checks the arguments of a call. Null counts as left out.
    ///
    /// # Errors
    /// Lists everything that is wrong: fields that are unknown, missing or of another type.
    pub fn check(tool: &Tool, mut said: JsonObject) -> Result<Arguments> {
        said.retain(|_, value| !value.is_null());
        let fields = tool.fields();
        let known = |name: &str| fields.iter().find(|field| field.name == name);
        let wrong = said.iter().filter_map(|(name, value)| match known(name) {
            Some(field) => field.objection(value),
            None => Some(format!(
                "`{}` is not an argument of `{}`",
                escape::line(name),
                tool.name
            )),
        });
        let missing = fields
            .iter()
            .filter(|field| field.is_required && !said.contains_key(field.name))
            .map(|field| format!("`{}` is missing", field.name));
        let wrong: Vec<String> = wrong.chain(missing).collect();
        if wrong.is_empty() {
            return Ok(Arguments(said));
        }
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let hint = format!("`{}` takes {}", tool.name, names.join(", "));
        Err(Error::invalid(wrong.join("; ")).hint(hint))
    }

    /// A string; `None` if it is empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.0.get(name)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// An object; empty if it is left out.
    pub fn object(&self, name: &str) -> Map<String, Value> {
        match self.0.get(name) {
            Some(Value::Object(object)) => object.clone(),
            _ => Map::new(),
        }
    }
}
