//! What a retry opens again: decided here for the controller, and for whoever asks beforehand.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::plan::graph::Graph;
use crate::core::resource::{GraphSpec, NodeKind, NodePhase, NodeStatus};

/// What a retry opens again, by number of the node, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reopening {
    /// What is to be tried again.
    pub retried: Vec<usize>,
    /// What is behind that, over edges of any kind, and was decided on it: how it ended, or that
    /// it began at all.
    pub behind: Vec<usize>,
}

impl Reopening {
    /// What a retry of a run opens, or of one node and what is in it. What the run itself cancelled counts as
    /// failed; with `again` so does what succeeded.
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
        let awaits_verification = |index: usize| {
            let status = statuses.get(graph.id(index));
            status.is_some_and(NodeStatus::awaits_verification)
        };
        retried.retain(|index| match phase(*index) {
            NodePhase::Failed | NodePhase::Cancelled => true,
            NodePhase::Succeeded => again,
            // What was reported may be beyond checking.
            _ => wanted == Some(graph.id(*index)) && awaits_verification(*index),
        });
        let mut behind = graph.behind(&retried);
        // What waits is decided when its turn comes.
        behind.retain(|index| phase(*index) != NodePhase::Pending);
        behind.retain(|index| retried.binary_search(index).is_err());
        Reopening {
            retried,
            behind: behind.into_iter().collect(),
        }
    }

    /// Everything that is opened.
    pub fn all(&self) -> impl Iterator<Item = usize> + '_ {
        self.retried.iter().chain(&self.behind).copied()
    }

    /// The tasks that have done their work and do it once more.
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

/// A node, and if it is a group everything in it.
fn with_children(graph: &Graph, spec: &GraphSpec, index: usize) -> Vec<usize> {
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
