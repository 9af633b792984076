//! `planspec next`: what can be claimed now, with everything a worker has to know.

use std::collections::HashMap;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::{Context, NamespaceArg};
use crate::core::resource::{Node, NodeStatus, Spec};
use crate::core::run::controllers::execution::{PinnedPlan, Pins};
use crate::core::run::transition::{WaitingFor, node_waits_for};
use crate::failure::Outcome;
use crate::service::runs::{self, Look, Run};
use crate::service::store::Store;
use crate::show;

/// Most jobs of a matrix: GitHub's limit.
const MAX_MATRIX: usize = 256;

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
    /// The matrix of a GitHub Actions job, on one line.
    GithubMatrix,
}

/// A node that can be claimed.
struct Offer<'a> {
    run: Run<'a>,
    id: &'a str,
    node: &'a NodeStatus,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context.dir.as_deref())?;
    let look = runs::look(&store)?;
    let namespace = args.namespace.namespace.as_deref();
    let only = args
        .execution
        .as_ref()
        .map(|name| look.run(name, namespace).map(|run| run.key))
        .transpose()?;
    let is_meant = |run: Run<'_>, node: &NodeStatus| {
        namespace.is_none_or(|namespace| run.key.namespace == namespace)
            && only.is_none_or(|only| run.key == only)
            && is_for(node, args.provider.as_deref())
    };
    let offers: Vec<Offer<'_>> = runs::offers(&look)
        .filter(|(run, _, node)| is_meant(*run, node))
        .map(|(run, id, node)| Offer { run, id, node })
        .collect();
    let text = match args.output {
        Format::Name => offers
            .iter()
            .map(|offer| format!("{}/{}\n", offer.run.key.qualified(), offer.id))
            .collect(),
        Format::Table => table(&look, &offers),
        Format::GithubMatrix => matrix(context, &offers),
        Format::Json => show::json(&show::list("NextNodes", describe_all(&look, &offers))),
    };
    if offers.is_empty() && args.output == Format::Table {
        context.terminal.note("nothing can be claimed now");
        let later = runs::retries(&look).filter(|(run, _, node, _)| is_meant(*run, node));
        for (run, id, _, at) in later {
            let when = crate::core::run::proposal::retry_note(
                &format!("{}/{id}", run.key.qualified()),
                at,
                context.now,
            );
            context.terminal.note(&format!("note: {when}"));
        }
        for waiting in look.runs().flat_map(to_verify) {
            context.terminal.note(&waiting);
        }
    }
    context.terminal.out(&text);
    Ok(())
}

/// What a run has that waits for a check: no work to claim, and something to do all the same.
fn to_verify(run: Run<'_>) -> impl Iterator<Item = String> {
    let nodes = run.status.node_statuses.iter();
    let waits = nodes
        .filter(|(_, node)| matches!(node_waits_for(node), Some(WaitingFor::Verification { .. })));
    waits.map(move |(id, _)| {
        let (name, namespace) = (&run.key.name, &run.key.namespace);
        format!(
            "note: {name}/{id} waits to be verified: planspec verify {name}/{id} -n {namespace}"
        )
    })
}

/// Whether a provider may take a node: it is bound to it, or open to all.
fn is_for(node: &NodeStatus, provider: Option<&str>) -> bool {
    let bound = runs::provider_of(node);
    provider.is_none_or(|provider| bound.is_none_or(|bound| bound == provider))
}

/// The matrix of a GitHub Actions job, on one line.
fn matrix(context: &Context, offers: &[Offer<'_>]) -> String {
    if offers.len() > MAX_MATRIX {
        context.terminal.note(&format!(
            "note: {MAX_MATRIX} of {} nodes are listed: a matrix has no more jobs",
            offers.len()
        ));
    }
    let include: Vec<Value> = offers
        .iter()
        .take(MAX_MATRIX)
        .map(|offer| {
            json!({
                "execution": offer.run.key.name,
                "node": offer.id,
                "attempt": offer.node.attempt,
                "provider": runs::provider_of(offer.node).unwrap_or_default(),
                "namespace": offer.run.key.namespace,
            })
        })
        .collect();
    format!("{}\n", json!({ "include": include }))
}

/// Offers, run by run, each run with its pinned plan.
fn by_run<'o, 'a>(
    look: &'a Look,
    offers: &'o [Offer<'a>],
) -> impl Iterator<Item = (Option<PinnedPlan>, &'o [Offer<'a>])> {
    let pins = Pins::new(&look.stored.pinned);
    let groups = offers.chunk_by(|a, b| a.run.key == b.run.key);
    groups.map(move |group| {
        let pinned = group
            .first()
            .and_then(|offer| offer.run.status.extensions.pinned.as_ref());
        (pinned.and_then(|pinned| pins.plan(pinned).ok()), group)
    })
}

fn nodes_of(plan: Option<&PinnedPlan>) -> HashMap<&str, &Node> {
    let graph = plan.and_then(PinnedPlan::graph);
    let nodes = graph.into_iter().flat_map(|graph| &graph.nodes);
    nodes.map(|node| (node.id.as_str(), node)).collect()
}

fn table(look: &Look, offers: &[Offer<'_>]) -> String {
    let mut rows = Vec::new();
    for (plan, offers) in by_run(look, offers) {
        let nodes = nodes_of(plan.as_ref());
        for offer in offers {
            let title = nodes
                .get(offer.id)
                .and_then(|node| node.name.as_deref().or(node.description.as_deref()))
                .and_then(|text| text.lines().next())
                .unwrap_or_default();
            rows.push(vec![
                offer.run.key.namespace.clone(),
                format!("{}/{}", offer.run.key.name, offer.id),
                runs::provider_of(offer.node).unwrap_or("<any>").to_owned(),
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

fn describe_all(look: &Look, offers: &[Offer<'_>]) -> Vec<Value> {
    let mut items = Vec::new();
    for (plan, offers) in by_run(look, offers) {
        let nodes = nodes_of(plan.as_ref());
        let described = offers
            .iter()
            .map(|offer| describe(offer, plan.as_ref(), nodes.get(offer.id).copied()));
        items.extend(described);
    }
    items
}

/// Everything a worker has to know, from the pinned revision.
fn describe(offer: &Offer<'_>, plan: Option<&PinnedPlan>, node: Option<&Node>) -> Value {
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
        value["inputs"] = json!(offer.node.inputs(node));
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
    let pinned = offer.run.status.extensions.pinned.as_ref();
    let goal = pinned.and_then(|pinned| pinned.goal.as_ref());
    if let (Some(pin), Some(goal)) = (goal, &plan.goal) {
        value["goal"] = json!({
            "name": pin.name,
            "description": goal["description"],
            "constraints": goal["constraints"],
            "acceptanceCriteria": goal["acceptanceCriteria"],
            "context": goal["context"],
        });
    }
    value
}
