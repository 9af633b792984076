//! Writes JSON, indented or on one line, and safe to print.

use std::fmt::Write as _;

use serde_json::Value;

use crate::core::base::invisible::unseen;

/// Writes one JSON document, indented, with a line break at the end. Characters that could disturb a
/// terminal are only in strings, where JSON can escape them.
pub fn write(value: &Value) -> String {
    escaped(&format!("{value:#}\n"))
}

/// One JSON document on one line.
pub fn line(value: &Value) -> String {
    escaped(&format!("{value}\n"))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (c, is_unseen) in unseen(text) {
        if c == '\n' || !is_unseen {
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
