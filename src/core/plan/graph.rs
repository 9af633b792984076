//! The graph of a plan: order, edges in both directions, errors, digest.
//!
//! Node `i` is `spec.nodes[i]`, here and in everything built on it. Nothing here is recursive: a
//! chain of 100,000 nodes is a valid plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};

use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef, Reversed, Walker};
use serde::Serialize;
use serde_json::Value;

use crate::core::base::diagnostic::PathStep;
use crate::core::resource::{Edge, EdgeKind, GraphSpec, Node, NodeKind, OutputSpec};
use crate::path;

/// A directed acyclic graph: the nodes of a plan, and the combined edges between them.
#[derive(Debug, Clone)]
pub struct Graph {
    graph: DiGraph<String, EdgeKind>,
    index: HashMap<String, usize>,
    order: Vec<usize>,
    /// The dependencies at run time: the edges, groups on their children, and children
    /// on the entries of groups. The entries come after the nodes.
    waits: DiGraph<(), ()>,
    /// The groups with an entry, by the number of the entry.
    entries: Vec<usize>,
    steps: Vec<Step>,
}

/// A step of a running plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Decides whether the children of a group are needed: the group has a condition, or
    /// is in a group that has one.
    Enter(usize),
    /// Runs a node.
    Node(usize),
}

impl Step {
    fn is_node(self) -> bool {
        matches!(self, Step::Node(_))
    }
}

/// An error in a [`GraphSpec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphProblem {
    /// Two nodes have the same id; each further one is reported against the first.
    DuplicateNode {
        /// The first node with the id.
        first: usize,
        /// Another node with the id.
        second: usize,
    },
    /// A group names a child that does not exist.
    ChildNotFound {
        /// The group.
        node: usize,
        /// Index in its `children`.
        child: usize,
        /// The unknown name.
        name: String,
    },
    /// Groups that contain each other: each is a child of the one before, and the first of the
    /// last.
    GroupCycle {
        /// The groups, starting with the first in the file.
        nodes: Vec<usize>,
    },
    /// A node that waits for a group that it is in: each waits for the one before, by an edge or
    /// as a group for its children, and the first for the last.
    GroupWaits {
        /// The nodes, starting with the first in the file.
        nodes: Vec<usize>,
    },
    /// An edge ends at a node that does not exist.
    Dangling {
        /// Where the name is.
        place: EdgePlace,
        /// The unknown name.
        name: String,
    },
    /// A node depends on itself.
    SelfLoop {
        /// Where the edge is.
        place: EdgePlace,
    },
    /// Nodes that wait for each other: one shortest cycle for each strongly connected component.
    Cycle {
        /// The whole cycle, each before the one that waits for it, starting with its first node
        /// in the file. The last one precedes the first again.
        nodes: Vec<usize>,
        /// The edge from the last to the first.
        closing: EdgePlace,
    },
}

/// Something that is probably a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// An edge into a group: the group waits, but its children do not.
    EdgeIntoGroup {
        /// Where the edge is.
        place: EdgePlace,
        /// The group.
        group: usize,
    },
    /// A node that is listed as a child twice, in two groups or in one.
    InTwoGroups {
        /// The first group, and the index in its `children`.
        first: (usize, usize),
        /// The second group, and the index in its `children`.
        second: (usize, usize),
    },
}

/// An end of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// `from`
    From,
    /// `to`
    To,
}

/// The place of an edge in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgePlace {
    /// In `graph.edges`.
    Edge {
        /// Index in `edges`.
        index: usize,
        /// The end of the edge.
        end: End,
    },
    /// In the `dependsOn` of a node.
    DependsOn {
        /// Index of the node that waits.
        node: usize,
        /// Index in its `dependsOn`.
        index: usize,
    },
}

impl EdgePlace {
    /// The path in the document: `spec.graph.edges[3].to`.
    pub fn path(self) -> Vec<PathStep> {
        match self {
            EdgePlace::Edge { index, end } => {
                let end = match end {
                    End::From => "from",
                    End::To => "to",
                };
                path!["spec", "graph", "edges", index, end]
            }
            EdgePlace::DependsOn { node, index } => {
                path!["spec", "graph", "nodes", node, "dependsOn", index]
            }
        }
    }
}

