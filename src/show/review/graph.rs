//! The graph of a plan in Mermaid, with additions, removals and changes marked.

use std::collections::{BTreeMap, BTreeSet};

use super::Shown;
use crate::core::base::words::shortened;
use crate::core::plan::graph::folded_edges;
use crate::core::resource::{EdgeKind, GraphSpec, NodeKind};
use crate::core::review::{Change, Element, Event, Subject, What, renames};
use crate::show::count;
use crate::show::graph::{MERMAID_HEAD, mermaid_edge, mermaid_id, mermaid_node, mermaid_text};

/// A drawing and its title.
pub(super) struct MermaidDrawing {
    /// The flowchart.
    pub text: String,
    /// What is drawn, in words.
    pub title: String,
}

/// Maximum number of nodes in a drawing that people can still read.
const NODES: usize = 40;
/// Maximum number of edges: forges refuse to draw more than a few hundred.
const EDGES: usize = 200;
/// Maximum number of neighbours that are drawn with a node of a large graph.
const NEAR: usize = 3;

/// Maximum number of characters of a name in a box.
const NAME: usize = 28;

/// How a node or an edge is marked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NodeMark {
    Same,
    Added,
    Removed,
    Changed,
    Danger,
}

impl NodeMark {
    fn class(self) -> &'static str {
        match self {
            NodeMark::Same => "same",
            NodeMark::Added => "added",
            NodeMark::Removed => "removed",
            NodeMark::Changed => "changed",
            NodeMark::Danger => "danger",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            NodeMark::Added => "+ ",
            NodeMark::Removed => "− ",
            NodeMark::Danger => "! ",
            NodeMark::Changed | NodeMark::Same => "",
        }
    }

    fn style(self) -> &'static str {
        match self {
            NodeMark::Same => "fill:#f6f8fa,stroke:#8c959f,color:#1f2328",
            NodeMark::Added => "fill:#dafbe1,stroke:#1a7f37,color:#1f2328,stroke-width:2px",
            NodeMark::Removed => {
                "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4 3,stroke-width:2px"
            }
            NodeMark::Changed => "fill:#fff8c5,stroke:#9a6700,color:#1f2328,stroke-width:2px",
            NodeMark::Danger => "fill:#ffd8b5,stroke:#bc4c00,color:#1f2328,stroke-width:4px",
        }
    }
}

/// The graph of a plan that changes; `None` if there is nothing to mark in it.
pub(super) fn mermaid(shown: &Shown<'_>, subject: &Subject) -> Option<MermaidDrawing> {
    if matches!(
        subject.event,
        Event::Removed | Event::Left { .. } | Event::Unreadable { .. }
    ) {
        return None;
    }
    let after = &shown.snapshots.1.plan(&subject.key)?.graph;
    let before = before(shown, subject, after)?;
    let is_new = subject.event == Event::Added;
    let marks = marks(subject);
    if marks.is_empty() && !is_new {
        return None;
    }
    let mut kinds: BTreeMap<&str, NodeKind> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in before.nodes.iter().chain(&after.nodes) {
        names.extend(node.name.as_deref().map(|name| (node.id.as_str(), name)));
        if !node.children.is_empty() {
            let of_group = node.children.iter().map(String::as_str);
            children.insert(&node.id, of_group.collect());
        }
        if kinds.insert(&node.id, node.kind).is_none() {
            order.push(&node.id);
        }
    }
    let (was, is) = (folded_edges(&before), folded_edges(after));
    let edges: BTreeSet<(&str, &str)> = was.keys().chain(is.keys()).copied().collect();
    let chosen = choose(&order, &edges, &marks, &was, &is);
    let drawn = MarkedGraph {
        nodes: order
            .iter()
            .filter(|id| chosen.contains(*id))
            .copied()
            .collect(),
        edges: edges
            .into_iter()
            .filter(|(from, to)| chosen.contains(from) && chosen.contains(to))
            .take(EDGES)
            .collect(),
        kinds,
        names,
        children,
        marks,
        was,
        is,
        is_new,
    };
    Some(MermaidDrawing {
        text: drawn.text(),
        title: drawn.title(order.len()),
    })
}

