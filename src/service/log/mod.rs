//! The history of resources: their revisions, and the events of executions.

mod events;
mod revisions;

use std::collections::BTreeSet;

pub use events::{EventsRequest, events};
pub use revisions::{RevisionsRequest, revisions};

use super::names::Named;
use super::status::StatusReader;
use super::store::Store;
use super::{Error, Result, index};
use crate::core::resource::Kind;

/// Of which kind something is that is only named. A plan and its executions are meant before anything else: a document
/// gives its goal the name of its plan. A name that nothing has now may be that of a plan that was deleted.
///
/// # Errors
/// It may be one of several kinds; it is no name; the spec branch or the status cannot be read.
pub fn kind_of(store: &Store, name: &str, namespace: Option<&str>) -> Result<Kind> {
    let called = Named::new(Kind::Plan, name, namespace);
    let (within, alone) = called.parts()?;
    let view = store.known_if_any()?;
    let tip = revisions::start(store, None, view.as_ref())?;
    let config = store.config_at(&tip)?;
    // A name that is none is in no index.
    let keys = if alone.contains(char::is_whitespace) {
        BTreeSet::new()
    } else {
        index::called(&store.repo, &tip, &config, alone)?
    };
    let keys = keys.into_iter();
    let keys = keys.filter(|key| within.is_none_or(|within| key.namespace == within));
    let mut kinds: BTreeSet<Kind> = keys.map(|key| key.kind).collect();
    let status = match &view {
        Some(view) => StatusReader::open(store, view)?,
        None => None,
    };
    if let Some(status) = status {
        let run = Named::new(Kind::Execution, name, namespace);
        let has_run = !status.named(&run)?.is_empty() || !status.archived_as(&run)?.is_empty();
        kinds.extend(has_run.then_some(Kind::Execution));
    }
    let is_of_plan = |kind: &Kind| matches!(kind, Kind::Plan | Kind::Execution);
    if kinds.iter().any(is_of_plan) {
        kinds.retain(is_of_plan);
    }
    let kinds: Vec<Kind> = kinds.into_iter().collect();
    match kinds.as_slice() {
        [] => Ok(Kind::Plan),
        [only] => Ok(*only),
        several => {
            let words = several.iter().map(|kind| kind.name().to_lowercase());
            let each: Vec<String> = words.map(|kind| format!("`{kind}/{name}`")).collect();
            let why = format!("`{name}` may be {}", each.join(" or "));
            Err(Error::ambiguous(why).hint("write KIND/NAME"))
        }
    }
}