impl Graph {
    /// Builds the graph of a plan.
    ///
    /// # Errors
    /// All errors, not only the first.
    pub fn build(spec: &GraphSpec) -> Result<Graph, Vec<GraphProblem>> {
        let mut problems = Vec::new();
        let index = index_nodes(spec, &mut problems);
        let members = check_groups(spec, &index, &mut problems);
        let edges = fold_edges(spec, &index, &mut problems);

        let graph = digraph(
            spec.nodes.iter().map(|node| node.id.clone()),
            edges.iter().map(|(&pair, &(kind, _))| (pair, kind)),
        );
        problems.extend(cycles(&graph).into_iter().filter_map(|nodes| {
            let pair = (*nodes.last()?, *nodes.first()?);
            let &(_, closing) = edges.get(&pair)?;
            Some(GraphProblem::Cycle { nodes, closing })
        }));
        if !problems.is_empty() {
            return Err(problems);
        }
        let entries = conditional_groups(spec, &members);
        let waits = what_waits(spec, edges.into_keys().collect(), &members, &entries);
        let step = |at: usize| match at.checked_sub(spec.nodes.len()) {
            None => Step::Node(at),
            Some(entry) => Step::Enter(entries[entry]),
        };
        let knots = cycles(&waits).into_iter();
        let problems: Vec<GraphProblem> = knots
            .map(|knot| GraphProblem::GroupWaits {
                nodes: nodes_of(knot.into_iter().map(step)),
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let steps = topological_order(&waits, spec.nodes.len()).into_iter();
        let steps: Vec<Step> = steps.map(step).collect();
        let order = steps.iter().filter_map(|step| match step {
            Step::Node(node) => Some(*node),
            Step::Enter(_) => None,
        });
        Ok(Graph {
            graph,
            index,
            order: order.collect(),
            waits,
            entries,
            steps,
        })
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of node `i`; empty if there is no such node.
    pub fn id(&self, i: usize) -> &str {
        self.graph
            .node_weight(NodeIndex::new(i))
            .map_or("", String::as_str)
    }

    /// The node with an id.
    pub fn index_of(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// A topological order: each node after those that it depends on, each group after its children; otherwise
    /// in the order of the file.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The order of steps at run time: the nodes as in [`Graph::order`], and the
    /// entry of a group before its children and after the nodes that the group waits for.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether the children of a group wait for the decision that they are needed.
    pub fn has_entry(&self, group: usize) -> bool {
        self.entries.binary_search(&group).is_ok()
    }

    /// The direct predecessors of a step at run time.
    pub fn steps_before(&self, step: Step) -> impl Iterator<Item = Step> + '_ {
        let at = NodeIndex::new(self.number(step));
        let before = self.waits.neighbors_directed(at, Direction::Incoming);
        before.map(|at| self.step(at))
    }

    /// The number of a step, from 0 and less than the number of steps.
    pub fn number(&self, step: Step) -> usize {
        match step {
            Step::Node(node) => node,
            // Only groups with an entry have this step.
            Step::Enter(group) => self.len() + self.entries.partition_point(|of| *of < group),
        }
    }

    /// All nodes after some nodes at run time, over edges of any kind, from
    /// children to their groups, and from the nodes that a conditional group waits for to its children.
    pub fn behind(&self, nodes: &[usize]) -> BTreeSet<usize> {
        let mut seen = vec![false; self.waits.node_count()];
        let mut todo: Vec<NodeIndex> = nodes.iter().map(|node| NodeIndex::new(*node)).collect();
        let mut behind = BTreeSet::new();
        while let Some(at) = todo.pop() {
            for next in self.waits.neighbors(at) {
                if std::mem::replace(&mut seen[next.index()], true) {
                    continue;
                }
                todo.push(next);
                if let Step::Node(node) = self.step(next) {
                    behind.insert(node);
                }
            }
        }
        behind
    }

    /// For each node, the weight of the nodes after it on the heaviest path to the end of the plan.
    pub fn heaviest_behind(&self, weight: impl Fn(usize) -> usize) -> Vec<usize> {
        let mut behind = vec![0; self.steps.len()];
        for &step in self.steps.iter().rev() {
            let own = match step {
                Step::Node(node) => weight(node),
                Step::Enter(_) => 0,
            };
            let from_here = behind[self.number(step)] + own;
            for before in self.steps_before(step) {
                let before = &mut behind[self.number(before)];
                *before = from_here.max(*before);
            }
        }
        behind.truncate(self.len());
        behind
    }

    fn step(&self, at: NodeIndex) -> Step {
        match at.index().checked_sub(self.len()) {
            None => Step::Node(at.index()),
            Some(entry) => Step::Enter(self.entries[entry]),
        }
    }

    /// The nodes that node `i` waits for, in the order of the file.
    pub fn predecessors(&self, i: usize) -> impl Iterator<Item = (usize, EdgeKind)> + '_ {
        self.graph
            .edges_directed(NodeIndex::new(i), Direction::Incoming)
            .map(|edge| (edge.source().index(), *edge.weight()))
    }

    /// The nodes that wait for node `i`, in the order of the file.
    pub fn successors(&self, i: usize) -> impl Iterator<Item = (usize, EdgeKind)> + '_ {
        self.graph
            .edges_directed(NodeIndex::new(i), Direction::Outgoing)
            .map(|edge| (edge.target().index(), *edge.weight()))
    }

    /// The combined edges `(from, to, kind)`, sorted: each pair of nodes once, hard if any of
    /// its edges is; `dependsOn` means hard edges.
    pub fn edges(&self) -> Vec<(usize, usize, EdgeKind)> {
        (0..self.len())
            .flat_map(|from| {
                self.successors(from)
                    .map(move |(to, kind)| (from, to, kind))
            })
            .collect()
    }

    /// All nodes that node `i` depends on, directly or indirectly, in the order of the file.
    pub fn ancestors(&self, i: usize) -> Vec<usize> {
        let reversed = Reversed(&self.graph);
        reached(i, Dfs::new(reversed, NodeIndex::new(i)).iter(reversed))
    }

    /// For each pair of nodes, whether the first precedes the second, over edges of any kind.
    pub fn comes_before(&self, pairs: &[(usize, usize)]) -> Vec<bool> {
        let mut answers = vec![false; pairs.len()];
        let mut by_first: Vec<usize> = (0..pairs.len()).collect();
        by_first.sort_unstable_by_key(|&pair| pairs[pair].0);
        let mut groups = by_first.chunk_by(|&a, &b| pairs[a].0 == pairs[b].0);
        loop {
            // As many first nodes at a time as a word has bits: one pass over the graph for all of them.
            let batch: Vec<&[usize]> = groups.by_ref().take(64).collect();
            if batch.is_empty() {
                return answers;
            }
            let mut own = vec![0_u64; self.len()];
            for (bit, group) in batch.iter().enumerate() {
                own[pairs[group[0]].0] = 1 << bit;
            }
            let mut before = vec![0_u64; self.len()];
            for &node in &self.order {
                let from = self.predecessors(node);
                before[node] = from.fold(0, |all, (from, _)| all | before[from] | own[from]);
            }
            for (bit, group) in batch.iter().enumerate() {
                for &pair in *group {
                    answers[pair] = before[pairs[pair].1] & (1 << bit) != 0;
                }
            }
        }
    }

    /// The nodes by their longest distance from a root, within a level in the order of the file. A group comes after
    /// its children, and the children of a group with a condition after the nodes that decide it.
    pub fn levels(&self) -> Vec<Vec<usize>> {
        let mut level = vec![0; self.steps.len()];
        let mut levels: Vec<Vec<usize>> = Vec::new();
        for &step in &self.steps {
            let behind = |before: Step| level[self.number(before)] + usize::from(before.is_node());
            let own = self.steps_before(step).map(behind).max().unwrap_or(0);
            level[self.number(step)] = own;
            if let Step::Node(node) = step {
                levels.resize(levels.len().max(own + 1), Vec::new());
                levels[own].push(node);
            }
        }
        for nodes in &mut levels {
            nodes.sort_unstable();
        }
        levels
    }

    /// The heaviest path from the start of the plan to its end, with paths as in [`Graph::levels`], and its weight. Of
    /// equal ones, the one with more nodes.
    pub fn heaviest_way(&self, weight: impl Fn(usize) -> u64) -> (u64, Vec<usize>) {
        let number = |step: Step| self.number(step);
        let mut best: Vec<((u64, u64), Option<Step>)> = vec![((0, 0), None); self.steps.len()];
        for &step in &self.steps {
            let before = self.steps_before(step);
            let longest =
                before.max_by_key(|&from| (best[number(from)].0, std::cmp::Reverse(number(from))));
            let (length, count) = longest.map_or((0, 0), |from| best[number(from)].0);
            let (own, one) = match step {
                Step::Node(node) => (weight(node), 1),
                Step::Enter(_) => (0, 0),
            };
            best[number(step)] = ((length + own, count + one), longest);
        }
        let last = self.steps.iter().copied();
        let last = last.max_by_key(|&step| (best[number(step)].0, std::cmp::Reverse(number(step))));
        let mut way = Vec::new();
        let mut at = last;
        while let Some(step) = at {
            if let Step::Node(node) = step {
                way.push(node);
            }
            at = best[number(step)].1;
        }
        way.reverse();
        (last.map_or(0, |step| best[number(step)].0.0), way)
    }

    /// The direct predecessors of a node at run time: the nodes that it waits for, for a group also its children, and
    /// for the children of a group with a condition the nodes that decide it.
    pub fn nodes_before(&self, node: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut todo = vec![Step::Node(node)];
        while let Some(step) = todo.pop() {
            for before in self.steps_before(step) {
                match before {
                    Step::Node(node) => drop(found.insert(node)),
                    Step::Enter(_) => todo.push(before),
                }
            }
        }
        found
    }
}

/// A graph with the spec that it was built from.
#[derive(Debug, Clone, Copy)]
pub struct GraphOf<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The nodes and edges as written.
    pub spec: &'a GraphSpec,
}