/// The graph before the change, with its nodes under their new names.
fn before(shown: &Shown<'_>, subject: &Subject, after: &GraphSpec) -> Option<GraphSpec> {
    let (old, new) = shown.snapshots;
    let metadata = &new.resource(&subject.key)?.metadata;
    let from = subject.from().unwrap_or(&subject.key);
    let before = match subject.event {
        Event::Added => None,
        // The old version may still exist beside the new one.
        Event::Version { .. } => old.plan(from).or_else(|| new.plan(from)),
        _ => old.plan(from),
    };
    Some(match before {
        Some(before) => {
            let renamed = renames::nodes(&before.graph, after, metadata);
            renames::rename(&before.graph, &renamed)
        }
        None => GraphSpec::default(),
    })
}

/// Edges by their two ends.
type Edges<'a> = BTreeMap<(&'a str, &'a str), EdgeKind>;

/// A frame or a node.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Open(&'a str),
    Close,
    Node(&'a str),
}

/// What is drawn, with its marks.
struct MarkedGraph<'a> {
    nodes: Vec<&'a str>,
    edges: Vec<(&'a str, &'a str)>,
    kinds: BTreeMap<&'a str, NodeKind>,
    names: BTreeMap<&'a str, &'a str>,
    /// The children of each group.
    children: BTreeMap<&'a str, Vec<&'a str>>,
    marks: BTreeMap<&'a str, NodeMark>,
    was: Edges<'a>,
    is: Edges<'a>,
    /// Whether all of it is new; then nothing is marked.
    is_new: bool,
}

impl MarkedGraph<'_> {
    fn text(&self) -> String {
        let mut out = String::from(MERMAID_HEAD);
        let mut used = BTreeSet::new();
        for piece in self.pieces() {
            match piece {
                Piece::Open(id) => {
                    let (name, label) = (mermaid_id(id), mermaid_text(id));
                    out.push_str(&format!("  subgraph g{name}[\"{label}\"]\n"));
                }
                Piece::Close => out.push_str("  end\n"),
                Piece::Node(id) => {
                    let mark = self.mark(id);
                    used.insert(mark);
                    let kind = self.kinds.get(id).copied().unwrap_or(NodeKind::Task);
                    let id_line = format!("{}{id}", mark.sign());
                    let name = self.names.get(id).filter(|name| **name != id);
                    let lines: Vec<String> = std::iter::once(id_line)
                        .chain(name.map(|name| shortened(name, NAME)))
                        .collect();
                    let node = mermaid_node(id, kind, &lines, Some(mark.class()));
                    out.push_str(&format!("  {node}\n"));
                }
            }
        }
        let mut styles = String::new();
        for (number, (from, to)) in self.edges.iter().enumerate() {
            let (was, is) = (self.was.get(&(*from, *to)), self.is.get(&(*from, *to)));
            let kind = is.or(was).copied().unwrap_or(EdgeKind::Hard);
            out.push_str(&format!("  {}\n", mermaid_edge(from, to, kind)));
            let style = match (was, is) {
                (None, Some(_)) if !self.is_new => "stroke:#1a7f37,stroke-width:3px",
                (Some(_), None) => "stroke:#cf222e,stroke-width:2px,stroke-dasharray:3 4",
                (Some(was), Some(is)) if was != is => "stroke:#9a6700,stroke-width:3px",
                _ => continue,
            };
            styles.push_str(&format!("  linkStyle {number} {style}\n"));
        }
        out.push_str(&styles);
        for mark in used {
            out.push_str(&format!("  classDef {} {}\n", mark.class(), mark.style()));
        }
        out
    }

    /// The nodes that are drawn; a group and its children are inside the frame of the group.
    fn pieces(&self) -> Vec<Piece<'_>> {
        let drawn: BTreeSet<&str> = self.nodes.iter().copied().collect();
        let mut framed: BTreeSet<&str> = BTreeSet::new();
        let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for group in &self.nodes {
            for child in self.children.get(group).into_iter().flatten() {
                if drawn.contains(child) && framed.insert(child) {
                    children.entry(group).or_default().push(child);
                }
            }
        }
        let roots = self.nodes.iter().rev().filter(|id| !framed.contains(*id));
        let mut todo: Vec<Piece<'_>> = roots.map(|id| Piece::Node(id)).collect();
        let mut pieces = Vec::new();
        while let Some(piece) = todo.pop() {
            if let Piece::Node(id) = piece
                && let Some(children) = children.get(id)
            {
                pieces.push(Piece::Open(id));
                todo.push(Piece::Close);
                todo.extend(children.iter().rev().map(|id| Piece::Node(id)));
            }
            pieces.push(piece);
        }
        pieces
    }

    fn mark(&self, id: &str) -> NodeMark {
        let mark = self.marks.get(id).filter(|_| !self.is_new);
        mark.copied().unwrap_or(NodeMark::Same)
    }

    /// A title that says how many of `all` nodes are drawn.
    fn title(&self, all: usize) -> String {
        let legend = if self.is_new {
            ""
        } else {
            ": green is added, red is removed, yellow is changed, orange needs attention"
        };
        let drawn = self.nodes.len();
        if drawn == all {
            return format!("Graph of {}{legend}", count(all, "node"));
        }
        format!("{drawn} of {all} nodes: what changes and what is next to it{legend}")
    }
}

