//! Scenarios of the whole program: what the documentation promises, in a sealed environment.
#![allow(clippy::unwrap_used)]

mod http;
mod races;
mod resources;
mod run;
mod sandbox;
