//! Shows values: text for people and programs.

pub mod archive;
pub mod audit;
pub mod brief;
pub mod change;
pub mod doctor;
pub mod document;
pub mod done;
pub mod findings;
pub mod graph;
pub mod import;
mod layout;
pub mod log;
pub mod made;
pub mod metrics;
pub mod overview;
pub mod pages;
pub mod reconcile;
pub mod resource;
pub mod review;
pub mod run;
pub mod scope;
pub mod session;
pub mod summary;
pub mod svg;
pub mod table;
mod tree;
pub mod verify;

/// How JSON is written.
pub use crate::core::text::json::{line as json_line, write as json};
/// How YAML is written.
pub use crate::core::text::yaml::write as yaml;

/// One of several YAML documents in a row.
pub fn yaml_next(document: &serde_json::Value) -> String {
    format!("---\n{}", yaml(document))
}

/// `1 change`, `2 changes`
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
