//! Say how a claimed node went.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::permit::Asked;
use super::record::{RecordRequest, RecordWriter, Recorded, attempt as attempt_of};
use super::runs::{ObservedNode, ObservedRun};
use super::store::Store;
use super::{Error, Result, claim};
use crate::api::record::Reported;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{AWAITING_EXTERNAL, Key, Kind, Node, NodePhase, NodeStatus};
use crate::core::run::permit::{self, Objection, Refusal};
use crate::core::run::record::{Action, ReportResult};

/// Report how a claimed node went.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// The node, and who asks.
    pub record: RecordRequest,
    /// How it went.
    pub result: ReportResult,
    /// What it brought.
    pub outputs: Map<String, Value>,
    /// A sentence for people.
    pub message: String,
    /// The revision that holds the work.
    pub commit: Option<String>,
    /// For this attempt, whoever holds it; else the newest that the actor holds.
    pub attempt: Option<u32>,
}

/// Report how a node went. A report that comes late is kept as evidence and not applied.
///
/// # Errors
/// The actor holds no attempt; outputs that could not be taken; no such revision.
pub fn report(store: &Store, request: &ReportRequest) -> Result<Recorded<Reported>> {
    let commit = request.commit.as_deref();
    let commit = commit.map(|rev| store.commit_of(rev)).transpose()?;
    let mut recorded = request.record.send(store, |writer| {
        let node = request.record.node(writer.observed)?;
        let action = |attempt| Action::Report {
            node: node.id.to_owned(),
            attempt,
            result: request.result,
            outputs: request.outputs.clone(),
            message: request.message.clone(),
            commit: commit.clone(),
            artifacts: Vec::new(),
        };
        let attempt = match request.attempt {
            Some(attempt) if attempt > node.status.attempt => {
                return Err(no_attempt_yet(node, attempt));
            }
            Some(attempt) => attempt,
            None => own_attempt(writer, node, &action)?,
        };
        let address = node.run.attempt_address(node.id, attempt);
        let record = writer.send(&address, node.run, action(attempt))?;
        let reported = Reported {
            attempt: attempt_of(node.run, node.id, attempt),
            result: request.result.word().to_owned(),
            commit: commit.clone(),
            late: attempt != node.status.attempt || node.status.phase.is_terminal(),
        };
        Ok((record, reported))
    })?;
    let reported = &recorded.answer.what;
    if reported.late {
        let (name, number) = (reported.attempt.name(), reported.attempt.attempt);
        let note =
            format!("attempt {number} of {name} is over: the report is kept and not applied");
        recorded.answer.notes.push(note);
    }
    Ok(recorded)
}

/// Nobody can have worked on an attempt that was never open.
pub fn no_attempt_yet(node: ObservedNode<'_>, attempt: u32) -> Error {
    let (name, open) = (node.name(), node.status.attempt);
    Error::not_found(format!(
        "{name} has no attempt {attempt} yet; the last one is {open}"
    ))
}

/// Whether a node waits for something outside.
pub fn is_outside(node: &NodeStatus) -> bool {
    node.phase == NodePhase::Blocked && node.extensions.reason == AWAITING_EXTERNAL
}

/// The capabilities that a node of a run names, as the spec branch has them; nothing where it names
/// none.
///
/// # Errors
/// The spec branch cannot be read.
pub fn resources_for(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    node: Option<&Node>,
) -> Result<Option<Snapshot>> {
    let Some(pinned) = &run.status.extensions.pinned else {
        return Ok(None);
    };
    let named = node.into_iter().flat_map(|node| &node.capability_refs);
    let namespace = &pinned.plan.namespace;
    let keys: BTreeSet<Key> = named
        .map(|reference| reference.key(Kind::Capability, namespace))
        .collect();
    let is_named = !keys.is_empty();
    is_named.then(|| writer.spec_about(&keys)).transpose()
}

/// The attempt that an actor may report: the open one; else an older one that the actor holds, for a
/// report that comes late.
fn own_attempt(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    action: &dyn Fn(u32) -> Action,
) -> Result<u32> {
    let open = node.status.attempt;
    let holder = |attempt: u32| {
        let address = node.run.attempt_address(node.id, attempt);
        let tip = writer.observed.tip(&address);
        tip.map(|tip| claim::holder(writer.store, tip)).transpose()
    };
    let (mut attempt, mut held_by) = (open, holder(open)?);
    if held_by.is_none() {
        for older in (1..open).rev() {
            if let Some(Some(found)) = holder(older)?
                && found == writer.actor
            {
                (attempt, held_by) = (older, Some(Some(found)));
                break;
            }
        }
    }
    let mut asked = Asked::new(writer.observed, node.run);
    asked.holder = held_by.flatten();
    let pinned = asked.plan().and_then(|plan| plan.node(node.id)).cloned();
    let snapshot = resources_for(writer, node.run, pinned.as_ref())?;
    asked.resources = snapshot.as_deref();
    let action = action(attempt);
    match permit::may(&action, writer.actor, &asked.permit()) {
        Ok(()) => Ok(attempt),
        // What comes late is kept as evidence, from whoever did the work.
        Err(refusal)
            if refusal.kind == Objection::Late && asked.holder.as_deref() == Some(writer.actor) =>
        {
            Ok(attempt)
        }
        Err(refusal) => {
            let error = asked.error(&refusal);
            let error = error.maybe_hint(asked.hint_at(refusal.reason, node.id));
            Err(error.maybe_hint(outputs_hint(&refusal, pinned.as_ref(), &action)))
        }
    }
}

/// What to add where outputs are missing or of another type.
fn outputs_hint(refusal: &Refusal, node: Option<&Node>, action: &Action) -> Option<String> {
    let Action::Report { outputs, .. } = action else {
        return None;
    };
    if refusal.kind != Objection::Invalid {
        return None;
    }
    let declared = node.into_iter().flat_map(|node| &node.outputs);
    let missing = declared.filter(|output| !outputs.contains_key(&output.name));
    let missing: Vec<String> = missing
        .map(|output| format!("--set {}=…", output.name))
        .collect();
    Some(match missing.as_slice() {
        [] => "--outputs-file takes values of every type, as JSON".to_owned(),
        some => format!("add {}", some.join(" ")),
    })
}
