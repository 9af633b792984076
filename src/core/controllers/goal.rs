//! Goal: which plan would be run, and where its executions stand.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::core::resource::{
    ExecutionPhase, ExecutionStatus, GoalPhase, GoalSpec, GoalStatus, Key, Kind, ObjectRef,
    PlanPhase, PlanSpec, Resource, Spec, Status, Time, set_condition,
};
use crate::core::snapshot::Snapshot;
use crate::core::status::StatusFile;

/// Bring the status of one goal up to date; returns when its timeout ends.
pub fn reconcile(
    world: &World<'_>,
    key: &Key,
    spec: &GoalSpec,
    files: &BTreeMap<Key, StatusFile>,
    (uid, generation): (&str, u64),
    status: &mut GoalStatus,
) -> Option<Time> {
    let at = (generation, world.now);
    let choice = choose_plan(world.snapshot, key, spec, files);
    status.active_plan_ref = choice.plan.as_ref().map(|plan| ObjectRef {
        name: plan.name.clone(),
        namespace: (plan.namespace != key.namespace).then(|| plan.namespace.clone()),
        uid: None,
    });
    set_condition(
        &mut status.conditions,
        "PlanResolved",
        choice.plan.is_some(),
        choice.reason,
        choice.message,
        at,
    );

    let runs = runs_of(key, uid, generation, files);
    let first_start = runs.iter().filter_map(|(_, run)| run.start_time).min();
    let deadline = spec
        .timeout
        .as_ref()
        .zip(first_start)
        .map(|(timeout, start)| start + timeout.delta());
    let unfinished = runs.iter().any(|(_, run)| !run.phase.is_terminal());
    let newest = runs
        .iter()
        .max_by_key(|(key, run)| (run.start_time, *key))
        .map(|(_, run)| run.phase);
    let unattested = spec.acceptance_criteria.iter().any(|c| c.id.is_some());

    let (phase, reason, message) = match newest {
        _ if unfinished && deadline.is_some_and(|deadline| deadline <= world.now) => {
            let timeout = spec.timeout.as_ref().map(ToString::to_string);
            let message = format!("not reached within {}", timeout.unwrap_or_default());
            (GoalPhase::Failed, "TimedOut", message)
        }
        _ if unfinished => (GoalPhase::Executing, "Executing", String::new()),
        Some(ExecutionPhase::Succeeded) if unattested => (
            GoalPhase::Executing,
            "NotYetSupported",
            "criteria with an id must be attested, which this version cannot do yet".to_owned(),
        ),
        Some(ExecutionPhase::Succeeded) => (GoalPhase::Succeeded, "Succeeded", String::new()),
        Some(ExecutionPhase::Failed) => (
            GoalPhase::Failed,
            "ExecutionFailed",
            "the newest execution failed".to_owned(),
        ),
        Some(ExecutionPhase::Cancelled) => (
            GoalPhase::Cancelled,
            "ExecutionCancelled",
            "the newest execution was cancelled".to_owned(),
        ),
        _ if choice.plan.is_some() => (GoalPhase::Ready, "Ready", String::new()),
        _ if choice.candidates => (GoalPhase::Planning, "Planning", String::new()),
        _ => (GoalPhase::Pending, "Pending", String::new()),
    };
    status.phase = phase;
    let reached = phase == GoalPhase::Succeeded;
    set_condition(
        &mut status.conditions,
        "Reached",
        reached,
        reason,
        message,
        at,
    );
    deadline.filter(|deadline| unfinished && *deadline > world.now)
}

/// The runs that were started for this goal as it stands now.
fn runs_of<'a>(
    key: &Key,
    uid: &str,
    generation: u64,
    files: &'a BTreeMap<Key, StatusFile>,
) -> Vec<(&'a Key, &'a ExecutionStatus)> {
    files
        .iter()
        .filter_map(|(run_key, file)| {
            let Status::Execution(run) = &file.status else {
                return None;
            };
            let goal = run.extensions.pinned.as_ref()?.goal.as_ref()?;
            let mine = goal.uid == uid
                && goal.generation == generation
                && (&goal.namespace, &goal.name) == (&key.namespace, &key.name);
            mine.then_some((run_key, &**run))
        })
        .collect()
}

/// Which plan a new execution would run.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// The plan, when one can be chosen.
    pub plan: Option<Key>,
    /// Whether any plan serves the goal.
    pub candidates: bool,
    /// One CamelCase word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// Plan resolution (formats.md, "Goal.spec"): the plans that serve the goal; of each series the
