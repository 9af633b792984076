//! Retries of operators: open failed nodes again, and everything that was decided because of them.

use super::active_run::ActiveRun;
use crate::core::resource::{Node, PlanRevision, RetriedBy, StoppedBy};
use crate::core::run::controllers::binding;
use crate::core::run::machine::{ExecutionEvent, NodeEvent};
use crate::core::run::permit::{Refusal, misplaced, nothing_to_bind};
use crate::core::run::record::{Action, Received};
use crate::core::run::reopen::{Rebound, Reopening, may_be_bound_again};

/// Maximum number of retries that are kept in a status.
const RETRIES_KEPT: usize = 20;

impl ActiveRun<'_> {
    /// Opens the run again: all failed nodes, or one node.
    pub fn retry(&mut self, received: &Received) -> Result<(), Refusal> {
        let Action::Request {
            node,
            rebind,
            again,
            plan,
            comment,
            ..
        } = &received.record.action
        else {
            return Err(misplaced());
        };
        let opened = match plan {
            Some(revision) => self.go_on_with(revision)?,
            None => {
                let statuses = &self.status.node_statuses;
                let graph = (&self.graph, &self.spec);
                let opened = Reopening::of(graph, statuses, node.as_deref(), *again);
                if *rebind && opened.retried.is_empty() {
                    self.binds_something(&opened)?;
                }
                opened
            }
        };
        for index in opened.all() {
            self.reopen_node(index, &received.record.actor);
        }
        if *rebind {
            self.forget_targets();
        }
        let extensions = &mut self.status.extensions;
        let has_opened = plan.is_some() || !opened.retried.is_empty();
        extensions.run_attempt += u32::from(has_opened);
        // They were made about work that is repeated.
        extensions
            .attestations
            .retain(|said| said.results.is_empty());
        extensions.retried_by.push(RetriedBy {
            actor: received.record.actor.clone(),
            node: node.clone(),
            rebind: *rebind,
            again: *again,
            plan: plan.as_ref().map(|revision| PlanRevision {
                commit: self.pinned.commit.clone(),
                digest: revision.digest.clone(),
            }),
            comment: (!comment.is_empty()).then(|| comment.clone()),
            record: received.id.clone(),
            timestamp: self.turn.world.now,
            signed: received.signed().cloned(),
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

    fn reopen_node(&mut self, index: usize, by: &str) {
        let id = self.graph.id(index).to_owned();
        let claim = self.status_of(&id).extensions.claim;
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
        extensions.lapsed = None;
        if let Some(claim) = claim {
            extensions.stopped = Some(StoppedBy {
                claim: claim.record,
                by: by.to_owned(),
            });
        }
        if let Some(decision) = &mut extensions.decision {
            decision.round += 1;
        }
        if status.attempt > 0 {
            self.open_next_attempt(&id);
        }
    }

    /// Checks that some node which has not begun would get another target.
    fn binds_something(&self, opened: &Reopening) -> Result<(), Refusal> {
        let execution = (self.turn.key, &self.pins.execution);
        let target_now = |node: &Node| {
            binding::resolve(self.turn.world.offer(), execution, &self.pins.plan, node).ok()
        };
        let statuses = &self.status.node_statuses;
        let rebound = Rebound::of((&self.graph, &self.spec), statuses, opened, &target_now);
        if rebound.moved.is_empty() {
            return Err(nothing_to_bind());
        }
        Ok(())
    }

    /// Drops the targets of all nodes that have not begun; gates before them then cover other targets, and are
    /// decided again.
    fn forget_targets(&mut self) {
        for status in self.status.node_statuses.values_mut() {
            if may_be_bound_again(status) {
                status.extensions.target = None;
            }
        }
    }
}
