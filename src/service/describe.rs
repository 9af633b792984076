//! The full description of one resource.

use std::collections::{BTreeMap, BTreeSet};

use super::Result;
use super::graph::{DrawnGraph, drawing, pinned, pinned_once};
use super::held::known_session;
use super::index;
use super::merged::Resources;
use super::names::Named;
use super::overlap::spoken_for;
use super::proof::{self, Claimed};
use super::runs::{ObservedRun, is_unread};
use super::store::Store;
use crate::api::describe as api;
use crate::api::resource::Resource;
use crate::core::repository::config::ApprovalConfig;
use crate::core::resource::{
    Decision, ExecutionSpec, ExecutionStatus, GateSpec, Key, Kind, NodePhase, NodeStatus,
    PinnedTarget, ReviewAction, Time,
};
use crate::core::run::controllers::binding;
use crate::core::run::controllers::capability::remarks;
use crate::core::run::merged::Merged;
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::proposal::{RECONCILE, proposals};
use crate::core::run::standing::{Standing, criterion_kind};
use crate::core::run::transition::{Waiting, evidence, waiting_of};

/// A request to describe a resource.
#[derive(Debug, Clone)]
pub struct DescribeRequest {
    /// The resource.
    pub named: Named,
    /// The session of the caller; `None` is that of the work tree.
    pub session: Option<String>,
    /// The current time.
    pub now: Time,
}

/// A resource, described.
pub struct Described {
    resources: Resources,
    key: Key,
    /// What a document lacks before it can be executed.
    pub not_ready: Vec<String>,
    /// Remarks on the capabilities that it needs.
    pub capabilities: Vec<String>,
    /// The graph of a plan, or of an execution with its current state.
    pub drawing: Option<DrawnGraph>,
    /// The spec that is pinned for a run, whatever its file says now.
    pub held_to: Option<ExecutionSpec>,
    facts: RunFacts,
}

/// The file of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlace {
    /// Its path.
    pub path: String,
    /// Object id of its content.
    pub blob: String,
    /// Whether it is a PlanSpec 1.2 document.
    pub is_document: bool,
}

/// Facts about a run besides its status.
#[derive(Default)]
struct RunFacts {
    reviewers: BTreeMap<String, Vec<String>>,
    moved_on: BTreeMap<String, String>,
    plan_moved_on: bool,
    spoken_for: BTreeMap<String, String>,
    checked: BTreeSet<String>,
    session: Option<String>,
    due: bool,
}

/// Describes a resource, as in HEAD and the last fetch.
///
/// # Errors
/// There is none, or there are several; or the repository cannot be read.
pub fn describe(store: &Store, request: &DescribeRequest) -> Result<Described> {
    let (resources, key) = Resources::about(store, std::slice::from_ref(&request.named))?;
    let merged = resources.merged(&key);
    let snapshot = resources.snapshot();
    let pinned = pinned(&resources, &merged);
    let once = pinned
        .is_none()
        .then(|| pinned_once(store, &merged))
        .flatten();
    let drawing = drawing(&resources, &merged, pinned.as_ref().or(once.as_ref()));
    let capabilities = drawing.as_ref().map(|drawing| {
        let spec = drawing.of().spec;
        remarks(snapshot, &key.namespace, spec)
    });
    let facts = match merged.run() {
        Some(run) => RunFacts {
            session: known_session(store, request.session.as_deref()),
            ..facts(
                store,
                &resources,
                &merged,
                (run, pinned.as_ref()),
                request.now,
            )?
        },
        None => RunFacts::default(),
    };
    let held_to = pinned.as_ref().or(once.as_ref());
    let held_to = held_to.map(|plan| plan.execution.clone());
    let not_ready = snapshot.unready(&key);
    let not_ready = not_ready.map(|finding| finding.message.clone()).collect();
    Ok(Described {
        capabilities: capabilities.unwrap_or_default(),
        resources,
        key,
        not_ready,
        drawing,
        held_to,
        facts,
    })
}

