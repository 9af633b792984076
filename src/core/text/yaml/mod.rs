//! Reads YAML and JSON into values, within limits and without ambiguities, with places for findings;
//! and writes values as YAML that all readers understand in the same way.

mod block;
mod flow;
mod hints;
mod lines;
mod load;
pub mod read;
mod scan;
pub mod split;
pub mod write;

pub use read::{Document, is_json, read};
pub use write::write;
