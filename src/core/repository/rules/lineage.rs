//! What plans are to each other and to their goals: series and versions, what supersedes what,
//! and whether a goal, its plans and their executions agree.

use std::collections::BTreeMap;

use super::graphs::shorten;
use super::{cycles_among, each};
use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::base::version::{compare_versions, is_numbered};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{ExecutionSpec, GoalSpec, Key, Kind, PlanSpec, Spec};
use crate::path;

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    let plans: Vec<(&Definition, &PlanSpec)> = snapshot
        .keys_of(Kind::Plan)
        .filter_map(|key| Some((snapshot.definition(key)?, snapshot.plan(key)?)))
        .collect();
    versions(&plans, findings);
    findings.extend(
        plans
            .iter()
            .filter_map(|(plan, spec)| odd_version(plan, spec)),
    );
    supersedes(&plans, findings);
    for (plan, spec) in &plans {
        findings.extend(left_out(snapshot, plan, spec));
    }
    for (goal, spec) in each(snapshot, Kind::Goal, Spec::goal) {
        findings.extend(empty_selector(goal, spec));
    }
    for (execution, spec) in each(snapshot, Kind::Execution, Spec::execution) {
        findings.extend(other_goal(snapshot, execution, spec));
    }
}

fn goal_of(plan: &Key, spec: &PlanSpec) -> Option<Key> {
    let goal = spec.goal_ref.as_ref()?;
    Some(goal.key(Kind::Goal, &plan.namespace))
}

/// Words stand above all numbers: a slip of the keyboard would be the newest version for ever.
fn odd_version(plan: &Definition, spec: &PlanSpec) -> Option<Diagnostic> {
    let version = spec
        .version
        .as_deref()
        .filter(|version| !is_numbered(version))?;
    let message = format!(
        "`{version}` is not a number, a semantic version or a date, and counts as higher than all of them"
    );
    let finding = plan.at(Code::ODD_VERSION, path!["spec", "version"], message);
    Some(finding.help("write for example `2`, `1.2.3`, `1.3.0-rc.1` or `2026-01-31`"))
}

/// Of a series the highest version is chosen, so no two plans for one goal should have it.
fn versions(plans: &[(&Definition, &PlanSpec)], findings: &mut Vec<Diagnostic>) {
    let mut series: BTreeMap<(&str, &str), Vec<(&str, usize)>> = BTreeMap::new();
    for (at, (plan, spec)) in plans.iter().enumerate() {
        if let (Some(name), Some(version)) = (&spec.series, &spec.version) {
            let line = series.entry((&plan.key.namespace, name)).or_default();
            line.push((version, at));
        }
    }
    for ((_, name), mut line) in series {
        line.sort_by(|(a, i), (b, j)| compare_versions(a, b).then(i.cmp(j)));
        for equal in line.chunk_by(|(a, _), (b, _)| compare_versions(a, b).is_eq()) {
            let mut first: BTreeMap<Option<Key>, usize> = BTreeMap::new();
            for (version, at) in equal {
                let (plan, spec) = &plans[*at];
                let earlier = first.entry(goal_of(&plan.key, spec)).or_insert(*at);
                if earlier == at {
                    continue;
                }
                let (other, _) = &plans[*earlier];
                let message = format!(
                    "plan `{}` already has version `{version}` of series `{name}`",
                    other.key.name
                );
                findings.push(
                    plan.at(Code::DUPLICATE_VERSION, path!["spec", "version"], message)
                        .label("neither of two equal versions is the newest")
                        .help("give the newer one a higher version")
                        .related(other.label(path!["spec", "version"], "first here")),
                );
            }
        }
    }
}

