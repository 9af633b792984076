//! Text in and out: YAML and JSON, where something stands in it, what a comment in it allows.

pub mod allow;
pub mod edit;
pub mod items;
pub mod json;
pub mod locate;
pub mod located;
mod outline;
pub mod yaml;
