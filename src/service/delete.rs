//! Remove resources, as a commit.

use super::change::{Changed, Changeset};
use super::names::choose_among;
use super::store::Store;
use super::{Error, Result};
use crate::api::change::Deleted;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};

/// Remove resources of one kind.
#[derive(Debug, Clone)]
pub struct DeleteRequest {
    /// Which kind.
    pub kind: Kind,
    /// `NAME` or `NAMESPACE/NAME`, at least one.
    pub names: Vec<String>,
    /// Their namespace, where a name alone is ambiguous.
    pub namespace: Option<String>,
    /// Message of the commit; made of what is removed when not set.
    pub message: Option<String>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Remove resources, and with a Goal the Executions that it owns, as one commit. What still refers to
/// them comes back as findings.
///
/// # Errors
/// There is no such resource, or several; its file has changes that are not committed; git does not
/// want the commit.
pub fn delete(store: &Store, request: &DeleteRequest) -> Result<Changed<Deleted>> {
    let mut change = Changeset::begin_alone(store, request.dry_run)?;
    change.check_begun()?;
    let namespace = request.namespace.as_deref();
    let mut doomed: Vec<Key> = Vec::new();
    for name in &request.names {
        let snapshot = change.before();
        let key = choose_among(snapshot.keys(), request.kind, name, namespace)?.clone();
        let owned = owned_by(snapshot, &key);
        doomed.extend([key].into_iter().chain(owned));
    }
    doomed.sort();
    doomed.dedup();
    let Some(first) = doomed.first() else {
        return Err(Error::ambiguous("no resource is named"));
    };
    let message = match &request.message {
        Some(message) => message.clone(),
        None => subject_line(first, doomed.len() - 1),
    };
    for key in &doomed {
        change.remove(key)?;
    }
    let change = change.commit(Some(&message), request.dry_run)?;
    Ok(change.map(|change| Deleted { change }))
}

/// The message of a commit that was given none.
fn subject_line(first: &Key, more: usize) -> String {
    let name = format!("{}/{}", first.kind.name().to_lowercase(), first.name);
    match more {
        0 => format!("Delete {name}"),
        more => format!("Delete {name} and {more} more"),
    }
}

/// The executions that a goal owns.
fn owned_by(snapshot: &Snapshot, key: &Key) -> Vec<Key> {
    if key.kind != Kind::Goal {
        return Vec::new();
    }
    let owns = |other: &&Key| {
        other.namespace == key.namespace
            && snapshot.resource(other).is_some_and(|resource| {
                let owners = resource.metadata.owner_references.iter();
                let mut owners = owners.filter(|owner| owner.kind == Kind::Goal.name());
                owners.any(|owner| owner.name == key.name)
            })
    };
    snapshot
        .keys_of(Kind::Execution)
        .filter(owns)
        .cloned()
        .collect()
}