impl Described {
    /// The resource.
    pub fn merged(&self) -> Merged<'_> {
        self.resources.merged(&self.key)
    }

    /// Its file, if it has one.
    pub fn place(&self) -> Option<FilePlace> {
        let definition = self.resources.snapshot().definitions(&self.key).first()?;
        Some(FilePlace {
            path: definition.path.clone(),
            blob: definition.blob.clone(),
            is_document: definition.origin.is_some(),
        })
    }

    /// The state of an execution that has begun.
    pub fn standing(&self) -> Option<Standing<'_>> {
        let merged = self.merged();
        Some(Standing {
            key: merged.key,
            run: merged.run()?,
            graph: self.drawing.as_ref().map(DrawnGraph::of),
            reviewers: &self.facts.reviewers,
            moved_on: &self.facts.moved_on,
            plan_moved_on: self.facts.plan_moved_on,
            spoken_for: &self.facts.spoken_for,
            checked: &self.facts.checked,
            session: self.facts.session.as_deref(),
            due: self.facts.due,
        })
    }

    /// The description as an answer.
    ///
    /// # Errors
    /// The status contains a value that JSON cannot hold.
    pub fn answer(&self) -> Result<api::Description> {
        let merged = self.merged();
        let namespace = &self.key.namespace;
        Ok(api::Description {
            resource: Resource::of(&merged)?,
            phase: merged.file.map(|file| file.status.phase()),
            deleted: merged.is_deleted(),
            invalid: merged.is_broken(),
            source: merged.file.map(|file| file.source.path.clone()),
            not_ready: self.not_ready.clone(),
            capabilities: self.capabilities.clone(),
            graph: self
                .drawing
                .as_ref()
                .map(|drawing| drawing.answer(namespace)),
            run: self.standing().map(|standing| api::DescribedRun {
                held_to: self.held_to.as_ref().map(|spec| spec.parameters.clone()),
                ..run_answer(&standing)
            }),
        })
    }
}

fn run_answer(standing: &Standing<'_>) -> api::DescribedRun {
    let run = standing.run;
    let moved_on = standing.moved_on.iter();
    let mut next = proposals(standing);
    next.extend(standing.due.then(|| RECONCILE.to_owned()));
    api::DescribedRun {
        held_to: None,
        waiting: waiting_of(standing.key, run)
            .into_iter()
            .map(|waiting| Waiting {
                step: waiting.node.as_ref().and_then(|node| step(standing, node)),
                ..waiting
            })
            .collect(),
        acceptance: acceptance(standing),
        contract: contract(run),
        reviews: reviews(standing),
        reviewers: standing.reviewers.clone(),
        unapplied: unapplied(run),
        moved_on: moved_on
            .map(|(node, message)| api::MovedOn {
                node: node.clone(),
                step: step(standing, node),
                message: message.clone(),
            })
            .collect(),
        due: standing.due,
        next,
    }
}

/// The id of a node in the document.
fn step(standing: &Standing<'_>, node: &str) -> Option<String> {
    let node = standing.graph?.node(node)?;
    node.step_id().map(str::to_owned)
}

fn acceptance(standing: &Standing<'_>) -> Vec<api::Acceptance> {
    let all = standing.acceptance().into_iter();
    all.map(|one| api::Acceptance {
        id: one.id.to_owned(),
        actor: one.by.map(|(_, actor)| actor.to_owned()),
        time: one.by.map(|(time, _)| time),
        checks: one
            .checks
            .iter()
            .map(|check| api::Check {
                name: check.name.to_owned(),
                required: check.required,
                result: check.result.map(Into::into),
            })
            .collect(),
    })
    .collect()
}

fn contract(run: &ExecutionStatus) -> Vec<api::ContractCriterion> {
    let all = run.extensions.criteria.iter();
    all.map(|one| api::ContractCriterion {
        id: one.id.clone(),
        kind: criterion_kind(one.kind).to_owned(),
        required: one.required,
        description: one.description.clone(),
        met: run.said_about(&one.id).next().map(|_| run.is_met(&one.id)),
        said: run
            .said_about(&one.id)
            .map(|said| api::Said {
                actor: said.actor.clone(),
                met: said.met,
                time: said.timestamp,
                evidence: Some(evidence(said)).filter(|evidence| !evidence.is_empty()),
                commit: said.commit.clone(),
            })
            .collect(),
    })
    .collect()
}

