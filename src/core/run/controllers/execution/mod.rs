//! Execution: starts, takes records in, checks deadlines, advances the nodes, decides the phase.

mod active_run;
mod advance;
mod attestations;
mod gates;
mod groups;
mod order;
mod outside;
mod pins;
mod questions;
mod records;
mod replan;
mod retry;
#[cfg(test)]
mod scenarios;
mod scope;
#[cfg(test)]
mod tests;
mod verification;

use std::collections::BTreeMap;

use super::{Presence, World};
use crate::core::base::digest::short;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{
    CancelledBy, ExecutionPhase, ExecutionSpec, ExecutionStatus, Key, Kind, NodePhase, NodeStatus,
    PIN_UNREADABLE, PlanSpec, Resource, Status, Time, clear_condition, set_condition,
};
use crate::core::run::asked::RefusedRef;
use crate::core::run::machine::{self, ExecutionEvent, NodeEvent};
use crate::core::run::permit::{self, Refusal};
use crate::core::run::record::{Address, Incoming, Received};
use crate::core::run::status::StatusFile;
use crate::core::run::transition::node_waits_for;

use active_run::ActiveRun;

pub use self::records::RELEASED_BY;
pub use crate::core::run::permit::broken;
pub use crate::core::run::pinned::{PinnedPlan, Pins};

/// The input of advancing one execution.
pub struct Turn<'a> {
    /// The input of all controllers.
    pub world: &'a World<'a>,
    /// The execution.
    pub key: &'a Key,
    /// Whether its file still exists.
    pub presence: Presence<'a>,
    /// New records about it, in order.
    pub incoming: &'a [&'a Incoming],
    /// Inbox refs with something else than records: these attempts cannot be claimed.
    pub refused: &'a BTreeMap<Address, RefusedRef>,
    /// The statuses of all other resources, for their uids and generations.
    pub others: &'a BTreeMap<Key, StatusFile>,
}

impl<'a> Turn<'a> {
    /// The circumstances of a run that cannot be worked on, for deciding whether an action is allowed.
    fn permit<'s>(&self, status: &'s ExecutionStatus) -> permit::Circumstances<'s>
    where
        'a: 's,
    {
        permit::Circumstances {
            config: self.world.config,
            status,
            plan: None,
            resources: Some(self.world.snapshot),
            commit: self.world.commit,
            holder: None,
            session: None,
            key: None,
            elsewhere: &[],
        }
    }
}

impl Turn<'_> {
    fn check_signature(&self, received: &Received) -> Result<(), Refusal> {
        permit::check_signature(self.world.config, received)
    }
}

/// When and why an execution must be examined again.
#[derive(Debug, Default)]
pub struct Next {
    /// The next deadline.
    pub deadline: Option<Time>,
    /// The earliest deadline that was handled now.
    pub fired: Option<Time>,
    /// The resources that it follows.
    pub follows: Vec<Key>,
}

/// Updates one execution.
pub fn reconcile(turn: &Turn<'_>, file: &mut StatusFile) -> Next {
    let before = standings(file);
    let next = advance(turn, file);
    note_since(file, &before, turn.world.now);
    next
}

/// Distinguishes one wait of a node from another.
type NodeStanding = (NodePhase, String, u32);

fn standing_of(node: &NodeStatus) -> NodeStanding {
    (node.phase, node.extensions.reason.clone(), node.attempt)
}

fn standings(file: &StatusFile) -> BTreeMap<String, NodeStanding> {
    let nodes = file.status.execution().into_iter();
    let nodes = nodes.flat_map(|run| &run.node_statuses);
    nodes
        .map(|(id, node)| (id.clone(), standing_of(node)))
        .collect()
}

/// Sets since when each node has waited.
fn note_since(file: &mut StatusFile, before: &BTreeMap<String, NodeStanding>, now: Time) {
    let Status::Execution(run) = &mut file.status else {
        return;
    };
    for (id, node) in &mut run.node_statuses {
        let waits = node.phase != NodePhase::Running && node_waits_for(node).is_some();
        if !waits {
            node.extensions.since = None;
        } else if before.get(id) != Some(&standing_of(node)) {
            node.extensions.since = Some(now);
        }
    }
}

fn advance(turn: &Turn<'_>, file: &mut StatusFile) -> Next {
    let nothing = Next::default;
    let Status::Execution(status) = &mut file.status else {
        return nothing();
    };
    let (uid, generation) = (file.uid.clone(), file.generation);
    if status.queued_time.is_none() {
        status.queued_time = Some(turn.world.now);
        status.run_id = Some(uid.clone());
        status.last_phase_transition_time = Some(turn.world.now);
    }
    let now = turn.world.now;
    let may_be_opened_again = status.phase == ExecutionPhase::Failed
        && turn.presence != Presence::Deleted
        && records::asks_for_retry(turn, status);
    if status.phase.is_terminal() && !may_be_opened_again {
        records::fold_without_run(turn, &uid, status, turn.incoming);
        return nothing();
    }
    drift(turn, status, generation);
    if let Presence::Deleted = turn.presence
        && status.extensions.cancelled_by.is_none()
    {
        status.extensions.cancelled_by = Some(CancelledBy {
            actor: None,
            comment: Some("its file was deleted".to_owned()),
            record: None,
            signed: None,
            timestamp: None,
        });
    }
    if status.extensions.pinned.is_none() {
        records::fold_without_run(turn, &uid, status, turn.incoming);
        if status.extensions.cancelled_by.is_none() {
            start(turn, &uid, generation, status);
        }
    }
    let Some(pinned) = status.extensions.pinned.clone() else {
        stop_if_asked(status, now);
        return nothing();
    };
    let why = match ActiveRun::open(turn, &uid, status, &pinned) {
        Ok(mut run) => {
            let deadline = run.advance();
            return Next {
                deadline,
                fired: run.fired,
                follows: run.follows(),
            };
        }
        Err(why) => why,
    };
    // Without the plan nothing can be decided, but the run can be cancelled; all other records wait in the inbox.
    let requests: Vec<&Incoming> = turn
        .incoming
        .iter()
        .copied()
        .filter(|incoming| matches!(incoming.address, Address::Request { .. }))
        .collect();
    records::fold_without_run(turn, &uid, status, &requests);
    if !stop_if_asked(status, now) {
        move_to(status, ExecutionEvent::Block, PIN_UNREADABLE, why, now);
    }
    nothing()
}