impl<'a> GraphOf<'a> {
    /// The node with an id, as written.
    pub fn node(self, id: &str) -> Option<&'a Node> {
        self.spec.nodes.get(self.graph.index_of(id)?)
    }
}

/// The probable mistakes, with their places.
pub fn warnings(spec: &GraphSpec) -> Vec<Warning> {
    let index = index_nodes(spec, &mut Vec::new());
    let into_groups = written_edges(spec).filter_map(|edge| {
        let group = edge.to.find(&index)?;
        let node = &spec.nodes[group];
        // The children of a group with a condition wait for the nodes that decide it.
        let holds_none_back = node.kind == NodeKind::Group && node.when.is_none();
        holds_none_back.then_some(Warning::EdgeIntoGroup {
            place: edge.to_place,
            group,
        })
    });
    let mut warnings: Vec<Warning> = into_groups.collect();
    let mut first: HashMap<&str, (usize, usize)> = HashMap::new();
    for (group, node) in spec.nodes.iter().enumerate() {
        for (child, name) in node.children.iter().enumerate() {
            let second = (group, child);
            let first = *first.entry(name).or_insert(second);
            if first != second && index.contains_key(name) {
                warnings.push(Warning::InTwoGroups { first, second });
            }
        }
    }
    warnings
}

/// The digest of a graph: `sha256:…` over the canonical JSON (RFC 8785) of its normal form.
///
/// The normal form is `{"nodes": […], "edges": […]}`: the nodes sorted by id, each with its fields
/// as they serialize but without `dependsOn`; the edges of `edges` and `dependsOn` together, as
/// `{"from", "to", "type"}`, each pair once (`hard` if any of its edges is), sorted by `from` and
/// `to`. An output is always a mapping. So the digest does not depend on the order of nodes and edges, on
/// duplicate edges, or on the form of an edge or output.
pub fn digest(spec: &GraphSpec) -> String {
    #[derive(Serialize)]
    struct NormalForm {
        nodes: Vec<Value>,
        edges: Vec<Edge>,
    }

    let mut nodes: Vec<_> = spec.nodes.iter().collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    let nodes = nodes
        .into_iter()
        .map(|node| {
            let mut value = serde_json::to_value(node).unwrap_or_default();
            if let Value::Object(fields) = &mut value {
                fields.remove("dependsOn");
                if let Some(outputs) = fields.get_mut("outputs") {
                    *outputs = node.outputs.iter().map(OutputSpec::mapping).collect();
                }
            }
            value
        })
        .collect();

    let edges = folded_edges(spec)
        .into_iter()
        .map(|((from, to), kind)| Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            kind,
        })
        .collect();
    crate::core::base::digest::canonical(&NormalForm { nodes, edges })
}

/// The edges of `edges` and `dependsOn` together, by their ends, whether or not these nodes
/// exist: each pair once, hard if any of its edges is.
pub fn folded_edges(spec: &GraphSpec) -> BTreeMap<(&str, &str), EdgeKind> {
    let mut folded: BTreeMap<(&str, &str), EdgeKind> = BTreeMap::new();
    for edge in written_edges(spec) {
        let kind = folded
            .entry((edge.from, edge.to.id(spec)))
            .or_insert(edge.kind);
        *kind = stricter(*kind, edge.kind);
    }
    folded
}

/// An edge as written, in `edges` or in `dependsOn`.
struct WrittenEdge<'a> {
    from: &'a str,
    to: Target<'a>,
    kind: EdgeKind,
    from_place: EdgePlace,
    to_place: EdgePlace,
}

/// The end of a written edge: a name, or the node with the `dependsOn`.
#[derive(Clone, Copy)]
enum Target<'a> {
    Name(&'a str),
    Node(usize),
}

impl<'a> Target<'a> {
    fn id(self, spec: &'a GraphSpec) -> &'a str {
        match self {
            Target::Name(name) => name,
            Target::Node(node) => &spec.nodes[node].id,
        }
    }

    fn find(self, index: &HashMap<String, usize>) -> Option<usize> {
        match self {
            Target::Name(name) => index.get(name).copied(),
            Target::Node(node) => Some(node),
        }
    }
}

fn written_edges(spec: &GraphSpec) -> impl Iterator<Item = WrittenEdge<'_>> {
    let depends_on = spec.nodes.iter().enumerate().flat_map(|(node, waiting)| {
        waiting
            .depends_on
            .iter()
            .enumerate()
            .map(move |(index, from)| {
                let place = EdgePlace::DependsOn { node, index };
                WrittenEdge {
                    from,
                    to: Target::Node(node),
                    kind: EdgeKind::Hard,
                    from_place: place,
                    to_place: place,
                }
            })
    });
    let edges = spec.edges.iter().enumerate().map(|(index, edge)| {
        let place = |end| EdgePlace::Edge { index, end };
        WrittenEdge {
            from: &edge.from,
            to: Target::Name(&edge.to),
            kind: edge.kind,
            from_place: place(End::From),
            to_place: place(End::To),
        }
    });
    depends_on.chain(edges)
}

