//! Advancing the nodes: one pass in topological order.

use super::run::{Run, list};
use crate::core::controllers::binding::{self, Unbound};
use crate::core::machine::NodeEvent;
use crate::core::resource::{
    EdgeKind, NOT_YET_SUPPORTED, Node, NodeKind, NodePhase, READY, RETRY_WAIT, set_condition,
};

impl Run<'_> {
    /// Pin the target of every task that has none yet. Returns those that stay without, and why.
    pub fn resolve_targets(&mut self) -> Vec<(String, Unbound)> {
        let mut unbound = Vec::new();
        for index in 0..self.spec.nodes.len() {
            let node = &self.spec.nodes[index];
            let Some(status) = self.status.node_statuses.get(&node.id) else {
                continue;
            };
            let settled = status.extensions.target.is_some() || status.phase.is_terminal();
            if node.kind != NodeKind::Task || settled {
                continue;
            }
            let execution = (self.turn.key, &self.pins.execution);
            match binding::resolve(self.turn.world, execution, &self.pins.plan, node) {
                Ok(target) => {
                    let id = node.id.clone();
                    if let Some(status) = self.status.node_statuses.get_mut(&id) {
                        status.extensions.target = Some(target);
                    }
                }
                Err(missing) => unbound.push((node.id.clone(), missing)),
            }
        }
        unbound
    }

    /// Say which tasks that are not over have no target.
    pub fn judge_bound(&mut self, unbound: Vec<(String, Unbound)>) {
        let unbound: Vec<String> = unbound
            .into_iter()
            .filter(|(id, _)| !self.status_of(id).phase.is_terminal())
            .map(|(id, missing)| format!("{id}: {}", missing.message))
            .collect();
        let at = (self.pinned.execution.generation, self.now());
        let (reason, message) = match unbound.is_empty() {
            true => ("AllBound", String::new()),
            false => (
                "Unbound",
                list(&unbound.iter().map(String::as_str).collect::<Vec<_>>()),
            ),
        };
        set_condition(
            &mut self.status.conditions,
            "Bound",
            unbound.is_empty(),
            reason,
            message,
            at,
        );
    }

    /// Bring every node up to date, each after those it depends on.
    pub fn advance_nodes(&mut self) {
        for index in self.graph.order().to_vec() {
            match self.phase_of(index) {
                NodePhase::Pending | NodePhase::Blocked => self.advance_node(index),
                NodePhase::Succeeded => {
                    self.reopen_stale_gate(index);
                    if self.phase_of(index) == NodePhase::Pending {
                        self.advance_node(index);
                    }
                }
                _ => {}
            }
        }
    }

    fn advance_node(&mut self, index: usize) {
        let id = self.graph.id(index).to_owned();
        let (mut failed, mut waiting) = (Vec::new(), Vec::new());
        for (before, kind) in self.graph.predecessors(index) {
            let phase = self.phase_of(before);
            match kind {
                EdgeKind::Hard if phase == NodePhase::Succeeded => {}
                EdgeKind::Hard if phase.is_terminal() => failed.push(before),
                EdgeKind::Soft if phase.is_terminal() => {}
                _ => waiting.push(before),
            }
        }
        let names = |indices: &[usize]| {
            let names: Vec<&str> = indices.iter().map(|i| self.graph.id(*i)).collect();
            list(&names)
        };
        if !failed.is_empty() {
            let verb = match self.phase_of(failed[0]) {
                NodePhase::Failed => "failed",
                NodePhase::Cancelled => "was cancelled",
                _ => "was skipped",
            };
            let why = format!("{} {verb}", names(&failed));
            return self.move_node(&id, NodeEvent::Skip, "DependencyFailed", why);
        }
        if !waiting.is_empty() {
            let why = format!("waits for {}", names(&waiting));
            return self.wait(&id, "Waiting", why);
        }
        let node = self.spec.nodes[index].clone();
        if let Some(feature) = self.unsupported(&node) {
            let why = format!("{feature} are not supported by this version yet");
            return self.block(&id, NOT_YET_SUPPORTED, why);
        }
        match node.kind {
            NodeKind::Gate => self.advance_gate(&id),
            _ => self.offer(&node),
        }
    }

    /// It is a task's turn: offer it to workers.
    fn offer(&mut self, node: &Node) {
        let id = &node.id;
        let status = self.status_of(id);
        if status.extensions.target.is_none() {
            let execution = (self.turn.key, &self.pins.execution);
            if let Err(missing) =
                binding::resolve(self.turn.world, execution, &self.pins.plan, node)
            {
                return self.block(id, missing.reason, missing.message);
            }
        }
        if status.attempt == 0
            && let Some(status) = self.status.node_statuses.get_mut(id)
        {
            status.attempt = 1;
        }
        self.skip_spoiled_attempts(id);
        match status.extensions.not_before {
            Some(not_before) if not_before > self.now() => {
                self.wait(id, RETRY_WAIT, status.message.clone());
            }
            _ => {
                // Why the last attempt ended is worth keeping; that it waited is not.
                let message = match status.extensions.reason.as_str() {
                    READY | RETRY_WAIT | "LeaseExpired" | "Released" => status.message.clone(),
                    _ => String::new(),
                };
                self.wait(id, READY, message);
                if let Some(status) = self.status.node_statuses.get_mut(id) {
                    status.extensions.not_before = None;
                }
            }
        }
    }

    /// Stay or become Pending.
    fn wait(&mut self, id: &str, reason: &str, message: String) {
        self.move_node(id, NodeEvent::Unblock, reason, message.clone());
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.reason = reason.to_owned();
            status.message = message;
        }
    }

    /// Stay or become Blocked.
    pub fn block(&mut self, id: &str, reason: &str, message: String) {
        self.move_node(id, NodeEvent::Block, reason, message.clone());
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.reason = reason.to_owned();
            status.message = message;
        }
    }

    /// What this version cannot do yet; it is never ignored.
    fn unsupported(&self, node: &Node) -> Option<&'static str> {
        let approvals = &self.turn.world.config.approvals;
        let provider = self
            .status_of(&node.id)
            .extensions
            .target
            .and_then(|target| target.provider);
        if node.when.is_some() {
            return Some("conditions (`when`)");
        }
        match node.kind {
            NodeKind::Group => Some("groups"),
            NodeKind::External => Some("external nodes"),
            NodeKind::Gate if approvals.require_signed => {
                Some("signed approvals (`approvals.requireSigned`)")
            }
            NodeKind::Gate if approvals.prevent_self_approval => {
                Some("checks against self-approval (`approvals.preventSelfApproval`)")
            }
            NodeKind::Gate => None,
            NodeKind::Task if node.acceptance_criteria.iter().any(|c| c.required) => {
                Some("acceptance criteria of tasks")
            }
            NodeKind::Task if mentions_data(node) => Some("references to data (`${…}` in inputs)"),
            NodeKind::Task if provider.is_some_and(|p| p.starts_with("repo://")) => {
                Some("tasks done by the repository itself (`repo://`)")
            }
            NodeKind::Task => None,
        }
    }
}

/// Whether an input of the node refers to outputs or parameters.
fn mentions_data(node: &Node) -> bool {
    let mut stack: Vec<&serde_json::Value> = node.inputs.values().collect();
    while let Some(value) = stack.pop() {
        match value {
            serde_json::Value::String(text)
                if text.contains("${nodes.") || text.contains("${parameters.") =>
            {
                return true;
            }
            serde_json::Value::Array(items) => stack.extend(items),
            serde_json::Value::Object(map) => stack.extend(map.values()),
            _ => {}
        }
    }
    false
}
