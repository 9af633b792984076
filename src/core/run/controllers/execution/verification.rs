//! Acceptance: a task that was reported done is done when somebody has checked that its required
//! criteria hold.

use super::records::{Refusal, misplaced};
use super::run::{Run, list};
use crate::core::resource::{
    AWAITING_VERIFICATION, CriterionResult, NodePhase, TaskCriterion, Verification,
};
use crate::core::run::machine::NodeEvent;
use crate::core::run::record::{Action, Received};

impl Run<'_> {
    /// Whether a report of success must be checked before it counts.
    pub fn must_be_verified(&self, id: &str) -> bool {
        self.node(id)
            .is_some_and(|node| node.acceptance_criteria.iter().any(|c| c.required))
    }

    /// Somebody has checked the acceptance criteria of a task.
    pub fn verify(&mut self, id: &str, attempt: u32, received: &Received) -> Result<(), Refusal> {
        let Action::Verification {
            report,
            commit,
            results,
            ..
        } = &received.record.action
        else {
            return Err(misplaced());
        };
        let (Some(status), Some(node)) = (self.status.node_statuses.get(id), self.node(id)) else {
            return Err(("UnknownNode", format!("the plan has no node `{id}`")));
        };
        if attempt != status.attempt {
            let open = status.attempt;
            let why = format!("attempt {attempt} is not attempt {open}, which is the last one");
            return Err(("OldAttempt", why));
        }
        let waits =
            status.phase == NodePhase::Blocked && status.extensions.reason == AWAITING_VERIFICATION;
        // Where no criterion is required, the results are for people.
        let is_told = status.phase == NodePhase::Succeeded
            && status.extensions.verification.is_none()
            && !self.must_be_verified(id);
        let Some(reported) = status
            .extensions
            .report
            .as_ref()
            .filter(|_| waits || is_told)
        else {
            return Err((
                "NotAwaited",
                format!("nothing of `{id}` waits to be verified"),
            ));
        };
        let worked_on = reported.commit.as_ref().unwrap_or(&self.pinned.commit);
        if *report != reported.record || commit != worked_on {
            let why = "it was made for another report or commit than those that would count";
            return Err(("OtherReport", why.to_owned()));
        }
        let actor = &received.record.actor;
        if !self.turn.world.config.may_verify(actor, &reported.actor) {
            return Err(not_independent(actor));
        }
        check_results(&node.acceptance_criteria, results)?;
        let verdict = match broken(&node.acceptance_criteria, results).as_slice() {
            [] => None,
            some => Some(format!("{} does not hold, says {actor}", list(some))),
        };
        let verification = Verification {
            actor: actor.clone(),
            record: received.id.clone(),
            timestamp: self.now(),
            results: results.clone(),
        };
        match verdict {
            _ if !waits => {}
            None => {
                let why = format!("verified by {actor}");
                self.move_node(id, NodeEvent::Succeed, "Verified", why);
            }
            Some(why) => self.fail_attempt(id, "VerificationFailed", why),
        }
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.verification = Some(verification);
        }
        Ok(())
    }
}

pub(super) fn not_independent(actor: &str) -> Refusal {
    let why = format!("{actor} did the work; somebody else must check it");
    ("NotIndependent", why)
}

/// The required criteria that do not hold.
pub fn broken<'a>(criteria: &'a [TaskCriterion], results: &[CriterionResult]) -> Vec<&'a str> {
    let pairs = criteria.iter().zip(results);
    pairs
        .filter(|(criterion, result)| criterion.required && !result.holds)
        .map(|(criterion, _)| criterion.name.as_str())
        .collect()
}

/// One result for each criterion, in the order of the plan.
pub(super) fn check_results(
    criteria: &[TaskCriterion],
    results: &[CriterionResult],
) -> Result<(), Refusal> {
    let wanted: Vec<&str> = criteria.iter().map(|c| c.name.as_str()).collect();
    let given: Vec<&str> = results.iter().map(|result| result.name.as_str()).collect();
    match wanted == given {
        true => Ok(()),
        false => Err((
            "OtherCriteria",
            format!(
                "the criteria are {}, the results are for {}",
                list(&wanted),
                list(&given)
            ),
        )),
    }
}
