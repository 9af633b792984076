//! Executions that follow each other.

use std::collections::{BTreeMap, BTreeSet};

use super::graphs::shorten;
use crate::core::base::diagnostic::{Code, Diagnostic, Label, Part, Place};
use crate::core::plan::graph;
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
    let index: BTreeMap<&Key, usize> = executions
        .iter()
        .enumerate()
        .map(|(at, (key, _))| (*key, at))
        .collect();
    let waits: BTreeSet<(usize, usize)> = executions
        .iter()
        .enumerate()
        .flat_map(|(at, (_, plan))| {
            let others = follows.get(plan).into_iter().flatten();
            others.map(move |(other, _)| (at, other))
        })
        .filter_map(|(at, other)| Some((at, *index.get(other)?)))
        .collect();
    for cycle in graph::cycles_among(executions.len(), &waits) {
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
                let namespace = of.namespace.as_deref().unwrap_or(&plan.namespace);
                Some((Key::new(Kind::Execution, namespace, &of.name), index))
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
        let place = Place::Entry {
            document: definition.document,
            path: path!["spec", "planRef", "name"],
            part: Part::Value,
        };
        let message = format!("executions wait for each other: {names}");
        let mut finding = Diagnostic::new(Code::EXECUTION_CYCLE, &definition.path, place, message)
            .label(format!("waits for execution `{}`", next.qualified()))
            .help("let one of them not wait: take its External node out of the plan")
            .about(key);
        let node = follows.get(plan).and_then(|all| {
            let mut all = all.iter();
            all.find(|(other, _)| other == next).map(|(_, node)| *node)
        });
        if let (Some(node), Some(definition)) = (node, snapshot.definition(plan)) {
            finding = finding.related(Label {
                file: definition.path.clone(),
                place: definition.place(
                    Kind::Plan,
                    path![
                        "spec",
                        "graph",
                        "nodes",
                        node,
                        "externalRef",
                        "resourceRef",
                        "name"
                    ],
                    Part::Value,
                ),
                message: "by this node of its plan".to_owned(),
            });
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
