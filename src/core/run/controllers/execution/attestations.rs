//! Attestations whether a criterion of the goal, or of the pinned document, is met; by people or by
//! checks.

use super::Turn;
use super::active_run::{ActiveRun, list};
use super::verification::is_merged;
use crate::core::resource::{
    Attested, Contract, ContractCriterion, CriterionOf, ExecutionStatus, OnBroken, clear_condition,
    set_condition,
};
use crate::core::run::machine::ExecutionEvent;
use crate::core::run::permit::{self, Objection, Refusal, misplaced};
use crate::core::run::record::{Action, Address, Incoming, Received};

/// The condition for a broken blocking constraint.
const VIOLATED: &str = "ConstraintViolated";

/// Maximum number of actors whose attestations of one criterion are kept.
const KEPT: usize = 50;

/// Takes in an attestation. It replaces the actor's earlier one for the criterion; a check replaces
/// any earlier check.
pub(super) fn attest(
    turn: &Turn<'_>,
    incoming: &Incoming,
    received: &Received,
    status: &mut ExecutionStatus,
) -> Result<(), Refusal> {
    let record = &received.record;
    let Action::Attestation {
        criterion: id,
        met,
        evidence,
        commit,
        results,
    } = &record.action
    else {
        return Err(misplaced());
    };
    let run = record.execution.clone().ok_or_else(misplaced)?;
    if incoming.address.first_place() != Address::attestation(run, id, &record.actor) {
        return Err(misplaced());
    }
    let permit = permit::Circumstances {
        key: received.signed().map(|by| by.key.as_str()),
        ..turn.permit(status)
    };
    permit::may(&record.action, &record.actor, &permit)?;
    turn.check_signature(received)?;
    // Checks must be made on merged work.
    if let (Some(commit), [_, ..]) = (commit, results.as_slice()) {
        is_merged(turn, commit)?;
    }
    let said = Attested {
        criterion: id.clone(),
        actor: received.record.actor.clone(),
        met: *met,
        evidence: (!evidence.is_empty()).then(|| evidence.clone()),
        commit: commit.clone(),
        results: results.clone(),
        record: received.id.clone(),
        timestamp: turn.world.now,
        signed: received.signed().cloned(),
    };
    let all = &mut status.extensions.attestations;
    let is_check = |one: &Attested| !one.results.is_empty();
    let is_replaced = |old: &Attested| {
        old.criterion == said.criterion
            && (old.actor == said.actor || is_check(old) && is_check(&said))
    };
    all.retain(|old| !is_replaced(old));
    // A negative attestation is never dropped for positive ones of others.
    let about = |old: &Attested| old.criterion == said.criterion;
    if all.iter().filter(|old| about(old)).count() >= KEPT {
        let Some(oldest) = all.iter().position(|old| about(old) && old.met) else {
            let why = format!("{KEPT} people say already that `{id}` is not met");
            return Err(Refusal::new(Objection::Invalid, "TooMany", why));
        };
        all.remove(oldest);
    }
    all.push(said);
    Ok(())
}

