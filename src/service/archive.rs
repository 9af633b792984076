//! Archives finished executions: asks the reconcile to let them leave the status.

use std::collections::{BTreeMap, BTreeSet};

use super::nudge::nudge;
use super::reconcile::{NOT_APPLIED, ReconcileRequest, reconcile};
use super::record::{RecordWriter, Recorded};
use super::runs::{Observed, observe_keys};
use super::status::StatusReader;
use super::store::Store;
use super::{Caller, Error, Result, unshared};
use crate::api::archive::{Archivable, ArchiveAsked, ArchivePreview, KeptExecution};
use crate::api::record as api;
use crate::core::resource::{GoalPhase, Key, Kind, Time};
use crate::core::run::archive::{Candidate, is_asked_for, why_kept};
use crate::core::run::record::Action;
use crate::core::run::summary::Summary;

/// Maximum number of executions that are listed.
const LISTED: usize = 50;

/// A request to archive finished executions.
#[derive(Debug, Clone)]
pub struct ArchiveRequest {
    /// The actor, and the time.
    pub caller: Caller,
    /// Executions that ended before this time.
    pub before: Time,
    /// Only those of this namespace.
    pub namespace: Option<String>,
    /// The reason.
    pub message: String,
    /// Reconcile after the request was sent.
    pub reconcile: bool,
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
    let actor = store.actor(&request.caller)?;
    let observed = observe_keys(store, &BTreeSet::new())?;
    let found = foreseen(store, &observed, request)?;
    if found.count == 0 {
        return Ok(Err(found));
    }
    let writer = RecordWriter {
        store,
        observed: &observed,
        actor: &actor,
        is_named: request.caller.actor.is_some(),
        session: None,
        now: request.caller.now,
        told: None,
    };
    let (address, record) = writer.ask_repository(Action::Archive {
        before: request.before,
        namespace: request.namespace.clone(),
        comment: request.message.clone(),
    })?;
    let again = ReconcileRequest::at(request.caller.now);
    let reconciled = request.reconcile.then(|| reconcile(store, &again));
    let (reconciled, error) = match reconciled.transpose() {
        Ok(Some(done)) => {
            let ref_name = address.ref_name();
            let is_mine =
                |note: &&String| note.starts_with(NOT_APPLIED) && note.contains(&ref_name);
            let refused = done.notes.iter().find(is_mine);
            let error = refused.map(|note| Error::conflict(note.clone()));
            (Some(done), error)
        }
        Ok(None) => (None, None),
        Err(error) => (None, Some(error)),
    };
    // After a reconcile, no reconciler needs a nudge.
    let nudged = reconciled.is_none().then(|| nudge(store, &observed.view));
    let notes = unshared::notes(store, &observed.view).into_iter();
    Ok(Ok(Recorded {
        answer: api::Recorded {
            what: ArchiveAsked {
                before: request.before,
                namespace: request.namespace.clone(),
                count: found.count,
            },
            record,
            actor,
            notes: notes.chain(nudged.flatten()).collect(),
            reconciled,
            reconcile_error: error.as_ref().map(Error::refused),
        },
        is_due: true,
        reconcile_error: error,
    }))
}

/// The executions that the next reconcile would archive, and those that would stay, by the summaries.
fn foreseen(
    store: &Store,
    observed: &Observed,
    request: &ArchiveRequest,
) -> Result<ArchivePreview> {
    let mut preview = ArchivePreview {
        before: request.before,
        namespace: request.namespace.clone(),
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
        if !is_asked_for(&candidate, request.before, request.namespace.as_deref()) {
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
