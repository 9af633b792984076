//! Decides whether a node may begin: by its predecessors, the conditions of the groups around it, and
//! gates that wait, over any path.

use std::collections::BTreeSet;

use super::active_run::{ActiveRun, DEPENDENCY_FAILED, list};
use crate::core::plan::graph::{Graph, Step};
use crate::core::resource::{CONDITION_FALSE, EdgeKind, NodeKind, NodePhase};
use crate::core::run::machine::NodeEvent;

/// Whether a node may begin.
#[derive(Debug, Clone)]
pub(super) enum Due {
    /// Not yet; says what it waits for.
    Waits(String),
    /// Never.
    Never(End),
    /// Now.
    Now,
}

/// How a node ends that has not begun.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub event: NodeEvent,
    pub reason: &'static str,
    pub why: String,
}

/// The state of a pass through a plan, by the number of each step.
pub(super) struct Pass {
    /// An undecided gate at the step, or before it on any path. Nodes in between may be over, since
    /// a gate can be reopened for other targets.
    open_gates: Vec<Option<usize>>,
    /// A rejected gate before the step by hard edges, if all nodes in between are over or not needed.
    closed_gates: Vec<Option<usize>>,
    /// For entries of groups, whether the children may begin.
    entries: Vec<Option<Due>>,
}

impl Pass {
    pub fn new(graph: &Graph) -> Pass {
        let steps = graph.steps().len();
        Pass {
            open_gates: vec![None; steps],
            closed_gates: vec![None; steps],
            entries: vec![None; steps],
        }
    }
}

