//! Say how a claimed node went.

use serde_json::{Map, Value};

use super::permit::Asked;
use super::record::{Recorded, Sender, attempt as attempt_of};
use super::store::Store;
use super::{Error, Result, claim, runs};
use crate::api::record::Reported;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{AWAITING_EXTERNAL, Node, NodePhase, NodeStatus};
use crate::core::run::permit::{self, Objection, Refusal};
use crate::core::run::record::{Action, ReportResult};

/// Report how a claimed node went.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// Who asks.
    pub sender: Sender,
    /// `EXECUTION/NODE`
    pub target: String,
    /// Namespace of the execution, where its name alone is ambiguous.
    pub namespace: Option<String>,
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
    let actor = store.actor(&request.sender.caller)?;
    let commit = match &request.commit {
        None => None,
        Some(rev) => Some(
            store
                .repo
                .resolve(rev)?
                .ok_or_else(|| Error::ambiguous(format!("there is no revision `{rev}`")))?,
        ),
    };
    let look = runs::look(store)?;
    let (run, id, node) = look.node(&request.target, request.namespace.as_deref())?;
    let action = |attempt| Action::Report {
        node: id.to_owned(),
        attempt,
        result: request.result,
        outputs: request.outputs.clone(),
        message: request.message.clone(),
        commit: commit.clone(),
        artifacts: Vec::new(),
    };
    let (attempt, tip) = match request.attempt {
        Some(attempt) => (attempt, look.work_tip(run, id, attempt).cloned()),
        None => own_attempt(store, &look, (run, id, node), &action, &actor)?,
    };
    let action = action(attempt);
    let now = request.sender.caller.now;
    let address = runs::work_address(run, id, attempt);
    let record = look.record(run, &actor, now, action);
    let record = runs::send(store, &address, tip.as_deref(), &record, now)?;
    let reported = Reported {
        attempt: attempt_of(run, id, attempt),
        result: request.result.word().to_owned(),
        commit,
        late: attempt != node.attempt || node.phase.is_terminal(),
    };
    Ok(request.sender.sent(store, (actor, record), reported))
}

/// Whether a node waits for something outside.
pub fn is_outside(node: &NodeStatus) -> bool {
    node.phase == NodePhase::Blocked && node.extensions.reason == AWAITING_EXTERNAL
}

/// Goals and capabilities of the spec branch, where a task names capabilities.
///
/// # Errors
/// The spec branch cannot be read.
pub fn resources_for(
    store: &Store,
    look: &runs::Look,
    node: Option<&Node>,
) -> Result<Option<Snapshot>> {
    let names_some = node.is_some_and(|node| !node.capability_refs.is_empty());
    let read = || store.snapshot(&look.view.spec_commit, &look.view.config);
    names_some.then(read).transpose()
}

/// The attempt that an actor may report, and the tip of its ref: the open one; else an older one that
/// the actor holds, for a report that comes late.
fn own_attempt(
    store: &Store,
    look: &runs::Look,
    (run, id, node): (runs::Run<'_>, &str, &NodeStatus),
    action: &dyn Fn(u32) -> Action,
    actor: &str,
) -> Result<(u32, Option<String>)> {
    let mut asked = Asked::new(look, run);
    let (mut attempt, mut tip) = (node.attempt, look.work_tip(run, id, node.attempt));
    if tip.is_none() {
        for older in (1..node.attempt).rev() {
            let Some(found) = look.work_tip(run, id, older) else {
                continue;
            };
            if claim::holder(store, found)?.as_deref() == Some(actor) {
                (attempt, tip) = (older, Some(found));
                break;
            }
        }
    }
    if let Some(tip) = tip {
        asked.holder = claim::holder(store, tip)?;
    }
    let pinned = asked.plan().and_then(|plan| plan.node(id)).cloned();
    let snapshot = resources_for(store, look, pinned.as_ref())?;
    asked.resources = snapshot.as_deref();
    let action = action(attempt);
    match permit::may(&action, actor, &asked.permit()) {
        Ok(()) => {}
        // What comes late is kept as evidence, from whoever did the work.
        Err(refusal)
            if refusal.kind == Objection::Late && asked.holder.as_deref() == Some(actor) => {}
        Err(refusal) => {
            let error = asked.error(&refusal);
            return Err(error.maybe_hint(outputs_hint(&refusal, pinned.as_ref(), &action)));
        }
    }
    Ok((attempt, tip.cloned()))
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
