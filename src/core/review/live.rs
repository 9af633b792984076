//! The effect of a change on runs that have begun, as far as the status branch knows.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Review};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Decision, ExecutionPhase, ExecutionStatus, Key, Kind, ReviewAction};
use crate::core::run::status::StatusTree;

/// The effect of a change on one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The run.
    pub execution: Key,
    /// Its phase.
    pub phase: ExecutionPhase,
    /// The effect.
    pub how: How,
    /// Approvals that are valid for this run only, by gate node. A run of the new
    /// revision needs them again.
    pub approvals: BTreeMap<String, BTreeSet<String>>,
    /// Attestations that no longer hold, by criterion of the goal.
    pub attestations: BTreeMap<String, BTreeSet<String>>,
}

/// The kind of effect on a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It has begun, and keeps its pinned revision.
    Pinned {
        /// Its resources that change.
        changed: Vec<Key>,
        /// The spec commit that it started from.
        commit: String,
        /// Whether a retry can continue it with the change once that is merged.
        may_go_on: bool,
    },
    /// It has not begun, and will run the new revision.
    NotStarted {
        /// Its plan.
        plan: Key,
    },
    /// Its file is deleted, which cancels it.
    Deleted,
    /// Its file leaves the configured paths; the run continues.
    Left,
    /// Its goal has changed, so the run no longer counts for it.
    OtherGoal {
        /// The goal.
        goal: Key,
    },
}

/// The runs that a change affects, in order.
pub fn touched(review: &Review, old: &Snapshot, status: &StatusTree) -> Vec<Touched> {
    // A new version of a plan does not affect runs of the old one.
    let subjects = review.subjects.iter();
    let told = review.told.iter().map(|key| (key, &Event::Changed));
    let changed: BTreeMap<&Key, &Event> = subjects
        .filter_map(|subject| match &subject.event {
            Event::Added | Event::Version { .. } | Event::Unreadable { now: true } => None,
            Event::Renamed { from } => Some((from, &subject.event)),
            _ => Some((&subject.key, &subject.event)),
        })
        .chain(told)
        .collect();
    let runs = status.files.iter();
    let runs = runs.filter_map(|(key, file)| Some((key, file.status.execution()?)));
    runs.flat_map(|(key, run)| {
        let other_goal = other_goal(key, run, &changed, status);
        let itself = of_itself(key, run, &changed, old);
        other_goal.into_iter().chain(itself)
    })
    .collect()
}

impl Touched {
    fn new(execution: &Key, run: &ExecutionStatus, how: How) -> Touched {
        Touched {
            execution: execution.clone(),
            phase: run.phase,
            how,
            approvals: BTreeMap::new(),
            attestations: BTreeMap::new(),
        }
    }
}

/// A run, open or finished, that no longer counts for its goal. The goal counts runs of its present
/// version; those of older ones do not count already.
fn other_goal(
    key: &Key,
    run: &ExecutionStatus,
    changed: &BTreeMap<&Key, &Event>,
    status: &StatusTree,
) -> Option<Touched> {
    let pin = run.extensions.pinned.as_ref()?.goal.as_ref()?;
    let goal = pin.key(Kind::Goal);
    let known = status.files.get(&goal);
    let counts = known.is_some_and(|file| file.generation == pin.generation);
    if !counts || !changed.contains_key(&goal) {
        return None;
    }
    let mut touched = Touched::new(key, run, How::OtherGoal { goal });
    for said in &run.extensions.attestations {
        let about = touched.attestations.entry(said.criterion.clone());
        about.or_default().insert(said.actor.clone());
    }
    Some(touched)
}

/// The effect on a run that is open, or has failed and can be retried.
fn of_itself(
    key: &Key,
    run: &ExecutionStatus,
    changed: &BTreeMap<&Key, &Event>,
    old: &Snapshot,
) -> Option<Touched> {
    if run.phase.is_terminal() && !run.phase.can_be_retried() {
        return None;
    }
    let has_failed = run.phase == ExecutionPhase::Failed;
    if let Some(Event::Removed | Event::Renamed { .. }) = changed.get(key) {
        return (!has_failed).then(|| Touched::new(key, run, How::Deleted));
    }
    if let Some(Event::Left { .. }) = changed.get(key) {
        return Some(Touched::new(key, run, How::Left));
    }
    let Some(pinned) = &run.extensions.pinned else {
        let plan = old.execution(key)?.plan_ref.key(Kind::Plan, &key.namespace);
        let how = changed
            .contains_key(&plan)
            .then_some(How::NotStarted { plan })?;
        return Some(Touched::new(key, run, how));
    };
    let plan = pinned.plan.key(Kind::Plan);
    let gates = pinned.gates.values().map(|pin| pin.key(Kind::Gate));
    let of_run: Vec<Key> = std::iter::once(plan.clone())
        .chain(gates)
        .filter(|key| changed.contains_key(key))
        .collect();
    if of_run.is_empty() {
        return None;
    }
    // With another plan all decisions are made again, with another gate those at it.
    let is_touched = |decision: &Decision| {
        of_run.contains(&plan) || of_run.iter().any(|key| key.qualified() == decision.gate)
    };
    let mut approvals: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, node) in &run.node_statuses {
        let decision = node.extensions.decision.as_ref();
        let Some(decision) = decision.filter(|decision| is_touched(decision)) else {
            continue;
        };
        let given = decision.reviews.iter().filter(|review| {
            review.action == ReviewAction::Approve && review.digest == decision.digest
        });
        let who: BTreeSet<String> = given.map(|review| review.reviewer.clone()).collect();
        if !who.is_empty() {
            approvals.insert(id.clone(), who);
        }
    }
    let is_gone = |event: &&Event| {
        matches!(
            event,
            Event::Removed | Event::Renamed { .. } | Event::Left { .. }
        )
    };
    let stays = changed.get(&plan).is_none_or(|event| !is_gone(event));
    let may_go_on = stays && run.phase.can_be_retried() && run.extensions.cancelled_by.is_none();
    if has_failed && !may_go_on {
        return None;
    }
    let how = How::Pinned {
        changed: of_run,
        commit: pinned.commit.clone(),
        may_go_on,
    };
    Some(Touched {
        approvals,
        ..Touched::new(key, run, how)
    })
}
