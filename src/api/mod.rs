//! Answers as data: what every door gives out, in one shape.
//!
//! Each answer is a serde type with a JSON Schema (`planspec schema --answer NAME`);
//! [`document()`] adds `apiVersion` and `kind`. A field is added without a new version; none is
//! renamed or taken away. Every field is always there: without a value it is null, or
//! an empty list.

pub mod archive;
pub mod audit;
pub mod board;
pub mod brief;
pub mod change;
pub mod describe;
pub mod doctor;
pub mod document;
pub mod explain;
pub mod export;
pub mod findings;
pub mod graph;
pub mod import;
pub mod listing;
pub mod log;
pub mod logs;
pub mod made;
pub mod namespace;
pub mod next;
pub mod overview;
pub mod reconcile;
pub mod record;
pub mod refusal;
pub mod registry;
pub mod resource;
pub mod review;
pub mod session;
pub mod verify;
pub mod version;
pub mod wait;
pub mod watch;
pub mod work;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The `apiVersion` of every answer.
pub const API_VERSION: &str = "cli.planspec.io/v1";

/// An answer that is a JSON document of its own.
pub trait Answer: Serialize + JsonSchema {
    /// Its `kind`.
    const KIND: &'static str;
}

/// Serialise items of the core as the data that stands for them in answers.
fn each<'a, T, D, S>(items: &'a [T], serializer: S) -> Result<S::Ok, S::Error>
where
    D: From<&'a T> + Serialize,
    S: Serializer,
{
    serializer.collect_seq(items.iter().map(D::from))
}

/// The document of an answer: `apiVersion` and `kind`, then its fields.
///
/// # Errors
/// A value that JSON cannot hold; none of the answers has one.
pub fn document<A: Answer>(answer: &A) -> serde_json::Result<Value> {
    let mut fields = Map::new();
    fields.insert("apiVersion".to_owned(), API_VERSION.into());
    fields.insert("kind".to_owned(), A::KIND.into());
    match serde_json::to_value(answer)? {
        Value::Object(own) => fields.extend(own),
        other => {
            fields.insert("items".to_owned(), other);
        }
    }
    Ok(Value::Object(fields))
}

/// The JSON Schema of a value as it is written: what is always there is required.
pub fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>()
}

/// The JSON Schema of the document of an answer.
pub fn schema<A: Answer>() -> Schema {
    let mut schema = schema_of::<A>();
    let own = [("apiVersion", API_VERSION), ("kind", A::KIND)];
    for (field, value) in own {
        let fixed = serde_json::json!({"const": value});
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.insert(field.to_owned(), fixed);
        }
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.insert(0, field.into());
        }
    }
    schema.insert("title".to_owned(), A::KIND.into());
    schema
}
