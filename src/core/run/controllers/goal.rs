//! Goal: chooses the plan that would run, and follows the executions.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::plan::READY_TO_EXECUTE;
use crate::core::base::version::compare_versions;
use crate::core::base::words::and_more;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{
    ArchivedRun, ArchivedRuns, Condition, ConditionStatus, ExecutionPhase, ExecutionStatus,
    GoalPhase, GoalSpec, GoalStatus, Key, Kind, ObjectRef, PlanPhase, PlanSpec, PlanStatus,
    Resource, Status, Time, set_condition,
};
use crate::core::run::status::StatusFile;

/// The deadlines of a goal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moments {
    /// The end of its timeout.
    pub deadline: Option<Time>,
    /// The end of its timeout, if the goal has failed because of it now.
    pub fired: Option<Time>,
}

/// Updates the status of one goal.
pub fn reconcile(
    world: &World<'_>,
    key: &Key,
    spec: &GoalSpec,
    service: &Service<'_>,
    files: &BTreeMap<Key, StatusFile>,
    (uid, generation, created): (&str, u64, Time),
    status: &mut GoalStatus,
) -> Moments {
    let at = (generation, world.now);
    let choice = choose_plan(service, key, spec);
    status.active_plan_ref = choice.plan.as_ref().map(|plan| ObjectRef {
        namespace: (plan.namespace != key.namespace).then(|| plan.namespace.clone()),
        ..ObjectRef::named(&plan.name)
    });
    let is_resolved = choice.plan.is_some();
    let (reason, message) = (choice.reason, choice.message.clone());
    let conditions = &mut status.conditions;
    set_condition(conditions, "PlanResolved", is_resolved, reason, message, at);

    let runs = runs_of(service, key, uid, generation, files);
    let extensions = &mut status.extensions;
    let archived = extensions.archived.take();
    extensions.archived = archived.filter(|archived| archived.generation == generation);
    let archived = extensions.archived.as_ref();
    let unfinished = runs.iter().any(|(_, run)| !run.phase.is_terminal());
    let starts = runs.iter().filter_map(|(_, run)| run.start_time);
    let first_start = starts
        .chain(archived.and_then(|archived| archived.first_start))
        .min();
    // A goal without a run or a plan waits only until its timeout.
    let waits_for_a_plan = runs.is_empty() && archived.is_none() && !is_resolved;
    let since = first_start.or(waits_for_a_plan.then_some(created));
    let timeout = spec.timeout.as_ref().zip(since);
    let deadline = timeout.and_then(|(timeout, start)| start.checked_add_signed(timeout.delta()));
    let deadline = deadline.filter(|_| unfinished || waits_for_a_plan);
    let newest = runs
        .iter()
        .max_by_key(|(key, run)| rank(run, key.qualified()));
    let last = archived.map(|archived| &archived.newest).filter(|last| {
        newest.is_none_or(|(key, run)| rank(run, key.qualified()) < rank_of_archived(last))
    });
    let newest = newest.map(|(_, run)| *run);
    let (phase, reason, message) = match deadline {
        Some(deadline) if deadline <= world.now => {
            let timeout = spec.timeout.as_ref().map(ToString::to_string);
            let timeout = timeout.unwrap_or_default();
            let message = if waits_for_a_plan {
                format!("there was no plan for it within {timeout}")
            } else {
                format!("not reached within {timeout}")
            };
            (GoalPhase::Failed, "TimedOut", message)
        }
        _ if unfinished => (GoalPhase::Executing, "Executing", String::new()),
        _ => match last {
            Some(last) => (last.phase, last.reason.as_str(), last.message.clone()),
            None => at_rest(spec, newest, &choice),
        },
    };
    let has_failed = phase == GoalPhase::Failed && status.phase != phase;
    status.phase = phase;
    let reached = phase == GoalPhase::Succeeded;
    set_condition(conditions, "Reached", reached, reason, message, at);
    Moments {
        deadline: deadline.filter(|deadline| *deadline > world.now),
        fired: deadline.filter(|deadline| *deadline <= world.now && has_failed),
    }
}

/// The order of runs, the one that counts last: the newest, but one whose file was deleted counts only if there is no
/// other.
fn rank(run: &ExecutionStatus, name: String) -> (bool, Option<Time>, String) {
    (!run.was_cancelled_by_deletion(), run.start_time, name)
}

