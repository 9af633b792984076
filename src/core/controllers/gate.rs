//! Gate: a projection of the runs that use it. The decisions themselves belong to the runs.

use std::collections::BTreeMap;

use super::World;
use crate::core::resource::{
    AWAITING_APPROVAL, Decision, ExecutionStatus, GatePhase, GateStatus, Key, NodePhase, Outcome,
    Resolution, Review, ReviewAction, Status, Time, set_condition,
};
use crate::core::status::StatusFile;

/// Bring the status of one gate up to date: the oldest run that waits, else the one decided last.
pub fn reconcile(
    world: &World<'_>,
    key: &Key,
    files: &BTreeMap<Key, StatusFile>,
    status: &mut GateStatus,
    generation: u64,
) {
    let gate = key.qualified();
    let uses: Vec<Use<'_>> = files
        .iter()
        .filter_map(|(key, file)| match &file.status {
            Status::Execution(run) => Some((key, &**run)),
            _ => None,
        })
        .flat_map(|(key, run)| uses_of(&gate, key, run))
        .collect();
    let waiting = uses
        .iter()
        .filter(|usage| usage.waits)
        .min_by_key(|usage| (usage.since, usage.run, usage.node));
    let decided = uses
        .iter()
        .filter(|usage| usage.decision.outcome.is_some())
        .max_by_key(|usage| (usage.decision.decided, usage.run, usage.node));
    let at = (generation, world.now);
    match (waiting, decided) {
        (Some(usage), _) => {
            status.phase = GatePhase::Waiting;
            status.review_history = usage.reviews();
            status.resolution = None;
            status.decided_generation = None;
            let message = format!("{} waits at `{}`", usage.run.qualified(), usage.node);
            set_condition(
                &mut status.conditions,
                "Decided",
                false,
                "Waiting",
                message,
                at,
            );
        }
        (None, Some(usage)) => {
            let outcome = usage.decision.outcome.unwrap_or(Outcome::Rejected);
            status.phase = match outcome {
                Outcome::Approved => GatePhase::Approved,
                Outcome::Rejected => GatePhase::Rejected,
            };
            status.review_history = usage.reviews();
            status.resolution = Some(usage.resolution(outcome, world.now));
            status.decided_generation = Some(usage.generation);
            let message = format!("for {} at `{}`", usage.run.qualified(), usage.node);
            let reason = status.phase.to_string();
            set_condition(
                &mut status.conditions,
                "Decided",
                true,
                &reason,
                message,
                at,
            );
        }
        (None, None) => {
            status.phase = GatePhase::Pending;
            status.review_history.clear();
            status.resolution = None;
            status.decided_generation = None;
            set_condition(
                &mut status.conditions,
                "Decided",
                false,
                "NotReached",
                "",
                at,
            );
        }
    }
}

/// One gate node of one run that uses the gate.
struct Use<'a> {
    run: &'a Key,
    node: &'a str,
    decision: &'a Decision,
    generation: u64,
    since: Option<Time>,
    waits: bool,
}

fn uses_of<'a>(
    gate: &'a str,
    run: &'a Key,
    status: &'a ExecutionStatus,
) -> impl Iterator<Item = Use<'a>> {
    let generation = status
        .extensions
        .pinned
        .as_ref()
        .and_then(|pinned| pinned.gates.get(gate))
        .map_or(0, |pin| pin.generation);
    let running = !status.phase.is_terminal();
    status
        .node_statuses
        .iter()
        .filter_map(move |(node, of_node)| {
            let decision = of_node.extensions.decision.as_ref()?;
            (decision.gate == gate).then_some(Use {
                run,
                node,
                decision,
                generation,
                since: of_node.start_time,
                waits: running
                    && of_node.phase == NodePhase::Blocked
                    && of_node.extensions.reason == AWAITING_APPROVAL,
            })
        })
}

impl Use<'_> {
    /// What was said about what would run now; what was said about something else is kept in the
    /// run's own status.
    fn reviews(&self) -> Vec<Review> {
        self.decision
            .reviews
            .iter()
            .filter(|review| review.digest == self.decision.digest)
            .map(|review| Review {
                reviewer: review.reviewer.clone(),
                action: review.action,
                timestamp: review.timestamp,
                comment: review.comment.clone(),
                target_generation: Some(self.generation),
            })
            .collect()
    }

    fn resolution(&self, outcome: Outcome, now: Time) -> Resolution {
        let action = match outcome {
            Outcome::Approved => ReviewAction::Approve,
            Outcome::Rejected => ReviewAction::Reject,
        };
        let reviews = self.reviews();
        let deciding = || reviews.iter().filter(|review| review.action == action);
        let mut actors: Vec<String> = deciding().map(|review| review.reviewer.clone()).collect();
        actors.sort();
        actors.dedup();
        Resolution {
            outcome,
            actors,
            timestamp: self.decision.decided.unwrap_or(now),
            comment: deciding()
                .filter_map(|review| review.comment.clone())
                .next_back(),
        }
    }
}
