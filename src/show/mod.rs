//! Values → what people and programs read.

pub mod board;
pub mod escape;
pub mod findings;
pub mod graph;
pub mod reconcile;
pub mod resource;
pub mod table;

use serde_json::{Value, json};

use crate::core::resource::Time;

/// The `apiVersion` of everything that commands print for programs.
pub const CLI_API_VERSION: &str = "cli.planspec.io/v1";

/// One JSON document, indented, with a line break behind it.
///
/// # Errors
/// What serde says.
pub fn json(value: &Value) -> serde_json::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// A list for programs.
pub fn list(kind: &str, items: Vec<Value>) -> Value {
    json!({"apiVersion": CLI_API_VERSION, "kind": kind, "items": items})
}

/// A moment, exact, in UTC.
pub fn time(time: Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