/// Nodes by id; a duplicate id means the first.
fn index_nodes(spec: &GraphSpec, problems: &mut Vec<GraphProblem>) -> HashMap<String, usize> {
    let mut index = HashMap::with_capacity(spec.nodes.len());
    for (second, node) in spec.nodes.iter().enumerate() {
        let first = *index.entry(node.id.clone()).or_insert(second);
        if first != second {
            problems.push(GraphProblem::DuplicateNode { first, second });
        }
    }
    index
}

/// The pairs of groups and children.
fn check_groups(
    spec: &GraphSpec,
    index: &HashMap<String, usize>,
    problems: &mut Vec<GraphProblem>,
) -> BTreeSet<(usize, usize)> {
    let mut members = BTreeSet::new();
    for (node, group) in spec.nodes.iter().enumerate() {
        for (child, name) in group.children.iter().enumerate() {
            match index.get(name) {
                None => problems.push(GraphProblem::ChildNotFound {
                    node,
                    child,
                    name: name.clone(),
                }),
                Some(&found) => {
                    members.insert((node, found));
                }
            }
        }
    }
    problems.extend(
        cycles_among(spec.nodes.len(), &members)
            .into_iter()
            .map(|nodes| GraphProblem::GroupCycle { nodes }),
    );
    members
}

/// The groups whose children wait for the decision that they are needed, sorted: those with a
/// condition, and those inside them.
fn conditional_groups(spec: &GraphSpec, members: &BTreeSet<(usize, usize)>) -> Vec<usize> {
    let is_group = |node: usize| spec.nodes[node].kind == NodeKind::Group;
    let mut found: BTreeSet<usize> = (0..spec.nodes.len())
        .filter(|node| is_group(*node) && spec.nodes[*node].when.is_some())
        .collect();
    let mut todo: Vec<usize> = found.iter().copied().collect();
    while let Some(group) = todo.pop() {
        let children = members.range((group, 0)..=(group, usize::MAX));
        let groups = children
            .map(|(_, child)| *child)
            .filter(|child| is_group(*child));
        todo.extend(groups.filter(|group| found.insert(*group)));
    }
    found.into_iter().collect()
}

/// The dependencies at run time: the edges, groups on their children, and children of conditional groups
/// on their entry, which depends on what the group waits for. An entry is a separate node, after
/// those of the plan: edges from each to each would be too many.
fn what_waits(
    spec: &GraphSpec,
    edges: BTreeSet<(usize, usize)>,
    members: &BTreeSet<(usize, usize)>,
    entries: &[usize],
) -> DiGraph<(), ()> {
    let entry = |group: usize| {
        let at = entries.binary_search(&group).ok()?;
        Some(spec.nodes.len() + at)
    };
    let has_condition = |node: usize| spec.nodes[node].when.is_some();
    let into_entries = edges.iter().filter(|(_, to)| has_condition(*to));
    let into_entries = into_entries.filter_map(|(from, to)| Some((*from, entry(*to)?)));
    let out_of_entries = members
        .iter()
        .filter_map(|(group, child)| Some((entry(*group)?, entry(*child).unwrap_or(*child))));
    // A group is over when its children are, so it comes after them too.
    let groups = members.iter().map(|(group, child)| (*child, *group));
    let mut waits: BTreeSet<(usize, usize)> =
        into_entries.chain(out_of_entries).chain(groups).collect();
    waits.extend(edges);
    digraph(
        (0..spec.nodes.len() + entries.len()).map(|_| ()),
        waits.into_iter().map(|pair| (pair, ())),
    )
}

/// The nodes of a cycle of steps, each once, starting with the first in the file.
fn nodes_of(steps: impl Iterator<Item = Step>) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let nodes = steps.map(|step| match step {
        Step::Node(node) | Step::Enter(node) => node,
    });
    let mut nodes: Vec<usize> = nodes.filter(|node| seen.insert(*node)).collect();
    let first = (0..nodes.len()).min_by_key(|&at| nodes[at]).unwrap_or(0);
    nodes.rotate_left(first);
    nodes
}

/// One edge for each pair of nodes, with its first place in the file.
fn fold_edges(
    spec: &GraphSpec,
    index: &HashMap<String, usize>,
    problems: &mut Vec<GraphProblem>,
) -> BTreeMap<(usize, usize), (EdgeKind, EdgePlace)> {
    let mut folded = BTreeMap::new();
    for edge in written_edges(spec) {
        let from = index.get(edge.from).copied();
        let to = edge.to.find(index);
        for (found, name, place) in [
            (from, edge.from, edge.from_place),
            (to, edge.to.id(spec), edge.to_place),
        ] {
            if found.is_none() {
                let name = name.to_owned();
                problems.push(GraphProblem::Dangling { place, name });
            }
        }
        let (Some(from), Some(to)) = (from, to) else {
            continue;
        };
        if from == to {
            problems.push(GraphProblem::SelfLoop {
                place: edge.to_place,
            });
            continue;
        }
        let (kind, _) = folded
            .entry((from, to))
            .or_insert((edge.kind, edge.to_place));
        *kind = stricter(*kind, edge.kind);
    }
    folded
}

/// Hard, if either is.
fn stricter(a: EdgeKind, b: EdgeKind) -> EdgeKind {
    if a == EdgeKind::Hard { a } else { b }
}

/// A petgraph graph of nodes, and of edges that are sorted by their pair.
fn digraph<N, E>(
    nodes: impl Iterator<Item = N>,
    edges: impl DoubleEndedIterator<Item = ((usize, usize), E)>,
) -> DiGraph<N, E> {
    let mut graph = DiGraph::new();
    for node in nodes {
        graph.add_node(node);
    }
    // petgraph returns the edges of a node last in, first out: insert them backwards.
    for ((from, to), edge) in edges.rev() {
        graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), edge);
    }
    graph
}

/// Kahn's algorithm; of the available nodes, the first in the file comes next. A node after the
/// `nodes` of the file comes as soon as it can.
fn topological_order<N, E>(graph: &DiGraph<N, E>, nodes: usize) -> Vec<usize> {
    let in_turn = |node: usize| Reverse((node < nodes, node));
    let mut waits_for: Vec<usize> = graph
        .node_indices()
        .map(|node| graph.neighbors_directed(node, Direction::Incoming).count())
        .collect();
    let mut free: BinaryHeap<_> = (0..waits_for.len())
        .filter(|&node| waits_for[node] == 0)
        .map(in_turn)
        .collect();
    let mut order = Vec::with_capacity(waits_for.len());
    while let Some(Reverse((_, node))) = free.pop() {
        order.push(node);
        for next in graph.neighbors(NodeIndex::new(node)) {
            let waits_for = &mut waits_for[next.index()];
            *waits_for -= 1;
            if *waits_for == 0 {
                free.push(in_turn(next.index()));
            }
        }
    }
    order
}

