//! The nodes that can be claimed now, with all that a worker has to know.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Result;
use super::get::empty_namespace;
use super::overlap::Overlaps;
use super::provider::Providers;
use super::runs::{Observed, ObservedNode, observe_runs_in};
use super::since::news_of;
use super::store::{Store, View};
use super::unshared;
use crate::api::next::{NextGoal, NextNode, NextNodes, NextPlan, NextTask, NextWhole};
use crate::core::base::natural;
use crate::core::plan::graph::Graph;
use crate::core::resource::{Node, NodeKind, NodeStatus, Pinned, Spec, Time};
use crate::core::run::age::ready_since;
use crate::core::run::controllers::execution::{PinnedPlan, Pins};
use crate::core::run::proposal::{command, retry_note};
use crate::core::run::transition::{Waiting, WaitingFor, waiting_of};

/// A request for claimable nodes.
#[derive(Debug, Clone)]
pub struct NextRequest {
    /// Only of this execution, `NAME` or `NAMESPACE/NAME`.
    pub execution: Option<String>,
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// Only nodes that this provider may take, including open ones.
    pub provider: Option<String>,
    /// Maximum number of nodes.
    pub limit: Option<usize>,
    /// Only nodes that a program may do.
    pub for_programs: bool,
    /// The current time.
    pub now: Time,
}

/// Returns the nodes that can be claimed now. Those with a claim that is not taken in yet are left out.
///
/// # Errors
/// Nothing has been reconciled yet, or there is no such execution.
pub fn next(store: &Store, request: &NextRequest) -> Result<NextNodes> {
    next_in(store, store.fresh()?, request)
}

/// The same, for an earlier view.
///
/// # Errors
/// As [`next`].
pub fn next_in(store: &Store, view: View, request: &NextRequest) -> Result<NextNodes> {
    let namespace = request.namespace.as_deref();
    let observed = observe_runs_in(store, view, request.execution.as_deref(), namespace)?;
    let providers = request.provider.as_deref().map(Providers::read);
    let providers = providers.transpose()?;
    let is_meant = |node: &ObservedNode<'_>| is_for(*node, providers.as_ref());
    let mut offers = in_order(&observed, observed.offers().filter(is_meant).collect());
    let due = observed.due(store, request.now)?;
    let mut notes = due.clone();
    let overlaps = Overlaps::of(store, &observed, &offers)?;
    offers.retain(|offer| {
        let why = overlaps.objection(*offer);
        notes.extend(why.iter().map(|why| format!("left out: {why}")));
        why.is_none()
    });
    notes.extend(unshared::unpushed(store, &observed.view).map(|unpushed| unpushed.note()));
    if let Some(providers) = &providers {
        notes.extend(providers.unknown(&observed, |_| true)?);
    }
    notes.extend(for_programs(request, &mut offers));
    let waiting = match offers.as_slice() {
        [] => still_waiting(store, &observed)?,
        _ => Vec::new(),
    };
    if offers.is_empty() {
        let later = observed.retries().filter(|(node, _)| is_meant(node));
        notes.extend(later.map(|(node, at)| retry_note(&node.name(), at, request.now)));
        notes.extend(waiting.iter().filter_map(to_verify));
        notes.extend(nothing_open(store, request, &observed)?);
    }
    let left_out = request
        .limit
        .map_or(0, |limit| offers.len().saturating_sub(limit));
    if left_out > 0 {
        offers.truncate(offers.len() - left_out);
        notes.push(format!("{left_out} more can be claimed"));
    }
    Ok(NextNodes {
        items: described(&observed, &offers),
        waiting,
        due: !due.is_empty(),
        notes,
    })
}

/// Keeps only nodes for programs, if requested, and returns a note about the others.
fn for_programs(request: &NextRequest, offers: &mut Vec<ObservedNode<'_>>) -> Option<String> {
    if !request.for_programs {
        return None;
    }
    let all = offers.len();
    offers.retain(|offer| !offer.status.is_for_people());
    match all - offers.len() {
        0 => None,
        1 => Some("1 node for people is left out".to_owned()),
        some => Some(format!("{some} nodes for people are left out")),
    }
}

