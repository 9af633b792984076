//! YAML and JSON text into values, bounded and without surprises, every finding with its place;
//! and values into YAML that every reader reads the same.

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
