//! Group nodes: their phases follow from their children. A group holds none of them back, unless it
//! has a condition.

use super::active_run::{ActiveRun, DEPENDENCY_FAILED, TIMED_OUT, list};
use super::order::End;
use crate::core::resource::{CONDITION_FALSE, Node, NodePhase};
use crate::core::run::machine::NodeEvent;
use crate::core::run::reopen::with_children;

impl ActiveRun<'_> {
    /// Updates a group whose predecessors are over, from its children.
    pub fn advance_group(&mut self, node: &Node) {
        let children: Vec<(usize, NodePhase)> = node
            .children
            .iter()
            .filter_map(|child| self.graph.index_of(child))
            .map(|index| (index, self.phase_of(index)))
            .collect();
        let over = children.iter().filter(|(_, phase)| phase.is_terminal());
        let progress = format!("{} of {} are over", over.count(), children.len());
        if children.iter().all(|(_, phase)| phase.is_terminal()) {
            return self.settle_group(&node.id, &children);
        }
        let has_begun = self.status_of(&node.id).phase == NodePhase::Running;
        let mut phases = children.iter().map(|(_, phase)| *phase);
        if !has_begun && phases.all(|phase| phase == NodePhase::Pending) {
            return self.wait(&node.id, "Waiting", progress);
        }
        self.move_node(&node.id, NodeEvent::Begin, "Working", String::new());
        if let Some(status) = self.status.node_statuses.get_mut(&node.id) {
            status.message = progress;
        }
    }

    /// Ends a group that is not to begin, once its children are over: those of a group with a
    /// condition are skipped with it, others are not held back.
    pub fn end_group(&mut self, node: &Node, end: End) {
        let is_over = |child: &String| self.status_of(child).phase.is_terminal();
        let over = node.children.iter().filter(|child| is_over(child)).count();
        if over == node.children.len() {
            return self.move_node(&node.id, end.event, end.reason, end.why);
        }
        let progress = format!("{over} of {} are over", node.children.len());
        self.wait(&node.id, "Waiting", format!("{}; {progress}", end.why));
    }

    fn settle_group(&mut self, id: &str, children: &[(usize, NodePhase)]) {
        let named = |wanted: NodePhase| -> Vec<&str> {
            let those = children.iter().filter(|(_, phase)| *phase == wanted);
            those.map(|(index, _)| self.graph.id(*index)).collect()
        };
        let unwanted = |index: usize| self.reason_of(index) == CONDITION_FALSE;
        let skipped =
            |(index, phase): &(usize, NodePhase)| *phase == NodePhase::Skipped && !unwanted(*index);
        let (failed, cancelled) = (named(NodePhase::Failed), named(NodePhase::Cancelled));
        let has_timed_out = self.status_of(id).extensions.reason == TIMED_OUT;
        let (event, reason, message) = if has_timed_out {
            let why = "it was at work for too long".to_owned();
            (NodeEvent::Fail, TIMED_OUT, why)
        } else if !failed.is_empty() {
            let why = format!("{} failed", list(&failed));
            (NodeEvent::Fail, "ChildFailed", why)
        } else if !cancelled.is_empty() {
            let why = format!("{} was cancelled", list(&cancelled));
            (NodeEvent::Cancel, "ChildCancelled", why)
        } else if children.iter().any(skipped) {
            let why = format!("{} was skipped", list(&named(NodePhase::Skipped)));
            (NodeEvent::Skip, DEPENDENCY_FAILED, why)
        } else if named(NodePhase::Succeeded).is_empty() {
            let why = "none of its children was needed".to_owned();
            (NodeEvent::Skip, CONDITION_FALSE, why)
        } else {
            (NodeEvent::Succeed, "Succeeded", String::new())
        };
        self.move_node(id, event, reason, message);
    }

    /// Fails a group after its timeout, and cancels its open nodes, except those with
    /// `always`: the group fails when those are over.
    pub fn time_out_group(&mut self, node: &Node, message: String) {
        let why = format!("group `{}` {message}", node.id);
        let kept = self.not_to_be_stopped();
        let Some(index) = self.graph.index_of(&node.id) else {
            return;
        };
        for inner in with_children(&self.graph, &self.spec, index) {
            let inner = self.graph.id(inner).to_owned();
            if inner != node.id && !kept.contains(&inner) {
                self.move_node(&inner, NodeEvent::Cancel, "GroupTimedOut", why.clone());
            }
        }
        if !kept.contains(&node.id) {
            return self.move_node(&node.id, NodeEvent::Fail, TIMED_OUT, message);
        }
        if let Some(status) = self.status.node_statuses.get_mut(&node.id) {
            status.extensions.reason = TIMED_OUT.to_owned();
        }
    }
}
