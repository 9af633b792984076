//! `planspec next`: what can be claimed now, with everything a worker has to know.

use std::cell::OnceCell;
use std::collections::HashMap;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::runs::{self, Look, Run};
use super::store::Store;
use super::{Context, NamespaceArg};
use crate::core::controllers::execution::{PinnedPlan, Pins};
use crate::core::resource::{GoalSpec, Key, Kind, Node, NodeStatus, Spec};
use crate::core::snapshot::Snapshot;
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
    let background = Background::new(&store, &look);
    let text = match args.output {
        Format::Name => offers
            .iter()
            .map(|offer| format!("{}/{}\n", offer.run.key.qualified(), offer.id))
            .collect(),
        Format::Table => table(&background, &offers),
        Format::Json => show::json(&show::list(
            "NextNodes",
            describe_all(&background, &offers)?,
        )),
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

/// What is known about a run besides its status.
struct Background<'a> {
    pins: Pins<'a>,
    store: &'a Store,
    look: &'a Look,
    snapshot: OnceCell<Snapshot>,
}

impl<'a> Background<'a> {
    fn new(store: &'a Store, look: &'a Look) -> Background<'a> {
        Background {
            pins: Pins::new(&look.stored.pinned),
            store,
            look,
            snapshot: OnceCell::new(),
        }
    }

    fn plan(&self, run: Run<'_>) -> Option<PinnedPlan> {
        let pinned = run.status.extensions.pinned.as_ref()?;
        self.pins.plan(pinned).ok()
    }

    /// The goal of a run as it stands on the spec branch now.
    fn goal(&self, run: Run<'_>) -> Outcome<Option<(Key, &GoalSpec)>> {
        let pinned = run.status.extensions.pinned.as_ref();
        let Some(goal) = pinned.and_then(|pinned| pinned.goal.as_ref()) else {
            return Ok(None);
        };
        let key = Key::new(Kind::Goal, &goal.namespace, &goal.name);
        let snapshot = match self.snapshot.get() {
            Some(snapshot) => snapshot,
            None => {
                let view = &self.look.view;
                let snapshot = self.store.snapshot(&view.spec_commit, &view.config)?;
                self.snapshot.get_or_init(|| snapshot)
            }
        };
        Ok(snapshot.goal(&key).map(|spec| (key, spec)))
    }
}

/// Offers, run by run.
fn by_run<'o, 'a>(
    offers: &'o [Offer<'a>],
) -> impl Iterator<Item = (Run<'a>, &'o [Offer<'a>])> + use<'o, 'a> {
    let groups = offers.chunk_by(|a, b| a.run.key == b.run.key);
    groups.filter_map(|group| Some((group.first()?.run, group)))
}

fn nodes_of(plan: Option<&PinnedPlan>) -> HashMap<&str, &Node> {
    let graph = plan.and_then(PinnedPlan::graph);
    let nodes = graph.into_iter().flat_map(|graph| &graph.nodes);
    nodes.map(|node| (node.id.as_str(), node)).collect()
}

fn table(background: &Background<'_>, offers: &[Offer<'_>]) -> String {
    let mut rows = Vec::new();
    for (run, offers) in by_run(offers) {
        let plan = background.plan(run);
        let nodes = nodes_of(plan.as_ref());
        for offer in offers {
            let title = nodes
                .get(offer.id)
                .and_then(|node| node.name.as_deref().or(node.description.as_deref()))
                .and_then(|text| text.lines().next())
                .unwrap_or_default();
            let target = offer.node.extensions.target.as_ref();
            let provider = target.and_then(|target| target.provider.as_deref());
            rows.push(vec![
                run.key.namespace.clone(),
                format!("{}/{}", run.key.name, offer.id),
                provider.unwrap_or("<any>").to_owned(),
                offer.node.attempt.to_string(),
                title.to_owned(),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let headers = ["NAMESPACE", "NODE", "PROVIDER", "ATTEMPT", "WHAT"];
    show::table::table(&headers, &rows, None)
}

fn describe_all(background: &Background<'_>, offers: &[Offer<'_>]) -> Outcome<Vec<Value>> {
    let mut items = Vec::new();
    for (run, offers) in by_run(offers) {
        let plan = background.plan(run);
        let nodes = nodes_of(plan.as_ref());
        let goal = background.goal(run)?;
        for offer in offers {
            let node = nodes.get(offer.id).copied();
            items.push(describe(offer, plan.as_ref(), node, goal.as_ref()));
        }
    }
    Ok(items)
}

/// Everything a worker has to know, from the pinned revision.
fn describe(
    offer: &Offer<'_>,
    plan: Option<&PinnedPlan>,
    node: Option<&Node>,
    goal: Option<&(Key, &GoalSpec)>,
) -> Value {
    let target = offer.node.extensions.target.as_ref();
    let mut value = json!({
        "namespace": offer.run.key.namespace,
        "execution": offer.run.key.name,
        "node": offer.id,
        "attempt": offer.node.attempt,
        "provider": target.and_then(|target| target.provider.clone()),
        "config": target.and_then(|target| target.config.clone()),
    });
    let Some(plan) = plan else {
        return value;
    };
    if let Some(node) = node {
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
    if let Some((key, goal)) = goal {
        value["goal"] = json!({
            "name": key.name,
            "description": goal.description,
            "constraints": goal.constraints,
            "acceptanceCriteria": goal.acceptance_criteria,
            "context": goal.context,
        });
    }
    value
}
