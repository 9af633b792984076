//! Advances the nodes, in one pass in topological order.

use super::active_run::{ActiveRun, list};
use super::order::{Due, Pass};
use super::outside::REPOSITORY;
use crate::core::plan::data;
use crate::core::plan::graph::Step;
use crate::core::plan::when::{Facts, When};
use crate::core::resource::{
    AWAITING_ANSWER, AWAITING_VERIFICATION, CapabilitySpec, Kind, Node, NodeKind, NodePhase,
    OUT_OF_SCOPE, READY, RETRY_WAIT, set_condition,
};
use crate::core::run::controllers::binding::{self, Unbound};
use crate::core::run::machine::NodeEvent;

impl ActiveRun<'_> {
    /// Pins the targets of tasks that have none. Returns the tasks that still have none, and why.
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
            match binding::resolve(self.turn.world.offer(), execution, &self.pins.plan, node) {
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

    /// Sets the condition about tasks without targets.
    pub fn judge_bound(&mut self, unbound: Vec<(String, Unbound)>) {
        let unbound: Vec<String> = unbound
            .into_iter()
            .filter(|(id, _)| !self.status_of(id).phase.is_terminal())
            .map(|(id, missing)| format!("{id}: {}", missing.message))
            .collect();
        let at = (self.pinned.execution.generation, self.now());
        let (reason, message) = if unbound.is_empty() {
            ("AllBound", String::new())
        } else {
            (
                "Unbound",
                list(&unbound.iter().map(String::as_str).collect::<Vec<_>>()),
            )
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

    /// Updates every node, each after those that it depends on.
    pub fn advance_nodes(&mut self) {
        let mut pass = Pass::new(&self.graph);
        for step in self.graph.steps().to_vec() {
            match step {
                Step::Enter(group) => self.enter(group, &mut pass),
                Step::Node(index) => self.advance_one(index, &pass),
            }
            self.note_gates(step, &mut pass);
        }
    }

    fn advance_one(&mut self, index: usize, pass: &Pass) {
        let is_group = self.spec.nodes[index].kind == NodeKind::Group;
        match self.phase_of(index) {
            NodePhase::Blocked
                if matches!(
                    self.reason_of(index),
                    AWAITING_VERIFICATION | AWAITING_ANSWER | OUT_OF_SCOPE
                ) => {}
            NodePhase::Pending | NodePhase::Blocked => self.advance_waiting(index, pass),
            // A started group does not wait again.
            NodePhase::Running if is_group => {
                let group = self.spec.nodes[index].clone();
                self.advance_group(&group);
            }
            NodePhase::Succeeded => {
                self.reopen_stale_gate(index);
                let is_open = self.phase_of(index) == NodePhase::Pending;
                if is_open && self.is_cancelled() {
                    // No decision is needed any more.
                    let id = self.graph.id(index).to_owned();
                    let why = "what was approved has changed".to_owned();
                    self.move_node(&id, NodeEvent::Cancel, "ApprovalStale", why);
                } else if is_open {
                    self.advance_waiting(index, pass);
                }
            }
            _ => {}
        }
    }

    fn advance_waiting(&mut self, index: usize, pass: &Pass) {
        let node = self.spec.nodes[index].clone();
        match self.due(index, pass) {
            Due::Waits(why) => self.wait(&node.id, "Waiting", why),
            Due::Never(end) if node.kind == NodeKind::Group => self.end_group(&node, end),
            Due::Never(end) => self.move_node(&node.id, end.event, end.reason, end.why),
            Due::Now => match node.kind {
                NodeKind::Gate => self.advance_gate(&node.id),
                NodeKind::Group => self.advance_group(&node),
                NodeKind::External => self.advance_external(&node),
                NodeKind::Task => self.offer(&node),
            },
        }
    }

    /// Evaluates a `when` with the present statuses of nodes.
    pub fn condition_holds(&self, when: &str) -> Result<bool, String> {
        let condition = When::compile(when).map_err(|mistakes| {
            let first = mistakes.into_iter().next();
            first.map_or_else(String::new, |mistake| mistake.message)
        })?;
        let mentioned = condition.mentions().iter();
        let nodes = mentioned.filter_map(|mention| {
            let (id, status) = self.status.node_statuses.get_key_value(&mention.node)?;
            Some((id.as_str(), (status.phase, &status.outputs)))
        });
        condition.holds(&Facts {
            nodes: nodes.collect(),
            parameters: &self.pins.execution.parameters,
            goal: self.pins.goal.as_ref(),
        })
    }

    /// The specs of a task's capabilities, if they exist.
    pub fn capabilities_of(&self, node: &Node) -> Vec<&CapabilitySpec> {
        let namespace = &self.pinned.plan.namespace;
        let keys = node.capability_refs.iter();
        keys.filter_map(|reference| {
            let key = reference.key(Kind::Capability, namespace);
            self.turn.world.snapshot.capability(&key)
        })
        .collect()
    }

    /// Replaces the references in the inputs of a task when its turn has come.
    fn resolve_inputs(&mut self, node: &Node) -> Result<(), String> {
        let inputs = data::inputs(
            node,
            &self.pins.execution.parameters,
            &self.status.node_statuses,
            &self.capabilities_of(node),
        )?;
        if let Some(status) = self.status.node_statuses.get_mut(&node.id) {
            status.extensions.inputs = (inputs != node.inputs).then_some(inputs);
        }
        Ok(())
    }

    /// Offers a task to workers when its turn has come.
    fn offer(&mut self, node: &Node) {
        let id = &node.id;
        let status = self.status_of(id);
        if status.extensions.target.is_none() {
            let execution = (self.turn.key, &self.pins.execution);
            if let Err(missing) =
                binding::resolve(self.turn.world.offer(), execution, &self.pins.plan, node)
            {
                return self.block(id, missing.reason, missing.message);
            }
        }
        let provider = status.extensions.target.as_ref();
        let provider = provider.and_then(|target| target.provider.clone());
        if let Some(provider) = provider.filter(|provider| provider.starts_with(REPOSITORY)) {
            return self.advance_in_repository(node, &provider);
        }
        if !status.is_offered()
            && let Err(why) = self.resolve_inputs(node)
        {
            return self.move_node(id, NodeEvent::Fail, "InputsInvalid", why);
        }
        if status.attempt == 0
            && let Some(status) = self.status.node_statuses.get_mut(id)
        {
            status.attempt = 1;
        }
        self.skip_spoiled_attempts(id);
        match status.extensions.not_before {
            Some(not_before) if !self.has_come(not_before) => {
                self.wait(id, RETRY_WAIT, status.message.clone());
            }
            _ => {
                // Keep why the last attempt ended; that the node waited is not interesting.
                let message = match status.extensions.reason.as_str() {
                    READY | RETRY_WAIT | "LeaseExpired" | "Released" | "RefSpoiled" => {
                        status.message.clone()
                    }
                    _ => String::new(),
                };
                self.wait(id, READY, message);
                if let Some(status) = self.status.node_statuses.get_mut(id) {
                    status.extensions.not_before = None;
                }
            }
        }
    }

    /// Makes or keeps a node Pending.
    pub fn wait(&mut self, id: &str, reason: &str, message: String) {
        self.move_node(id, NodeEvent::Unblock, reason, message.clone());
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            // The predecessors are repeated: work on their earlier results does not count.
            status.extensions.lapsed.take_if(|_| reason != READY);
            status.extensions.reason = reason.to_owned();
            status.message = message;
        }
    }

    /// Makes or keeps a node Blocked.
    pub fn block(&mut self, id: &str, reason: &str, message: String) {
        self.move_node(id, NodeEvent::Block, reason, message.clone());
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.lapsed = None;
            status.extensions.reason = reason.to_owned();
            status.message = message;
        }
    }
}
