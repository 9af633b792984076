//! The resources of one revision: its configuration, its files, and the rules between them.

pub mod catalog;
pub mod config;
pub mod definitions;
pub mod list;
pub mod manifest;
pub mod referral;
pub mod rules;
pub mod snapshot;
