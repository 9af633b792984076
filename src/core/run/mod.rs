//! Runs: what stands on inbox refs, the state machines, the controllers, and `reconcile`.

pub mod age;
pub mod asked;
pub mod audit;
pub mod board;
pub mod controllers;
pub mod history;
pub mod machine;
pub mod merged;
pub mod message;
pub mod partial;
pub mod permit;
pub mod pinned;
pub mod proposal;
pub mod published;
pub mod reconcile;
pub mod record;
pub mod reopen;
pub mod sentence;
pub mod standing;
pub mod status;
pub mod summary;
pub mod transition;
pub mod verified;
pub mod wait;
pub mod workspace;
