//! Fixes of values that a schema refuses, from what was probably meant.

mod field;
mod missing;
mod text;
mod value;

pub(super) use field::{Misplaced, camel_case};
pub use field::{names_provider, person};
pub(super) use missing::missing;
pub use text::slug;
pub(super) use text::{duration, name, no_duration, time};
pub(super) use value::{typed, with_what_it_said, word};

use serde_json::{Value, json};

use crate::core::base::diagnostic::PathStep;
use crate::core::base::fix::{Change, Fix};

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            items.map(|items| items.join(", "))
        }
        _ => None,
    }
}

/// Keeps a value without a field as an annotation.
fn annotated(name: &str, text: &str, remove: Change) -> Fix {
    let key = camel_case(name);
    let path = ["metadata".into(), "annotations".into(), key.as_str().into()];
    Fix::likely(remove).and(Change::Add {
        path: path.to_vec(),
        with: json!(text).into(),
    })
}

/// Keeps a value without a field in the description of its node.
fn said_of_node(path: &[PathStep], node: &Value, said: &str, remove: Change) -> Option<Fix> {
    let path = [path, &["description".into()]].concat();
    Some(Fix::likely(remove).and(match node.get("description") {
        Some(Value::String(before)) => Change::Replace {
            path,
            with: json!(format!("{}\n{said}", before.trim_end())).into(),
        },
        Some(_) => return None,
        None => Change::Add {
            path,
            with: json!(said).into(),
        },
    }))
}
