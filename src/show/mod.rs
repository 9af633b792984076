//! Values → what people and programs read.

pub mod document;
pub mod findings;
pub mod graph;
mod layout;
pub mod log;
pub mod reconcile;
pub mod resource;
pub mod review;
pub mod run;
pub mod scope;
pub mod svg;
pub mod table;
mod tree;
pub mod verify;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::core::base::invisible::is_invisible;

/// The `apiVersion` of everything that commands print for programs.
pub const CLI_API_VERSION: &str = "cli.planspec.io/v1";

/// One JSON document, indented, with a line break behind it. What could disturb a terminal stands
/// within strings, where JSON can write it as an escape.
pub fn json(value: &Value) -> String {
    escaped_json(&format!("{value:#}\n"))
}

/// One JSON document on one line.
pub fn json_line(value: &Value) -> String {
    escaped_json(&format!("{value}\n"))
}

fn escaped_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_invisible(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// A list for programs.
pub fn list(kind: &str, items: Vec<Value>) -> Value {
    json!({"apiVersion": CLI_API_VERSION, "kind": kind, "items": items})
}
