//! A plan as something that runs: its graph, conditions, templates, and the data between its nodes.

pub mod data;
pub mod files;
pub mod graph;
pub mod mention;
pub mod parameters;
pub mod pattern;
pub mod shell;
pub mod template;
pub mod tool;
pub mod values;
pub mod when;
