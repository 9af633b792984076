//! `planspec`: a Git-native, file-based controller for execution plans.
//!
//! The repository is the store, Git is the network, and `reconcile` is a pure function with a
//! commit at each end. See `docs/architecture.md` for the map.
//!
//! Without default features this library is the two formats and their rules ([`core`],
//! [`document`]): no Git, no HTTP, no processes, no command line.

// The tables of tests are long, and read where they stand.
#![cfg_attr(test, allow(clippy::too_many_lines))]

#[cfg(all(windows, feature = "service"))]
compile_error!(
    "planspec does not run on Windows: use it in WSL. The library without default features, which is the formats alone, builds there."
);

#[cfg(feature = "service")]
pub mod api;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod clock;
#[cfg(feature = "cli")]
pub mod commands;
pub mod core;
#[cfg(feature = "cli")]
pub mod failure;
#[cfg(feature = "service")]
pub mod git;
#[cfg(feature = "cli")]
mod help;
#[cfg(feature = "mcp")]
pub mod mcp;
#[cfg(feature = "serve")]
pub mod server;
#[cfg(feature = "service")]
pub mod service;
#[cfg(feature = "service")]
pub mod show;
#[cfg(feature = "cli")]
pub mod shown;
#[cfg(feature = "cli")]
pub mod terminal;
#[cfg(feature = "service")]
pub mod worker;

pub use core::document;
