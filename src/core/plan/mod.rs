//! Plans at run time: graph, conditions, templates, and the data between nodes.

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
