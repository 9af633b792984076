//! Attestations: somebody confirms that a criterion of the goal, or of the document that a run is held
//! to, is met, or that it is not.

use super::Turn;
use super::records::{Refusal, misplaced};
use super::run::{Run, list, move_node};
use crate::core::machine::{ExecutionEvent, NodeEvent};
use crate::core::record::{Action, Address, Incoming, Received, ref_safe};
use crate::core::resource::{
    Attested, Contract, ContractCriterion, CriterionOf, ExecutionPhase, ExecutionStatus, Key, Kind,
    OnBroken, Spec, clear_condition, set_condition,
};

/// A blocking constraint is broken.
const VIOLATED: &str = "ConstraintViolated";

/// Most attestations to keep of one execution.
const KEPT: usize = 200;

/// Fold an attestation in; the newest of an actor on a criterion replaces what was said before.
pub(super) fn attest(
    turn: &Turn<'_>,
    incoming: &Incoming,
    received: &Received,
    status: &mut ExecutionStatus,
) -> Result<(), Refusal> {
    let (
        Address::Attestation {
            criterion, actor, ..
        },
        Action::Attestation {
            criterion: id,
            met,
            evidence,
        },
    ) = (&incoming.address, &received.record.action)
    else {
        return Err(misplaced());
    };
    if ref_safe(id) != *criterion || ref_safe(&received.record.actor) != *actor {
        return Err(misplaced());
    }
    if matches!(
        status.phase,
        ExecutionPhase::Failed | ExecutionPhase::Cancelled
    ) {
        let why = format!("the execution is {}", status.phase);
        return Err(("RunOver", why));
    }
    let mut of_document = status.extensions.criteria.iter();
    if !of_goal(turn, status).contains(&id.as_str()) && of_document.all(|one| one.id != *id) {
        let why = format!("neither the goal nor the document has a criterion with the id `{id}`");
        return Err(("UnknownCriterion", why));
    }
    let said = Attested {
        criterion: id.clone(),
        actor: received.record.actor.clone(),
        met: *met,
        evidence: (!evidence.is_empty()).then(|| evidence.clone()),
        record: received.id.clone(),
        timestamp: turn.world.now,
    };
    let all = &mut status.extensions.attestations;
    all.retain(|old| (&old.criterion, &old.actor) != (&said.criterion, &said.actor));
    all.push(said);
    let excess = all.len().saturating_sub(KEPT);
    all.drain(..excess);
    Ok(())
}

/// The ids of the criteria of the goal that a run serves, as the goal stands now.
fn of_goal<'a>(turn: &Turn<'a>, status: &ExecutionStatus) -> Vec<&'a str> {
    let pinned = status.extensions.pinned.as_ref();
    let Some(goal) = pinned.and_then(|pinned| pinned.goal.as_ref()) else {
        return Vec::new();
    };
    let key = Key::new(Kind::Goal, &goal.namespace, &goal.name);
    let goal = turn.world.snapshot.goal(&key);
    let criteria = goal.into_iter().flat_map(|goal| &goal.acceptance_criteria);
    criteria
        .filter_map(|criterion| criterion.id.as_deref())
        .collect()
}

