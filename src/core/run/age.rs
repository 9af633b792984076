//! How long a node has been ready.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::plan::graph::{Graph, Step};
use crate::core::resource::{NodeStatus, Time};

/// Since when a node could be done, as far as the status tells: since everything before it, and before the groups
/// around it, is over; without predecessors since the start of the run; and never before its open attempt.
pub fn ready_since(
    graph: &Graph,
    statuses: &BTreeMap<String, NodeStatus>,
    (node, started): (&str, Option<Time>),
) -> Option<Time> {
    let own = statuses.get(node).map(|status| &status.extensions);
    let lapsed = own.and_then(|own| own.lapsed.as_ref());
    let mut moments = vec![
        started,
        own.and_then(|own| own.not_before),
        lapsed.and_then(|lapsed| lapsed.expires),
    ];
    let mut todo: Vec<Step> = graph.index_of(node).map(Step::Node).into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(step) = todo.pop() {
        for before in graph.steps_before(step) {
            match before {
                Step::Node(index) => {
                    let status = statuses.get(graph.id(index));
                    moments.push(status.and_then(|status| status.completion_time));
                }
                // A group is entered when everything before it is over.
                Step::Enter(group) if seen.insert(group) => todo.push(before),
                Step::Enter(_) => {}
            }
        }
    }
    moments.into_iter().flatten().max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::resource::GraphSpec;

    #[test]
    fn a_node_is_ready_since_the_last_of_what_it_waited_for() {
        let spec: GraphSpec = serde_json::from_value(json!({
            "nodes": [
                {"id": "first", "kind": "Task"},
                {"id": "early", "kind": "Task"},
                {"id": "late", "kind": "Task", "dependsOn": ["early"]},
                {"id": "both", "kind": "Task", "dependsOn": ["early", "late"]},
                {"id": "group", "kind": "Group", "children": ["child"], "when": "true",
                 "dependsOn": ["late"]},
                {"id": "child", "kind": "Task", "dependsOn": ["early"]},
                {"id": "again", "kind": "Task"},
                {"id": "lost", "kind": "Task"},
            ],
        }))
        .expect("a graph");
        let graph = Graph::build(&spec).expect("a graph");
        let time = |minute: u32| format!("2026-01-31T12:{minute:02}:00Z");
        let statuses: BTreeMap<String, NodeStatus> = serde_json::from_value(json!({
            "first": {"phase": "Pending"},
            "early": {"phase": "Succeeded", "completionTime": time(5)},
            "late": {"phase": "Skipped", "completionTime": time(20)},
            "both": {"phase": "Pending"},
            "group": {"phase": "Pending"},
            "child": {"phase": "Pending"},
            "again": {"phase": "Pending", "extensions": {"notBefore": time(7)}},
            "lost": {"phase": "Pending", "extensions": {"lapsed": {
                "actor": "agent:a", "record": "r", "expires": time(31)}}},
        }))
        .expect("a status");
        let table = [
            ("first", 0),
            ("late", 5),
            ("both", 20),
            ("child", 20),
            ("again", 7),
            ("lost", 31),
        ];
        let started: Option<Time> = time(0).parse().ok();
        for (node, minute) in table {
            let since = ready_since(&graph, &statuses, (node, started));
            assert_eq!(since, time(minute).parse().ok(), "{node}");
        }
    }
}
