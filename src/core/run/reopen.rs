//! Determines what a retry opens again, for the controller and for previews.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::core::plan::data;
use crate::core::plan::graph::Graph;
use crate::core::resource::{
    CapabilitySpec, Decision, GraphSpec, Kind, Node, NodeKind, NodePhase, NodeStatus, Pinned,
    PinnedTarget, ReviewAction,
};

/// The nodes that a retry opens again, by number, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reopening {
    /// The nodes to retry.
    pub retried: Vec<usize>,
    /// The nodes after them, over edges of any kind, that were decided because of them: how they ended, or
    /// that they began.
    pub behind: Vec<usize>,
}

impl Reopening {
    /// The nodes that a retry opens, of the run or of one node with its children. Nodes that the run itself cancelled
    /// count as failed; with `again`, succeeded ones do too.
    pub fn of(
        (graph, spec): (&Graph, &GraphSpec),
        statuses: &BTreeMap<String, NodeStatus>,
        wanted: Option<&str>,
        again: bool,
    ) -> Reopening {
        let phase = |index: usize| {
            let status = statuses.get(graph.id(index));
            status.map_or(NodePhase::Pending, |status| status.phase)
        };
        let mut retried: Vec<usize> = match wanted {
            None => (0..graph.len()).collect(),
            Some(id) => graph
                .index_of(id)
                .map_or_else(Vec::new, |index| with_children(graph, spec, index)),
        };
        let is_reported = |index: usize| {
            let status = statuses.get(graph.id(index));
            status.is_some_and(NodeStatus::is_reported)
        };
        retried.retain(|index| match phase(*index) {
            NodePhase::Failed | NodePhase::Cancelled => true,
            NodePhase::Succeeded => again,
            // The verification of a reported node may be impossible.
            _ => wanted == Some(graph.id(*index)) && is_reported(*index),
        });
        let mut behind = graph.behind(&retried);
        // Pending nodes are decided when their turn comes.
        behind.retain(|index| phase(*index) != NodePhase::Pending);
        behind.retain(|index| retried.binary_search(index).is_err());
        Reopening {
            retried,
            behind: behind.into_iter().collect(),
        }
    }

    /// All opened nodes.
    pub fn all(&self) -> impl Iterator<Item = usize> + '_ {
        self.retried.iter().chain(&self.behind).copied()
    }

    /// The tasks that have succeeded and are repeated.
    pub fn done_again<'a>(
        &'a self,
        spec: &'a GraphSpec,
        statuses: &'a BTreeMap<String, NodeStatus>,
    ) -> impl Iterator<Item = &'a str> {
        let nodes = self.all().filter_map(|index| spec.nodes.get(index));
        let tasks = nodes.filter(|node| node.kind == NodeKind::Task);
        let succeeded = |id: &str| {
            let status = statuses.get(id);
            status.is_some_and(|status| status.phase == NodePhase::Succeeded)
        };
        tasks
            .map(|node| node.id.as_str())
            .filter(move |id| succeeded(id))
    }
}

/// What binding again changes in addition to the opened nodes, by number of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebound {
    /// The nodes whose pinned target differs from the current one.
    pub moved: BTreeSet<usize>,
    /// The gates before them, whose approvals were for other targets.
    pub gates: Vec<usize>,
}

impl Rebound {
    /// Compares the targets of nodes that have not begun or are opened with `target_now`.
    pub fn of(
        (graph, spec): (&Graph, &GraphSpec),
        statuses: &BTreeMap<String, NodeStatus>,
        opened: &Reopening,
        target_now: &dyn Fn(&Node) -> Option<PinnedTarget>,
    ) -> Rebound {
        let is_opened: BTreeSet<usize> = opened.all().collect();
        let nodes = spec.nodes.iter().enumerate();
        let moved = nodes.filter(|(index, node)| {
            let Some(status) = statuses.get(&node.id) else {
                return false;
            };
            let is_asked = is_opened.contains(index) || may_be_bound_again(status);
            let held_to = status.extensions.target.as_ref().filter(|_| is_asked);
            held_to.is_some_and(|held_to| {
                let now = target_now(node);
                let is_same = |now: PinnedTarget| {
                    now.provider == held_to.provider && now.config == held_to.config
                };
                !now.is_some_and(is_same)
            })
        });
        let moved: BTreeSet<usize> = moved.map(|(index, _)| index).collect();
        let gates = approved_before((graph, spec), statuses, opened, |decision, behind| {
            // The first version of the digest covers the targets of all nodes.
            let covers_all = decision.digest_version == 0 && !moved.is_empty();
            covers_all || !behind.is_disjoint(&moved)
        });
        Rebound { moved, gates }
    }
}