/// The marks of nodes that changed.
fn marks(subject: &Subject) -> BTreeMap<&str, NodeMark> {
    let is_node = |change: &&Change| {
        matches!(
            change.what,
            What::Added(Element::Node(_)) | What::Removed(Element::Node(_))
        )
    };
    let whole = subject.changes.iter().filter(is_node);
    let whole: BTreeSet<&str> = whole.filter_map(Change::node).collect();
    let mut marks: BTreeMap<&str, NodeMark> = BTreeMap::new();
    for change in &subject.changes {
        let mark = match (&change.what, &change.danger) {
            (What::Removed(Element::Node(_)), _) => NodeMark::Removed,
            (What::Added(Element::Node(_)), None) => NodeMark::Added,
            (_, Some(_)) => NodeMark::Danger,
            (_, None) => NodeMark::Changed,
        };
        let (node, mark) = match (change.node(), change.edge()) {
            (Some(node), _) => (node, mark),
            // A changed edge is drawn as changed, and so is the node that waits for it.
            (None, Some((_, to))) if !whole.contains(to) => (to, NodeMark::Changed),
            _ => continue,
        };
        let known = marks.entry(node).or_insert(mark);
        *known = match *known {
            NodeMark::Removed | NodeMark::Added => *known,
            other => other.max(mark),
        };
    }
    marks
}

/// The nodes that are drawn: all of them, or those that change and their neighbours.
fn choose<'a>(
    order: &[&'a str],
    edges: &BTreeSet<(&'a str, &'a str)>,
    marks: &BTreeMap<&str, NodeMark>,
    was: &Edges<'_>,
    is: &Edges<'_>,
) -> BTreeSet<&'a str> {
    if order.len() <= NODES {
        return order.iter().copied().collect();
    }
    let differs = |edge: &(&str, &str)| was.get(edge) != is.get(edge);
    let mut chosen: BTreeSet<&str> = BTreeSet::new();
    // Marked nodes first, dangerous ones before all; then the ends of changed edges.
    let mut marked: Vec<&str> = order
        .iter()
        .copied()
        .filter(|id| marks.contains_key(id))
        .collect();
    marked.sort_by_key(|id| std::cmp::Reverse(marks.get(id).copied()));
    let ends = edges
        .iter()
        .filter(|edge| differs(edge))
        .flat_map(|(from, to)| [*from, *to]);
    let mut around: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges {
        around.entry(from).or_default().push(to);
        around.entry(to).or_default().push(from);
    }
    for id in marked.into_iter().chain(ends) {
        // Some neighbours of each, for orientation.
        let near = around.get(id).into_iter().flatten().copied().take(NEAR);
        for id in std::iter::once(id).chain(near) {
            if chosen.len() < NODES {
                chosen.insert(id);
            }
        }
    }
    if chosen.is_empty() {
        chosen.extend(order.iter().copied().take(NODES));
    }
    chosen
}
