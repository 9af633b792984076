//! An operator's retry: open again what failed, and what was skipped or cancelled for it.

use std::collections::BTreeSet;

use super::active_run::{ActiveRun, DEPENDENCY_FAILED};
use crate::core::resource::{NodeKind, NodePhase, RetriedBy};
use crate::core::run::machine::{ExecutionEvent, NodeEvent};
use crate::core::run::permit::{Refusal, misplaced};
use crate::core::run::record::{Action, Received};

/// Most requests to keep in a status.
const RETRIES_KEPT: usize = 20;

impl ActiveRun<'_> {
    /// Open the run again: all of it, or one node.
    pub fn retry(&mut self, received: &Received) -> Result<(), Refusal> {
        let Action::Request {
            node,
            rebind,
            comment,
            ..
        } = &received.record.action
        else {
            return Err(misplaced());
        };
        let failed = self.failed_nodes(node.as_deref());
        self.reopen(&failed);
        if *rebind {
            self.forget_targets();
        }
        let extensions = &mut self.status.extensions;
        extensions.run_attempt += u32::from(!failed.is_empty());
        // They were made on what is done anew.
        extensions
            .attestations
            .retain(|said| said.results.is_empty());
        extensions.retried_by.push(RetriedBy {
            actor: received.record.actor.clone(),
            node: node.clone(),
            rebind: *rebind,
            comment: (!comment.is_empty()).then(|| comment.clone()),
            record: received.id.clone(),
            timestamp: self.turn.world.now,
        });
        let excess = extensions.retried_by.len().saturating_sub(RETRIES_KEPT);
        extensions.retried_by.drain(..excess);
        self.status.completion_time = None;
        let why = format!("opened again by {}", received.record.actor);
        super::move_to(
            self.status,
            ExecutionEvent::Retry,
            "Retried",
            why,
            self.turn.world.now,
        );
        Ok(())
    }

    /// What is to be tried again: one node that failed, or all of them. What the run itself
    /// cancelled counts as failed.
    fn failed_nodes(&self, wanted: Option<&str>) -> Vec<usize> {
        let mut nodes: Vec<usize> = match wanted {
            None => (0..self.graph.len()).collect(),
            Some(id) => match self.graph.index_of(id) {
                Some(index) => self.with_children(index),
                None => Vec::new(),
            },
        };
        nodes.retain(|index| {
            let phase = self.phase_of(*index);
            matches!(phase, NodePhase::Failed | NodePhase::Cancelled)
        });
        nodes
    }

    /// A node, and if it is a group everything in it.
    fn with_children(&self, index: usize) -> Vec<usize> {
        let mut nodes = BTreeSet::from([index]);
        let mut todo = vec![index];
        while let Some(index) = todo.pop() {
            let children = self.spec.nodes[index].children.iter();
            let children = children.filter_map(|child| self.graph.index_of(child));
            todo.extend(children.filter(|child| nodes.insert(*child)));
        }
        nodes.into_iter().collect()
    }

    fn reopen(&mut self, failed: &[usize]) {
        // Those behind a failure may have been skipped for it, or by a condition that saw it.
        let mut behind: BTreeSet<usize> = BTreeSet::new();
        let mut todo = failed.to_vec();
        while let Some(index) = todo.pop() {
            let next = self.graph.successors(index).map(|(next, _)| next);
            todo.extend(next.filter(|next| behind.insert(*next)));
        }
        for &index in failed {
            self.reopen_node(index);
        }
        for index in 0..self.graph.len() {
            let is_group = self.spec.nodes[index].kind == NodeKind::Group;
            let again = match self.phase_of(index) {
                NodePhase::Skipped => {
                    behind.contains(&index)
                        || self.reason_of(index) == DEPENDENCY_FAILED
                        || is_group
                }
                // A group follows its children again.
                NodePhase::Failed | NodePhase::Cancelled => is_group,
                _ => false,
            };
            if again {
                self.reopen_node(index);
            }
        }
    }

    fn reopen_node(&mut self, index: usize) {
        let id = self.graph.id(index).to_owned();
        self.move_node(&id, NodeEvent::Retry, "Retried", String::new());
        let Some(status) = self.status.node_statuses.get_mut(&id) else {
            return;
        };
        status.outputs.clear();
        let extensions = &mut status.extensions;
        extensions.failures = 0;
        extensions.not_before = None;
        extensions.inputs = None;
        extensions.report = None;
        extensions.verification = None;
        if let Some(decision) = &mut extensions.decision {
            decision.round += 1;
        }
        if status.attempt > 0 {
            self.open_next_attempt(&id);
        }
    }

    /// Let the targets of everything that has not begun be resolved anew; gates before it then
    /// stand for other targets, and are decided again.
    fn forget_targets(&mut self) {
        for status in self.status.node_statuses.values_mut() {
            if matches!(status.phase, NodePhase::Pending | NodePhase::Blocked)
                && status.extensions.report.is_none()
            {
                status.extensions.target = None;
            }
        }
    }
}
