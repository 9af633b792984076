//! The history of resources: their revisions, and the events of executions.

mod events;
mod revisions;

pub use events::{EventsRequest, events};
pub use revisions::{RevisionsRequest, revisions};
