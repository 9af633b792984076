//! The resources of one revision: its configuration, its files, and the rules between them.

pub mod chain;
pub mod config;
mod credentials;
pub mod definitions;
pub mod facts;
pub mod forge;
pub mod index;
pub mod list;
pub mod manifest;
pub mod meant;
pub mod reach;
pub mod referral;
pub mod rules;
pub mod signers;
pub mod snapshot;
mod switches;
