//! The events of an execution, from the history of the status branch.

use std::collections::BTreeSet;

use crate::api::log::EventList;
use crate::core::base::digest::short;
use crate::core::resource::{Key, Kind, Status};
use crate::core::run::archive::Tombstone;
use crate::core::run::history::{Act, Event, Happened, events as events_between};
use crate::core::run::status::{StatusFile, read_resource, status_path};
use crate::core::run::transition::{Moved, Transition};
use crate::git::history::{self, Commit};
use crate::git::read;
use crate::service::names::Named;
use crate::service::proof::{self, Claimed};
use crate::service::runs::StepNames;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};
use crate::service::{Error, Result};

/// A request for the events of an execution.
#[derive(Debug, Clone)]
pub struct EventsRequest {
    /// `NAME` or `NAMESPACE/NAME`.
    pub name: String,
    /// Its namespace, if the name is ambiguous.
    pub namespace: Option<String>,
    /// Maximum number of events, newest first.
    pub limit: usize,
}

/// Returns the events of an execution, as of the last fetch.
///
/// # Errors
/// There is no status, or no such execution, or several; or the status branch cannot be read.
pub fn events(store: &Store, request: &EventsRequest) -> Result<EventList> {
    let view = store.known()?;
    let Some(status) = StatusReader::open(store, &view)? else {
        return Err(no_status(&view));
    };
    let namespace = request.namespace.as_deref();
    let named = Named::new(Kind::Execution, &request.name, namespace);
    let key = &status.find_ever(&named)?;
    let archived = status.archived([key])?;
    let archived = archived.of(key);
    let files = status.files(&BTreeSet::from([key.clone()]))?;
    let tip = view.status_tip.as_deref().unwrap_or_default();
    let (mut items, end) = transitions(store, (key, archived), tip, request.limit)?;
    items.truncate(request.limit);
    check_signatures(store, &mut items);
    let file = files.get(key);
    let steps = StepNames::new(&store.repo);
    for one in &mut items {
        let run = file.filter(|file| file.uid == one.uid);
        let run = run.and_then(|file| file.status.execution());
        let named = run.zip(one.event.node.as_deref());
        one.step = named.and_then(|(run, node)| steps.of(run, node));
    }
    let notes = end.iter().map(|end| {
        let remote = store.remote.as_deref().unwrap_or("origin");
        format!(
            "the history of the status branch in this clone starts at {}; get the rest with \
             `git fetch --unshallow {remote} {}`",
            short(end),
            view.config.status.branch
        )
    });
    Ok(EventList {
        items,
        resource: key.kind.name().to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        complete: end.is_none(),
        notes: notes.collect(),
    })
}

fn no_status(view: &View) -> Error {
    Error::not_ready(format!(
        "there is no status yet: branch `{}` is not known here",
        view.config.status.branch
    ))
    .hint("run `planspec reconcile`, or `git fetch`")
}

/// Verifies the signatures that the status reports.
fn check_signatures(store: &Store, items: &mut [Happened]) {
    for happened in items {
        let (Some(act), Some(arrival)) = (&happened.event.act, happened.made) else {
            continue;
        };
        let Act {
            actor: Some(actor),
            record: Some(record),
            signed: Some(by),
            ..
        } = act
        else {
            continue;
        };
        let claimed = Claimed {
            record,
            actor,
            by,
            arrival,
        };
        happened.is_checked = proof::holds(store, &happened.commit, &claimed);
    }
}