/// Whether a node has not begun, so that it can be bound again.
pub fn may_be_bound_again(status: &NodeStatus) -> bool {
    let has_not_begun = matches!(status.phase, NodePhase::Pending | NodePhase::Blocked);
    has_not_begun && status.extensions.report.is_none()
}

/// The gates that lose their approvals, among those that are otherwise unchanged and precede an open node. `falls`
/// decides by the decision and the nodes after the gate.
pub fn approved_before(
    (graph, spec): (&Graph, &GraphSpec),
    statuses: &BTreeMap<String, NodeStatus>,
    opened: &Reopening,
    falls: impl Fn(&Decision, &BTreeSet<usize>) -> bool,
) -> Vec<usize> {
    let opened: BTreeSet<usize> = opened.all().collect();
    let is_over = |index: &usize| {
        let status = statuses.get(graph.id(*index));
        !opened.contains(index) && status.is_some_and(|status| status.phase.is_terminal())
    };
    let nodes = spec.nodes.iter().enumerate();
    let gates = nodes.filter(|(index, node)| {
        let status = statuses.get(&node.id).filter(|_| !opened.contains(index));
        let decided =
            status.and_then(|status| Some((status, status.extensions.decision.as_ref()?)));
        let Some((status, decision)) = decided else {
            return false;
        };
        let is_approved = match status.phase {
            NodePhase::Succeeded => true,
            phase => {
                let mut reviews = decision.reviews.iter();
                !phase.is_terminal()
                    && reviews.any(|review| {
                        let is_yes = review.action == ReviewAction::Approve;
                        is_yes && review.digest == decision.digest
                    })
            }
        };
        let behind = graph.behind(&[*index]);
        is_approved && !behind.iter().all(is_over) && falls(decision, &behind)
    });
    gates.map(|(index, _)| index).collect()
}

/// The effect of another revision of the plan on a run, by number of the node in the new
/// one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revised {
    /// The nodes that are opened again.
    pub opened: Reopening,
    /// The changed nodes, including those that had not begun.
    pub changed: Vec<usize>,
    /// The added nodes.
    pub added: Vec<usize>,
    /// The removed nodes.
    pub removed: Vec<String>,
}

/// The pinned and current resources besides the plan.
pub struct Around<'a> {
    /// The pins of the run.
    pub pinned: &'a Pinned,
    /// The current digest of a gate, by `namespace/name`.
    pub gate_now: &'a dyn Fn(&String) -> Option<String>,
    /// The parameters of the execution.
    pub parameters: &'a Map<String, Value>,
    /// The current specs of a node's capabilities.
    pub capabilities: &'a dyn Fn(&Node) -> Vec<&'a CapabilitySpec>,
}

impl Around<'_> {
    /// Whether a gate is unchanged. The gates of all revisions are in the namespace of the plan.
    fn same_gate(&self, node: &Node) -> bool {
        let gate = node.gate_ref.as_ref();
        let namespace = &self.pinned.plan.namespace;
        let gate = gate.map(|gate| gate.key(Kind::Gate, namespace).qualified());
        gate.is_none_or(|gate| {
            let was = self.pinned.gates.get(&gate).map(|pin| pin.digest.clone());
            was == (self.gate_now)(&gate)
        })
    }

    /// Whether the worker of a node would get the same inputs now.
    fn same_inputs(
        &self,
        (was, now): (&Node, &Node),
        statuses: &BTreeMap<String, NodeStatus>,
    ) -> bool {
        // A node that is not offered has no inputs yet.
        let is_given = |status: &&NodeStatus| {
            let is_at_work = status.is_in_hands() || status.phase == NodePhase::Succeeded;
            let is_known = status.is_offered() || status.is_reported() || is_at_work;
            is_known && status.attempt > 0
        };
        let Some(status) = statuses.get(&was.id).filter(is_given) else {
            return true;
        };
        let capabilities = (self.capabilities)(now);
        let given = data::inputs(now, self.parameters, statuses, &capabilities);
        given.is_ok_and(|given| given == *status.inputs(was))
    }
}