/// Sets the condition about files that changed since the run was pinned.
fn drift(turn: &Turn<'_>, status: &mut ExecutionStatus, generation: u64) {
    let Some(pinned) = &status.extensions.pinned else {
        return;
    };
    let at = (generation, turn.world.now);
    let snapshot = turn.world.snapshot;
    let digest_now = |key: &Key| snapshot.resource(key).map(|r| r.spec_digest());
    let plan = pinned.plan.key(Kind::Plan);
    let moved = match digest_now(&plan) {
        Some(digest) if digest == pinned.plan.digest => None,
        Some(_) => Some(("PlanChanged", "has changed since")),
        None => Some(("PlanMissing", "can no longer be read")),
    };
    let conditions = &mut status.conditions;
    if let Some((reason, what)) = moved {
        let message = format!(
            "plan `{}` {what}; this run goes on with the one of commit {}",
            plan.qualified(),
            short(&pinned.commit)
        );
        set_condition(conditions, "PlanDrifted", true, reason, message, at);
    } else {
        clear_condition(conditions, "PlanDrifted");
    }
    if digest_now(turn.key).is_some_and(|digest| digest != pinned.execution.digest) {
        let message = format!(
            "the spec of a started execution is immutable; the change is ignored and the run goes \
             on with the one of commit {}",
            short(&pinned.commit)
        );
        set_condition(conditions, "SpecMutated", true, "SpecChanged", message, at);
    } else {
        clear_condition(conditions, "SpecMutated");
    }
}

/// Starts a run when everything is there: pins its resources.
fn start(turn: &Turn<'_>, uid: &str, generation: u64, status: &mut ExecutionStatus) {
    match pins::gather(turn, uid, generation) {
        Ok((pinned, plan)) => {
            status.spec_hash = Some(pinned.execution.digest.clone());
            status.extensions.criteria = plan.contract.criteria.clone();
            status.extensions.pinned = Some(pinned);
            status.start_time = Some(turn.world.now);
            status.node_statuses = plan
                .graph
                .nodes
                .iter()
                .map(|node| (node.id.clone(), Default::default()))
                .collect();
            let now = turn.world.now;
            move_to(status, ExecutionEvent::Start, "Started", String::new(), now);
        }
        Err((reason, message)) => {
            status.reason = reason.to_owned();
            status.message = message;
        }
    }
}

/// The plan of an execution in a snapshot, with its spec.
pub fn plan_of<'a>(
    snapshot: &'a Snapshot,
    key: &Key,
) -> Option<(&'a ExecutionSpec, &'a Resource, &'a PlanSpec)> {
    let spec = snapshot.execution(key)?;
    let plan = snapshot.resource(&spec.plan_ref.key(Kind::Plan, &key.namespace))?;
    Some((spec, plan, plan.spec.plan()?))
}

/// Moves the execution by the state machine, and updates times and reason.
fn move_to(
    status: &mut ExecutionStatus,
    event: ExecutionEvent,
    reason: &str,
    message: String,
    now: Time,
) {
    let Ok(next) = machine::execution(status.phase, event) else {
        return;
    };
    if next != status.phase {
        status.phase = next;
        status.last_phase_transition_time = Some(now);
        if next.is_terminal() {
            status.completion_time = Some(now);
        }
    }
    status.reason = reason.to_owned();
    status.message = message;
}

/// Cancels all open nodes, if the run was cancelled.
fn stop_if_asked(status: &mut ExecutionStatus, now: Time) -> bool {
    if status.extensions.cancelled_by.is_none() {
        return false;
    }
    let why = cancel_reason(status);
    for node in status.node_statuses.values_mut() {
        active_run::move_node(node, NodeEvent::Cancel, "Cancelled", why.clone(), now);
    }
    move_to(status, ExecutionEvent::Cancel, "Cancelled", why, now);
    true
}

fn cancel_reason(status: &ExecutionStatus) -> String {
    let Some(by) = &status.extensions.cancelled_by else {
        return String::new();
    };
    let comment = by.comment.as_deref().unwrap_or_default();
    match (&by.actor, comment) {
        (Some(actor), "") => format!("cancelled by {actor}"),
        (Some(actor), comment) => format!("cancelled by {actor}: {comment}"),
        (None, comment) => comment.to_owned(),
    }
}
