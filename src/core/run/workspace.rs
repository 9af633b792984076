//! The work that a command builds on: that of the nodes before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::plan::graph::Graph;
use crate::core::resource::{EdgeKind, GraphSpec, NodeStatus};

/// The commits with the work of a node's predecessors by hard edges, each with the node that reported it, in the order
/// of the run. For a predecessor without a commit (a gate, a task that changed nothing), those of its predecessors; for
/// a group, those of all its children.
pub fn results_before<'a>(
    (graph, spec): (&'a Graph, &GraphSpec),
    statuses: &'a BTreeMap<String, NodeStatus>,
    node: &str,
) -> Vec<(&'a str, &'a str)> {
    let Some(index) = graph.index_of(node) else {
        return Vec::new();
    };
    let before = |index: usize| {
        let hard = graph.predecessors(index);
        hard.filter(|(_, kind)| *kind == EdgeKind::Hard)
            .map(|(before, _)| before)
    };
    let commit_of = |index: usize| {
        let report = statuses.get(graph.id(index))?.extensions.report.as_ref()?;
        report.commit.as_deref()
    };
    let mut todo: Vec<usize> = before(index).collect();
    let mut seen = BTreeSet::new();
    while let Some(index) = todo.pop() {
        if !seen.insert(index) || commit_of(index).is_some() {
            continue;
        }
        let children = spec.nodes.get(index).into_iter();
        let children = children.flat_map(|node| &node.children);
        todo.extend(children.filter_map(|child| graph.index_of(child)));
        todo.extend(before(index));
    }
    let mut commits = BTreeSet::new();
    let in_order = graph.order().iter().filter(|index| seen.contains(index));
    let results = in_order.filter_map(|index| Some((graph.id(*index), commit_of(*index)?)));
    results
        .filter(|(_, commit)| commits.insert(*commit))
        .collect()
}

/// The message of an attempt that failed before it began, because the work of a node cannot be merged.
pub fn conflict_of(node: &str, with: &str, files: &str) -> String {
    format!("{CONFLICT}{node}` did {TOGETHER}{with}: {files}")
}

const CONFLICT: &str = "what `";
const TOGETHER: &str = "does not go together with the ";

/// The node whose work could not be merged, from the message of a failed attempt: the next attempt fails too until that
/// work is repeated.
pub fn in_conflict(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(CONFLICT)?;
    let (node, rest) = rest.split_once('`')?;
    let is_conflict = rest.strip_prefix(" did ")?.starts_with(TOGETHER);
    is_conflict.then_some(node)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::resource::ReportedBy;

    #[test]
    fn whose_work_is_in_conflict_is_read_as_it_is_written() {
        let why = conflict_of("api", "work of `schema`", "src/api.rs");
        assert_eq!(in_conflict(&why), Some("api"));
        let told = format!("reported by tool:make: {why}");
        assert_eq!(in_conflict(&told), Some("api"));
        for other in ["what `api` did", "`api` does not go together with the", ""] {
            assert_eq!(in_conflict(other), None, "{other}");
        }
    }

    #[test]
    fn the_work_before_a_node_is_found_through_what_left_none() {
        let spec: GraphSpec = serde_json::from_value(json!({
            "nodes": [
                {"id": "a", "kind": "Task"},
                {"id": "b", "kind": "Task", "dependsOn": ["a"]},
                {"id": "ok", "kind": "Gate", "gateRef": {"name": "g"}, "dependsOn": ["a"]},
                {"id": "c", "kind": "Task"},
                {"id": "d", "kind": "Task"},
                {"id": "both", "kind": "Group", "children": ["c", "d"]},
                {"id": "soft", "kind": "Task"},
                {"id": "z", "kind": "Task", "dependsOn": ["b", "ok", "both"]},
                {"id": "first", "kind": "Task"},
            ],
            "edges": [{"from": "soft", "to": "z", "type": "soft"}],
        }))
        .expect("a graph");
        let graph = Graph::build(&spec).expect("a graph");
        let with = |commits: &[(&str, &str)]| -> BTreeMap<String, NodeStatus> {
            let nodes = spec.nodes.iter().map(|node| {
                let mut status = NodeStatus::default();
                let commit = commits.iter().find(|(id, _)| *id == node.id);
                status.extensions.report = commit.map(|(_, commit)| ReportedBy {
                    actor: "agent:a".to_owned(),
                    record: String::new(),
                    commit: Some((*commit).to_owned()),
                    done_before: false,
                    session: None,
                    claim: None,
                    signed: None,
                    timestamp: None,
                });
                (node.id.clone(), status)
            });
            nodes.collect()
        };
        for (commits, node, expected) in [
            (vec![("a", "1"), ("soft", "9")], "z", vec![("a", "1")]),
            (
                vec![("a", "1"), ("b", "2")],
                "z",
                vec![("a", "1"), ("b", "2")],
            ),
            (
                vec![("c", "3"), ("d", "4"), ("b", "2")],
                "z",
                vec![("c", "3"), ("d", "4"), ("b", "2")],
            ),
            (vec![("c", "3"), ("d", "3")], "z", vec![("c", "3")]),
            (vec![("a", "1")], "b", vec![("a", "1")]),
            (vec![("a", "1")], "first", vec![]),
            (vec![], "nobody", vec![]),
        ] {
            let statuses = with(&commits);
            let mut found = results_before((&graph, &spec), &statuses, node);
            let mut expected = expected.clone();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{node}");
        }
    }
}
