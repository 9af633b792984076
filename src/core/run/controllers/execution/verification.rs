//! Verification: a task that was reported as succeeded is done when its required criteria have been
//! verified.

use super::Turn;
use super::active_run::{ActiveRun, list};
use crate::core::resource::Verification;
use crate::core::run::machine::NodeEvent;
use crate::core::run::permit::{Objection, Refusal, broken, misplaced};
use crate::core::run::record::{Action, Received};

/// Checks that a commit which replaces the reported one is on the spec branch, available to all.
///
/// # Errors
/// It is not on the spec branch.
pub(super) fn is_merged(turn: &Turn<'_>, commit: &str) -> Result<(), Refusal> {
    if (turn.world.merged)(commit) {
        return Ok(());
    }
    let why = format!("commit {commit} is not part of the spec branch");
    Err(Refusal::new(Objection::Conflict, "NotMerged", why))
}

impl ActiveRun<'_> {
    /// Whether a report of success needs verification.
    pub fn must_be_verified(&self, id: &str) -> bool {
        self.node(id)
            .is_some_and(|node| node.acceptance_criteria.iter().any(|c| c.required))
    }

    /// Takes in a verification of a task.
    pub fn verify(&mut self, id: &str, received: &Received) -> Result<(), Refusal> {
        let Action::Verification {
            results,
            commit,
            instead,
            ..
        } = &received.record.action
        else {
            return Err(misplaced());
        };
        if *instead {
            is_merged(self.turn, commit)?;
        }
        let (status, Some(node)) = (self.status_of(id), self.node(id)) else {
            return Err(misplaced());
        };
        let waits = status.awaits_verification();
        let actor = &received.record.actor;
        let verdict = match broken(&node.acceptance_criteria, results).as_slice() {
            [] => None,
            some => Some(format!("{} does not hold, says {actor}", list(some))),
        };
        let verification = Verification {
            actor: actor.clone(),
            record: received.id.clone(),
            timestamp: self.now(),
            results: results.clone(),
            signed: received.signed().cloned(),
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
            let report = status.extensions.report.as_mut();
            if let Some(report) = report.filter(|_| *instead) {
                report.commit = Some(commit.clone());
            }
        }
        Ok(())
    }
}