/// highest version; none that another candidate supersedes; only Ready ones; ties by name.
pub fn choose_plan(
    snapshot: &Snapshot,
    goal: &Key,
    spec: &GoalSpec,
    files: &BTreeMap<Key, StatusFile>,
) -> Choice {
    let candidates: BTreeMap<&Key, &PlanSpec> = snapshot
        .keys_of(Kind::Plan)
        .filter_map(|key| {
            let resource = snapshot.resource(key)?;
            let Spec::Plan(plan) = &resource.spec else {
                return None;
            };
            serves(goal, spec, key, resource, plan).then_some((key, plan))
        })
        .collect();
    let superseded: BTreeSet<Key> = candidates
        .iter()
        .flat_map(|(key, plan)| {
            plan.supersedes
                .iter()
                .map(|old| old.key(Kind::Plan, &key.namespace))
        })
        .collect();
    let mut newest: BTreeMap<&str, (&Key, &PlanSpec)> = BTreeMap::new();
    let mut standing: Vec<&Key> = Vec::new();
    for (key, plan) in &candidates {
        let (Some(series), Some(version)) = (&plan.series, &plan.version) else {
            standing.push(key);
            continue;
        };
        let newer = newest.get(series.as_str()).is_none_or(|(_, other)| {
            compare_versions(version, other.version.as_deref().unwrap_or_default())
                == Ordering::Greater
        });
        if newer {
            newest.insert(series, (key, plan));
        }
    }
    standing.extend(newest.values().map(|(key, _)| *key));
    standing.retain(|key| !superseded.contains(*key));
    standing.retain(|key| {
        files.get(*key).is_some_and(
            |file| matches!(&file.status, Status::Plan(plan) if plan.phase == PlanPhase::Ready),
        )
    });
    standing.sort();
    let (reason, message) = match standing.as_slice() {
        [] if candidates.is_empty() => ("NoPlan", "no plan serves this goal yet".to_owned()),
        [] => (
            "NoPlanReady",
            "plans serve this goal, and none of them can be chosen".to_owned(),
        ),
        [only] => ("Resolved", format!("plan `{}`", only.qualified())),
        [first, others @ ..] => {
            let others: Vec<String> = others.iter().map(|key| key.qualified()).collect();
            (
                "Ambiguous",
                format!(
                    "plan `{}` by name; {} could be chosen as well",
                    first.qualified(),
                    others.join(", ")
                ),
            )
        }
    };
    Choice {
        plan: standing.first().map(|key| (*key).clone()),
        candidates: !candidates.is_empty(),
        reason,
        message,
    }
}

/// With both a `planSelector` on the goal and a `goalRef` on the plan, both must hold.
fn serves(goal: &Key, spec: &GoalSpec, key: &Key, resource: &Resource, plan: &PlanSpec) -> bool {
    let named = plan
        .goal_ref
        .as_ref()
        .map(|reference| reference.key(Kind::Goal, &key.namespace) == *goal);
    let selected = spec
        .plan_selector
        .as_ref()
        .filter(|selector| !selector.is_empty())
        .map(|selector| {
            key.namespace == goal.namespace && selector.matches(&resource.metadata.labels)
        });
    match (named, selected) {
        (None, None) => false,
        (named, selected) => named.unwrap_or(true) && selected.unwrap_or(true),
    }
}

/// Numbers and semantic versions by their order (`2` is `2.0.0`), everything else as text, above
/// those.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    Version::read(a).cmp(&Version::read(b))
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version<'a> {
    /// `10`, `v1.10.0-rc.1`: the parts, then releases above pre-releases, then the pre-release.
    Numbered(Vec<u64>, bool, Vec<Identifier<'a>>),
    /// Anything else.
    Text(&'a str),
}

/// Part of a pre-release: numbers stand below words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'a> {
    Number(u64),
    Word(&'a str),
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Version<'a> {
        let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
        // Build metadata does not count.
        let bare = bare.split('+').next().unwrap_or(bare);
        let (core, pre) = match bare.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (bare, None),
        };
        let parts: Option<Vec<u64>> = core.split('.').map(digits).collect();
        match parts {
            Some(mut parts) => {
                while parts.len() > 1 && parts.last() == Some(&0) {
                    parts.pop();
                }
                let identifiers = pre.map_or(Vec::new(), |pre| {
                    pre.split('.')
                        .map(|part| digits(part).map_or(Identifier::Word(part), Identifier::Number))
                        .collect()
                });
                Version::Numbered(parts, pre.is_none(), identifiers)
            }
            None => Version::Text(text),
        }
    }
}

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_people_mean_them() {
        let ascending = [
            ("9", "10"),
            ("v9", "v10"),
            ("1.9", "1.10"),
            ("1.0.0-rc.1", "1.0.0"),
            ("1.0.0-rc.2", "1.0.0-rc.10"),
            ("1.0.0-1", "1.0.0-alpha"),
            ("1.0.9", "1.1"),
            ("alpha", "beta"),
            ("1.5", "2"),
            ("2", "2.1"),
        ];
        for (low, high) in ascending {
            assert_eq!(compare_versions(low, high), Ordering::Less, "{low} {high}");
            assert_eq!(
                compare_versions(high, low),
                Ordering::Greater,
                "{low} {high}"
            );
        }
        assert_eq!(compare_versions("1.0", "1.0.0"), Ordering::Equal);
    }
}