/// The plan that a plan supersedes comes before it: within its series, and never after it.
fn supersedes(plans: &[(&Definition, &PlanSpec)], findings: &mut Vec<Diagnostic>) {
    let specs: BTreeMap<&Key, &PlanSpec> = plans
        .iter()
        .map(|(plan, spec)| (&plan.key, *spec))
        .collect();
    let mut replaced: Vec<(usize, Key)> = Vec::new();
    for (at, (plan, spec)) in plans.iter().enumerate() {
        for (entry, reference) in spec.supersedes.iter().enumerate() {
            let key = reference.key(Kind::Plan, &plan.key.namespace);
            let old_series = specs.get(&key).and_then(|old| old.series.as_ref());
            if let (Some(own), Some(other)) = (&spec.series, old_series)
                && own != other
            {
                let path = path!["spec", "supersedes", entry, "name"];
                let message = format!(
                    "plan `{}` belongs to series `{other}`, this one to series `{own}`",
                    key.name
                );
                findings.push(
                    plan.at(Code::SUPERSEDES_SERIES, path, message)
                        .label("of another series")
                        .help("name an earlier plan of the same series"),
                );
            }
            replaced.push((at, key));
        }
    }
    let keys: Vec<&Key> = plans.iter().map(|(plan, _)| &plan.key).collect();
    for cycle in cycles_among(&keys, replaced) {
        let names: Vec<&str> = cycle
            .iter()
            .chain(cycle.first())
            .map(|at| keys[*at].name.as_str())
            .collect();
        let names = shorten(&names);
        let message = match cycle.as_slice() {
            [_] => "a plan cannot supersede itself".to_owned(),
            _ => format!("plans supersede each other: {names}"),
        };
        for at in &cycle {
            let path = path!["spec", "supersedes"];
            findings.push(
                plans[*at]
                    .0
                    .at_key(Code::SUPERSEDES_CYCLE, path, message.as_str())
                    .label("none of them can be chosen")
                    .help("name the direct predecessor, or remove the field"),
            );
        }
    }
}

/// With both a `goalRef` and a `planSelector`, both must hold.
fn left_out(snapshot: &Definitions, plan: &Definition, spec: &PlanSpec) -> Option<Diagnostic> {
    let key = goal_of(&plan.key, spec)?;
    let goal = snapshot.definition(&key)?;
    let selector = snapshot.goal(&key)?.plan_selector.as_ref()?;
    let same_namespace = plan.key.namespace == key.namespace;
    let labels = &plan.resource.as_ref()?.metadata.labels;
    if selector.is_empty() || (same_namespace && selector.matches(labels)) {
        return None;
    }
    let help = if same_namespace {
        "add the labels that the selector requires to the plan, or change the selector"
    } else {
        "a selector applies only to the namespace of its goal: remove the selector, or move the plan"
    };
    let message = format!(
        "the `planSelector` of goal `{}` does not match this plan, so the goal will not choose it",
        key.name
    );
    let path = path!["spec", "goalRef", "name"];
    Some(
        plan.at(Code::SELECTOR_MISMATCH, path, message)
            .label("does not choose this plan")
            .help(help)
            .related(goal.label(path!["spec", "planSelector"], "the selector")),
    )
}

/// In Kubernetes an empty selector chooses everything, here it chooses nothing; so say it.
fn empty_selector(goal: &Definition, spec: &GoalSpec) -> Option<Diagnostic> {
    let selector = spec.plan_selector.as_ref()?;
    selector.is_empty().then(|| {
        let message = "an empty `planSelector` selects no plan";
        goal.at_key(Code::EMPTY_SELECTOR, path!["spec", "planSelector"], message)
            .label("it is empty")
            .help("set labels in `matchLabels`, or remove the selector")
    })
}

