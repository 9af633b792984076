//! `planspec next`: what can be claimed now, with everything a worker has to know.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::runs::{self, Look, Run};
use super::store::Store;
use super::{Context, NamespaceArg};
use crate::core::controllers::execution::PinnedPlan;
use crate::core::resource::{GoalSpec, Key, Kind, Node, NodeStatus, Spec};
use crate::failure::Outcome;
use crate::show;

/// List the nodes that can be claimed now
///
/// Nodes whose claim is not folded in yet are left out. Exits with 0 also when there is nothing
/// to do.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Only of this execution
    execution: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Only what this provider may take, for example agent://claude-code; open nodes included
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Aligned columns.
    Table,
    /// One document with inputs, context and the rest.
    Json,
    /// EXECUTION/NODE, a line each.
    Name,
}

/// A node that can be claimed.
struct Offer<'a> {
    run: Run<'a>,
    id: &'a str,
    node: &'a NodeStatus,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context)?;
    let look = runs::look(&store)?;
    let namespace = args.namespace.namespace.as_deref();
    let only = args
        .execution
        .as_ref()
        .map(|name| look.run(name, namespace).map(|run| run.key))
        .transpose()?;
    let offers: Vec<Offer<'_>> = look
        .runs()
        .filter(|run| namespace.is_none_or(|namespace| run.key.namespace == namespace))
        .filter(|run| only.is_none_or(|only| run.key == only))
        .flat_map(offers_of)
        .filter(|offer| {
            look.work_tip(offer.run, offer.id, offer.node.attempt)
                .is_none()
        })
        .filter(|offer| is_for(offer.node, args.provider.as_deref()))
        .collect();
    let text = match args.output {
        Format::Name => offers
            .iter()
            .map(|offer| format!("{}/{}\n", offer.run.key.qualified(), offer.id))
            .collect(),
        Format::Table => table(&look, &offers)?,
        Format::Json => {
            let items = offers
                .iter()
                .map(|offer| describe(&store, &look, offer))
                .collect::<Outcome<Vec<Value>>>()?;
            show::json(&show::list("NextNodes", items))
        }
    };
    if offers.is_empty() && args.output == Format::Table {
        context.terminal.note("nothing can be claimed now");
    }
    context.terminal.out(&text);
    Ok(())
}

fn offers_of(run: Run<'_>) -> impl Iterator<Item = Offer<'_>> {
    let nodes = run.status.node_statuses.iter();
    nodes
        .filter(|(_, node)| node.is_claimable())
        .map(move |(id, node)| Offer { run, id, node })
}

/// Whether a provider may take a node: it is bound to it, or open to all.
fn is_for(node: &NodeStatus, provider: Option<&str>) -> bool {
    let bound = node
        .extensions
        .target
        .as_ref()
        .and_then(|target| target.provider.as_deref());
    provider.is_none_or(|provider| bound.is_none_or(|bound| bound == provider))
}

fn table(look: &Look, offers: &[Offer<'_>]) -> Outcome<String> {
    let mut plans: BTreeMap<&Key, Option<PinnedPlan>> = BTreeMap::new();
    let mut rows = Vec::new();
    for offer in offers {
        let plan = plans
            .entry(offer.run.key)
            .or_insert_with(|| pinned_plan(look, offer.run));
        let title = plan
            .as_ref()
            .and_then(|plan| node_of(plan, offer.id))
            .and_then(|node| node.name.as_deref().or(node.description.as_deref()))
            .and_then(|text| text.lines().next())
            .unwrap_or_default();
        let target = offer.node.extensions.target.as_ref();
        let provider = target.and_then(|target| target.provider.as_deref());
        rows.push(vec![
            offer.run.key.namespace.clone(),
            format!("{}/{}", offer.run.key.name, offer.id),
            provider.unwrap_or("<any>").to_owned(),
            offer.node.attempt.to_string(),
            title.to_owned(),
        ]);
    }
    if rows.is_empty() {
        return Ok(String::new());
    }
    let headers = ["NAMESPACE", "NODE", "PROVIDER", "ATTEMPT", "WHAT"];
    Ok(show::table::table(&headers, &rows, None))
}

fn pinned_plan(look: &Look, run: Run<'_>) -> Option<PinnedPlan> {
    let pinned = run.status.extensions.pinned.as_ref()?;
    PinnedPlan::read(&look.stored.pinned, pinned).ok()
}

fn node_of<'a>(plan: &'a PinnedPlan, id: &str) -> Option<&'a Node> {
    plan.graph()?.nodes.iter().find(|node| node.id == id)
}

/// Everything a worker has to know, from the pinned revision.
fn describe(store: &Store, look: &Look, offer: &Offer<'_>) -> Outcome<Value> {
    let target = offer.node.extensions.target.as_ref();
    let mut value = json!({
        "namespace": offer.run.key.namespace,
        "execution": offer.run.key.name,
        "node": offer.id,
        "attempt": offer.node.attempt,
        "provider": target.and_then(|target| target.provider.clone()),
        "config": target.and_then(|target| target.config.clone()),
    });
    let Some(plan) = pinned_plan(look, offer.run) else {
        return Ok(value);
    };
    if let Some(node) = node_of(&plan, offer.id) {
        value["name"] = json!(node.name);
        value["description"] = json!(node.description);
        value["inputs"] = json!(node.inputs);
        value["outputs"] = json!(node.outputs);
        value["timeout"] = json!(node.timeout);
        value["context"] = json!(node.context);
        value["acceptanceCriteria"] = json!(node.acceptance_criteria);
    }
    value["parameters"] = json!(plan.execution.parameters);
    value["executionContext"] = json!(plan.execution.context);
    if let Spec::Plan(spec) = &plan.plan.spec {
        value["plan"] = json!({
            "name": plan.plan.metadata.name,
            "description": spec.description,
            "context": spec.context,
        });
    }
    if let Some((key, goal)) = goal_of(store, look, offer.run)? {
        value["goal"] = json!({
            "name": key.name,
            "description": goal.description,
            "constraints": goal.constraints,
            "acceptanceCriteria": goal.acceptance_criteria,
            "context": goal.context,
        });
    }
    Ok(value)
}

/// The goal of a run as it stands on the spec branch now.
fn goal_of(store: &Store, look: &Look, run: Run<'_>) -> Outcome<Option<(Key, GoalSpec)>> {
    let pinned = run.status.extensions.pinned.as_ref();
    let Some(goal) = pinned.and_then(|pinned| pinned.goal.as_ref()) else {
        return Ok(None);
    };
    let key = Key::new(Kind::Goal, &goal.namespace, &goal.name);
    let snapshot = store.snapshot(&look.view.spec_commit, &look.view.config)?;
    Ok(snapshot.goal(&key).cloned().map(|spec| (key, spec)))
}