impl Run<'_> {
    fn contract(&self) -> Option<&Contract> {
        match &self.pins.plan.spec {
            Spec::Plan(plan) => Some(&plan.contract),
            _ => None,
        }
    }

    fn on_violation(&self) -> OnBroken {
        self.contract()
            .map_or(OnBroken::default(), |contract| contract.on_violation)
    }

    /// Blocking constraints of which somebody says that they are broken.
    fn violated(&self) -> Vec<&str> {
        let criteria = self.status.extensions.criteria.iter();
        criteria
            .filter(|one| {
                one.kind == CriterionOf::Constraint && one.required && self.status.is_unmet(&one.id)
            })
            .map(|one| one.id.as_str())
            .collect()
    }

    /// Say that a blocking constraint is broken, and stop everything where the document wants that.
    pub(super) fn hold_to_contract(&mut self) {
        let violated = self.violated();
        let at = (self.pinned.execution.generation, self.now());
        if violated.is_empty() {
            clear_condition(&mut self.status.conditions, VIOLATED);
            return;
        }
        let why = format!("constraint {} is not met", list(&violated));
        let conditions = &mut self.status.conditions;
        set_condition(conditions, VIOLATED, true, "Attested", why.clone(), at);
        if self.on_violation() == OnBroken::Fail {
            for status in self.status.node_statuses.values_mut() {
                move_node(status, NodeEvent::Cancel, VIOLATED, why.clone(), at.1);
            }
        }
    }

    /// How a run ends whose nodes all ended well.
    pub(super) fn end_by_contract(&self) -> (ExecutionEvent, &'static str, String) {
        let violated = self.violated();
        let why = format!("constraint {} is not met", list(&violated));
        match self.on_violation() {
            _ if violated.is_empty() => {}
            OnBroken::Fail => return (ExecutionEvent::Fail, VIOLATED, why),
            OnBroken::Pause => return (ExecutionEvent::Block, VIOLATED, why),
            OnBroken::Notify => {}
        }
        let criteria = self.status.extensions.criteria.iter();
        let required = criteria.filter(|one| one.required && !violated.contains(&one.id.as_str()));
        let open: Vec<&ContractCriterion> = required
            .filter(|one| !self.status.is_met(&one.id))
            .collect();
        let ids = |unmet: bool| -> Vec<&str> {
            let ids = open
                .iter()
                .filter(|one| self.status.is_unmet(&one.id) == unmet);
            ids.map(|one| one.id.as_str()).collect()
        };
        let (unmet, silent) = (ids(true), ids(false));
        if !unmet.is_empty() {
            let why = format!("{} is not met", list(&unmet));
            return (ExecutionEvent::Block, "CriterionUnmet", why);
        }
        if !silent.is_empty() {
            let why = format!("{} must be attested", list(&silent));
            return (ExecutionEvent::Block, "AwaitingAttestation", why);
        }
        (ExecutionEvent::Succeed, "Succeeded", String::new())
    }
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{World, execution};

    /// A step, a blocking constraint, a primary and a secondary criterion.
    fn document(policy: &str) -> String {
        format!(
            r#"{{
  "identity": {{"plan_id": "0b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d11", "session_id": "s", "revision": 1,
    "parent_id": null, "created_by": "a", "created_at": "2026-01-31T09:00:00Z"}},
  "x-planspec": {{"name": "p", "namespace": "team"}},
  "intent": {{"goal_statement": "g", "motivation": "m", "success_definition": "d"}},
  "scope": {{"in_scope": ["i"], "out_of_scope": ["o"]}},
  "approach": {{"overview": "o", "rationale": "r", "steps": [
    {{"step_id": "a", "title": "A", "description": "d"}},
    {{"step_id": "b", "title": "B", "description": "d"}}
  ]}},
  "constraints": [{{"constraint_id": "safe", "type": "security", "description": "d",
    "validation_method": "v", "blocking": true}}],
  "success_criteria": [
    {{"criterion_id": "done", "description": "d", "verification": "manual", "weight": "primary"}},
    {{"criterion_id": "nice", "description": "d", "verification": "manual", "weight": "secondary"}}
  ],
  "delegation": {{"default_mode": "hybrid"{policy}}},
  "metadata": {{"schema_version": "1.2.0"}}
}}"#
        )
    }

    fn started(policy: &str) -> World {
        let policy = match policy {
            "" => String::new(),
            policy => {
                format!(", \"escalation_policy\": {{\"on_constraint_violation\": \"{policy}\"}}")
            }
        };
        let mut world = World::empty();
        world.write("planspec/p.planspec.json", &document(&policy));
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        world
    }

    fn said(world: &mut World, words: &[(&str, &str, bool)]) -> String {
        for (criterion, actor, met) in words {
            world.attest(criterion, actor, *met);
        }
        world.reconcile();
        world.phase()
    }

    #[test]
    fn a_run_succeeds_when_what_is_required_is_attested() {
        let mut world = started("");
        world.complete("a");
        world.complete("b");
        assert_eq!(world.phase(), "Blocked AwaitingAttestation");
        assert_eq!(world.run().message, "done, safe must be attested");
        let phase = said(&mut world, &[("done", "ana", true)]);
        assert_eq!(phase, "Blocked AwaitingAttestation");
        assert_eq!(world.run().message, "safe must be attested");
        let phase = said(&mut world, &[("safe", "ana", true)]);
        assert_eq!(phase, "Succeeded Succeeded");
    }

    #[test]
    fn any_no_wins_until_it_is_taken_back() {
        let mut world = started("");
        let words = [
            ("done", "ana", true),
            ("done", "ben", false),
            ("safe", "ana", true),
        ];
        said(&mut world, &words);
        world.complete("a");
        world.complete("b");
        assert_eq!(world.phase(), "Blocked CriterionUnmet");
        let phase = said(&mut world, &[("done", "ben", true)]);
        assert_eq!(phase, "Succeeded Succeeded");
    }

    #[test]
    fn a_broken_constraint_leads_to_what_the_document_says() {
        let table = [
            (
                "",
                "Running WaitingForWorkers",
                "Blocked ConstraintViolated",
            ),
            (
                "pause",
                "Running WaitingForWorkers",
                "Blocked ConstraintViolated",
            ),
            ("notify", "Running WaitingForWorkers", "Succeeded Succeeded"),
            (
                "fail",
                "Failed ConstraintViolated",
                "Failed ConstraintViolated",
            ),
        ];
        for (policy, at_once, in_the_end) in table {
            let mut world = started(policy);
            world.complete("a");
            let words = [("done", "ana", true), ("safe", "ben", false)];
            assert_eq!(said(&mut world, &words), at_once, "{policy}");
            let condition = &world.run().conditions;
            let says = condition.iter().any(|one| one.kind == super::VIOLATED);
            assert!(says, "{policy}: {condition:?}");
            if policy != "fail" {
                world.complete("b");
            }
            assert_eq!(world.phase(), in_the_end, "{policy}");
        }
    }
}
