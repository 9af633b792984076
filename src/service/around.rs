//! The neighbours of a node of a run: what came before it, and what comes after it.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::brief::{BriefBefore, BriefBehind};
use crate::core::plan::graph::{Graph, GraphOf};
use crate::core::resource::{Kind, Node, NodeKind, NodeStatus};
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::workspace::results_before;

/// Maximum number of nodes that are listed before and after a node.
const LISTED: usize = 20;
/// Maximum size of the outputs of an earlier node, as JSON in bytes.
const MAX_OUTPUTS: usize = 2048;

/// The neighbours of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Around {
    /// The nodes directly before it, with their results.
    pub before: Vec<BriefBefore>,
    /// How many more there are before it.
    pub more_before: usize,
    /// The nodes directly after it.
    pub behind: Vec<BriefBehind>,
    /// How many more there are after it.
    pub more_behind: usize,
}

impl Around {
    /// The neighbours of a node of a pinned plan; empty if the plan has no such node.
    pub fn of(plan: &PinnedPlan, statuses: &BTreeMap<String, NodeStatus>, id: &str) -> Around {
        let built = plan
            .graph()
            .and_then(|spec| Some((spec, Graph::build(spec).ok()?)));
        let Some((spec, graph)) = built else {
            return Around::default();
        };
        let of = GraphOf {
            graph: &graph,
            spec,
        };
        let Some(index) = graph.index_of(id) else {
            return Around::default();
        };
        let mut before = without_groups(of, graph.nodes_before(index));
        // A gate has no results of its own: the nodes after it use those of the nodes before it.
        let results = results_before((&graph, spec), statuses, id);
        before.extend(results.iter().filter_map(|(node, _)| graph.index_of(node)));
        let behind = right_behind(of, index);
        let listed = |nodes: &BTreeSet<usize>| nodes.len().saturating_sub(LISTED);
        Around {
            more_before: listed(&before),
            more_behind: listed(&behind),
            before: before
                .iter()
                .take(LISTED)
                .filter_map(|node| told_before(&spec.nodes[*node], statuses))
                .collect(),
            behind: behind
                .iter()
                .take(LISTED)
                .map(|node| told_behind(plan, &spec.nodes[*node], statuses))
                .collect(),
        }
    }
}

/// Nodes, with groups replaced by their children.
fn without_groups(of: GraphOf<'_>, nodes: BTreeSet<usize>) -> BTreeSet<usize> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut todo: Vec<usize> = nodes.into_iter().collect();
    while let Some(index) = todo.pop() {
        let node = &of.spec.nodes[index];
        if node.kind != NodeKind::Group {
            found.insert(index);
        } else if seen.insert(index) {
            let children = node.children.iter();
            todo.extend(children.filter_map(|child| of.graph.index_of(child)));
        }
    }
    found
}

/// The nodes that wait for a node, or for a group that it is in.
fn right_behind(of: GraphOf<'_>, index: usize) -> BTreeSet<usize> {
    let nodes = &of.spec.nodes;
    let mut waiting: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for node in 0..nodes.len() {
        for before in of.graph.nodes_before(node) {
            waiting.entry(before).or_default().push(node);
        }
    }
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut todo = vec![index];
    while let Some(node) = todo.pop() {
        for behind in waiting.get(&node).into_iter().flatten() {
            match nodes[*behind].kind {
                NodeKind::Group if seen.insert(*behind) => todo.push(*behind),
                NodeKind::Group => {}
                _ => drop(found.insert(*behind)),
            }
        }
    }
    found
}

fn told_before(node: &Node, statuses: &BTreeMap<String, NodeStatus>) -> Option<BriefBefore> {
    let status = statuses.get(&node.id)?;
    let report = status.extensions.report.as_ref();
    let is_short = |outputs: &serde_json::Map<_, _>| {
        serde_json::to_string(outputs).is_ok_and(|text| text.len() <= MAX_OUTPUTS)
    };
    Some(BriefBefore {
        node: node.id.clone(),
        step: node.step_id().map(str::to_owned),
        phase: status.phase,
        message: status.message.clone(),
        commit: report.and_then(|report| report.commit.clone()),
        outputs: Some(status.outputs.clone()).filter(is_short),
    })
}

fn told_behind(
    plan: &PinnedPlan,
    node: &Node,
    statuses: &BTreeMap<String, NodeStatus>,
) -> BriefBehind {
    let namespace = &plan.plan.metadata.namespace;
    let gate = node.gate_ref.as_ref().and_then(|gate| {
        let key = gate.key(Kind::Gate, namespace);
        Some(plan.gate(&key.qualified())?.0)
    });
    let target = statuses.get(&node.id).and_then(|status| {
        let target = status.extensions.target.as_ref()?;
        target.provider.clone()
    });
    BriefBehind {
        node: node.id.clone(),
        step: node.step_id().map(str::to_owned),
        kind: node.kind,
        who: match gate {
            Some(gate) => gate.reviewers.clone(),
            None => target.or(node.provider.clone()).into_iter().collect(),
        },
        required_approvers: gate.map(|gate| gate.required_approvers),
    }
}
