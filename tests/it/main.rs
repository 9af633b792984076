//! Scenarios of the whole program: what the documentation promises, in a sealed environment.
#![allow(clippy::unwrap_used)]

mod apply;
mod approvals;
mod approvals_openpgp;
mod approvals_self;
mod bad_input;
mod bad_repository;
mod broken_files;
mod ci;
mod cli;
mod documents;
mod drift;
mod examples;
mod executions;
mod formats;
mod gates;
mod hook;
mod http;
mod inbox;
mod init;
mod leases;
mod log;
mod merge_base;
mod places;
mod races;
mod readme;
mod resources;
mod review;
mod rules;
mod run;
mod sandbox;
mod scope;
mod verify;
mod walls;
mod watching;
mod work;
