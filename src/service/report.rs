//! Say how a claimed node went.

use serde_json::{Map, Value};

use super::record::{Recorded, Sender, attempt as attempt_of};
use super::store::Store;
use super::{Error, Result, claim, runs};
use crate::api::record::Reported;
use crate::core::plan::data;
use crate::core::resource::{AWAITING_EXTERNAL, CapabilitySpec, Kind, Node, NodePhase, NodeStatus};
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
    if request.result == ReportResult::Succeeded && request.attempt.is_none() {
        refuse_unfit(store, &look, run, id, &request.outputs)?;
    }
    let (attempt, tip) = match request.attempt {
        Some(attempt) => (attempt, look.work_tip(run, id, attempt).cloned()),
        // Nobody claims what happens outside; whoever knows of it reports it.
        None if is_outside(node) => (node.attempt, look.work_tip(run, id, node.attempt).cloned()),
        None => {
            let (attempt, tip) = held_attempt(store, &look, (run, id), node.attempt, &actor)?;
            (attempt, Some(tip))
        }
    };
    let action = Action::Report {
        node: id.to_owned(),
        attempt,
        result: request.result,
        outputs: request.outputs.clone(),
        message: request.message.clone(),
        commit: commit.clone(),
        artifacts: Vec::new(),
    };
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

/// Whether reconcile would take these outputs: the declared ones are there, and all have the types
/// that the task and its capabilities say.
///
/// # Errors
/// The spec branch cannot be read.
pub fn fits(
    store: &Store,
    look: &runs::Look,
    run: runs::Run<'_>,
    node: &Node,
    outputs: &Map<String, Value>,
) -> Result<std::result::Result<(), String>> {
    let snapshot = match node.capability_refs.is_empty() {
        true => None,
        false => Some(store.snapshot(&look.view.spec_commit, &look.view.config)?),
    };
    let pinned = run.status.extensions.pinned.as_ref();
    let namespace = pinned.map_or("", |pinned| pinned.plan.namespace.as_str());
    let capabilities: Vec<&CapabilitySpec> = snapshot
        .iter()
        .flat_map(|snapshot| {
            let keys = node.capability_refs.iter();
            keys.filter_map(|one| snapshot.capability(&one.key(Kind::Capability, namespace)))
        })
        .collect();
    Ok(data::check_outputs(node, &capabilities, outputs).map_err(|(_, why)| why))
}

/// Reconcile would not take a success with such outputs.
fn refuse_unfit(
    store: &Store,
    look: &runs::Look,
    run: runs::Run<'_>,
    id: &str,
    outputs: &Map<String, Value>,
) -> Result {
    let plan = runs::pinned_plan(&look.stored, run.status);
    let Some(node) = plan.as_ref().and_then(|plan| runs::node_of(plan, id)) else {
        return Ok(());
    };
    let missing: Vec<String> = node
        .outputs
        .iter()
        .filter(|output| !outputs.contains_key(&output.name))
        .map(|output| format!("--set {}=…", output.name))
        .collect();
    if !missing.is_empty() {
        return Err(
            Error::invalid(format!("`{id}` declares outputs that are missing"))
                .hint(format!("add {}", missing.join(" "))),
        );
    }
    fits(store, look, run, node, outputs)?.map_err(|why| {
        Error::invalid(format!("the outputs of `{id}` cannot be taken: {why}"))
            .hint("--outputs-file takes values of every type, as JSON")
    })
}

/// The newest attempt that the actor has claimed: the open one, else an older one, for a report
/// that comes late.
fn held_attempt(
    store: &Store,
    look: &runs::Look,
    (run, id): (runs::Run<'_>, &str),
    open: u32,
    actor: &str,
) -> Result<(u32, String)> {
    let nobody_is_at_work = look.work_tip(run, id, open).is_none();
    for attempt in (1..open).rev().filter(|_| nobody_is_at_work) {
        if let Some(tip) = look.work_tip(run, id, attempt)
            && claim::holder(store, tip)?.as_deref() == Some(actor)
        {
            return Ok((attempt, tip.clone()));
        }
    }
    Ok((open, claim::held(store, look, (run, id), open, actor)?))
}
