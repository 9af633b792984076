//! History: the revisions of a resource, and what happened to an execution.

mod events;
mod revisions;

pub use events::{EventsRequest, events};
pub use revisions::{RevisionsRequest, revisions};
