//! Deletes resources, as a commit.

use std::collections::BTreeSet;

use super::change::{Changed, Changeset};
use super::names::Named;
use super::sources::{self, Source};
use super::status::StatusReader;
use super::store::Store;
use super::{Error, Result};
use crate::api::change::Deleted;
use crate::core::base::source::SourceFile;
use crate::core::repository::manifest;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind, Time};

/// A request to delete resources.
#[derive(Debug, Clone)]
pub struct DeleteRequest {
    /// The kind.
    pub kind: Option<Kind>,
    /// `NAME` or `NAMESPACE/NAME`, of that kind.
    pub names: Vec<String>,
    /// Files with the resources; only their names are used.
    pub sources: Vec<Source>,
    /// The namespace, if a name is ambiguous.
    pub namespace: Option<String>,
    /// Commit message; `None` makes one from the names.
    pub message: Option<String>,
    /// Only report what would be done.
    pub dry_run: bool,
    /// Also delete open runs, and resources that they use.
    pub yes: bool,
    /// The current time.
    pub now: Time,
}

/// Deletes resources, and with a Goal the Executions that it owns, in one commit. Resources that still refer to
/// them are returned as findings.
///
/// # Errors
/// There is no such resource, or there are several; its file has uncommitted changes; Git refuses the
/// commit.
pub fn delete(store: &Store, request: &DeleteRequest) -> Result<Changed<Deleted>> {
    let mut change = Changeset::begin_alone(store, request.dry_run)?;
    change.check_begun()?;
    let namespace = request.namespace.as_deref();
    let mut doomed: Vec<Key> = Vec::new();
    let mut notes = Vec::new();
    let mut named = Vec::new();
    for (kind, name) in request
        .kind
        .iter()
        .flat_map(|kind| request.names.iter().map(move |name| (kind, name)))
    {
        named.push(change.find(&Named::new(*kind, name, namespace))?);
    }
    for file in sources::files(&request.sources, change.config.limits.file_bytes)? {
        for key in keys_in(&file, &change)? {
            let namespace = Some(key.namespace.as_str());
            named.push(change.find(&Named::new(key.kind, &key.name, namespace))?);
        }
    }
    for key in named {
        let (owned, kept) = owned_by(store, &change, &key)?;
        doomed.extend([key].into_iter().chain(owned));
        notes.extend(kept);
    }
    doomed.sort();
    doomed.dedup();
    let going_on = going_on(store, &doomed)?;
    if !going_on.is_empty() && !request.yes && !request.dry_run {
        let message = format!("nothing is deleted: {}", going_on.join("; "));
        return Err(Error::not_ready(message).hint("add `--yes` to do it anyway"));
    }
    notes.extend(going_on);
    let Some(first) = doomed.first() else {
        return Err(Error::ambiguous("no resource is named"));
    };
    let message = match &request.message {
        Some(message) => message.clone(),
        None => subject_line(first, doomed.len() - 1),
    };
    for key in &doomed {
        match held_up(&*change.in_head(key)?, key) {
            Some(by) => notes.push(change.ask_for_deletion(key, &by, request.now)?),
            None => change.remove(key)?,
        }
    }
    let change = change.commit(Some(&message), request.dry_run)?;
    Ok(change.map(|mut change| {
        change.notes.splice(0..0, notes);
        Deleted { change }
    }))
}

/// The finalizers that delay the deletion of a resource.
pub(super) fn held_up(snapshot: &Snapshot, key: &Key) -> Option<String> {
    let finalizers = &snapshot.resource(key)?.metadata.finalizers;
    (!finalizers.is_empty()).then(|| finalizers.join(", "))
}

/// The resources in a file.
fn keys_in(file: &SourceFile, change: &Changeset<'_>) -> Result<Vec<Key>> {
    let namespace = &change.config.default_namespace;
    let manifest = manifest::read(file, &change.config.limits, namespace);
    let keys: Vec<Key> = manifest
        .entries
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    if keys.is_empty() {
        return Err(Error::invalid(format!("{} holds no resources", file.path)));
    }
    Ok(keys)
}