/// All nodes reached from a node, except itself, sorted.
fn reached(start: usize, visited: impl Iterator<Item = NodeIndex>) -> Vec<usize> {
    let mut nodes: Vec<_> = visited
        .map(NodeIndex::index)
        .filter(|&node| node != start)
        .collect();
    nodes.sort_unstable();
    nodes
}

/// One cycle for each strongly connected component among so many nodes with `edges`, each as short as possible.
pub(crate) fn cycles_among(nodes: usize, edges: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let (loops, edges): (BTreeSet<_>, BTreeSet<_>) =
        edges.iter().copied().partition(|(from, to)| from == to);
    let tied = digraph(
        (0..nodes).map(|_| ()),
        edges.into_iter().map(|pair| (pair, ())),
    );
    let loops = loops.into_iter().map(|(node, _)| vec![node]);
    loops.chain(cycles(&tied)).collect()
}

/// One cycle for each strongly connected component of a graph without self-loops, as short as
/// possible, in the order of the file.
///
/// Finding the shortest one takes a search from every node of the component. If that would take
/// more than a million steps, the shortest one found by then is used.
fn cycles<N, E>(graph: &DiGraph<N, E>) -> Vec<Vec<usize>> {
    let mut components: Vec<Vec<usize>> = kosaraju_scc(graph)
        .into_iter()
        .filter(|component| component.len() > 1)
        .map(|component| component.into_iter().map(NodeIndex::index).collect())
        .collect();
    for component in &mut components {
        component.sort_unstable();
    }
    components.sort_unstable();

    let mut search = CycleSearch::new(graph, &components);
    components
        .iter()
        .map(|component| search.shortest(component))
        .collect()
}

struct CycleSearch<'a, N, E> {
    graph: &'a DiGraph<N, E>,
    component_of: Vec<Option<usize>>,
    /// The predecessor of each node in the current search.
    came_from: Vec<Option<usize>>,
    steps_left: usize,
}

impl<'a, N, E> CycleSearch<'a, N, E> {
    fn new(graph: &'a DiGraph<N, E>, components: &[Vec<usize>]) -> Self {
        let mut component_of = vec![None; graph.node_count()];
        for (number, component) in components.iter().enumerate() {
            for &node in component {
                component_of[node] = Some(number);
            }
        }
        CycleSearch {
            graph,
            component_of,
            came_from: vec![None; graph.node_count()],
            steps_left: 1_000_000,
        }
    }

    fn shortest(&mut self, component: &[usize]) -> Vec<usize> {
        let mut best: Vec<usize> = Vec::new();
        for &start in component {
            if best.len() == 2 || (!best.is_empty() && self.steps_left == 0) {
                break;
            }
            let found = self.through(start);
            if best.is_empty() || found.len() < best.len() {
                best = found;
            }
        }
        let first = (0..best.len()).min_by_key(|&at| best[at]).unwrap_or(0);
        best.rotate_left(first);
        best
    }

    /// A shortest cycle through `start`: a breadth-first search that ends when it returns there.
    fn through(&mut self, start: usize) -> Vec<usize> {
        let mut queue = VecDeque::from([start]);
        let mut seen = Vec::new();
        let mut last = None;
        'search: while let Some(node) = queue.pop_front() {
            for next in self.graph.neighbors(NodeIndex::new(node)) {
                let next = next.index();
                self.steps_left = self.steps_left.saturating_sub(1);
                if next == start {
                    last = Some(node);
                    break 'search;
                }
                if self.component_of[next] == self.component_of[start]
                    && self.came_from[next].is_none()
                {
                    self.came_from[next] = Some(node);
                    seen.push(next);
                    queue.push_back(next);
                }
            }
        }
        let mut cycle: Vec<_> = std::iter::successors(last, |&node| self.came_from[node]).collect();
        cycle.reverse();
        for node in seen {
            self.came_from[node] = None;
        }
        cycle
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::core::base::diagnostic::display_path;
    use crate::core::resource::Node;

    fn task(id: impl Into<String>) -> Node {
        let mut node: Node = serde_json::from_value(json!({"id": "x", "kind": "Task"})).unwrap();
        node.id = id.into();
        node
    }

    /// `"a; b <- a; c <~ a, b"`: nodes, with hard (`<-`) and soft (`<~`) edges from others.
    fn spec(text: &str) -> GraphSpec {
        let mut spec = GraphSpec::default();
        for node in text.split(';').map(str::trim) {
            let (id, from, kind) = match (node.split_once(" <- "), node.split_once(" <~ ")) {
                (Some((id, from)), _) => (id, from, EdgeKind::Hard),
                (_, Some((id, from))) => (id, from, EdgeKind::Soft),
                _ => (node, "", EdgeKind::Hard),
            };
            spec.nodes.push(task(id));
            for from in from.split(", ").filter(|from| !from.is_empty()) {
                spec.edges.push(Edge {
                    from: from.to_owned(),
                    to: id.to_owned(),
                    kind,
                });
            }
        }
        spec
    }

