//! Executions that follow each other.

use std::collections::BTreeMap;

use super::cycles_among;
use super::graphs::shorten;
use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::repository::definitions::Definitions;
use crate::core::resource::{ExternalRef, Key, Kind};
use crate::path;

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    let mut follows: BTreeMap<&Key, Vec<(Key, usize)>> = BTreeMap::new();
    for plan in snapshot.keys_of(Kind::Plan) {
        let found = followed(snapshot, plan);
        if !found.is_empty() {
            follows.insert(plan, found);
        }
    }
    if follows.is_empty() {
        return;
    }
    let executions: Vec<(&Key, Key)> = snapshot
        .keys_of(Kind::Execution)
        .filter_map(|key| {
            let spec = snapshot.execution(key)?;
            Some((key, spec.plan_ref.key(Kind::Plan, &key.namespace)))
        })
        .collect();
    let keys: Vec<&Key> = executions.iter().map(|(key, _)| *key).collect();
    let waits = executions.iter().enumerate().flat_map(|(at, (_, plan))| {
        let others = follows.get(plan).into_iter().flatten();
        others.map(move |(other, _)| (at, other.clone()))
    });
    for cycle in cycles_among(&keys, waits) {
        let members: Vec<&(&Key, Key)> = cycle.iter().map(|at| &executions[*at]).collect();
        describe(snapshot, &members, &follows, findings);
    }
}

/// The executions that the External nodes of a plan follow, and which nodes these are.
fn followed(snapshot: &Definitions, plan: &Key) -> Vec<(Key, usize)> {
    let nodes = snapshot
        .plan(plan)
        .map_or(&[][..], |plan| &plan.graph.nodes);
    let externals = nodes.iter().enumerate();
    externals
        .filter_map(|(index, node)| match &node.external_ref {
            Some(ExternalRef::Resource { resource_ref: of }) if of.kind == Kind::Execution => {
                Some((of.key(&plan.namespace), index))
            }
            _ => None,
        })
        .collect()
}

/// One finding for each execution of a cycle, at its plan, with the node that waits.
fn describe(
    snapshot: &Definitions,
    cycle: &[&(&Key, Key)],
    follows: &BTreeMap<&Key, Vec<(Key, usize)>>,
    findings: &mut Vec<Diagnostic>,
) {
    let ring = || cycle.iter().chain(cycle.first()).map(|(key, _)| *key);
    let names: Vec<String> = ring().map(Key::qualified).collect();
    let names = shorten(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for ((key, plan), next) in cycle.iter().zip(ring().skip(1)) {
        let Some(definition) = snapshot.definition(key) else {
            continue;
        };
        let path = path!["spec", "planRef", "name"];
        let message = format!("executions wait for each other: {names}");
        let mut finding = definition
            .at(Code::EXECUTION_CYCLE, path, message)
            .label(format!("waits for execution `{}`", next.qualified()))
            .help("remove the External node of one of them from the plan");
        let mut followed = follows.get(plan).into_iter().flatten();
        let by = followed.find(|(other, _)| other == next);
        if let (Some((_, node)), Some(plan)) = (by, snapshot.definition(plan)) {
            let mut path = path!["spec", "graph", "nodes", *node];
            path.extend(path!["externalRef", "resourceRef", "name"]);
            finding = finding.related(plan.label(path, "by this node of its plan"));
        }
        findings.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{execution, findings, plan};

    fn follower(name: &str, other: &str) -> String {
        let node = format!(
            "{{id: x, kind: External, externalRef: {{type: resource, resourceRef: {{kind: Execution, name: {other}}}}}}}"
        );
        plan(name, &node)
    }

    #[test]
    fn executions_do_not_wait_for_each_other() {
        let waits = |a: &str, b: &str, c: &str| {
            let text = [
                follower("p", a),
                execution("one", "p", ""),
                follower("q", b),
                execution("two", "q", ""),
                follower("r", c),
                execution("three", "r", ""),
                plan("s", "{id: a, kind: Task}"),
                execution("free", "s", ""),
            ];
            let found = findings(&text.concat()).into_iter();
            let about = found.filter(|line| line.contains("PS314"));
            about
                .map(|line| {
                    line.split_once(": ")
                        .map_or(String::new(), |(_, says)| says.to_owned())
                })
                .collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(waits("two", "three", "free"), none);
        let says = "executions wait for each other: team/one → team/two → team/one";
        assert_eq!(waits("two", "one", "one"), [says, says]);
        let says = "executions wait for each other: team/three → team/three";
        assert_eq!(waits("free", "free", "three"), [says]);
    }
}
