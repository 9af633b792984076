//! `planspec`: a Git-native, file-based controller for execution plans.
//!
//! The repository is the store, Git is the network, and `reconcile` is a pure function with a
//! commit at each end. See `docs/architecture.md` for the map.
//!
//! Without default features this library is the two formats and their rules ([`core`],
//! [`document`]): no Git, no HTTP, no processes, no command line.
//!
//! Check files, and read a plan as a graph:
//!
//! ```
//! use planspec::core::base::source::{Content, SourceFile};
//! use planspec::core::plan::graph::Graph;
//! use planspec::core::repository::config::Config;
//! use planspec::core::repository::snapshot::Snapshot;
//! use planspec::core::resource::{Key, Kind};
//!
//! let text = "\
//! apiVersion: planspec.io/v1alpha1
//! kind: Plan
//! metadata: {name: checkout, namespace: shop}
//! spec:
//!   description: Customers pay in one step
//!   graph:
//!     nodes:
//!       - {id: build, kind: Task}
//!       - {id: deploy, kind: Task, dependsOn: [buidl]}
//! ";
//! let file = |text: &str| SourceFile {
//!     path: "planspec/checkout.yaml".to_owned(),
//!     blob: String::new(),
//!     content: Content::Bytes(text.as_bytes().into()),
//! };
//! let config = Config::default();
//! let snapshot = Snapshot::build(&[file(text)], &config);
//! let found = snapshot.diagnostics();
//! assert!(found[0].message.contains("`buidl`"), "{}", found[0].message);
//!
//! let snapshot = Snapshot::build(&[file(&text.replace("buidl", "build"))], &config);
//! assert!(snapshot.diagnostics().is_empty());
//! let plan = snapshot.plan(&Key::new(Kind::Plan, "shop", "checkout")).unwrap();
//! let graph = Graph::build(&plan.graph).unwrap();
//! let order: Vec<&str> = graph.order().iter().map(|node| graph.id(*node)).collect();
//! assert_eq!(order, ["build", "deploy"]);
//! ```
//!
//! # What versions promise
//!
//! Versions follow [semantic versioning](https://semver.org), as Cargo reads it: before 1.0, a new minor version may break
//! users of the library; a new patch version does not.
//!
//! - [`document`] is what other programs build on: its public items, the codes of rules, their JSON and their pointers. A
//!   code is never reused for something else. New codes, new fields of findings and new variants of `#[non_exhaustive]`
//!   enums come with minor versions.
//! - The rest of [`core`] is public so that it can be read and used, and may change with every minor version.
//! - What the features add (`service`, `cli`, `serve`, `mcp`) is the program, not an interface: use its commands with
//!   `-o json`, whose answers keep their fields (`docs/json.md`).
//! - The status branch has a version of its own (`docs/status-branch.md`).
//! - The oldest Rust that it builds with is `rust-version` in `Cargo.toml`; a newer one comes with a minor version.

// The tables of tests are long, and easiest to read in one piece.
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