/// The default commit message.
fn subject_line(first: &Key, more: usize) -> String {
    let name = format!("{}/{}", first.kind.name().to_lowercase(), first.name);
    match more {
        0 => format!("Delete {name}"),
        more => format!("Delete {name} and {more} more"),
    }
}

/// The executions that a goal owns, and notes about others that name it: a uid in a reference belongs to one goal, and
/// not to a later one of the same name.
fn owned_by(store: &Store, change: &Changeset<'_>, key: &Key) -> Result<(Vec<Key>, Vec<String>)> {
    let (mut owned, mut kept) = (Vec::new(), Vec::new());
    if key.kind != Kind::Goal {
        return Ok((owned, kept));
    }
    let mut uid = None;
    let snapshot = change.referring_to(key)?;
    for other in snapshot.keys_of(Kind::Execution) {
        let resource = snapshot.resource(other);
        let owners = resource.map_or(&[][..], |resource| &resource.metadata.owner_references);
        let mut owners = owners.iter().filter(|owner| {
            other.namespace == key.namespace
                && owner.kind == Kind::Goal.name()
                && owner.name == key.name
        });
        let Some(owner) = owners.next() else {
            continue;
        };
        let Some(wanted) = &owner.uid else {
            owned.push(other.clone());
            continue;
        };
        if uid.is_none() {
            uid = Some(known_uid(store, key)?);
        }
        match uid.iter().flatten().next() {
            Some(actual) if actual == wanted => owned.push(other.clone()),
            Some(actual) => kept.push(format!(
                "{other} stays: its owner is an earlier {key} (uid {wanted}); this one has uid {actual}"
            )),
            None => kept.push(format!(
                "{other} stays: its owner is a {key} with uid {wanted}, but no reconcile has given this one a uid yet"
            )),
        }
    }
    Ok((owned, kept))
}

/// The uid of a resource, if the last fetched status has one.
pub(super) fn known_uid(store: &Store, key: &Key) -> Result<Option<String>> {
    let Some(status) = StatusReader::known(store)? else {
        return Ok(None);
    };
    let mut files = status.files(&BTreeSet::from([key.clone()]))?;
    let file = files.remove(key).filter(|file| file.deleted.is_none());
    Ok(file.map(|file| file.uid))
}

/// The open runs that would be deleted, or that use deleted resources, one sentence each.
///
/// # Errors
/// The status cannot be read.
pub(super) fn going_on(store: &Store, doomed: &[Key]) -> Result<Vec<String>> {
    let Some(status) = StatusReader::known(store)? else {
        return Ok(Vec::new());
    };
    let open = status.open_runs()?;
    let runs: BTreeSet<Key> = doomed
        .iter()
        .filter(|key| open.contains(key))
        .cloned()
        .collect();
    let mut said = Vec::new();
    for (key, file) in status.files(&runs)? {
        let Some(run) = file.status.execution().filter(|_| file.deleted.is_none()) else {
            continue;
        };
        let nodes = run.node_statuses.iter();
        let held = nodes.filter_map(|(id, node)| {
            let claim = node.extensions.claim.as_ref()?;
            Some(format!("{} has `{id}`", claim.actor))
        });
        let cancelled = format!("{key} is {} and would be cancelled", run.phase);
        let all: Vec<String> = std::iter::once(cancelled).chain(held).collect();
        said.push(all.join(", "));
    }
    for plan in doomed.iter().filter(|key| key.kind == Kind::Plan) {
        let began = status.runs_pinned_to(&BTreeSet::from([plan.clone()]))?;
        let began = began
            .into_iter()
            .filter(|key| open.contains(key) && !doomed.contains(key));
        let names: Vec<String> = began.map(|key| key.qualified()).collect();
        if !names.is_empty() {
            said.push(format!(
                "runs continue with the pinned {plan}: {}",
                names.join(", ")
            ));
        }
    }
    Ok(said)
}
