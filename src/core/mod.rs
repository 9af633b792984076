//! The pure core: values in, values out.
//!
//! Nothing below this module uses Git, files, processes, the environment or a clock; a test
//! (`tests/it/walls.rs`) checks that. The time is an argument.
//!
//! The modules are in this order, and each imports only those before it:
//! `base`, `text`, `resource`, `plan`, `document`, `trackers`, `repository`, `run`, `review`.

pub mod base;
pub mod document;
pub mod plan;
pub mod repository;
pub mod resource;
pub mod review;
pub mod run;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod trackers;