/// The same for an archived run.
fn rank_of_archived(run: &ArchivedRun) -> (bool, Option<Time>, String) {
    (!run.was_deleted, run.start, run.execution.clone())
}

/// Notes in the status of a goal what a finished run means for it, which is then archived.
pub fn remember(
    spec: &GoalSpec,
    generation: u64,
    (key, run): (&Key, &ExecutionStatus),
    status: &mut GoalStatus,
) {
    let Some((phase, reason, message)) = after(spec, run) else {
        return;
    };
    let leaving = ArchivedRun {
        execution: key.qualified(),
        start: run.start_time,
        was_deleted: run.was_cancelled_by_deletion(),
        phase,
        reason: reason.to_owned(),
        message,
    };
    let archived = status.extensions.archived.take();
    let archived = archived.filter(|archived| archived.generation == generation);
    let first_start = archived.as_ref().and_then(|archived| archived.first_start);
    let newest = archived.map(|archived| archived.newest).into_iter();
    status.extensions.archived =
        newest
            .chain([leaving])
            .max_by_key(rank_of_archived)
            .map(|newest| ArchivedRuns {
                generation,
                first_start: first_start.into_iter().chain(run.start_time).min(),
                newest,
            });
}

/// The phase of a goal, with reason and message.
type Standing = (GoalPhase, &'static str, String);

/// The phase of a goal without an open run.
fn at_rest(spec: &GoalSpec, newest: Option<&ExecutionStatus>, choice: &Choice) -> Standing {
    newest.and_then(|run| after(spec, run)).unwrap_or_else(|| {
        let (phase, reason) = match choice {
            Choice { plan: Some(_), .. } => (GoalPhase::Ready, "Ready"),
            Choice {
                candidates: true, ..
            } => (GoalPhase::Planning, "Planning"),
            _ => (GoalPhase::Pending, "Pending"),
        };
        (phase, reason, String::new())
    })
}

/// The phase of a goal after its newest run; `None` if that is open.
fn after(spec: &GoalSpec, run: &ExecutionStatus) -> Option<Standing> {
    Some(match (run.phase, Criteria::of(spec, run)) {
        (ExecutionPhase::Succeeded, Criteria { unmet, .. }) if !unmet.is_empty() => {
            let message = format!("not met: {}", unmet.join(", "));
            (GoalPhase::Failed, "CriterionUnmet", message)
        }
        (ExecutionPhase::Succeeded, Criteria { missing, .. }) if !missing.is_empty() => {
            let message = format!("not attested yet: {}", missing.join(", "));
            (GoalPhase::Executing, "AwaitingAttestation", message)
        }
        (ExecutionPhase::Succeeded, _) => (GoalPhase::Succeeded, "Succeeded", String::new()),
        (ExecutionPhase::Failed, _) => {
            let message = "the newest execution failed".to_owned();
            (GoalPhase::Failed, "ExecutionFailed", message)
        }
        (ExecutionPhase::Cancelled, _) => {
            let message = "the newest execution was cancelled".to_owned();
            (GoalPhase::Cancelled, "ExecutionCancelled", message)
        }
        _ => return None,
    })
}

/// Plans and runs by goal, so that not every goal searches all of them.
#[derive(Default)]
pub struct Service<'a> {
    /// Plans with a reference to the goal.
    named: BTreeMap<Key, Vec<Candidate<'a>>>,
    /// Plans without a reference to a goal, by namespace.
    others: BTreeMap<&'a str, Vec<Candidate<'a>>>,
    /// Runs by their goal.
    runs: BTreeMap<Key, Vec<Key>>,
}

/// A plan that may serve a goal.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    key: &'a Key,
    resource: &'a Resource,
    plan: &'a PlanSpec,
    ready: bool,
}