impl ActiveRun<'_> {
    /// Decides whether the children of a group are needed.
    pub fn enter(&self, group: usize, pass: &mut Pass) {
        let step = Step::Enter(group);
        let due = match self.inherited(step, pass) {
            Some(due) => due,
            None if self.spec.nodes[group].when.is_some() => self.own_due(group, pass),
            None => Due::Now,
        };
        pass.entries[self.graph.number(step)] = Some(due);
    }

    /// Whether a node may begin that has not.
    pub fn due(&self, index: usize, pass: &Pass) -> Due {
        if !self.graph.has_entry(index) {
            let inherited = self.inherited(Step::Node(index), pass);
            return inherited.unwrap_or_else(|| self.own_due(index, pass));
        }
        let entry = &pass.entries[self.graph.number(Step::Enter(index))];
        match entry {
            Some(due @ (Due::Waits(_) | Due::Never(_))) => due.clone(),
            // Its condition was evaluated when it was entered.
            _ if self.spec.nodes[index].when.is_some() => Due::Now,
            _ => self.own_due(index, pass),
        }
    }

    /// The decision of the groups around a node; `None` if they let it begin.
    fn inherited(&self, step: Step, pass: &Pass) -> Option<Due> {
        let mut waits = None;
        let always = matches!(step, Step::Node(index) if self.spec.nodes[index].extension.always);
        for before in self.graph.steps_before(step) {
            let Step::Enter(group) = before else {
                continue;
            };
            let group = self.graph.id(group);
            match &pass.entries[self.graph.number(before)] {
                // A node with `always` is only held back by a group that is not needed.
                Some(Due::Never(end)) if always && end.reason != CONDITION_FALSE => {}
                Some(Due::Never(end)) => return Some(Due::Never(end.of_child(group))),
                Some(Due::Waits(why)) => {
                    waits = Some(Due::Waits(format!("its group `{group}` {why}")));
                }
                _ => {}
            }
        }
        waits
    }

    /// The decision of the predecessors of a node, and of its condition.
    fn own_due(&self, index: usize, pass: &Pass) -> Due {
        let (mut failed, mut waiting) = (BTreeSet::new(), BTreeSet::new());
        let always = self.spec.nodes[index].extension.always;
        for (before, kind) in self.graph.predecessors(index) {
            let number = self.graph.number(Step::Node(before));
            // A node with `always` needs only the approval of gates directly before it.
            let needs = !always || self.spec.nodes[before].kind == NodeKind::Gate;
            let is_hard = kind == EdgeKind::Hard && needs;
            if !self.phase_of(before).is_terminal() {
                waiting.insert(before);
            } else if is_hard && !self.has_ended_well(before) {
                failed.insert(before);
            }
            // Nodes in between may be over, but nothing passes a gate that waits or was rejected.
            waiting.extend(pass.open_gates[number]);
            failed.extend(pass.closed_gates[number].filter(|_| is_hard));
        }
        let names = |indices: &BTreeSet<usize>| {
            let names: Vec<&str> = indices.iter().map(|i| self.graph.id(*i)).collect();
            list(&names)
        };
        if let Some(first) = failed.first() {
            let verb = match self.phase_of(*first) {
                NodePhase::Failed => "failed",
                NodePhase::Cancelled => "was cancelled",
                _ => "was skipped",
            };
            return Due::Never(End {
                event: NodeEvent::Skip,
                reason: DEPENDENCY_FAILED,
                why: format!("{} {verb}", names(&failed)),
            });
        }
        if !waiting.is_empty() {
            return Due::Waits(format!("waits for {}", names(&waiting)));
        }
        match &self.spec.nodes[index].when {
            Some(when) => self.ask(when),
            None => Due::Now,
        }
    }

    /// Whether a condition lets a node begin.
    fn ask(&self, when: &str) -> Due {
        match self.condition_holds(when) {
            Ok(true) => Due::Now,
            Ok(false) => Due::Never(End {
                event: NodeEvent::Skip,
                reason: CONDITION_FALSE,
                why: format!("its condition is false: {when}"),
            }),
            Err(why) => Due::Never(End {
                event: NodeEvent::Fail,
                reason: "ConditionFailed",
                why: format!("its condition cannot be evaluated: {why}"),
            }),
        }
    }

    /// Whether nodes after this one by hard edges may begin: it succeeded, or was skipped by its
    /// condition.
    fn has_ended_well(&self, index: usize) -> bool {
        match self.phase_of(index) {
            NodePhase::Succeeded => true,
            NodePhase::Skipped => self.reason_of(index) == CONDITION_FALSE,
            _ => false,
        }
    }

    /// Records the gates before a step for the steps after it.
    pub fn note_gates(&self, step: Step, pass: &mut Pass) {
        let (Step::Node(index) | Step::Enter(index)) = step;
        let soft = |before: Step| {
            let mut edges = self.graph.predecessors(index);
            edges.any(|(from, kind)| Step::Node(from) == before && kind == EdgeKind::Soft)
        };
        let (mut open, mut closed) = (None, None);
        for before in self.graph.steps_before(step) {
            let number = self.graph.number(before);
            open = open.or(pass.open_gates[number]);
            if pass.closed_gates[number].is_some() && !soft(before) {
                closed = closed.or(pass.closed_gates[number]);
            }
        }
        if let Step::Node(_) = step {
            let is_gate = self.spec.nodes[index].kind == NodeKind::Gate;
            let is_over = self.phase_of(index).is_terminal();
            let has_ended_well = self.has_ended_well(index);
            if is_gate && !is_over {
                open = Some(index);
            }
            if !has_ended_well {
                closed = (is_gate && is_over).then_some(index);
            }
        }
        let number = self.graph.number(step);
        pass.open_gates[number] = open;
        pass.closed_gates[number] = closed;
    }
}

impl End {
    /// The end of a child of a group with this end.
    fn of_child(&self, group: &str) -> End {
        let verb = match self.event {
            NodeEvent::Fail => "failed",
            _ => "is skipped",
        };
        End {
            event: NodeEvent::Skip,
            reason: match self.reason {
                CONDITION_FALSE => CONDITION_FALSE,
                _ => DEPENDENCY_FAILED,
            },
            why: format!("its group `{group}` {verb}: {}", self.why),
        }
    }
}
