//! Continues a run with another revision of its plan: unchanged nodes keep their results.

use super::active_run::ActiveRun;
use super::pins;
use crate::core::plan::graph::Graph;
use crate::core::resource::{
    ContractCriterion, GraphSpec, Kind, Pinned, PlanRevision, clear_condition,
};
use crate::core::run::permit::{Objection, Refusal};
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::reopen::{Around, Reopening, Revised};

/// A revision that a run can continue with.
struct NextPlan {
    pinned: Pinned,
    pins: PinnedPlan,
    spec: GraphSpec,
    graph: Graph,
    criteria: Vec<ContractCriterion>,
}

impl ActiveRun<'_> {
    /// Pins another revision of the plan. Returns the nodes that are opened again; unchanged
    /// nodes stay as they are.
    ///
    /// # Errors
    /// The spec branch does not have that revision, or it cannot be executed.
    pub fn go_on_with(&mut self, revision: &PlanRevision) -> Result<Reopening, Refusal> {
        let next = self.next_plan(revision)?;
        let gate_now = |name: &String| Some(next.pinned.gates.get(name)?.digest.clone());
        let revised = Revised::of(
            (&self.graph, &self.spec),
            (&next.graph, &next.spec),
            &self.status.node_statuses,
            &Around {
                pinned: &self.pinned,
                gate_now: &gate_now,
                parameters: &self.pins.execution.parameters,
                capabilities: &|node| self.capabilities_of(node),
            },
        );
        if is_same(&next.pinned, &self.pinned) && revised.changed.is_empty() {
            let name = self.pinned.plan.key(Kind::Plan).qualified();
            let why = format!("the execution is already pinned to this revision of plan `{name}`");
            return Err(Refusal::new(Objection::NotReady, "PlanUnchanged", why));
        }
        let nodes = &mut self.status.node_statuses;
        nodes.retain(|id, _| next.graph.index_of(id).is_some());
        for node in &next.spec.nodes {
            nodes.entry(node.id.clone()).or_default();
        }
        // Changed nodes may have other providers.
        for index in &revised.changed {
            if let Some(status) = nodes.get_mut(next.graph.id(*index)) {
                status.extensions.target = None;
                // Offered nodes are offered again, with their present inputs.
                if status.is_offered() {
                    status.extensions.inputs = None;
                    status.extensions.reason = "Waiting".to_owned();
                }
            }
        }
        let status = &mut self.status;
        status.extensions.criteria = next.criteria;
        status.extensions.pinned = Some(next.pinned.clone());
        clear_condition(&mut status.conditions, "PlanDrifted");
        self.pinned = next.pinned;
        self.pins = next.pins;
        self.spec = next.spec;
        self.graph = next.graph;
        Ok(revised.opened)
    }

    /// What would be pinned from the present spec branch; the execution itself stays
    /// pinned.
    fn next_plan(&self, revision: &PlanRevision) -> Result<NextPlan, Refusal> {
        let now = &self.pinned.execution;
        let not_ready = |(reason, why)| Refusal::new(Objection::NotReady, reason, why);
        let (pinned, plan) =
            pins::gather(self.turn, &now.uid, now.generation).map_err(not_ready)?;
        let name = pinned.plan.key(Kind::Plan).qualified();
        if pinned.execution.digest != now.digest
            || pinned.plan.key(Kind::Plan) != self.pinned.plan.key(Kind::Plan)
        {
            let why = "the spec of a started execution is immutable, and its file has changed";
            return Err(Refusal::new(Objection::Conflict, "SpecMutated", why));
        }
        if pinned.plan.digest != revision.digest {
            let why = format!(
                "the spec branch holds another revision of plan `{name}` ({}) than the one that was asked for ({})",
                pinned.plan.digest, revision.digest
            );
            return Err(Refusal::new(Objection::Conflict, "OtherRevision", why));
        }
        let pinned = Pinned {
            execution: now.clone(),
            ..pinned
        };
        let broken = |why: String| Refusal::new(Objection::NotReady, "PlanInvalid", why);
        let pins = pins::find(self.turn.world, &pinned).map_err(broken)?;
        let graph = Graph::build(&plan.graph)
            .map_err(|_| broken(format!("the graph of plan `{name}` is broken")))?;
        Ok(NextPlan {
            pins,
            spec: plan.graph.clone(),
            graph,
            criteria: plan.contract.criteria.clone(),
            pinned,
        })
    }
}

/// Whether two pins are the same.
fn is_same(one: &Pinned, other: &Pinned) -> bool {
    let gates = |pinned: &Pinned| -> Vec<(String, String)> {
        let gates = pinned.gates.iter();
        gates
            .map(|(name, pin)| (name.clone(), pin.digest.clone()))
            .collect()
    };
    one.plan.digest == other.plan.digest && gates(one) == gates(other)
}