impl ActiveRun<'_> {
    fn contract(&self) -> Option<&Contract> {
        Some(&self.pins.plan.spec.plan()?.contract)
    }

    fn on_violation(&self) -> OnBroken {
        self.contract()
            .map_or(OnBroken::default(), |contract| contract.on_violation)
    }

    /// Blocking constraints that somebody attests as broken.
    fn violated(&self) -> Vec<&str> {
        let criteria = self.status.extensions.criteria.iter();
        criteria
            .filter(|one| {
                one.kind == CriterionOf::Constraint && one.required && self.status.is_unmet(&one.id)
            })
            .map(|one| one.id.as_str())
            .collect()
    }

    /// Reports broken blocking constraints, and stops the run if the document says so.
    pub(super) fn hold_to_contract(&mut self) -> bool {
        let violated = self.violated();
        let at = (self.pinned.execution.generation, self.now());
        if violated.is_empty() {
            clear_condition(&mut self.status.conditions, VIOLATED);
            return false;
        }
        let why = format!("constraint {} is not met", list(&violated));
        let conditions = &mut self.status.conditions;
        set_condition(conditions, VIOLATED, true, "Attested", why.clone(), at);
        self.on_violation() == OnBroken::Fail && self.stop(VIOLATED, &why)
    }

    /// How a run ends whose nodes all succeeded.
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
            let has_checks = |id: &&str| {
                open.iter()
                    .any(|one| one.id == *id && !one.checks.is_empty())
            };
            let (checked, said): (Vec<&str>, Vec<&str>) = silent.into_iter().partition(has_checks);
            let wanted = [(said, "attested"), (checked, "verified")];
            let wanted = wanted.iter().filter(|(ids, _)| !ids.is_empty());
            let wanted: Vec<String> = wanted
                .map(|(ids, how)| format!("{} must be {how}", list(ids)))
                .collect();
            return (
                ExecutionEvent::Block,
                "AwaitingAttestation",
                wanted.join(", "),
            );
        }
        (ExecutionEvent::Succeed, "Succeeded", String::new())
    }
}

#[cfg(test)]
mod tests {
    use crate::core::run::transition::{Waiting, WaitingFor};
    use crate::core::testing::{World, execution};

