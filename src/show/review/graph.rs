//! The graph of a plan with what comes, goes and changes marked, in Mermaid.

use std::collections::{BTreeMap, BTreeSet};

use super::{Shown, words};
use crate::core::plan::graph::folded_edges;
use crate::core::resource::{EdgeKind, GraphSpec, NodeKind};
use crate::core::review::{Change, Element, Event, Subject, What, renames};
use crate::show::graph::{mermaid_id, mermaid_text};

/// A drawing and what it shows.
pub(super) struct Drawing {
    /// The flowchart.
    pub text: String,
    /// What is drawn, in words.
    pub title: String,
    /// Whether it takes much room.
    pub is_large: bool,
}

/// Most nodes of a drawing in which anybody finds anything.
const NODES: usize = 40;
/// Most edges of a drawing: forges refuse to draw more than a few hundred.
const EDGES: usize = 200;
/// Most neighbours that are drawn with a node of a large graph.
const NEAR: usize = 3;
/// Most nodes that are drawn open.
const OPEN: usize = 24;

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

    fn look(self) -> &'static str {
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

/// The graph of a plan that changes; nothing when there is nothing to mark in it.
pub(super) fn mermaid(shown: &Shown<'_>, subject: &Subject) -> Option<Drawing> {
    if matches!(subject.event, Event::Removed | Event::Unreadable { .. }) {
        return None;
    }
    let after = shown.snapshots.1.plan(&subject.key)?;
    let metadata = &shown.snapshots.1.resource(&subject.key)?.metadata;
    let from = subject.from().unwrap_or(&subject.key);
    let before = shown
        .snapshots
        .0
        .plan(from)
        .or_else(|| match subject.event {
            Event::Version { .. } => shown.snapshots.1.plan(from),
            _ => None,
        });
    let before = match before.filter(|_| subject.event != Event::Added) {
        Some(before) => {
            let renamed = renames::nodes(&before.graph, &after.graph, metadata);
            renames::rename(&before.graph, &renamed)
        }
        None => GraphSpec::default(),
    };
    let is_new = subject.event == Event::Added;
    let marks = marks(subject);
    if marks.is_empty() && !is_new {
        return None;
    }
    let mut kinds: BTreeMap<&str, NodeKind> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for node in before.nodes.iter().chain(&after.graph.nodes) {
        if kinds.insert(&node.id, node.kind).is_none() {
            order.push(&node.id);
        }
    }
    let (was, is) = (folded_edges(&before), folded_edges(&after.graph));
    let edges: BTreeSet<(&str, &str)> = was.keys().chain(is.keys()).copied().collect();
    let all = order.len();
    let chosen = choose(&order, &edges, &marks, &was, &is);
    let mut out = String::from("flowchart LR\n");
    let mut used = BTreeSet::new();
    for id in order.iter().filter(|id| chosen.contains(*id)) {
        let mark = match is_new {
            true => NodeMark::Same,
            false => marks.get(*id).copied().unwrap_or(NodeMark::Same),
        };
        used.insert(mark);
        let (left, right) = match kinds.get(id) {
            Some(NodeKind::Gate) => ("{", "}"),
            Some(NodeKind::Group) => ("[[", "]]"),
            Some(NodeKind::External) => ("([", "])"),
            _ => ("[", "]"),
        };
        let sign = match mark {
            NodeMark::Added => "+ ",
            NodeMark::Removed => "− ",
            NodeMark::Danger => "! ",
            NodeMark::Changed | NodeMark::Same => "",
        };
        out.push_str(&format!(
            "  {}{left}\"{}\"{right}:::{}\n",
            mermaid_id(id),
            mermaid_text(&format!("{sign}{id}")),
            mark.class(),
        ));
    }
    let mut styles = Vec::new();
    let mut drawn = 0;
    for (from, to) in edges {
        if !chosen.contains(from) || !chosen.contains(to) {
            continue;
        }
        let (earlier, now) = (was.get(&(from, to)), is.get(&(from, to)));
        let arrow = match now.or(earlier) {
            Some(EdgeKind::Soft) => "-.->",
            _ => "-->",
        };
        if drawn >= EDGES {
            break;
        }
        out.push_str(&format!(
            "  {} {arrow} {}\n",
            mermaid_id(from),
            mermaid_id(to)
        ));
        match (earlier, now) {
            (None, Some(_)) if !is_new => {
                styles.push(format!(
                    "  linkStyle {drawn} stroke:#1a7f37,stroke-width:3px\n"
                ));
            }
            (Some(_), None) => styles.push(format!(
                "  linkStyle {drawn} stroke:#cf222e,stroke-width:2px,stroke-dasharray:3 4\n"
            )),
            (Some(a), Some(b)) if a != b => {
                styles.push(format!(
                    "  linkStyle {drawn} stroke:#9a6700,stroke-width:3px\n"
                ));
            }
            _ => {}
        }
        drawn += 1;
    }
    out.push_str(&styles.concat());
    for mark in used {
        out.push_str(&format!("  classDef {} {}\n", mark.class(), mark.look()));
    }
    let legend = match is_new {
        true => String::new(),
        false => {
            ": green comes, red goes, yellow changes, orange is to be looked at twice".to_owned()
        }
    };
    let title = match chosen.len() == all {
        true => format!("Graph of {}{legend}", words::count(all, "node")),
        false => format!(
            "{} of {all} nodes: what changes and what is next to it{legend}",
            chosen.len()
        ),
    };
    Some(Drawing {
        text: out,
        title,
        is_large: chosen.len() > OPEN,
    })
}

/// How each node is marked that is not the same.
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
            // An edge is drawn as what it is; who waits otherwise is marked.
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

/// The nodes that are drawn: all of them, or what changes and what is next to it.
fn choose<'a>(
    order: &[&'a str],
    edges: &BTreeSet<(&'a str, &'a str)>,
    marks: &BTreeMap<&str, NodeMark>,
    was: &BTreeMap<(&str, &str), EdgeKind>,
    is: &BTreeMap<(&str, &str), EdgeKind>,
) -> BTreeSet<&'a str> {
    if order.len() <= NODES {
        return order.iter().copied().collect();
    }
    let differs = |edge: &(&str, &str)| was.get(edge) != is.get(edge);
    let mut chosen: BTreeSet<&str> = BTreeSet::new();
    // What is marked first, dangerous before all; then the ends of changed edges.
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
        // Each with what is next to it, so that one sees where it stands.
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