/// The events, newest first, and the commit at which the history ends early. Those of an archived run are behind commits
/// without its status.
fn transitions(
    store: &Store,
    (key, archived): (&Key, Option<&Tombstone>),
    tip: &str,
    limit: usize,
) -> Result<(Vec<Happened>, Option<String>)> {
    let path = status_path(key);
    let mut found = Vec::new();
    let Some(mut commit) = history::commit(&store.repo, tip)? else {
        return Ok((found, Some(tip.to_owned())));
    };
    let mut blob = history::blob_at(&store.repo, &commit.tree, &path)?;
    let mut file = read_file(store, &path, blob.as_deref())?;
    let mut is_seen = archived.is_none();
    while found.len() < limit {
        let before = match commit.parents.first() {
            Some(parent) => match history::commit(&store.repo, parent)? {
                Some(before) => Some(before),
                None => {
                    found.extend(file.as_ref().map(|file| state(key, &commit, file)));
                    return Ok((found, Some(commit.id)));
                }
            },
            None => None,
        };
        let blob_before = match &before {
            Some(before) => history::blob_at(&store.repo, &before.tree, &path)?,
            None => None,
        };
        if blob != blob_before {
            let file_before = read_file(store, &path, blob_before.as_deref())?;
            if let Some(now) = &file {
                let events = events_between(key, file_before.as_ref(), now)
                    .into_iter()
                    .rev();
                let before = file_before.as_ref().filter(|before| before.uid == now.uid);
                found.extend(events.map(|event| Happened {
                    revision: revision_of_event(&event, before, now),
                    ..happened_at(&commit, &now.uid, event)
                }));
            }
            if let (None, Some(before)) = (&file, &file_before) {
                let moved = (before.status.phase(), "Archived".to_owned());
                let archived = moved_to(key, moved, String::new());
                found.push(happened_at(&commit, &before.uid, archived));
            }
            (blob, file) = (blob_before, file_before);
            is_seen |= archived
                .zip(file.as_ref())
                .is_some_and(|(archived, file)| archived.uid == file.uid);
        }
        match before {
            // Commits before its first status do not mention it.
            Some(before) if file.is_some() || !is_seen => commit = before,
            _ => break,
        }
    }
    Ok((found, None))
}

/// Its state when the history in this clone begins.
fn state(key: &Key, commit: &Commit, file: &StatusFile) -> Happened {
    let message = match &file.status {
        Status::Execution(run) => run.message.clone(),
        _ => String::new(),
    };
    let moved = ("…".to_owned(), file.status.phase());
    happened_at(commit, &file.uid, moved_to(key, moved, message))
}

/// The event that a phase changed.
fn moved_to(key: &Key, (from, to): (String, String), message: String) -> Event {
    Event {
        node: None,
        attempt: 0,
        act: None,
        transition: Some(Transition {
            key: key.clone(),
            node: None,
            step: None,
            what: Moved::Phase,
            from: Some(from),
            to: Some(to),
            attempt: 0,
            message,
        }),
    }
}

fn happened_at(commit: &Commit, uid: &str, event: Event) -> Happened {
    Happened {
        commit: commit.id.clone(),
        made: commit.time,
        uid: uid.to_owned(),
        revision: None,
        event,
        step: None,
        is_checked: false,
    }
}

/// The spec commit with the plan that was pinned at an event. A request of an operator applies
/// afterwards: an attempt from before it has the earlier revision.
fn revision_of_event(
    event: &Event,
    before: Option<&StatusFile>,
    now: &StatusFile,
) -> Option<String> {
    let attempt_before = |node: &String| {
        let run = before?.status.execution()?;
        Some(run.node_statuses.get(node)?.attempt)
    };
    let known = event.node.as_ref().and_then(attempt_before);
    let is_new = event.attempt > known.unwrap_or_default();
    let before = before.filter(|_| !is_new).and_then(revision_of);
    before.or_else(|| revision_of(now))
}

/// The spec commit with the pinned plan.
fn revision_of(file: &StatusFile) -> Option<String> {
    let pinned = file.status.execution()?.extensions.pinned.as_ref()?;
    Some(pinned.commit.clone())
}

fn read_file(store: &Store, path: &str, blob: Option<&str>) -> Result<Option<StatusFile>> {
    let Some(blob) = blob else {
        return Ok(None);
    };
    let bytes = read::blob(&store.repo, blob)?;
    let (_, file) = read_resource(path, &bytes).map_err(|why| {
        Error::unavailable(format!("the status branch cannot be read: {why}"))
            .hint("something else wrote to it; inspect it with `git log` and `git show`")
    })?;
    Ok(Some(file))
}
