//! The graph of a plan, or of a run with its current state.

use std::collections::BTreeMap;

use super::merged::Resources;
use super::names::{Named, kind_and_name};
use super::runs;
use super::store::Store;
use super::{Error, Result};
use crate::api::graph as api;
use crate::core::plan::graph::{Graph, GraphOf};
use crate::core::resource::{EdgeKind, GraphSpec, Key, Kind, Node, NodeStatus, Spec};
use crate::core::review::Shape;
use crate::core::run::merged::Merged;
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::transition::node_waits_for;

/// A request for a graph.
#[derive(Debug, Clone)]
pub struct GraphRequest {
    /// An execution or a plan: `NAME`, `NAMESPACE/NAME` or `KIND/NAME`.
    pub name: String,
    /// Its namespace, if the name is ambiguous.
    pub namespace: Option<String>,
}

/// A graph, with its plan or execution.
#[derive(Debug)]
pub struct Drawn {
    /// The plan or execution.
    pub key: Key,
    /// Its phase; `None` before the first reconcile.
    pub phase: Option<String>,
    /// Whether its file is gone.
    pub deleted: bool,
    /// The description of the plan, if that can be read.
    pub description: Option<String>,
    /// The graph.
    pub drawing: DrawnGraph,
}

/// A graph, with its source.
#[derive(Debug)]
pub struct DrawnGraph {
    graph: Graph,
    spec: GraphSpec,
    /// The statuses of its nodes, for a run.
    pub nodes: Option<BTreeMap<String, NodeStatus>>,
}

/// Returns the graph of the execution with this name, else of the plan.
///
/// # Errors
/// There is no such resource, there are several, or its graph is invalid.
pub fn graph(store: &Store, request: &GraphRequest) -> Result<Drawn> {
    let (resources, key) = find(store, &request.name, request.namespace.as_deref())?;
    let merged = resources.merged(&key);
    let pinned = pinned(&resources, &merged).or_else(|| pinned_once(store, &merged));
    let drawing = drawing(&resources, &merged, pinned.as_ref()).ok_or_else(|| {
        if merged
            .run()
            .is_some_and(|run| run.extensions.pinned.is_some())
        {
            return Error::unavailable(format!(
                "the pinned plan of {} is not in this clone",
                merged.key
            ))
            .hint(
                "run `git fetch` to get the history of the spec branch, in a shallow clone with --unshallow",
            );
        }
        Error::invalid(format!("{} has no graph that can be drawn", merged.key))
            .hint("`planspec validate` says what is wrong with it")
    })?;
    let description = description(&resources, &merged, pinned.as_ref());
    Ok(Drawn {
        key: merged.key.clone(),
        phase: merged.file.map(|file| file.status.phase()),
        deleted: merged.is_deleted(),
        description,
        drawing,
    })
}

/// The description of the plan: the pinned one of a run, else the one in the files.
fn description(
    resources: &Resources,
    merged: &Merged<'_>,
    pinned: Option<&PinnedPlan>,
) -> Option<String> {
    let of = |spec: &Spec| match spec {
        Spec::Plan(plan) => Some(plan.description.clone()),
        _ => None,
    };
    if let Some(pinned) = pinned {
        return of(&pinned.plan.spec);
    }
    match &merged.resource?.spec {
        Spec::Execution(spec) => {
            let key = spec.plan_ref.key(Kind::Plan, &merged.key.namespace);
            of(&resources.merged(&key).resource?.spec)
        }
        spec => of(spec),
    }
}

/// Finds the execution with this name, else the plan; `KIND/NAME` decides.
fn find(store: &Store, name: &str, namespace: Option<&str>) -> Result<(Resources, Key)> {
    let named = |kind, name| Named::new(kind, name, namespace);
    match kind_and_name(name) {
        (Some(kind @ (Kind::Plan | Kind::Execution)), name) => {
            Resources::about(store, &[named(kind, name)])
        }
        _ => Resources::about(
            store,
            &[named(Kind::Execution, name), named(Kind::Plan, name)],
        ),
    }
}

/// The pinned plan of a run that has begun, if it can be read.
pub fn pinned(resources: &Resources, merged: &Merged<'_>) -> Option<PinnedPlan> {
    runs::pinned_plan(resources.stored.as_ref()?, merged.run()?)
}

/// The plan that was pinned for a finished run, if the history in this clone still has it: the status keeps
/// it only while the run is open.
pub fn pinned_once(store: &Store, merged: &Merged<'_>) -> Option<PinnedPlan> {
    runs::plan_once(store, merged.run()?)
}