impl<'a> Service<'a> {
    /// Collects the plans of a snapshot, and the runs of a status.
    pub fn new(snapshot: &'a Snapshot, files: &BTreeMap<Key, StatusFile>) -> Service<'a> {
        let mut service = Service::default();
        for key in snapshot.keys_of(Kind::Plan) {
            let (Some(resource), Some(plan)) = (snapshot.resource(key), snapshot.plan(key)) else {
                continue;
            };
            let status = files.get(key).map(|file| &file.status);
            let candidate = Candidate {
                key,
                resource,
                plan,
                ready: matches!(status, Some(Status::Plan(plan)) if is_ready(plan)),
            };
            let plans = match &plan.goal_ref {
                Some(goal) => {
                    let goal = goal.key(Kind::Goal, &key.namespace);
                    service.named.entry(goal).or_default()
                }
                None => service.others.entry(&key.namespace).or_default(),
            };
            plans.push(candidate);
        }
        for (key, file) in files {
            let run = file.status.execution();
            let pinned = run.and_then(|run| run.extensions.pinned.as_ref());
            if let Some(goal) = pinned.and_then(|pinned| pinned.goal.as_ref()) {
                let runs = service.runs.entry(goal.key(Kind::Goal)).or_default();
                runs.push(key.clone());
            }
        }
        service
    }

    /// The plans that serve the goal. If the goal has a `planSelector` and the plan a `goalRef`,
    /// both must match.
    fn candidates(&self, goal: &Key, spec: &GoalSpec) -> Vec<Candidate<'a>> {
        let named = self.named.get(goal).into_iter().flatten().copied();
        let selector = spec.plan_selector.as_ref();
        let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
            return named.collect();
        };
        let others = self.others.get(goal.namespace.as_str());
        named
            .filter(|plan| plan.key.namespace == goal.namespace)
            .chain(others.into_iter().flatten().copied())
            .filter(|plan| selector.matches(&plan.resource.metadata.labels))
            .collect()
    }
}

/// Whether a plan can be executed.
fn is_ready(plan: &PlanStatus) -> bool {
    let blocked =
        |one: &Condition| one.kind == READY_TO_EXECUTE && one.status == ConditionStatus::False;
    plan.phase == PlanPhase::Ready && !plan.conditions.iter().any(blocked)
}

/// The criteria of a goal with ids, after a run.
struct Criteria<'a> {
    missing: Vec<&'a str>,
    unmet: Vec<&'a str>,
}

impl<'a> Criteria<'a> {
    fn of(spec: &'a GoalSpec, run: &ExecutionStatus) -> Criteria<'a> {
        let mut criteria = Criteria {
            missing: Vec::new(),
            unmet: Vec::new(),
        };
        let ids = spec.acceptance_criteria.iter();
        for id in ids.filter_map(|criterion| criterion.id.as_deref()) {
            if run.is_unmet(id) {
                criteria.unmet.push(id);
            } else if !run.is_met(id) {
                criteria.missing.push(id);
            }
        }
        criteria
    }
}

/// The runs of the present version of this goal.
fn runs_of<'a>(
    service: &Service<'_>,
    key: &Key,
    uid: &str,
    generation: u64,
    files: &'a BTreeMap<Key, StatusFile>,
) -> Vec<(&'a Key, &'a ExecutionStatus)> {
    let runs = service.runs.get(key).into_iter().flatten();
    runs.filter_map(|run_key| {
        let (run_key, file) = files.get_key_value(run_key)?;
        let run = file.status.execution()?;
        let goal = run.extensions.pinned.as_ref()?.goal.as_ref()?;
        let mine = goal.uid == uid && goal.generation == generation;
        mine.then_some((run_key, run))
    })
    .collect()
}

/// The plan that a new execution would run.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// The plan, if one can be chosen.
    pub plan: Option<Key>,
    /// Whether any plan serves the goal.
    pub candidates: bool,
    /// The reason, one CamelCase word.
    pub reason: &'static str,
    /// The message, a sentence.
    pub message: String,
}

/// Maximum number of other plans that are named.
const OTHERS_NAMED: usize = 5;