/// An execution serves the goal that its plan serves.
fn other_goal(
    snapshot: &Definitions,
    execution: &Definition,
    spec: &ExecutionSpec,
) -> Option<Diagnostic> {
    let namespace = &execution.key.namespace;
    let own = spec.goal_ref.as_ref()?.key(Kind::Goal, namespace);
    let plan_key = spec.plan_ref.key(Kind::Plan, namespace);
    let plan = snapshot.definition(&plan_key)?;
    let goal = goal_of(&plan_key, snapshot.plan(&plan_key)?)?;
    (own != goal).then(|| {
        let message = format!(
            "this execution serves goal `{}`, but its plan serves `{}`",
            own.qualified(),
            goal.qualified()
        );
        let path = path!["spec", "goalRef", "name"];
        execution
            .at(Code::GOAL_MISMATCH, path, message)
            .label("not the goal of the plan")
            .help("remove `goalRef`; the plan names the goal")
            .related(plan.label(path!["spec", "goalRef", "name"], "the goal of the plan"))
    })
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{
        execution, findings, plan_with, position, resource, task, with_metadata,
    };

    fn of(name: &str, fields: &str) -> String {
        plan_with(name, fields, &task("a", ""), "")
    }

    fn goal(name: &str, fields: &str) -> String {
        resource("Goal", name, &format!("description: d{fields}"))
    }

    #[test]
    fn a_version_that_is_a_slip_is_told() {
        let of = |version: &str| {
            plan_with(
                "p",
                &format!("series: s, version: '{version}'"),
                &task("a", ""),
                "",
            )
        };
        for version in ["2", "v1.2.3", "1.0.0-rc.1+b7", "2026-01-31", "1.2.3.4"] {
            assert_eq!(findings(&of(version)), [] as [&str; 0], "{version}");
        }
        for version in ["1.2.O", "1.2.3.", "final", "2026.O1", "v"] {
            let text = of(version);
            let at = position(&text, &format!("'{version}'"));
            let found = findings(&text);
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(
                found[0].starts_with(&format!("PS231 warning {at}: `{version}` is not a number")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn no_two_plans_of_a_series_have_one_version() {
        let text = [
            of("a", "series: s, version: '1.0'"),
            of("b", "series: s, version: v1, context: []"),
            of("c", "series: s, version: '1.0.0'"),
            of("d", "series: s, version: '1.1'"),
            of("e", "series: t, version: '1'"),
        ]
        .concat();
        let at = |needle: &str| position(&text, needle);
        let expected: Vec<String> = [(at("v1, "), "v1"), (at("'1.0.0'"), "1.0.0")]
            .into_iter()
            .flat_map(|(place, version)| {
                [
                    format!("PS220 warning {place}: plan `a` already has version `{version}` of series `s`"),
                    "help: give the newer one a higher version".to_owned(),
                    format!("also {}: first here", at("'1.0'")),
                ]
            })
            .collect();
        assert_eq!(findings(&text), expected);
    }

    #[test]
    fn plans_for_two_goals_may_have_one_version() {
        let text = [
            goal("x", ""),
            goal("y", ""),
            of("a", "goalRef: {name: x}, series: s, version: '1'"),
            of("b", "goalRef: {name: y}, series: s, version: '1'"),
        ];
        assert_eq!(findings(&text.concat()), [] as [&str; 0]);
    }

    #[test]
    fn a_plan_supersedes_an_earlier_one_of_its_series() {
        let fine = of("a", "series: s, version: '1'")
            + &of("b", "series: s, version: '2', supersedes: [{name: a}]")
            + &of("c", "supersedes: [{name: b}]");
        assert_eq!(findings(&fine), [] as [&str; 0]);
        let text = of("a", "series: s, version: '1'")
            + &of("b", "series: t, version: '2', supersedes: [{name: a}]");
        assert_eq!(
            findings(&text),
            [
                format!(
                    "PS219 warning {}: plan `a` belongs to series `s`, this one to series `t`",
                    position(&text, "a}]")
                ),
                "help: name an earlier plan of the same series".to_owned(),
            ]
        );
    }

    #[test]
    fn no_plan_supersedes_itself_or_what_supersedes_it() {
        let help = "help: name the direct predecessor, or remove the field".to_owned();
        let text = of("a", "supersedes: [{name: a}]");
        assert_eq!(
            findings(&text),
            [
                format!(
                    "PS218 error {}: a plan cannot supersede itself",
                    position(&text, "supersedes")
                ),
                help.clone(),
            ]
        );
        let text = of("into", "supersedes: [{name: a}]")
            + &of("a", "supersedes: [{name: b}] ")
            + &of("b", "supersedes: [{name: a}]  ");
        let message = "plans supersede each other: a → b → a";
        assert_eq!(
            findings(&text),
            [
                format!(
                    "PS218 error {}: {message}",
                    position(&text, "supersedes: [{name: b}] ")
                ),
                help.clone(),
                format!(
                    "PS218 error {}: {message}",
                    position(&text, "supersedes: [{name: a}]  ")
                ),
                help,
            ]
        );
    }

    #[test]
    fn a_goal_chooses_the_plans_that_name_it() {
        let selecting = goal("g", ", planSelector: {matchLabels: {tier: gold}}");
        let labelled = |labels: &str| {
            with_metadata(
                "Plan",
                &format!("name: p, namespace: team, labels: {{{labels}}}"),
                "description: d, goalRef: {name: g}, graph: {nodes: [{id: a, kind: Task}]}",
            )
        };
        for fine in [
            selecting.clone() + &labelled("tier: gold"),
            goal("g", "") + &labelled(""),
        ] {
            assert_eq!(findings(&fine), [] as [&str; 0], "{fine}");
        }
        let message = "the `planSelector` of goal `g` does not match this plan, so the goal will not choose it";
        let text = selecting.clone() + &labelled("tier: iron");
        assert_eq!(
            findings(&text),
            [
                format!("PS215 warning {}: {message}", position(&text, "g}, graph")),
                "help: add the labels that the selector requires to the plan, or change the selector"
                    .to_owned(),
                format!("also {}: the selector", position(&text, "{matchLabels")),
            ]
        );
        let text = selecting
            + &with_metadata(
                "Plan",
                "name: p, namespace: far, labels: {tier: gold}",
                "description: d, goalRef: {name: g, namespace: team}, graph: {nodes: [{id: a, kind: Task}]}",
            );
        assert_eq!(
            findings(&text)[..2],
            [
                format!("PS215 warning {}: {message}", position(&text, "g, namespace: team}")),
                "help: a selector applies only to the namespace of its goal: remove the selector, or move the plan"
                    .to_owned(),
            ]
        );
    }

    #[test]
    fn an_empty_selector_chooses_nothing() {
        for selector in [
            "{}",
            "{matchLabels: {}}",
            "{matchLabels: {}, matchExpressions: []}",
        ] {
            let text =
                goal("g", &format!(", planSelector: {selector}")) + &of("p", "goalRef: {name: g}");
            assert_eq!(
                findings(&text),
                [
                    format!(
                        "PS216 warning {}: an empty `planSelector` selects no plan",
                        position(&text, "planSelector")
                    ),
                    "help: set labels in `matchLabels`, or remove the selector".to_owned(),
                ]
            );
        }
    }

    #[test]
    fn an_execution_and_its_plan_serve_one_goal() {
        let goals = goal("x", "") + &goal("y", "");
        let fine = goals.clone()
            + &of("p", "goalRef: {name: x}")
            + &of("free", "")
            + &execution("one", "p", "goalRef: {name: x}")
            + &execution("two", "p", "")
            + &execution("three", "free", "goalRef: {name: y}");
        assert_eq!(findings(&fine), [] as [&str; 0]);
        let text =
            goals + &of("p", "goalRef: {name: x}") + &execution("run", "p", "goalRef: {name: y}");
        assert_eq!(
            findings(&text),
            [
                format!(
                    "PS214 error {}: this execution serves goal `team/y`, but its plan serves `team/x`",
                    position(&text, "y}")
                ),
                "help: remove `goalRef`; the plan names the goal".to_owned(),
                format!("also {}: the goal of the plan", position(&text, "x}")),
            ]
        );
    }
}
