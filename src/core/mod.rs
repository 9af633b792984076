//! The pure core: values in, values out.
//!
//! Nothing below this module touches Git, files, processes, the environment or a clock; a test
//! (`tests/it/walls.rs`) keeps it so. Time is an argument.

pub mod allow;
pub mod catalog;
pub mod condition;
pub mod config;
pub mod controllers;
pub mod data;
pub mod diagnostic;
pub mod digest;
pub mod document;
pub mod glob;
pub mod graph;
pub mod history;
pub mod locate;
pub mod machine;
pub mod manifest;
pub mod mention;
pub mod reconcile;
pub mod record;
pub mod resource;
pub mod review;
pub mod rules;
pub mod schema;
pub mod snapshot;
pub mod source;
pub mod status;
pub mod template;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod tool;
pub mod transition;
pub mod values;
pub mod version;
pub mod wait;
pub mod yaml;