    /// A document with a step, a blocking constraint, a primary and a secondary criterion.
    fn document(policy: &str, checks: &str) -> String {
        let verification = if checks.is_empty() {
            "manual"
        } else {
            "automated"
        };
        format!(
            r#"{{
  "identity": {{"plan_id": "0b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d11", "session_id": "s", "revision": 1,
    "parent_id": null, "created_by": "a", "created_at": "2026-01-31T09:00:00Z"}},
  "x-planspec": {{"name": "p", "namespace": "team"{checks}}},
  "intent": {{"goal_statement": "g", "motivation": "m", "success_definition": "d"}},
  "scope": {{"in_scope": ["i"], "out_of_scope": ["o"]}},
  "approach": {{"overview": "o", "rationale": "r", "steps": [
    {{"step_id": "a", "title": "A", "description": "d"}},
    {{"step_id": "b", "title": "B", "description": "d"}}
  ]}},
  "constraints": [{{"constraint_id": "safe", "type": "security", "description": "d",
    "validation_method": "v", "blocking": true}}],
  "success_criteria": [
    {{"criterion_id": "done", "description": "d", "verification": "{verification}", "weight": "primary"}},
    {{"criterion_id": "nice", "description": "d", "verification": "manual", "weight": "secondary"}}
  ],
  "delegation": {{"default_mode": "hybrid"{policy}}},
  "metadata": {{"schema_version": "1.2.0"}}
}}"#
        )
    }

    fn started(policy: &str) -> World {
        started_with(policy, "", "")
    }

    fn started_with(policy: &str, checks: &str, config: &str) -> World {
        let policy = match policy {
            "" => String::new(),
            policy => {
                format!(", \"escalation_policy\": {{\"on_constraint_violation\": \"{policy}\"}}")
            }
        };
        let mut world = World::empty();
        world.configure(config);
        world.write("planspec/p.planspec.json", &document(&policy, checks));
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

    /// Two checks of the primary criterion, one of which is required.
    const CHECKS: &str = r#", "checks": {"done": [
        {"type": "test_passes", "name": "unit", "command": "make test"},
        {"type": "test_passes", "name": "slow", "command": "make slow", "required": false}
    ]}"#;

    /// A run with finished steps, and the constraint attested.
    fn to_be_checked(config: &str) -> World {
        let mut world = started_with("", CHECKS, config);
        world.merged.insert("c0ffee".to_owned());
        said(&mut world, &[("safe", "ana", true)]);
        world.complete("a");
        world.complete("b");
        world
    }

    #[test]
    fn what_has_checks_is_met_when_they_hold() {
        let mut world = to_be_checked("");
        assert_eq!(world.phase(), "Blocked AwaitingAttestation");
        assert_eq!(world.run().message, "done must be verified");
        let waiting = world.waits();
        let [
            Waiting {
                node: None, what, ..
            },
        ] = waiting.as_slice()
        else {
            panic!("{waiting:?}");
        };
        let expected = WaitingFor::Criterion {
            criterion: "done".to_owned(),
            description: "d".to_owned(),
            has_checks: true,
            unmet: false,
        };
        assert_eq!(*what, expected);
        // An attestation is not enough.
        let phase = said(&mut world, &[("done", "ana", true)]);
        assert_eq!(phase, "Blocked AwaitingAttestation");
        assert_eq!(world.unapplied(), ["attestation ChecksDecide"]);
        world.check("done", "ci", false, &[("unit", false), ("slow", true)]);
        world.reconcile();
        assert_eq!(world.phase(), "Blocked CriterionUnmet");
        // The newest check counts, whoever made it.
        world.check("done", "other", true, &[("unit", true), ("slow", false)]);
        world.reconcile();
        assert_eq!(world.phase(), "Succeeded Succeeded");
        let said: Vec<_> = world.run().said_about("done").cloned().collect();
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].commit.as_deref(), Some("c0ffee"));
        assert!(!said[0].results[1].holds);
    }

    #[test]
    fn a_person_may_say_no_whatever_checks_say() {
        let mut world = to_be_checked("");
        said(&mut world, &[("done", "ben", false)]);
        world.check("done", "ci", true, &[("unit", true), ("slow", true)]);
        world.reconcile();
        assert_eq!(world.phase(), "Blocked CriterionUnmet");
        // A new check revokes it.
        world.check("done", "ben", true, &[("unit", true), ("slow", true)]);
        world.reconcile();
        assert_eq!(world.phase(), "Succeeded Succeeded");
    }

    #[test]
    fn results_that_cannot_count() {
        let both = [("unit", true), ("slow", true)];
        let table: [(&str, &str, bool, &[(&str, bool)], &str); 5] = [
            ("done", "ci", true, &both[..1], "OtherCriteria"),
            (
                "done",
                "ci",
                true,
                &[("slow", true), ("unit", true)],
                "OtherCriteria",
            ),
            (
                "done",
                "ci",
                true,
                &[("unit", false), ("slow", true)],
                "OtherVerdict",
            ),
            ("done", "ci", false, &both, "OtherVerdict"),
            ("nice", "ci", true, &both, "OtherCriteria"),
        ];
        for (criterion, actor, met, results, reason) in table {
            let mut world = to_be_checked("");
            world.check(criterion, actor, met, results);
            world.reconcile();
            assert_eq!(
                world.unapplied(),
                [format!("attestation {reason}")],
                "{results:?}"
            );
            assert_eq!(world.phase(), "Blocked AwaitingAttestation");
        }
        let mut world = started_with("", CHECKS, "");
        world.complete("a");
        world.check("done", "ci", true, &both);
        world.reconcile();
        assert_eq!(world.unapplied(), ["attestation NotAwaited"]);
    }

    #[test]
    fn what_has_succeeded_is_checked_again_on_what_is_there_since() {
        let mut world = to_be_checked("");
        world.check("done", "ci", true, &[("unit", true), ("slow", true)]);
        world.reconcile();
        assert_eq!(world.phase(), "Succeeded Succeeded");
        let goal = |world: &World| world.goal("p").phase.to_string();
        assert_eq!(goal(&world), "Succeeded");
        // The run is over, but later attestations are still taken in.
        world.commit();
        world.check("done", "ci", false, &[("unit", false), ("slow", true)]);
        world.reconcile();
        assert_eq!(world.phase(), "Succeeded Succeeded");
        assert_eq!(
            world
                .run()
                .said_about("done")
                .filter(|said| !said.met)
                .count(),
            1
        );
        assert_eq!(goal(&world), "Failed");
        world.check("done", "ci", true, &[("unit", true), ("slow", true)]);
        world.reconcile();
        assert_eq!(goal(&world), "Succeeded");
        assert!(world.unapplied().is_empty());
        // A cancelled run is not checked.
        let mut world = to_be_checked("");
        world.cancel("ana");
        world.reconcile();
        world.check("done", "ci", true, &[("unit", true), ("slow", true)]);
        world.reconcile();
        assert_eq!(world.unapplied(), ["attestation RunOver"]);
    }

    #[test]
    fn what_was_checked_on_work_that_is_not_merged_does_not_count() {
        let mut world = to_be_checked("");
        world.merged.clear();
        let both = [("unit", true), ("slow", true)];
        world.check("done", "ci", true, &both);
        world.reconcile();
        assert_eq!(world.unapplied(), ["attestation NotMerged"]);
        assert_eq!(world.phase(), "Blocked AwaitingAttestation");
    }

    #[test]
    fn who_did_the_work_does_not_check_it_where_somebody_else_must() {
        let mut world = to_be_checked("verification: independent\n");
        let both = [("unit", true), ("slow", true)];
        let worker = world.node("a").extensions.report.clone().unwrap().actor;
        world.check("done", &worker, true, &both);
        world.reconcile();
        assert_eq!(world.unapplied(), ["attestation NotIndependent"]);
        world.check("done", "ci", true, &both);
        world.reconcile();
        assert_eq!(world.phase(), "Succeeded Succeeded");
    }

    #[test]
    fn nobody_who_says_no_is_pushed_out() {
        let mut world = started("");
        world.attest("done", "ben", false);
        for person in 0..super::KEPT + 5 {
            world.attest("done", &format!("p{person}"), true);
        }
        world.reconcile();
        let said: Vec<_> = world.run().said_about("done").cloned().collect();
        assert_eq!(said.len(), super::KEPT);
        assert!(said.iter().any(|one| !one.met));
    }

    #[test]
    fn what_was_checked_before_a_retry_is_checked_again() {
        let mut world = started_with("", CHECKS, "");
        world.merged.insert("c0ffee".to_owned());
        world.complete("a");
        world.complete("b");
        world.check("done", "ci", true, &[("unit", true), ("slow", true)]);
        world.reconcile();
        assert_eq!(world.run().message, "safe must be attested");
        world.retry_again("ana", "b");
        world.reconcile();
        world.complete("b");
        let message = "safe must be attested, done must be verified";
        assert_eq!(world.run().message, message);
    }

    #[test]
    fn of_a_manual_criterion_a_person_says_that_it_is_met() {
        let mut world = started("");
        world.complete("a");
        world.complete("b");
        said(
            &mut world,
            &[("done", "agent:w", true), ("safe", "agent:w", true)],
        );
        assert_eq!(world.unapplied(), ["attestation NotAPerson"]);
        assert_eq!(world.run().message, "done must be attested");
        let phase = said(&mut world, &[("done", "agent:w", false)]);
        assert_eq!(phase, "Blocked CriterionUnmet");
    }

    #[test]
    fn a_run_that_failed_by_a_constraint_goes_on_when_that_is_taken_back() {
        let mut world = started("fail");
        world.complete("a");
        let phase = said(&mut world, &[("safe", "ben", false)]);
        assert_eq!(phase, "Failed ConstraintViolated");
        let phase = said(&mut world, &[("safe", "ben", true)]);
        assert_eq!(
            phase, "Failed ConstraintViolated",
            "nobody asked to try again"
        );
        world.retry("ana", None, false);
        world.reconcile();
        assert_eq!(world.phase(), "Running WaitingForWorkers");
        world.complete("b");
        let phase = said(&mut world, &[("done", "ana", true)]);
        assert_eq!(phase, "Succeeded Succeeded");
    }

    #[test]
    fn who_takes_it_back_and_asks_to_try_again_is_heard_in_that_order() {
        let mut world = started("fail");
        said(&mut world, &[("safe", "ben", false)]);
        world.retry("ben", None, false);
        let phase = said(&mut world, &[("safe", "ben", true)]);
        assert_eq!(phase, "Running WaitingForWorkers");
    }
}