/// What is waited for, with the records since the last reconcile.
fn still_waiting(store: &Store, observed: &Observed) -> Result<Vec<Waiting>> {
    let waiting = observed.runs().flat_map(|run| {
        waiting_of(run.key, run.status)
            .into_iter()
            .map(move |one| (run, one))
    });
    waiting
        .map(|(run, waiting)| {
            let node = waiting.node.as_deref().and_then(|id| run.node(id));
            let news = node
                .map(|node| news_of(store, observed, node))
                .transpose()?;
            let step = node.and_then(|node| observed.step(run, node.id));
            let waiting = Waiting { step, ..waiting };
            Ok(match news.flatten() {
                Some(what) => Waiting { what, ..waiting },
                None => waiting,
            })
        })
        .collect()
}

/// That no run is open, where that is so: how the one ended that is asked about.
fn nothing_open(
    store: &Store,
    request: &NextRequest,
    observed: &Observed,
) -> Result<Option<String>> {
    let mut runs = observed.runs();
    if runs.any(|run| !run.status.phase.is_terminal()) {
        return Ok(None);
    }
    if let (Some(_), Some(run)) = (&request.execution, observed.runs().next()) {
        let (name, phase) = (run.key.qualified(), run.status.phase);
        return Ok(Some(format!("{name} is {phase}")));
    }
    let namespace = request.namespace.as_deref();
    let empty = match observed.runs().next() {
        None => empty_namespace(store, namespace)?,
        Some(_) => None,
    };
    let place = namespace.map_or(String::new(), |namespace| {
        format!(" in namespace `{namespace}`")
    });
    Ok(Some(empty.unwrap_or_else(|| {
        format!("everything is done: no run is open{place}")
    })))
}

/// The order of work: a goal with a higher priority; more nodes after it on the longest path to the end; ready for
/// longer; then by name.
pub fn in_order<'o>(
    observed: &'o Observed,
    offers: Vec<ObservedNode<'o>>,
) -> Vec<ObservedNode<'o>> {
    let pins = Pins::new(&observed.stored.pinned);
    let mut ranked = Vec::with_capacity(offers.len());
    for group in offers.chunk_by(|a, b| a.run.key == b.run.key) {
        let Some(run) = group.first().map(|offer| offer.run) else {
            continue;
        };
        let pinned = run.status.extensions.pinned.as_ref();
        let plan = pinned.and_then(|pinned| pins.plan(pinned).ok());
        let goal = plan.as_ref().and_then(|plan| plan.goal.as_ref());
        let priority = goal.and_then(|goal| goal["priority"].as_u64()).unwrap_or(0);
        let spec = plan.as_ref().and_then(PinnedPlan::graph);
        let graph = spec.and_then(|spec| Some((spec, Graph::build(spec).ok()?)));
        let behind = graph.as_ref().map(|(spec, graph)| {
            let counts = |index: usize| {
                let node = &spec.nodes[index];
                let status = run.status.node_statuses.get(&node.id);
                let is_open = status.is_none_or(|status| !status.phase.is_terminal());
                usize::from(is_open && node.kind != NodeKind::Group)
            };
            graph.heaviest_behind(counts)
        });
        let behind = |id: &str| {
            let index = graph.as_ref()?.1.index_of(id)?;
            behind.as_ref()?.get(index).copied()
        };
        ranked.extend(group.iter().map(|offer| {
            let started = (offer.id, run.status.start_time);
            let since = graph.as_ref().map_or(run.status.start_time, |(_, graph)| {
                ready_since(graph, &run.status.node_statuses, started)
            });
            let rank = (Reverse(priority), Reverse(behind(offer.id)), since);
            (rank, *offer)
        }));
    }
    let name = |node: &ObservedNode<'_>| node.name();
    ranked.sort_by(|(a, one), (b, other)| {
        a.cmp(b)
            .then_with(|| natural::compare(&name(one), &name(other)))
    });
    ranked.into_iter().map(|(_, offer)| offer).collect()
}

/// A note about a node that waits for verification: not to be claimed, but there is something to do.
fn to_verify(waiting: &Waiting) -> Option<String> {
    let command = match waiting.what {
        WaitingFor::Verification { .. } => command(waiting)?,
        _ => return None,
    };
    let (name, node) = (&waiting.execution.name, waiting.node.as_ref()?);
    Some(format!("{name}/{node} waits to be verified: `{command}`"))
}