fn reviews(standing: &Standing<'_>) -> Vec<api::Review> {
    let all = standing.reviews();
    all.map(|(node, decision, review)| api::Review {
        node: node.to_owned(),
        step: step(standing, node),
        gate: decision.gate.clone(),
        reviewer: review.reviewer.clone(),
        action: review.action.to_string(),
        time: review.timestamp,
        comment: review.comment.clone(),
        stale: review.digest != decision.digest,
        signed_by: review
            .signed
            .as_ref()
            .map(|signed| signed.principal.clone()),
        signature_checked: standing.checked.contains(&review.record),
    })
    .collect()
}

fn unapplied(run: &ExecutionStatus) -> Vec<api::Unapplied> {
    let all = run.extensions.unapplied.iter();
    all.map(|note| api::Unapplied {
        time: note.seen,
        action: note.action.clone(),
        actor: note.actor.clone(),
        reason: note.reason.clone(),
        message: note.message.clone(),
        record: note.record.clone(),
        ref_name: note.ref_name.clone(),
    })
    .collect()
}

fn facts(
    store: &Store,
    resources: &Resources,
    merged: &Merged<'_>,
    (run, plan): (&ExecutionStatus, Option<&PinnedPlan>),
    now: Time,
) -> Result<RunFacts> {
    let due = is_due(now, resources, merged, run);
    Ok(match plan {
        Some(plan) => RunFacts {
            reviewers: reviewers(resources, run, plan),
            moved_on: moved_on(store, resources, merged.key, run, plan)?,
            plan_moved_on: plan_moved_on(store, resources, run)?,
            spoken_for: spoken_for_now(store, resources, merged)?,
            checked: checked(store, resources, run),
            session: None,
            due,
        },
        None => RunFacts {
            due,
            ..RunFacts::default()
        },
    })
}

/// The decision records whose signatures are as the status says.
fn checked(store: &Store, resources: &Resources, run: &ExecutionStatus) -> BTreeSet<String> {
    let tip = resources
        .view
        .as_ref()
        .and_then(|view| view.status_tip.as_deref());
    let nodes = run.node_statuses.values();
    let decisions = nodes.filter_map(|node| node.extensions.decision.as_ref());
    let reviews = decisions.flat_map(|decision| &decision.reviews);
    let claimed = reviews.filter_map(|review| {
        Some(Claimed {
            record: &review.record,
            actor: &review.reviewer,
            by: review.signed.as_ref()?,
            arrival: review.timestamp,
        })
    });
    let found = claimed.filter(|claimed| tip.is_some_and(|tip| proof::holds(store, tip, claimed)));
    found.map(|claimed| claimed.record.to_owned()).collect()
}

/// Nodes that were claimed since the status offered them, and obstacles for held nodes.
fn spoken_for_now(
    store: &Store,
    resources: &Resources,
    merged: &Merged<'_>,
) -> Result<BTreeMap<String, String>> {
    let (Some(view), Some(stored)) = (&resources.view, &resources.stored) else {
        return Ok(BTreeMap::new());
    };
    match (merged.file, merged.run()) {
        (Some(file), Some(status)) if !status.phase.is_terminal() => {
            let key = merged.key;
            let run = ObservedRun { key, file, status };
            spoken_for(store, (view, stored), run)
        }
        _ => Ok(BTreeMap::new()),
    }
}

/// Whether the spec branch has another revision of the plan.
fn plan_moved_on(store: &Store, resources: &Resources, run: &ExecutionStatus) -> Result<bool> {
    let pinned = run.extensions.pinned.as_ref();
    let pinned = pinned.filter(|_| run.phase.can_be_retried());
    let (Some(pinned), Some(view)) = (pinned, &resources.view) else {
        return Ok(false);
    };
    let key = pinned.plan.key(Kind::Plan);
    let keys = BTreeSet::from([key.clone()]);
    let snapshot = index::about(&store.repo, &view.spec_commit, &view.config, &keys)?;
    let now = snapshot.resource(&key).map(|plan| plan.spec_digest());
    Ok(now.is_some_and(|now| now != pinned.plan.digest))
}

