//! `planspec`: a Git-native, file-based controller for execution plans.
//!
//! The repository is the store, Git is the network, and `reconcile` is a pure function with a
//! commit at each end. See `docs/architecture.md` for the map.

pub mod api;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod core;
pub mod failure;
pub mod git;
pub mod service;
pub mod show;
pub mod terminal;
pub mod worker;

pub use core::document;