/// Whether a provider may take a node: it is bound to it, or open to all.
fn is_for(node: ObservedNode<'_>, providers: Option<&Providers>) -> bool {
    let bound = node.provider();
    providers.is_none_or(|providers| bound.is_none_or(|bound| providers.has(bound)))
}

/// The offers in order, with descriptions; the pinned plan of each run is read once.
fn described(observed: &Observed, offers: &[ObservedNode<'_>]) -> Vec<NextNode> {
    described_by(&Pins::new(&observed.stored.pinned), offers)
}

/// The same, with the pinned plans that were read already.
pub fn described_by(pins: &Pins<'_>, offers: &[ObservedNode<'_>]) -> Vec<NextNode> {
    let mut items = Vec::with_capacity(offers.len());
    let places = offers.iter().enumerate();
    let places: HashMap<String, usize> = places.map(|(at, offer)| (offer.name(), at)).collect();
    let mut offers = offers.to_vec();
    offers.sort_by_key(|offer| offer.run.key);
    for group in offers.chunk_by(|a, b| a.run.key == b.run.key) {
        let first = group.first();
        let pinned = first.and_then(|offer| offer.run.status.extensions.pinned.as_ref());
        let plan = pinned.and_then(|pinned| pins.plan(pinned).ok());
        let graph = plan.as_ref().and_then(PinnedPlan::graph);
        let nodes = graph.into_iter().flat_map(|graph| &graph.nodes);
        let nodes: HashMap<&str, &Node> = nodes.map(|node| (node.id.as_str(), node)).collect();
        let whole = pinned
            .zip(plan.as_ref())
            .map(|(pinned, plan)| whole(pinned, plan));
        items.extend(group.iter().map(|offer| {
            let target = offer.status.extensions.target.as_ref();
            NextNode {
                namespace: offer.run.key.namespace.clone(),
                execution: offer.run.key.name.clone(),
                node: offer.id.to_owned(),
                step: nodes
                    .get(offer.id)
                    .and_then(|node| node.step_id())
                    .map(str::to_owned),
                attempt: offer.status.attempt,
                provider: target.and_then(|target| target.provider.clone()),
                config: target.and_then(|target| target.config.clone()),
                task: nodes
                    .get(offer.id)
                    .map(|node| task(offer.status, node))
                    .unwrap_or_default(),
                whole: whole.clone().unwrap_or_default(),
            }
        }));
    }
    items.sort_by_key(|item| places.get(&item.qualified()).copied());
    items
}

/// The task.
fn task(status: &NodeStatus, node: &Node) -> NextTask {
    let context = node.context.iter();
    let context = context.filter(|item| !item.is_tracker_id_alone());
    NextTask {
        name: node.name.clone(),
        description: node.description.clone(),
        inputs: Some(status.inputs(node).clone()),
        outputs: Some(node.outputs.clone()),
        timeout: node.timeout.clone(),
        context: Some(context.cloned().collect()),
        acceptance_criteria: Some(node.acceptance_criteria.clone()),
        touches: Some(node.extension.touches.clone()),
    }
}

/// The plan and goal that the nodes of a run belong to.
fn whole(pinned: &Pinned, plan: &PinnedPlan) -> NextWhole {
    let goal = pinned.goal.as_ref().zip(plan.goal.as_ref());
    NextWhole {
        parameters: Some(plan.execution.parameters.clone()),
        execution_context: Some(plan.execution.context.clone()),
        plan: match &plan.plan.spec {
            Spec::Plan(spec) => Some(NextPlan {
                name: plan.plan.metadata.name.clone(),
                description: spec.description.clone(),
                context: spec.context.clone(),
            }),
            _ => None,
        },
        goal: goal.map(|(pin, goal)| NextGoal {
            name: pin.name.clone(),
            description: goal["description"].clone(),
            constraints: goal["constraints"].clone(),
            acceptance_criteria: goal["acceptanceCriteria"].clone(),
            context: goal["context"].clone(),
        }),
    }
}