/// The targets that current bindings give to the nodes which a retry would bind again, if they differ
/// from the pinned ones.
fn moved_on(
    store: &Store,
    resources: &Resources,
    key: &Key,
    run: &ExecutionStatus,
    plan: &PinnedPlan,
) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let is_open = |node: &NodeStatus| match node.phase {
        NodePhase::Succeeded | NodePhase::Running => false,
        NodePhase::Failed | NodePhase::Skipped | NodePhase::Cancelled => true,
        // A reported node that waits for verification keeps its target.
        NodePhase::Pending | NodePhase::Blocked => node.extensions.report.is_none(),
    };
    let nodes = run.node_statuses.iter();
    let held: BTreeMap<&str, &PinnedTarget> = nodes
        .filter(|(_, node)| is_open(node))
        .filter_map(|(id, node)| Some((id.as_str(), node.extensions.target.as_ref()?)))
        .collect();
    if !run.phase.can_be_retried() || held.is_empty() {
        return Ok(found);
    }
    let execution = (key, &plan.execution);
    if plan.execution.binding_ref.is_none() && plan.execution.node_bindings.is_empty() {
        return Ok(found);
    }
    let Some(view) = &resources.view else {
        return Ok(found);
    };
    // A retry resolves bindings on the spec branch, not in the work tree.
    let nodes = plan.graph().into_iter().flat_map(|graph| &graph.nodes);
    let needed = nodes.flat_map(|node| binding::needed(execution, &plan.plan, node));
    let needed = needed.collect();
    let snapshot = &index::about(&store.repo, &view.spec_commit, &view.config, &needed)?;
    for node in plan.graph().into_iter().flat_map(|graph| &graph.nodes) {
        let Some(held_to) = held.get(node.id.as_str()) else {
            continue;
        };
        if let Some((binding, now)) =
            binding::moved_on(snapshot, execution, &plan.plan, node, held_to)
        {
            let before = held_to.provider.as_deref().unwrap_or("anybody");
            let now = if before == now.provider {
                "another config"
            } else {
                &now.provider
            };
            let name = binding.qualified();
            let how = format!("pinned to {before}; binding {name} now says {now}");
            found.insert(node.id.clone(), how);
        }
    }
    Ok(found)
}

/// Whether a reconcile has something to do: a time has come, or the inbox has new
/// records.
fn is_due(now: Time, resources: &Resources, merged: &Merged<'_>, run: &ExecutionStatus) -> bool {
    let stored = resources.stored.as_ref();
    let deadline = stored.and_then(|stored| stored.tree.controller.next_deadline);
    let uid = merged.file.map(|file| file.uid.as_str());
    let inbox = resources.view.iter().flat_map(|view| &view.inbox);
    let mut of_run = inbox.filter(|(address, _)| Some(address.uid()) == uid);
    let is_new = of_run.any(|(address, tip)| is_unread(run, address, tip));
    !run.phase.is_terminal() && (is_new || deadline.is_some_and(|at| at <= now))
}

/// Who may still decide, by gate; a gate without reviewers is open to any person.
fn reviewers(
    resources: &Resources,
    run: &ExecutionStatus,
    plan: &PinnedPlan,
) -> BTreeMap<String, Vec<String>> {
    let Some(view) = &resources.view else {
        return BTreeMap::new();
    };
    let nodes = run.node_statuses.values();
    nodes
        .filter_map(|node| node.extensions.decision.as_ref())
        .filter_map(|decision| {
            let (gate, _) = plan.gate(&decision.gate)?;
            let people = people(gate, decision, &view.config.approvals);
            (!people.is_empty()).then(|| (decision.gate.clone(), people))
        })
        .collect()
}

/// The reviewers of a gate who have not approved yet, with teams expanded.
fn people(gate: &GateSpec, decision: &Decision, approvals: &ApprovalConfig) -> Vec<String> {
    let mut people: Vec<String> = Vec::new();
    for entry in &gate.reviewers {
        let members = entry
            .strip_prefix("team:")
            .and_then(|team| approvals.teams.get(team));
        match members {
            Some(members) => people.extend(members.iter().cloned()),
            None => people.push(entry.clone()),
        }
    }
    people.retain(|person| {
        let approved = decision.reviews.iter().any(|review| {
            review.action == ReviewAction::Approve
                && review.digest == decision.digest
                && approvals.is_reviewer(person, &review.reviewer)
        });
        !approved
    });
    people.dedup();
    people
}
