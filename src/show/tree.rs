//! A graph as a tree: every node once, with references to nodes drawn elsewhere.
//!
//! A node is below the last of the nodes that it waits for. A branch that is by far the longest stays
//! in the column of its parent, so that a chain is a list, and the depth of indentation is at most
//! the logarithm of the number of nodes.

use crate::core::plan::graph::Graph;
use crate::core::resource::EdgeKind;

/// The class of a branch with nodes of several classes.
const MIXED: usize = 1;

/// One node of the drawing.
#[derive(Debug, PartialEq, Eq)]
pub struct TreeRow {
    /// Its index.
    pub node: usize,
    /// The text before it on its line.
    pub lead: String,
    /// Other nodes that wait for it, drawn below another parent.
    pub also: Vec<usize>,
}

/// All nodes in the order in which they are drawn. Branches whose nodes are all of one class are
/// together: class 0 first, mixed ones as 1, then the others.
pub fn tree(graph: &Graph, class: impl Fn(usize) -> usize) -> Vec<TreeRow> {
    let count = graph.len();
    let parents = parents(graph);
    let mut size = vec![1; count];
    let mut class: Vec<usize> = (0..count).map(class).collect();
    for &node in graph.order().iter().rev() {
        if let Some(parent) = parents[node] {
            size[parent] += size[node];
            if class[parent] != class[node] {
                class[parent] = MIXED;
            }
        }
    }
    let mut children = vec![Vec::new(); count];
    let mut roots = Vec::new();
    for (node, parent) in parents.iter().enumerate() {
        match *parent {
            Some(parent) => children[parent].push(node),
            None => roots.push(node),
        }
    }

    for branches in children.iter_mut().chain([&mut roots]) {
        branches.sort_by_key(|&branch| class[branch]);
    }

    let mut rows = Vec::with_capacity(count);
    let mut to_draw = Vec::new();
    push_branches(&mut to_draw, roots, "", &size);
    while let Some((node, lead, below)) = to_draw.pop() {
        let also = graph.successors(node).map(|(to, _)| to);
        rows.push(TreeRow {
            node,
            lead,
            also: also.filter(|&to| parents[to] != Some(node)).collect(),
        });
        push_branches(
            &mut to_draw,
            std::mem::take(&mut children[node]),
            &below,
            &size,
        );
    }
    rows
}

/// The node below which each one is drawn: the last on the longest path to it, preferably one with a
/// hard edge.
fn parents(graph: &Graph) -> Vec<Option<usize>> {
    let mut level = vec![0; graph.len()];
    for (depth, nodes) in graph.levels().iter().enumerate() {
        for &node in nodes {
            level[node] = depth;
        }
    }
    let last = |node| {
        let edges = graph.predecessors(node);
        let soft = edges.filter(|(_, kind)| *kind == EdgeKind::Soft);
        let soft: Vec<usize> = soft.map(|(from, _)| from).collect();
        let before = graph.nodes_before(node).into_iter();
        before.max_by_key(|from| (level[*from], !soft.contains(from), *from))
    };
    (0..graph.len()).map(last).collect()
}

/// A node to draw, the text before it, and the text before its children.
type ToDraw = (usize, String, String);

/// Pushes branches on the stack, the first on top.
fn push_branches(stack: &mut Vec<ToDraw>, mut branches: Vec<usize>, before: &str, size: &[usize]) {
    let whole: usize = branches.iter().map(|&branch| size[branch]).sum();
    let trunk = branches
        .iter()
        .position(|&branch| 2 * size[branch] > whole)
        .map(|at| branches.remove(at));
    if let Some(trunk) = trunk {
        stack.push((trunk, before.to_owned(), before.to_owned()));
    }
    for (rank, &branch) in branches.iter().rev().enumerate() {
        let (lead, below) = if rank == 0 && trunk.is_none() {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        stack.push((
            branch,
            format!("{before}{lead}"),
            format!("{before}{below}"),
        ));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    /// `a: b c` – node a waits for b and c.
    fn graph(lines: &[&str]) -> Graph {
        let nodes: Vec<_> = lines
            .iter()
            .map(|line| {
                let (id, before) = line.split_once(':').unwrap_or((line, ""));
                let before: Vec<&str> = before.split_whitespace().collect();
                json!({"id": id, "kind": "Task", "dependsOn": before})
            })
            .collect();
        Graph::build(&serde_json::from_value(json!({"nodes": nodes})).unwrap()).unwrap()
    }

    fn drawn(graph: &Graph) -> Vec<String> {
        let line = |row: TreeRow| {
            let also: Vec<&str> = row.also.iter().map(|&to| graph.id(to)).collect();
            let also = if also.is_empty() {
                String::new()
            } else {
                format!(" → {}", also.join(", "))
            };
            format!("{}{}{also}", row.lead, graph.id(row.node))
        };
        let class = |node: usize| match graph.id(node) {
            done if done.starts_with("done") => 0,
            later if later.starts_with("later") => 2,
            _ => 1,
        };
        tree(graph, class).into_iter().map(line).collect()
    }

    #[test]
    fn a_graph_is_drawn_as_a_tree_with_references() {
        let table: [(&str, &[&str], &[&str]); 7] = [
            (
                "what is finished stands together, and what is far away",
                &["a", "later1:a", "done1:a", "b:a", "done2:a", "later2:a"],
                &[
                    "a",
                    "├─ done1",
                    "├─ done2",
                    "├─ b",
                    "├─ later1",
                    "└─ later2",
                ],
            ),
            ("a chain is a list", &["a", "b:a", "c:b"], &["a", "b", "c"]),
            ("a fork", &["a", "b:a", "c:a"], &["a", "├─ b", "└─ c"]),
            (
                "a diamond is drawn once, with a reference",
                &["a", "b:a", "c:a", "d:b c"],
                &["a", "├─ b → d", "c", "d"],
            ),
            (
                "what stands alone",
                &["a", "b", "c:b", "d"],
                &["├─ a", "├─ b", "│  c", "└─ d"],
            ),
            (
                "branches of branches",
                &["a", "b:a", "c:a", "d:b", "e:b", "f:c", "g:c"],
                &[
                    "a",
                    "├─ b",
                    "│  ├─ d",
                    "│  └─ e",
                    "└─ c",
                    "   ├─ f",
                    "   └─ g",
                ],
            ),
            (
                "below the last on the longest way",
                &["a", "b:a", "z:a b", "c:b"],
                &["a → z", "b", "├─ z", "└─ c"],
            ),
        ];
        for (name, lines, expected) in table {
            assert_eq!(drawn(&graph(lines)), expected, "{name}");
        }
    }

    #[test]
    fn no_graph_is_too_long_or_too_deep() {
        let names: Vec<String> = (0..20_000).map(|i| format!("n{i}")).collect();
        let chain: Vec<String> = (0..20_000)
            .map(|i| match i {
                0 => "n0".to_owned(),
                i => format!("n{i}:n{}", i - 1),
            })
            .collect();
        // A comb: each tooth leads on and has a side branch of its own.
        let comb: Vec<String> = (0..20_000)
            .map(|i| match i {
                0 | 1 => format!("n{i}"),
                i => format!("n{i}:n{}", (i / 2 - 1) * 2),
            })
            .collect();
        for lines in [names, chain, comb] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let rows = tree(&graph(&lines), |node| node % 3);
            assert_eq!(rows.len(), 20_000);
            let deepest = rows.iter().map(|row| row.lead.chars().count()).max();
            assert!(deepest <= Some(3 * 15), "{deepest:?}");
        }
    }
}