/// Plan resolution (docs/spec/execution.md, X3): of the plans that serve the goal, in each series the
/// highest version; none that another candidate supersedes; only Ready ones; ties by name.
fn choose_plan(service: &Service<'_>, goal: &Key, spec: &GoalSpec) -> Choice {
    let candidates = service.candidates(goal, spec);
    let superseded: BTreeSet<Key> = candidates
        .iter()
        .flat_map(|Candidate { key, plan, .. }| {
            plan.supersedes
                .iter()
                .map(|old| old.key(Kind::Plan, &key.namespace))
                .filter(|old| old != *key)
        })
        .collect();
    // The plans with the highest version of each series; several if the versions are equal.
    let mut newest: BTreeMap<&str, (&str, Vec<&Candidate<'_>>)> = BTreeMap::new();
    let mut standing: Vec<&Candidate<'_>> = Vec::new();
    for candidate in &candidates {
        let plan = candidate.plan;
        let (Some(series), Some(version)) = (&plan.series, &plan.version) else {
            standing.push(candidate);
            continue;
        };
        let (highest, plans) = newest.entry(series).or_insert((version, Vec::new()));
        match compare_versions(version, highest) {
            Ordering::Less => continue,
            Ordering::Equal => {}
            Ordering::Greater => plans.clear(),
        }
        *highest = version;
        plans.push(candidate);
    }
    standing.extend(newest.into_values().flat_map(|(_, plans)| plans));
    standing.retain(|plan| plan.ready && !superseded.contains(plan.key));
    let mut standing: Vec<&Key> = standing.into_iter().map(|plan| plan.key).collect();
    standing.sort();
    let (reason, message) = match standing.as_slice() {
        [] if candidates.is_empty() => ("NoPlanFound", "no plan serves this goal yet".to_owned()),
        [] => (
            "NoPlanReady",
            "plans serve this goal, and none of them can be chosen".to_owned(),
        ),
        [only] => ("PlanFound", format!("plan `{}`", only.qualified())),
        [first, others @ ..] => {
            let named = others.iter().take(OTHERS_NAMED).map(|key| key.qualified());
            let named: Vec<String> = named.collect();
            let message = format!(
                "plan `{}` by name; {}{} could be chosen as well",
                first.qualified(),
                named.join(", "),
                and_more(others.len() - named.len())
            );
            ("Ambiguous", message)
        }
    };
    Choice {
        plan: standing.first().map(|key| (*key).clone()),
        candidates: !candidates.is_empty(),
        reason,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{World, execution, resource, with_metadata};

    fn labelled(name: &str, labels: &str, fields: &str) -> String {
        let spec = format!("description: d{fields}, graph: {{nodes: [{{id: a, kind: Task}}]}}");
        let metadata = format!("name: {name}, namespace: team, labels: {{{labels}}}");
        with_metadata("Plan", &metadata, &spec)
    }

    fn serving(name: &str, fields: &str) -> String {
        labelled(name, "", &format!(", goalRef: {{name: g}}{fields}"))
    }

    fn goal(fields: &str) -> String {
        resource("Goal", "g", &format!("description: d{fields}"))
    }

    /// Phase, chosen plan and reason: `Ready p PlanFound`.
    fn chosen(world: &World) -> String {
        let status = world.goal("g");
        let plan = status.active_plan_ref.as_ref();
        let plan = plan.map_or("-", |plan| plan.name.as_str());
        let says = world.says(Kind::Goal, "g", "PlanResolved");
        let reason = says.split(' ').next_back().unwrap_or_default();
        format!("{} {plan} {reason}", status.phase)
    }

    #[test]
    fn plans_serve_a_goal_by_reference_or_by_selector_and_with_both_by_both() {
        let select = ", planSelector: {matchLabels: {tier: gold}}";
        let set =
            ", planSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [iron]}]}";
        let none = ", planSelector: {}";
        let names_g = ", goalRef: {name: g}";
        let names_h = ", goalRef: {name: h}";
        let table = [
            ("", "", names_g, "Ready p PlanFound"),
            ("", "", "", "Pending - NoPlanFound"),
            ("", "", names_h, "Pending - NoPlanFound"),
            (
                "",
                "",
                ", goalRef: {name: g, namespace: elsewhere}",
                "Pending - NoPlanFound",
            ),
            (select, "tier: gold", "", "Ready p PlanFound"),
            (select, "tier: iron", "", "Pending - NoPlanFound"),
            (select, "", "", "Pending - NoPlanFound"),
            (select, "tier: gold", names_g, "Ready p PlanFound"),
            (select, "tier: iron", names_g, "Pending - NoPlanFound"),
            (select, "tier: gold", names_h, "Pending - NoPlanFound"),
            (set, "", "", "Ready p PlanFound"),
            (set, "tier: iron", "", "Pending - NoPlanFound"),
            (none, "tier: gold", "", "Pending - NoPlanFound"),
            (none, "tier: gold", names_g, "Ready p PlanFound"),
        ];
        for (selector, labels, reference, expected) in table {
            let world = World::of(&[
                goal(selector),
                resource("Goal", "h", "description: d"),
                labelled("p", labels, reference),
            ]);
            assert_eq!(chosen(&world), expected, "{selector} {labels} {reference}");
        }
    }

    #[test]
    fn of_a_series_the_highest_version_is_chosen() {
        let version = |name: &str, series: &str, version: &str| {
            serving(name, &format!(", series: {series}, version: '{version}'"))
        };
        let table: [(Vec<String>, &str); 8] = [
            (
                vec![version("old", "s", "v9"), version("new", "s", "v10")],
                "Ready new PlanFound",
            ),
            (
                vec![version("a", "s", "1.10.0"), version("b", "s", "1.9.0")],
                "Ready a PlanFound",
            ),
            (
                vec![version("a", "s", "2.0.0-rc.1"), version("b", "s", "2.0.0")],
                "Ready b PlanFound",
            ),
            // Two series have two plans, and so have equal versions.
            (
                vec![version("b", "s", "1"), version("a", "t", "9")],
                "Ready a Ambiguous",
            ),
            (
                vec![version("b", "s", "1.0"), version("a", "s", "1.0.0")],
                "Ready a Ambiguous",
            ),
            (
                vec![version("a", "s", "1"), serving("b", "")],
                "Ready a Ambiguous",
            ),
            // The highest version is chosen before its validity is checked.
            (
                vec![
                    version("a", "s", "1"),
                    version("b", "s", "2")
                        .replace("{id: a, kind: Task}", "{id: a, kind: Task, dependsOn: [z]}"),
                ],
                "Planning - NoPlanReady",
            ),
            (
                vec![
                    version("a", "s", "1"),
                    serving("b", ", supersedes: [{name: a}]"),
                ],
                "Ready b PlanFound",
            ),
        ];
        for (plans, expected) in table {
            let mut documents = vec![goal("")];
            documents.extend(plans);
            let world = World::of(&documents);
            assert_eq!(chosen(&world), expected, "{documents:?}");
        }
    }

    #[test]
    fn what_another_candidate_supersedes_is_dropped() {
        let supersedes =
            |name: &str, other: &str| serving(name, &format!(", supersedes: [{{name: {other}}}]"));
        let table: [(Vec<String>, &str); 5] = [
            (
                vec![serving("a", ""), supersedes("b", "a")],
                "Ready b PlanFound",
            ),
            (
                vec![serving("a", ""), supersedes("b", "a"), supersedes("c", "b")],
                "Ready c PlanFound",
            ),
            // Only a candidate supersedes.
            (
                vec![
                    serving("a", ""),
                    labelled("b", "", ", supersedes: [{name: a}]"),
                ],
                "Ready a PlanFound",
            ),
            (vec![supersedes("a", "a")], "Planning - NoPlanReady"),
            (
                vec![supersedes("a", "b"), supersedes("b", "a")],
                "Planning - NoPlanReady",
            ),
        ];
        for (plans, expected) in table {
            let mut documents = vec![goal("")];
            documents.extend(plans);
            let world = World::of(&documents);
            assert_eq!(chosen(&world), expected, "{documents:?}");
        }
    }

    #[test]
    fn a_tie_is_broken_by_name_and_said() {
        let world = World::of(&[
            goal(""),
            serving("b", ""),
            serving("a", ""),
            serving("c", ""),
        ]);
        assert_eq!(chosen(&world), "Ready a Ambiguous");
        let condition = world.condition(Kind::Goal, "g", "PlanResolved");
        assert_eq!(
            condition.map(|condition| condition.message.as_str()),
            Some("plan `team/a` by name; team/b, team/c could be chosen as well")
        );
        let mut documents = vec![goal("")];
        documents.extend(["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| serving(name, "")));
        let world = World::of(&documents);
        let condition = world.condition(Kind::Goal, "g", "PlanResolved");
        let message = condition.map_or("", |condition| condition.message.as_str());
        assert!(
            message.ends_with("team/e, team/f and 2 more could be chosen as well"),
            "{message}"
        );
    }

    #[test]
    fn the_phase_follows_the_executions() {
        let mut world = World::of(&[goal(""), serving("p", "")]);
        assert_eq!(chosen(&world), "Ready p PlanFound");
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Executing);
        world.complete("a");
        assert_eq!(world.goal("g").phase, GoalPhase::Succeeded);
        assert_eq!(world.says(Kind::Goal, "g", "Reached"), "True Succeeded");
        // A newer run decides again.
        world.wait("1m");
        world.write("planspec/again.yaml", &execution("again", "p", ""));
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Executing);
        world.about("again").claim("a", "x");
        world.fail("a", "x");
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Failed);
        assert_eq!(
            world.says(Kind::Goal, "g", "Reached"),
            "False ExecutionFailed"
        );
        world.wait("1m");
        world.write("planspec/third.yaml", &execution("third", "p", ""));
        world.reconcile();
        world.about("third").cancel("x");
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Cancelled);
        // Another goal of the same name: the runs were for the former one.
        world.write(
            "planspec/all.yaml",
            &format!("{}{}", goal(", priority: 1"), serving("p", "")),
        );
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Ready);
    }

    #[test]
    fn an_execution_that_has_not_started_is_none_of_the_goal_yet() {
        let run = execution("run", "p", "goalRef: {name: g}");
        let broken = serving("p", "").replace("kind: Task}", "kind: Task, dependsOn: [z]}");
        let world = World::of(&[goal(""), broken, run]);
        assert_eq!(world.phase(), "Pending PlanInvalid");
        assert_eq!(chosen(&world), "Planning - NoPlanReady");
    }

    #[test]
    fn an_execution_may_name_the_goal_itself() {
        let world = World::of(&[
            goal(""),
            labelled("p", "", ""),
            execution("run", "p", "goalRef: {name: g}"),
        ]);
        assert_eq!(world.goal("g").phase, GoalPhase::Executing);
    }

    #[test]
    fn criteria_with_an_id_wait_to_be_attested() {
        let table = [
            (
                ", acceptanceCriteria: [{description: c}]",
                GoalPhase::Succeeded,
            ),
            (
                ", acceptanceCriteria: [{id: c, description: c}]",
                GoalPhase::Executing,
            ),
        ];
        for (criteria, expected) in table {
            let mut world =
                World::of(&[goal(criteria), serving("p", ""), execution("run", "p", "")]);
            world.complete("a");
            assert_eq!(world.goal("g").phase, expected, "{criteria}");
        }
    }

    #[test]
    fn the_timeout_counts_from_the_first_start() {
        let mut world = World::of(&[goal(", timeout: 7d"), serving("p", "")]);
        world.wait("30d");
        assert!(!world.reconcile(), "nothing has started");
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        let tree = world.tree.as_ref().expect("a status");
        let deadline = tree.controller.next_deadline.expect("a deadline");
        assert_eq!((deadline - world.now).num_days(), 7);
        world.wait("6d");
        world.about("run").cancel("x");
        world.reconcile();
        world.write("planspec/again.yaml", &execution("again", "p", ""));
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Executing);
        world.wait("1d");
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Failed);
        assert_eq!(world.says(Kind::Goal, "g", "Reached"), "False TimedOut");
        assert_eq!(
            world.about("again").phase(),
            "Running WaitingForWorkers",
            "the run goes on"
        );
    }

    #[test]
    fn a_goal_waits_for_a_plan_no_longer_than_its_timeout() {
        let mut world = World::of(&[goal(", timeout: 7d")]);
        assert_eq!(world.goal("g").phase, GoalPhase::Pending);
        let tree = world.tree.as_ref().expect("a status");
        let deadline = tree.controller.next_deadline.expect("a deadline");
        assert_eq!((deadline - world.now).num_days(), 7);
        world.wait("6d");
        assert!(!world.reconcile(), "there is time left");
        world.wait("1d");
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Failed);
        assert_eq!(world.says(Kind::Goal, "g", "Reached"), "False TimedOut");
        // A plan that appears later can be run.
        world.write("planspec/p.yaml", &serving("p", ""));
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Ready);
        // Without a timeout it waits for ever.
        let mut world = World::of(&[goal("")]);
        world.wait("700d");
        assert!(!world.reconcile(), "nothing is to happen");
        assert_eq!(world.goal("g").phase, GoalPhase::Pending);
    }

    #[test]
    fn a_goal_that_breaks_keeps_its_phase() {
        let mut world = World::empty();
        world.write("planspec/g.yaml", &goal(""));
        world.write("planspec/p.yaml", &serving("p", ""));
        world.reconcile();
        world.write("planspec/g.yaml", &goal(", surprise: 1"));
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Ready);
        assert_eq!(
            world.says(Kind::Goal, "g", "Valid"),
            "False ValidationFailed"
        );
    }
}
