//! Reads and writes YAML and JSON, finds places in them, and reads comments that allow findings.

pub mod allow;
pub mod edit;
pub mod items;
pub mod json;
pub mod locate;
pub mod located;
mod outline;
pub mod yaml;
