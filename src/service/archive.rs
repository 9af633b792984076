//! Archives finished executions: asks the reconcile to let them leave the status.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::record::{RecordRequest, RecordWriter, Recorded};
use super::runs::{Observed, observe_keys};
use super::status::StatusReader;
use super::store::Store;
use super::{Error, Result, unshared};
use crate::api::archive::{Archivable, ArchiveAsked, ArchivePreview, KeptExecution};
use crate::api::reconcile::Reconciled;
use crate::core::resource::{GoalPhase, Key, Kind, Time};
use crate::core::run::archive::{Candidate, is_asked_for, why_kept};
use crate::core::run::record::{Action, Address, NOT_APPLIED};
use crate::core::run::summary::Summary;

/// Maximum number of executions that are listed.
const LISTED: usize = 50;

/// A request to archive finished executions.
#[derive(Debug, Clone)]
pub struct ArchiveRequest {
    /// The actor; with a namespace, only its executions.
    pub record: RecordRequest,
    /// Executions that ended before this time.
    pub before: Time,
    /// The reason.
    pub message: String,
}

/// Returns what the request would archive now; sends nothing.
///
/// # Errors
/// Nothing has been reconciled yet, or the status cannot be read.
pub fn preview(store: &Store, request: &ArchiveRequest) -> Result<ArchivePreview> {
    let observed = observe_keys(store, &BTreeSet::new())?;
    foreseen(store, &observed, request)
}

/// Sends the request; `Err` of the preview where there is nothing to archive.
///
/// # Errors
/// There is no actor, nothing has been reconciled yet, or the record cannot be sent.
pub fn archive(
    store: &Store,
    request: &ArchiveRequest,
) -> Result<std::result::Result<Recorded<ArchiveAsked>, ArchivePreview>> {
    store.actor(&request.record.caller)?;
    let observed = observe_keys(store, &BTreeSet::new())?;
    let found = foreseen(store, &observed, request)?;
    if found.count == 0 {
        return Ok(Err(found));
    }
    let id = Uuid::from_u128(store.repo.random()).simple();
    let address = Address::Repository {
        id: format!("archive-{id}"),
    };
    let namespace = &request.record.namespace;
    let write = |writer: &RecordWriter<'_>| {
        let action = Action::Archive {
            before: request.before,
            namespace: namespace.clone(),
            comment: request.message.clone(),
        };
        let asked = ArchiveAsked {
            before: request.before,
            namespace: namespace.clone(),
            count: found.count,
        };
        Ok((writer.ask_repository(&address, action)?, asked))
    };
    let refused = |done: &Reconciled, _: &str| {
        let ref_name = address.ref_name();
        let is_mine = |note: &&String| note.starts_with(NOT_APPLIED) && note.contains(&ref_name);
        let note = done.notes.iter().find(is_mine)?;
        Some(Error::conflict(note.clone()))
    };
    let record = &request.record;
    record.send_unless(store, &observed, write, refused).map(Ok)
}

/// The executions that the next reconcile would archive, and those that would stay, by the summaries.
fn foreseen(
    store: &Store,
    observed: &Observed,
    request: &ArchiveRequest,
) -> Result<ArchivePreview> {
    let mut preview = ArchivePreview {
        before: request.before,
        namespace: request.record.namespace.clone(),
        count: 0,
        executions: Vec::new(),
        kept_count: 0,
        kept: Vec::new(),
    };
    let Some(status) = StatusReader::open(store, &observed.view)? else {
        return Err(unshared::no_status(store, &observed.view));
    };
    let lines = status.lines(&observed.stored.tree.controller)?.all()?;
    let followed = lines.lines().filter_map(Summary::open_run);
    let followed: BTreeSet<Key> = followed
        .flat_map(|run| run.follows.iter().cloned())
        .collect();
    let goals: BTreeMap<(String, &str), GoalPhase> = lines
        .lines()
        .filter_map(|line| {
            let goal = line.goal.as_ref()?;
            Some(((line.key().qualified(), line.uid.as_str()), goal.phase))
        })
        .collect();
    for line in lines.lines().filter(|line| line.kind == Kind::Execution) {
        let Some(run) = &line.run else { continue };
        let key = line.key();
        let goal = run.goal.as_ref();
        let candidate = Candidate {
            key: &key,
            phase: run.phase,
            end: run.end,
            goal: goal.and_then(|goal| goals.get(&(goal.name.clone(), &goal.uid)).copied()),
        };
        if !is_asked_for(
            &candidate,
            request.before,
            request.record.namespace.as_deref(),
        ) {
            continue;
        }
        let execution = Archivable {
            namespace: key.namespace.clone(),
            execution: key.name.clone(),
            phase: run.phase.to_string(),
            end: run.end,
        };
        match why_kept(&candidate, &followed) {
            Some(why) => {
                preview.kept_count += 1;
                preview.kept.push(KeptExecution {
                    execution,
                    why: why.sentence().to_owned(),
                });
            }
            None => {
                preview.count += 1;
                preview.executions.push(execution);
            }
        }
    }
    preview.executions.sort_by(|a, b| {
        (&a.end, &a.namespace, &a.execution).cmp(&(&b.end, &b.namespace, &b.execution))
    });
    preview.executions.truncate(LISTED);
    preview.kept.truncate(LISTED);
    Ok(preview)
}
