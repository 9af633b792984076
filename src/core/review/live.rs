//! What a change means for runs that have begun, as far as the status branch knows.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Review};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{ExecutionPhase, Key, Kind, ReviewAction, Spec, Status};
use crate::core::run::status::StatusTree;

/// What a change means for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The run.
    pub execution: Key,
    /// Where it stands.
    pub phase: ExecutionPhase,
    /// What the change means for it.
    pub how: How,
    /// Approvals that hold for this run only: gate node and who approved. A run of the new
    /// revision needs them again.
    pub approvals: BTreeMap<String, BTreeSet<String>>,
    /// Attestations that no longer hold: criterion of the goal and who attested it.
    pub attestations: BTreeMap<String, BTreeSet<String>>,
}

/// What a change means for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It has begun, and stays on the revision that it began with.
    Pinned {
        /// What of it changes.
        changed: Vec<Key>,
        /// The spec commit that it started from.
        commit: String,
    },
    /// It has not begun, and will run the new revision.
    NotStarted {
        /// Its plan.
        plan: Key,
    },
    /// Its file is deleted: that cancels it.
    Deleted,
    /// It was started for a goal that is another one now: it no longer counts for it.
    OtherGoal {
        /// The goal.
        goal: Key,
    },
}

/// The runs that a change touches, in order.
pub fn touched(review: &Review, old: &Snapshot, status: &StatusTree) -> Vec<Touched> {
    // A new version beside the old one touches no run of the old one.
    let subjects = review.subjects.iter();
    let told = review.told.iter().map(|key| (key, &Event::Changed));
    let changed: BTreeMap<&Key, &Event> = subjects
        .filter_map(|subject| match &subject.event {
            Event::Added | Event::Version { .. } => None,
            Event::Renamed { from } => Some((from, &subject.event)),
            _ => Some((&subject.key, &subject.event)),
        })
        .chain(told)
        .collect();
    let mut found = Vec::new();
    for (key, file) in &status.files {
        let Status::Execution(run) = &file.status else {
            continue;
        };
        let spec = old.resource(key).map(|resource| &resource.spec);
        let plan = match spec {
            Some(Spec::Execution(spec)) => Some(spec.plan_ref.key(Kind::Plan, &key.namespace)),
            _ => None,
        };
        let mut say = |how: How, approvals| {
            let mut attestations: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            if let How::OtherGoal { .. } = how {
                for said in &run.extensions.attestations {
                    let about = attestations.entry(said.criterion.clone()).or_default();
                    about.insert(said.actor.clone());
                }
            }
            found.push(Touched {
                execution: key.clone(),
                phase: run.phase,
                how,
                approvals,
                attestations,
            });
        };
        let pinned = run.extensions.pinned.as_ref();
        if let Some(pin) = pinned.and_then(|pinned| pinned.goal.as_ref()) {
            let goal = Key::new(Kind::Goal, &pin.namespace, &pin.name);
            // The goal counts the runs that were started as it is; those of older ones are out
            // already.
            let known = status.files.get(&goal);
            let counts = known.is_some_and(|file| file.generation == pin.generation);
            if counts && changed.contains_key(&goal) {
                say(How::OtherGoal { goal }, BTreeMap::new());
            }
        }
        if run.phase.is_terminal() {
            continue;
        }
        if matches!(
            changed.get(key),
            Some(Event::Removed | Event::Renamed { .. })
        ) {
            say(How::Deleted, BTreeMap::new());
            continue;
        }
        let Some(pinned) = pinned else {
            if let Some(plan) = plan.filter(|plan| changed.contains_key(plan)) {
                say(How::NotStarted { plan }, BTreeMap::new());
            }
            continue;
        };
        let gates = pinned.gates.values();
        let gates = gates.map(|pin| Key::new(Kind::Gate, &pin.namespace, &pin.name));
        let plan = Key::new(Kind::Plan, &pinned.plan.namespace, &pinned.plan.name);
        let of_run: Vec<Key> = std::iter::once(plan.clone())
            .chain(gates)
            .filter(|key| changed.contains_key(key))
            .collect();
        if of_run.is_empty() {
            continue;
        }
        // With another plan every decision is to be made again, with another gate those at it.
        let mut approvals: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (id, node) in &run.node_statuses {
            let Some(decision) = &node.extensions.decision else {
                continue;
            };
            let is_touched =
                of_run.contains(&plan) || of_run.iter().any(|key| key.qualified() == decision.gate);
            let given = decision.reviews.iter().filter(|review| {
                review.action == ReviewAction::Approve && review.digest == decision.digest
            });
            let who: BTreeSet<String> = given.map(|review| review.reviewer.clone()).collect();
            if is_touched && !who.is_empty() {
                approvals.insert(id.clone(), who);
            }
        }
        let how = How::Pinned {
            changed: of_run,
            commit: pinned.commit.clone(),
        };
        say(how, approvals);
    }
    found
}