    fn edge(from: &str, to: &str, kind: EdgeKind) -> Edge {
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            kind,
        }
    }

    fn group(id: &str, children: &[&str]) -> Node {
        Node {
            kind: NodeKind::Group,
            children: children.iter().map(|&child| child.to_owned()).collect(),
            ..task(id)
        }
    }

    fn at_edge(index: usize, end: End) -> EdgePlace {
        EdgePlace::Edge { index, end }
    }

    fn number(nodes: usize) -> Vec<Node> {
        let template = task("x");
        (0..nodes)
            .map(|i| Node {
                id: format!("n{i}"),
                ..template.clone()
            })
            .collect()
    }

    #[test]
    fn dependencies_come_first_and_ties_keep_the_order_of_the_file() {
        for (text, order) in [
            ("a; b; c", [0, 1, 2].as_slice()),
            ("c <- a; b; a", &[1, 2, 0]),
            ("d <- b, c; c <- a; b <~ a; a", &[3, 1, 2, 0]),
        ] {
            assert_eq!(Graph::build(&spec(text)).unwrap().order(), order, "{text}");
        }
    }

    #[test]
    fn a_node_comes_before_those_that_wait_for_it_over_any_edges() {
        let graph = Graph::build(&spec("a; b <- a; c <~ b; d <- a; e")).unwrap();
        let before = |from: &str, to: &str| {
            let index = |id| graph.index_of(id).unwrap();
            graph.comes_before(&[(index(from), index(to))]) == [true]
        };
        for (from, to, expected) in [
            ("a", "b", true),
            ("a", "c", true),
            ("b", "c", true),
            ("c", "a", false),
            ("d", "c", false),
            ("a", "e", false),
            ("a", "a", false),
        ] {
            assert_eq!(before(from, to), expected, "{from} {to}");
        }
        assert_eq!(graph.comes_before(&[]), [] as [bool; 0]);
    }

    proptest! {
        #[test]
        fn coming_before_is_being_an_ancestor(edges in prop::collection::vec((0..90_usize, 0..90_usize), 0..200)) {
            let mut spec = GraphSpec { nodes: number(90), edges: Vec::new() };
            for (a, b) in edges {
                if a != b {
                    let (from, to) = (a.min(b), a.max(b));
                    spec.edges.push(edge(&format!("n{from}"), &format!("n{to}"), EdgeKind::Soft));
                }
            }
            let graph = Graph::build(&spec).unwrap();
            let pairs: Vec<(usize, usize)> = (0..90).flat_map(|to| (0..90).map(move |from| (from, to))).collect();
            let found = graph.comes_before(&pairs);
            for to in 0..90 {
                let before: Vec<usize> = (0..90).filter(|from| found[to * 90 + from]).collect();
                prop_assert_eq!(before, graph.ancestors(to));
            }
        }
    }

    #[test]
    fn a_pair_of_nodes_has_one_edge_and_hard_wins() {
        let mut spec = spec("a; b; c");
        spec.edges = vec![
            edge("a", "b", EdgeKind::Soft),
            edge("a", "b", EdgeKind::Hard),
            edge("a", "b", EdgeKind::Soft),
            edge("b", "c", EdgeKind::Soft),
        ];
        spec.nodes[2].depends_on = vec!["a".to_owned(), "a".to_owned()];
        let graph = Graph::build(&spec).unwrap();
        let expected = [
            (0, 1, EdgeKind::Hard),
            (0, 2, EdgeKind::Hard),
            (1, 2, EdgeKind::Soft),
        ];
        assert_eq!(graph.edges(), expected);
        assert_eq!(
            graph.predecessors(2).collect::<Vec<_>>(),
            [(0, EdgeKind::Hard), (1, EdgeKind::Soft)]
        );
        assert_eq!(
            graph.successors(0).collect::<Vec<_>>(),
            [(1, EdgeKind::Hard), (2, EdgeKind::Hard)]
        );
    }

    #[test]
    fn look_ups_go_both_ways() {
        let graph = Graph::build(&spec("a; b <- a; c <- b; d; e <~ c")).unwrap();
        assert_eq!((graph.len(), graph.is_empty()), (5, false));
        assert_eq!((graph.id(1), graph.id(99)), ("b", ""));
        assert_eq!((graph.index_of("c"), graph.index_of("z")), (Some(2), None));
        assert_eq!(graph.ancestors(4), [0, 1, 2]);
        assert_eq!(graph.behind(&[0]), BTreeSet::from([1, 2, 4]));
        assert!(graph.ancestors(3).is_empty() && graph.behind(&[3]).is_empty());
    }

    #[test]
    fn a_level_is_the_longest_way_from_a_root() {
        let graph = Graph::build(&spec("d <- a, c; c <- b; b <- a; a; z")).unwrap();
        assert_eq!(graph.levels(), [vec![3, 4], vec![2], vec![1], vec![0]]);
    }

    #[test]
    fn every_problem_is_reported_where_it_stands() {
        let mut spec = spec("a; b; a; c <- b, lost; b; c; a");
        spec.edges.push(edge("lost", "gone", EdgeKind::Soft));
        spec.edges.push(edge("b", "b", EdgeKind::Soft));
        spec.nodes[0].depends_on = vec!["a".to_owned(), "nobody".to_owned()];
        spec.nodes.push(group("g", &["a", "missing", "g"]));
        let lost = |place, name: &str| GraphProblem::Dangling {
            place,
            name: name.to_owned(),
        };
        assert_eq!(
            Graph::build(&spec).unwrap_err(),
            [
                GraphProblem::DuplicateNode {
                    first: 0,
                    second: 2
                },
                GraphProblem::DuplicateNode {
                    first: 1,
                    second: 4
                },
                GraphProblem::DuplicateNode {
                    first: 3,
                    second: 5
                },
                GraphProblem::DuplicateNode {
                    first: 0,
                    second: 6
                },
                GraphProblem::ChildNotFound {
                    node: 7,
                    child: 1,
                    name: "missing".to_owned()
                },
                GraphProblem::GroupCycle { nodes: vec![7] },
                GraphProblem::SelfLoop {
                    place: EdgePlace::DependsOn { node: 0, index: 0 }
                },
                lost(EdgePlace::DependsOn { node: 0, index: 1 }, "nobody"),
                lost(at_edge(1, End::From), "lost"),
                lost(at_edge(2, End::From), "lost"),
                lost(at_edge(2, End::To), "gone"),
                GraphProblem::SelfLoop {
                    place: at_edge(3, End::To)
                },
            ]
        );
    }

    #[test]
    fn places_are_paths_in_the_document() {
        for (place, path) in [
            (at_edge(3, End::From), "spec.graph.edges[3].from"),
            (at_edge(3, End::To), "spec.graph.edges[3].to"),
            (
                EdgePlace::DependsOn { node: 2, index: 0 },
                "spec.graph.nodes[2].dependsOn[0]",
            ),
        ] {
            assert_eq!(display_path(&place.path()), path);
        }
    }

    #[test]
    fn each_knot_names_one_whole_shortest_cycle_from_its_first_node() {
        let cycle = |nodes: &[usize], closing| GraphProblem::Cycle {
            nodes: nodes.to_vec(),
            closing,
        };
        for (text, expected) in [
            ("a <- b; b <- a", vec![cycle(&[0, 1], at_edge(0, End::To))]),
            // Written backwards, reported forwards: a before b before c before a.
            (
                "c <- b; b <- a; a <- c",
                vec![cycle(&[0, 2, 1], at_edge(0, End::To))],
            ),
            // The long way through a, b, c, d also exists.
            (
                "a <- d; b <- a; c <- b, d; d <- c",
                vec![cycle(&[2, 3], at_edge(3, End::To))],
            ),
            // Two connected components are two.
            (
                "a <- b; b <- a; c <- d, a; d <- c",
                vec![
                    cycle(&[0, 1], at_edge(0, End::To)),
                    cycle(&[2, 3], at_edge(2, End::To)),
                ],
            ),
            // Soft edges wait too.
            ("a <~ b; b <- a", vec![cycle(&[0, 1], at_edge(0, End::To))]),
        ] {
            assert_eq!(Graph::build(&spec(text)).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn edges_and_depends_on_close_a_cycle_together() {
        let mut spec = spec("a; b <- a");
        spec.nodes[0].depends_on = vec!["b".to_owned()];
        assert_eq!(
            Graph::build(&spec).unwrap_err(),
            [GraphProblem::Cycle {
                nodes: vec![0, 1],
                closing: EdgePlace::DependsOn { node: 0, index: 0 }
            }]
        );
    }

    #[test]
    fn stages_and_ways_lead_through_groups() {
        let mut spec = spec("start; all; one <- start; two <- one; end <- all; aside");
        spec.nodes[1] = group("all", &["one", "two"]);
        let graph = Graph::build(&spec).unwrap();
        let ids = |nodes: &[usize]| nodes.iter().map(|node| graph.id(*node)).collect::<Vec<_>>();
        let levels: Vec<Vec<&str>> = graph.levels().iter().map(|level| ids(level)).collect();
        let expected = [
            vec!["start", "aside"],
            vec!["one"],
            vec!["two"],
            vec!["all"],
            vec!["end"],
        ];
        assert_eq!(levels, expected);
        let (weight, way) = graph.heaviest_way(|node| u64::from(graph.id(node) != "all"));
        assert_eq!(
            (weight, ids(&way)),
            (4, vec!["start", "one", "two", "all", "end"])
        );
        let before: Vec<usize> = graph.nodes_before(1).into_iter().collect();
        assert_eq!(ids(&before), ["one", "two"]);
    }

    #[test]
    fn a_group_comes_behind_its_children_and_no_child_waits_for_it() {
        let spec = |nodes: Vec<Node>| GraphSpec {
            nodes,
            edges: Vec::new(),
        };
        let waiting = |id: &str, on: &str| Node {
            depends_on: vec![on.to_owned()],
            ..task(id)
        };
        let fine = spec(vec![
            group("outer", &["inner", "b"]),
            group("inner", &["a"]),
            waiting("after", "outer"),
            task("a"),
            task("b"),
        ]);
        let graph = Graph::build(&fine).unwrap();
        assert_eq!(graph.order(), [3, 1, 4, 0, 2]);
        let nodes = vec![group("g", &["a"]), waiting("b", "g"), waiting("a", "b")];
        let problems = Graph::build(&spec(nodes)).unwrap_err();
        assert_eq!(
            problems,
            [GraphProblem::GroupWaits {
                nodes: vec![0, 1, 2]
            }]
        );
    }

    #[test]
    fn a_group_with_a_condition_is_entered_before_its_children() {
        let conditional = |id: &str, children: &[&str], on: &[&str]| Node {
            when: Some("true".to_owned()),
            depends_on: on.iter().map(|&on| on.to_owned()).collect(),
            ..group(id, children)
        };
        let spec = |nodes: Vec<Node>| GraphSpec {
            nodes,
            edges: Vec::new(),
        };
        let fine = spec(vec![
            task("a"),
            group("inner", &["b"]),
            task("b"),
            task("c"),
            conditional("outer", &["inner"], &["c"]),
        ]);
        let graph = Graph::build(&fine).unwrap();
        use Step::{Enter, Node as Turn};
        let steps = [
            Turn(0),
            Turn(3),
            Enter(4),
            Enter(1),
            Turn(2),
            Turn(1),
            Turn(4),
        ];
        assert_eq!(graph.steps(), steps);
        assert_eq!(graph.order(), [0, 3, 2, 1, 4]);
        assert_eq!(graph.behind(&[3]), BTreeSet::from([1, 2, 4]));
        let behind = graph.heaviest_behind(|node| usize::from(![1, 4].contains(&node)));
        assert_eq!(behind, [0, 0, 0, 1, 0]);
        assert_eq!(warnings(&fine), []);
        // It waits for its children.
        let waits = spec(vec![task("a"), conditional("g", &["a"], &["a"])]);
        assert_eq!(
            Graph::build(&waits).unwrap_err(),
            [GraphProblem::GroupWaits { nodes: vec![0, 1] }]
        );
    }

    #[test]
    fn groups_do_not_contain_each_other() {
        let nodes = vec![
            group("g", &["h", "t"]),
            group("h", &["i"]),
            group("i", &["g"]),
            task("t"),
        ];
        let spec = GraphSpec {
            nodes,
            edges: Vec::new(),
        };
        assert_eq!(
            Graph::build(&spec).unwrap_err(),
            [GraphProblem::GroupCycle {
                nodes: vec![0, 1, 2]
            }]
        );
    }

    #[test]
    fn an_edge_into_a_group_is_a_warning() {
        let mut spec = spec("a; b <- a");
        spec.nodes.push(group("g", &["b"]));
        spec.nodes[2].depends_on = vec!["a".to_owned()];
        spec.edges.push(edge("a", "g", EdgeKind::Soft));
        spec.edges.push(edge("g", "a", EdgeKind::Soft));
        let into_group = |place| Warning::EdgeIntoGroup { place, group: 2 };
        assert_eq!(
            warnings(&spec),
            [
                into_group(EdgePlace::DependsOn { node: 2, index: 0 }),
                into_group(at_edge(1, End::To)),
            ]
        );
    }

    #[test]
    fn the_digest_is_that_of_the_documented_normal_form() {
        let mut spec = spec("b <~ a; a");
        spec.edges.push(edge("a", "b", EdgeKind::Hard));
        spec.nodes[0].depends_on = vec!["a".to_owned()];
        let normal_form = json!({
            "nodes": [{"id": "a", "kind": "Task"}, {"id": "b", "kind": "Task"}],
            "edges": [{"from": "a", "to": "b", "type": "hard"}],
        });
        assert_eq!(
            digest(&spec),
            crate::core::base::digest::canonical(&normal_form)
        );
    }

    #[test]
    fn the_digest_changes_with_the_content() {
        let digests: BTreeSet<_> = ["a; b", "a; c", "a; b <- a", "a; b <~ a", "a <- b; b"]
            .map(|text| digest(&spec(text)))
            .into();
        assert_eq!(digests.len(), 5);
    }

    #[test]
    fn the_digest_does_not_depend_on_how_an_output_is_written() {
        let of = |outputs: Value| {
            let node = json!({"id": "a", "kind": "Task", "outputs": outputs});
            digest(&serde_json::from_value(json!({"nodes": [node]})).unwrap())
        };
        // The result of programs that supported only the mapping.
        let node = json!({"id": "a", "kind": "Task", "outputs": [{"name": "log"}, {"name": "n", "type": "number"}]});
        let normal_form = json!({"nodes": [node], "edges": []});
        let expected = crate::core::base::digest::canonical(&normal_form);
        assert_eq!(
            of(json!(["log", {"name": "n", "type": "number"}])),
            expected
        );
        assert_eq!(
            of(json!([{"name": "log"}, {"name": "n", "type": "number"}])),
            expected
        );
        assert_ne!(of(json!(["log", "n"])), expected);
    }

    const MANY: usize = 100_000;

    #[test]
    fn a_chain_of_100_000_nodes_is_legal() {
        // Backwards, so that the order is not accidental.
        let mut nodes = number(MANY);
        for i in 1..MANY {
            nodes[i - 1].depends_on = vec![format!("n{i}")];
        }
        let spec = GraphSpec {
            nodes,
            edges: Vec::new(),
        };
        let graph = Graph::build(&spec).unwrap();
        assert!(graph.order().iter().copied().eq((0..MANY).rev()));
        assert_eq!(graph.levels().len(), MANY);
        assert_eq!(graph.ancestors(0).len(), MANY - 1);
        assert_eq!(graph.behind(&[MANY - 1]).len(), MANY - 1);
        assert_eq!(digest(&spec), digest(&spec.clone()));
    }

    #[test]
    fn a_cycle_of_100_000_nodes_is_named_whole() {
        let edges = (0..MANY)
            .map(|i| {
                edge(
                    &format!("n{i}"),
                    &format!("n{}", (i + 1) % MANY),
                    EdgeKind::Hard,
                )
            })
            .collect();
        let spec = GraphSpec {
            nodes: number(MANY),
            edges,
        };
        assert_eq!(
            Graph::build(&spec).unwrap_err(),
            [GraphProblem::Cycle {
                nodes: (0..MANY).collect(),
                closing: at_edge(MANY - 1, End::To)
            }]
        );
    }

    /// Up to twelve nodes and any edges between them, as pairs of indices.
    fn digraphs() -> impl Strategy<Value = (usize, Vec<(usize, usize, bool)>)> {
        (1usize..12).prop_flat_map(|nodes| {
            let edge = (0..nodes, 0..nodes, any::<bool>());
            (Just(nodes), prop::collection::vec(edge, 0..20))
        })
    }

    fn from_pairs(nodes: usize, edges: &[(usize, usize, bool)]) -> GraphSpec {
        let kind = |soft| if soft { EdgeKind::Soft } else { EdgeKind::Hard };
        GraphSpec {
            nodes: number(nodes),
            edges: edges
                .iter()
                .map(|&(a, b, soft)| edge(&format!("n{a}"), &format!("n{b}"), kind(soft)))
                .collect(),
        }
    }

    /// The same without cycles: every edge leads to a later node.
    fn forwards(edges: Vec<(usize, usize, bool)>) -> Vec<(usize, usize, bool)> {
        edges
            .into_iter()
            .filter(|(a, b, _)| a != b)
            .map(|(a, b, soft)| (a.min(b), a.max(b), soft))
            .collect()
    }

    proptest! {
        #[test]
        fn the_order_respects_every_edge(
            (nodes, edges) in digraphs(),
            seed in any::<prop::sample::Index>(),
        ) {
            let mut spec = from_pairs(nodes, &forwards(edges));
            spec.nodes.rotate_left(seed.index(nodes));
            let graph = Graph::build(&spec).unwrap();
            let order = graph.order();
            prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), nodes);
            let place = |node| order.iter().position(|&other| other == node).unwrap();
            for (from, to, _) in graph.edges() {
                prop_assert!(place(from) < place(to));
            }
        }

        #[test]
        fn a_digraph_builds_or_names_its_real_cycles((nodes, edges) in digraphs()) {
            let spec = from_pairs(nodes, &edges);
            let is_edge = |from: usize, to: usize| {
                edges.iter().any(|&(a, b, _)| (a, b) == (from, to))
            };
            match Graph::build(&spec) {
                Ok(graph) => prop_assert_eq!(graph.order().len(), nodes),
                Err(problems) => for problem in problems {
                    match problem {
                        GraphProblem::Cycle { nodes, closing } => {
                            prop_assert!(nodes.iter().collect::<BTreeSet<_>>().len() == nodes.len());
                            prop_assert!(nodes.iter().all(|node| *node >= nodes[0]));
                            for pair in nodes.windows(2) {
                                prop_assert!(is_edge(pair[0], pair[1]));
                            }
                            let EdgePlace::Edge { index, .. } = closing else { panic!("{closing:?}") };
                            let (last, first, _) = edges[index];
                            prop_assert_eq!((last, first), (nodes[nodes.len() - 1], nodes[0]));
                        }
                        GraphProblem::SelfLoop { place: EdgePlace::Edge { index, .. } } => {
                            prop_assert_eq!(edges[index].0, edges[index].1);
                        }
                        other => panic!("{other:?}"),
                    }
                },
            }
        }

        #[test]
        fn the_digest_does_not_depend_on_how_the_graph_is_written(
            (nodes, edges) in digraphs(),
            order in Just((0..12).collect::<Vec<usize>>()).prop_shuffle(),
            move_it in prop::collection::vec(any::<bool>(), 20),
            twice in any::<prop::sample::Index>(),
        ) {
            let written = from_pairs(nodes, &edges);
            let mut other = written.clone();
            other.nodes.sort_by_key(|node| order[node.id[1..].parse::<usize>().unwrap()]);
            other.edges.sort_by_key(|edge| order[edge.to[1..].parse::<usize>().unwrap()]);
            if !other.edges.is_empty() {
                other.edges.push(other.edges[twice.index(other.edges.len())].clone());
            }
            let mut moves = move_it.into_iter().cycle();
            other.edges.retain(|edge| {
                let moved = edge.kind == EdgeKind::Hard && moves.next().unwrap();
                if moved {
                    let to = other.nodes.iter_mut().find(|node| node.id == edge.to).unwrap();
                    to.depends_on.push(edge.from.clone());
                }
                !moved
            });
            prop_assert_eq!(digest(&other), digest(&written));
        }
    }
}