/// The graph of a plan in the files, or of a run with its `pinned` plan. `None` if it is
/// invalid, or the resource has none.
pub fn drawing(
    resources: &Resources,
    merged: &Merged<'_>,
    pinned: Option<&PinnedPlan>,
) -> Option<DrawnGraph> {
    let spec = match (merged.run(), merged.key.kind) {
        (Some(run), _) => match pinned.and_then(PinnedPlan::graph) {
            Some(spec) => Some(spec.clone()),
            // The pinned plan cannot be read; the files are used if they have the same plan, since another one did not
            // run.
            None => {
                let pin = run.extensions.pinned.as_ref().map(|pinned| &pinned.plan);
                let found = plan_graph(resources, merged);
                let found = found.filter(|(_, digest)| pin.is_none_or(|pin| pin.digest == *digest));
                found.map(|(spec, _)| spec)
            }
        },
        (None, Kind::Execution) => plan_graph(resources, merged).map(|(spec, _)| spec),
        (None, _) => match merged.resource.map(|resource| &resource.spec) {
            Some(Spec::Plan(plan)) => Some(plan.graph.clone()),
            _ => None,
        },
    }?;
    Some(DrawnGraph {
        graph: Graph::build(&spec).ok()?,
        spec,
        nodes: merged.run().map(|run| run.node_statuses.clone()),
    })
}

/// The graph of the plan that an execution names, from the files, and the digest of that plan.
fn plan_graph(resources: &Resources, merged: &Merged<'_>) -> Option<(GraphSpec, String)> {
    let Spec::Execution(spec) = &merged.resource?.spec else {
        return None;
    };
    let key = spec.plan_ref.key(Kind::Plan, &merged.key.namespace);
    let resource = resources.merged(&key).resource?;
    match &resource.spec {
        Spec::Plan(plan) => Some((plan.graph.clone(), resource.spec_digest())),
        _ => None,
    }
}

impl Drawn {
    /// The graph as an answer.
    pub fn answer(&self) -> api::Graph {
        api::Graph {
            resource: self.key.kind.name().to_owned(),
            namespace: self.key.namespace.clone(),
            name: self.key.name.clone(),
            phase: self.phase.clone(),
            deleted: self.deleted,
            drawing: self.drawing.answer(&self.key.namespace),
        }
    }
}

impl DrawnGraph {
    /// The graph with its spec.
    pub fn of(&self) -> GraphOf<'_> {
        GraphOf {
            graph: &self.graph,
            spec: &self.spec,
        }
    }

    /// The drawing as an answer; `namespace` is that of the plan.
    pub fn answer(&self, namespace: &str) -> api::Drawing {
        let id = |node: usize| self.graph.id(node).to_owned();
        let status = |node: &Node| self.nodes.as_ref()?.get(&node.id);
        let nodes = self.spec.nodes.iter();
        let edges = self.graph.edges().into_iter();
        let levels = self.graph.levels().into_iter();
        let shape = Shape::of(&self.spec);
        api::Drawing {
            nodes: nodes
                .map(|node| node_answer(namespace, node, status(node)))
                .collect(),
            edges: edges
                .map(|(from, to, kind)| api::GraphEdge {
                    from: id(from),
                    to: id(to),
                    kind: match kind {
                        EdgeKind::Hard => "hard".to_owned(),
                        EdgeKind::Soft => "soft".to_owned(),
                    },
                })
                .collect(),
            levels: levels
                .map(|level| level.into_iter().map(id).collect())
                .collect(),
            critical_path: shape.map(|shape| shape.critical_path).unwrap_or_default(),
        }
    }
}

fn node_answer(namespace: &str, node: &Node, status: Option<&NodeStatus>) -> api::GraphNode {
    let gate = node.gate_ref.as_ref();
    let extensions = status.map(|status| &status.extensions);
    let claim = extensions.and_then(|extensions| extensions.claim.as_ref());
    let report = extensions.and_then(|extensions| extensions.report.as_ref());
    let actor = claim.map(|claim| &claim.actor);
    let said = |text: &String| (!text.is_empty()).then(|| text.clone());
    api::GraphNode {
        id: node.id.clone(),
        step: node.step_id().map(str::to_owned),
        kind: node.kind.to_string(),
        name: node.name.clone(),
        children: node.children.clone(),
        gate: gate.map(|gate| gate.key(Kind::Gate, namespace).qualified()),
        phase: status.map(|status| status.phase.to_string()),
        attempt: status.map(|status| status.attempt),
        reason: extensions.and_then(|extensions| said(&extensions.reason)),
        message: status.and_then(|status| said(&status.message)),
        provider: status.and_then(runs::provider_of).map(str::to_owned),
        actor: actor.or(report.map(|report| &report.actor)).cloned(),
        start_time: status.and_then(|status| status.start_time),
        completion_time: status.and_then(|status| status.completion_time),
        waiting: status.and_then(node_waits_for),
    }
}
