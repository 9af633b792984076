//! `planspec describe`: everything about one resource, for people.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;

use super::get::wanted_one;
use super::graph::{Drawing, drawing};
use super::merged::{Merged, Resources};
use super::store::Store;
use super::{Context, NamespaceArg};
use crate::core::controllers::capability::remarks;
use crate::core::controllers::execution::PinnedPlan;
use crate::core::resource::{Decision, ExecutionStatus, GateSpec, Kind, ReviewAction, Status};
use crate::failure::Outcome;
use crate::show;

/// Describe one resource: spec, status, conditions; of a plan the graph; of an execution the graph
/// as a tree, who holds what, what blocks, what was checked, and what anybody could do next
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
    let store = Store::open(context)?;
    let resources = Resources::known(&store)?;
    let merged = resources.one(kind, &name, args.namespace.namespace.as_deref())?;
    let width = context.terminal.width();
    let drawing = match kind {
        Kind::Plan | Kind::Execution => drawing(&resources, &merged)?,
        _ => None,
    };
    let mut text = show::resource::describe(&merged.view(), store.now, width);
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
            ));
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
) -> String {
    let view = show::run::RunView {
        key: merged.key,
        run,
        graph: drawing.map(Drawing::graph),
        reviewers: &reviewers(resources, run),
        due: is_due(store, resources, merged, run),
        all: args.all,
        now: store.now,
        width: context.terminal.width(),
    };
    show::run::sections(&view)
}

/// Whether a reconcile would find something to do: a moment has come, or the inbox holds what is
/// not folded in.
fn is_due(
    store: &Store,
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
    !run.phase.is_terminal() && (is_new || deadline.is_some_and(|at| at <= store.now))
}

/// Who may still decide, by gate; a gate without reviewers is open to anybody.
fn reviewers(resources: &Resources, run: &ExecutionStatus) -> BTreeMap<String, Vec<String>> {
    let pinned = run.extensions.pinned.as_ref();
    let (Some(stored), Some(view), Some(pinned)) = (&resources.stored, &resources.view, pinned)
    else {
        return BTreeMap::new();
    };
    let Ok(plan) = PinnedPlan::read(&stored.pinned, pinned) else {
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
    approvals: &crate::core::config::ApprovalConfig,
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
