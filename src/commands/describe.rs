//! `planspec describe`: everything about one resource, for people.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;

use super::get::wanted_one;
use super::graph::{Drawing, drawing};
use super::{Context, NamespaceArg};
use crate::core::resource::{
    Decision, ExecutionStatus, GateSpec, Key, Kind, NodePhase, NodeStatus, PinnedTarget,
    ReviewAction, Status,
};
use crate::core::run::controllers::binding;
use crate::core::run::controllers::capability::remarks;
use crate::core::run::controllers::execution::PinnedPlan;
use crate::failure::Outcome;
use crate::service::merged::{Merged, Resources};
use crate::service::runs;
use crate::service::store::Store;
use crate::show;

/// Describe one resource: spec, status, conditions; of a plan the graph; of an execution the graph
/// as a tree, who holds what, what blocks, what was checked, and what anybody could do next
///
/// For people only. For programs, `planspec get KIND NAME -o json` (or yaml) has the whole resource
/// with its status, and `planspec next -o json` what can be claimed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind, or KIND/NAME
    kind: String,
    /// A name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Show every node, also where a large graph has many that are finished or far away
    #[arg(long)]
    all: bool,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = wanted_one("describe", &args.kind, args.name.as_deref())?;
    let store = Store::open(context.dir.as_deref())?;
    let resources = Resources::known(&store)?;
    let merged = resources.one(kind, &name, args.namespace.namespace.as_deref())?;
    let width = context.terminal.width();
    let drawing = match kind {
        Kind::Plan | Kind::Execution => drawing(&resources, &merged)?,
        _ => None,
    };
    let mut text = show::resource::describe(&merged.view(), context.now, width);
    let missing = resources.snapshot().unready(merged.key);
    let missing: Vec<String> = missing.map(|finding| finding.message.clone()).collect();
    text.push_str(&show::resource::unready(&missing, width));
    if let Some(drawing) = &drawing {
        let graph = drawing.graph();
        let remarks = remarks(resources.snapshot(), &merged.key.namespace, graph.spec);
        text.push_str(&show::resource::capabilities(&remarks, width));
    }
    match (merged.file.map(|file| &file.status), &drawing) {
        (Some(Status::Execution(run)), drawing) if !run.node_statuses.is_empty() => {
            let drawing = drawing.as_ref();
            text.push_str(&of_run(
                context, args, &store, &resources, &merged, run, drawing,
            )?);
        }
        (_, Some(drawing)) => {
            let graph = drawing.text(width.map(|width| width.saturating_sub(2)));
            text.push_str(&show::resource::graph(&graph));
        }
        _ => {}
    }
    context.terminal.out(&text);
    Ok(())
}

fn of_run(
    context: &Context,
    args: &Args,
    store: &Store,
    resources: &Resources,
    merged: &Merged<'_>,
    run: &ExecutionStatus,
    drawing: Option<&Drawing>,
) -> Outcome<String> {
    let stored = resources.stored.as_ref();
    let plan = stored.and_then(|stored| runs::pinned_plan(stored, run));
    let (reviewers, moved_on) = match &plan {
        Some(plan) => (
            reviewers(resources, run, plan),
            moved_on(store, resources, merged.key, run, plan)?,
        ),
        None => Default::default(),
    };
    let view = show::run::RunView {
        key: merged.key,
        run,
        graph: drawing.map(Drawing::graph),
        reviewers: &reviewers,
        moved_on: &moved_on,
        due: is_due(context.now, resources, merged, run),
        all: args.all,
        now: context.now,
        width: context.terminal.width(),
    };
    Ok(show::run::sections(&view))
}

/// What bindings of the spec branch say now about the nodes that a retry would bind again, where
/// that is not what they are held to.
fn moved_on(
    store: &Store,
    resources: &Resources,
    key: &Key,
    run: &ExecutionStatus,
    plan: &PinnedPlan,
) -> Outcome<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let is_open = |node: &NodeStatus| match node.phase {
        NodePhase::Succeeded | NodePhase::Running => false,
        NodePhase::Failed | NodePhase::Skipped | NodePhase::Cancelled => true,
        // What was reported and waits for a check keeps its target.
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
    // A retry asks the spec branch, whatever is checked out.
    let spec_branch = match &resources.view {
        Some(view) if view.spec_commit != resources.commit => {
            Some(store.snapshot(&view.spec_commit, &view.config)?)
        }
        _ => None,
    };
    let snapshot = spec_branch.as_ref().unwrap_or(resources.snapshot());
    for node in plan.graph().into_iter().flat_map(|graph| &graph.nodes) {
        let Some(held_to) = held.get(node.id.as_str()) else {
            continue;
        };
        if let Some((binding, now)) =
            binding::moved_on(snapshot, execution, &plan.plan, node, held_to)
        {
            let before = held_to.provider.as_deref().unwrap_or("anybody");
            let now = match before == now.provider {
                true => "another config",
                false => &now.provider,
            };
            let name = binding.qualified();
            let how = format!("held to {before}; binding {name} says {now} now");
            found.insert(node.id.clone(), how);
        }
    }
    Ok(found)
}

/// Whether a reconcile would find something to do: a moment has come, or the inbox holds what is
/// not folded in.
fn is_due(
    now: crate::core::resource::Time,
    resources: &Resources,
    merged: &Merged<'_>,
    run: &ExecutionStatus,
) -> bool {
    let stored = resources.stored.as_ref();
    let deadline = stored.and_then(|stored| stored.tree.controller.next_deadline);
    let uid = merged.file.map(|file| file.uid.as_str());
    let inbox = resources.view.iter().flat_map(|view| &view.inbox);
    let mut of_run = inbox.filter(|(address, _)| Some(address.uid()) == uid);
    let is_new =
        of_run.any(|(address, tip)| run.extensions.records.get(&address.to_string()) != Some(tip));
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

/// The reviewers of a gate, teams by their members, without those who have approved this.
fn people(
    gate: &GateSpec,
    decision: &Decision,
    approvals: &crate::core::repository::config::ApprovalConfig,
) -> Vec<String> {
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