impl Revised {
    /// Compares two revisions. A node stays as it is if its fields, its inputs and its gate are unchanged, it is
    /// not after anything new or changed, and it waits for no additional open node.
    pub fn of(
        (old_graph, old): (&Graph, &GraphSpec),
        (graph, spec): (&Graph, &GraphSpec),
        statuses: &BTreeMap<String, NodeStatus>,
        around: &Around<'_>,
    ) -> Revised {
        let phase = |index: usize| statuses.get(graph.id(index)).map(|status| status.phase);
        let mut changed = BTreeSet::new();
        let mut added = Vec::new();
        for (index, node) in spec.nodes.iter().enumerate() {
            let before = old_graph.index_of(&node.id).zip(phase(index));
            let Some((before, _)) = before else {
                added.push(index);
                continue;
            };
            let was = &old.nodes[before];
            let waits_for_more = graph.predecessors(index).any(|(from, _)| {
                let is_open = phase(from).is_some_and(|phase| !phase.is_terminal());
                let known = old_graph.predecessors(before);
                let mut known = known.map(|(from, _)| old_graph.id(from));
                is_open && !known.any(|known| known == graph.id(from))
            });
            let is_same = says_the_same(was, node)
                && around.same_gate(node)
                && around.same_inputs((was, node), statuses);
            if !is_same || waits_for_more {
                changed.insert(index);
                // Its condition decides about its children.
                if was.when != node.when {
                    changed.extend(with_children(graph, spec, index));
                }
            }
        }
        let has_begun = |index: &usize| phase(*index).is_some_and(|of| of != NodePhase::Pending);
        let has_failed = |index: &usize| {
            matches!(
                phase(*index),
                Some(NodePhase::Failed | NodePhase::Cancelled)
            )
        };
        changed.retain(|index| !added.contains(index));
        let retried: Vec<usize> = (0..graph.len())
            .filter(|index| has_failed(index) || changed.contains(index) && has_begun(index))
            .collect();
        let roots: Vec<usize> = retried
            .iter()
            .chain(&changed)
            .chain(&added)
            .copied()
            .collect();
        let behind = graph.behind(&roots).into_iter();
        let behind = behind.filter(|index| has_begun(index) && !retried.contains(index));
        let removed = old.nodes.iter().map(|node| &node.id);
        let removed = removed.filter(|id| graph.index_of(id).is_none());
        Revised {
            opened: Reopening {
                behind: behind.collect(),
                retried,
            },
            changed: changed.into_iter().collect(),
            added,
            removed: removed.cloned().collect(),
        }
    }
}

/// Whether a node is the same in two revisions, except for its dependencies.
fn says_the_same(one: &Node, other: &Node) -> bool {
    let alone = |node: &Node| Node {
        depends_on: Vec::new(),
        ..node.clone()
    };
    alone(one) == alone(other)
}

/// A node, with all its children if it is a group.
pub fn with_children(graph: &Graph, spec: &GraphSpec, index: usize) -> Vec<usize> {
    let mut nodes = BTreeSet::from([index]);
    let mut todo = vec![index];
    while let Some(index) = todo.pop() {
        let children = spec
            .nodes
            .get(index)
            .into_iter()
            .flat_map(|node| &node.children);
        let children = children.filter_map(|child| graph.index_of(child));
        todo.extend(children.filter(|child| nodes.insert(*child)));
    }
    nodes.into_iter().collect()
}
