//! YAML, as this program reads and writes it.

pub mod write;
