//! A plan drawn as text, Mermaid or DOT, with the state of a run if there is one.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::count;
use super::table::{GAP, cut, display_width, table};
use crate::core::base::escape;
use crate::core::plan::graph::{Graph, GraphOf};
use crate::core::resource::{EdgeKind, GraphSpec, Node, NodeKind, NodePhase, NodeStatus};

/// A graph that is drawn.
#[derive(Debug, Clone, Copy)]
pub struct GraphView<'a> {
    /// The graph.
    pub of: GraphOf<'a>,
    /// The statuses of its nodes, if it belongs to a run.
    pub nodes: Option<&'a BTreeMap<String, NodeStatus>>,
}

impl<'a> GraphView<'a> {
    /// The status of a node, if the run has one.
    pub(super) fn status(self, node: &Node) -> Option<&'a NodeStatus> {
        self.nodes?.get(&node.id)
    }

    /// The phases that occur.
    pub(super) fn phases(self) -> impl Iterator<Item = NodePhase> {
        self.counts().into_keys()
    }

    /// `3 Succeeded, 1 Running`
    pub(super) fn counted(self) -> String {
        let counts = self.counts().into_iter();
        let counts: Vec<String> = counts
            .map(|(phase, count)| format!("{count} {phase}"))
            .collect();
        counts.join(", ")
    }

    /// How many nodes are in each phase that occurs.
    fn counts(self) -> BTreeMap<NodePhase, usize> {
        let mut counts = BTreeMap::new();
        for status in self
            .of
            .spec
            .nodes
            .iter()
            .filter_map(|node| self.status(node))
        {
            *counts.entry(status.phase).or_insert(0) += 1;
        }
        counts
    }
}

/// A column of this width for what nodes wait for is enough: longer lists are shortened.
const ENOUGH_FOR_WAITS: usize = 40;

/// The plan as a table of `width` columns: one line for each node, by stages. The nodes of a stage have
/// the same longest distance from the start. If the lines are too narrow, what a node waits for is on
/// a line below it. Ids are cut last.
///
/// ```text
/// 3 nodes in 3 stages: 1 Succeeded, 1 Running, 1 Pending
///
/// STAGE   NODE            KIND   STATE                              WAITS FOR
/// 1       [x] research    Task   Succeeded
/// 2       [>] implement   Task   Running, attempt 1, agent:claude   research
/// 3       [ ] review      Gate   Pending                            implement, docs (soft)
/// ```
pub fn text(view: GraphView<'_>, width: usize) -> String {
    let levels = view.of.graph.levels();
    let (mut rows, waits) = stage_rows(view, &levels);
    let mut header = vec!["STAGE", "NODE", "KIND"];
    header.extend(view.nodes.map(|_| "STATE"));
    let taken: usize = header
        .iter()
        .enumerate()
        .map(|(column, title)| {
            let cells = rows.iter().map(|row| display_width(&row[column]));
            cells.max().unwrap_or(0).max(title.len()) + GAP
        })
        .sum();
    let longest = waits.iter().map(|waits| display_width(&waits.join(", ")));
    let longest = longest.max().unwrap_or(0).max("WAITS FOR".len());
    let summary = summary(view, levels.len(), width);

    if taken + longest.min(ENOUGH_FOR_WAITS) <= width {
        header.push("WAITS FOR");
        for (row, waits) in rows.iter_mut().zip(waits) {
            row.push(listed(&waits, width - taken));
        }
        let steps = steps(view.of.spec, width);
        return format!("{summary}\n{}{steps}", table(&header, &rows, Some(width)));
    }
    if view.nodes.is_some() {
        cut_last_cells(&mut rows, taken, width);
    }
    let table = table(&header, &rows, Some(width));
    let mut lines = table.lines();
    let mut out = format!("{summary}\n{}\n", lines.next().unwrap_or_default());
    let indent = header[0].len() + GAP + view.nodes.map_or(2, |_| 4);
    for (line, waits) in lines.zip(waits) {
        out.push_str(line);
        out.push('\n');
        if !waits.is_empty() {
            let room = width.saturating_sub(indent + "after ".len());
            let after = format!("{:indent$}after {}", "", listed(&waits, room));
            out.push_str(&cut(&after, width));
            out.push('\n');
        }
    }
    out.push_str(&steps(view.of.spec, width));
    out
}

/// For a plan from a document: the id of each node, the id of its step, and its name.
pub(super) fn step_rows(spec: &GraphSpec) -> Vec<Vec<String>> {
    let steps = spec.nodes.iter();
    let steps = steps.filter_map(|node| Some((node, node.own_step()?)));
    let rows = steps.map(|(node, step)| {
        let title = node.name.as_deref().unwrap_or_default();
        [node.id.as_str(), step, title].map(escape::line).to_vec()
    });
    rows.collect()
}

/// The steps as a table, if there are any.
fn steps(spec: &GraphSpec, width: usize) -> String {
    let rows = step_rows(spec);
    if rows.is_empty() {
        return String::new();
    }
    let table = table(&["NODE", "STEP", "TITLE"], &rows, Some(width));
    format!("\n{table}")
}

/// A row for each node, by stages, and what each node waits for.
fn stage_rows(view: GraphView<'_>, levels: &[Vec<usize>]) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let GraphOf { graph, spec } = view.of;
    let mut rows = Vec::with_capacity(graph.len());
    let mut waits = Vec::with_capacity(graph.len());
    for (stage, level) in levels.iter().enumerate() {
        for (place, &i) in level.iter().enumerate() {
            let node = &spec.nodes[i];
            let stage = if place == 0 {
                (stage + 1).to_string()
            } else {
                String::new()
            };
            let mut row = match view.nodes {
                None => vec![stage, node.id.clone(), node.kind.to_string()],
                Some(_) => {
                    let status = view.status(node);
                    let phase = status.map(|status| status.phase).unwrap_or_default();
                    let glyph = style_of(phase).glyph;
                    let state = status.map_or_else(|| "<none>".to_owned(), state);
                    let id = format!("{glyph} {}", node.id);
                    vec![stage, id, node.kind.to_string(), state]
                }
            };
            for cell in &mut row {
                *cell = escape::line(cell);
            }
            rows.push(row);
            waits.push(waits_for(graph, node, i));
        }
    }
    (rows, waits)
}

/// A language that draws graphs.
trait Language {
    /// The lines that begin the frame of a group; those after the first are inside it.
    fn open(&self, id: &str) -> Vec<String>;
    /// The line that ends a frame.
    fn close(&self) -> &'static str;
    fn node(&self, node: &Node, status: Option<&NodeStatus>) -> String;
    fn edge(&self, from: &str, to: &str, kind: EdgeKind) -> String;
}

/// Frames, nodes and edges of a graph, a line each.
fn draw(out: &mut String, view: GraphView<'_>, language: &dyn Language) {
    let GraphOf { graph, spec } = view.of;
    let mut depth = 1;
    for piece in pieces(view.of) {
        match piece {
            Piece::Open(i) => {
                for (line, text) in language.open(&spec.nodes[i].id).iter().enumerate() {
                    put_line(out, depth + line.min(1), text);
                }
                depth += 1;
            }
            Piece::Close => {
                depth -= 1;
                put_line(out, depth, language.close());
            }
            Piece::Node(i) => {
                let node = &spec.nodes[i];
                put_line(out, depth, &language.node(node, view.status(node)));
            }
        }
    }
    for (from, to, kind) in graph.edges() {
        put_line(out, 1, &language.edge(graph.id(from), graph.id(to), kind));
    }
}

/// The plan as a [Mermaid](https://mermaid.js.org) flowchart, which forges draw in Markdown: gates
/// are rhombs, externals are stadiums, groups are frames around their children, soft edges are
/// dotted, and the colour is the phase.
pub fn mermaid(view: GraphView<'_>) -> String {
    let mut out = String::from(MERMAID_HEAD);
    draw(&mut out, view, &Mermaid);
    for phase in view.phases() {
        let PhaseStyle {
            fill,
            stroke,
            dashed,
            ..
        } = style_of(phase);
        let dash = if dashed { ",stroke-dasharray:4 3" } else { "" };
        let class = class(phase);
        let line = format!("classDef {class} fill:{fill},stroke:{stroke},color:#1f2328{dash}");
        put_line(&mut out, 1, &line);
    }
    out
}

/// The line that begins a flowchart.
pub(super) const MERMAID_HEAD: &str = "flowchart LR\n";

struct Mermaid;

impl Language for Mermaid {
    fn open(&self, id: &str) -> Vec<String> {
        let (name, label) = (mermaid_id(id), mermaid_text(id));
        vec![format!("subgraph g{name}[\"{label}\"]")]
    }

    fn close(&self) -> &'static str {
        "end"
    }

    fn node(&self, node: &Node, status: Option<&NodeStatus>) -> String {
        let class = status.map(|status| class(status.phase));
        mermaid_node(&node.id, node.kind, &label(node, status), class.as_deref())
    }

    fn edge(&self, from: &str, to: &str, kind: EdgeKind) -> String {
        mermaid_edge(from, to, kind)
    }
}

/// A node in the shape of its kind, with lines of text and its class.
pub(super) fn mermaid_node(
    id: &str,
    kind: NodeKind,
    lines: &[String],
    class: Option<&str>,
) -> String {
    let label: Vec<_> = lines.iter().map(|line| mermaid_text(line)).collect();
    let label = label.join("<br/>");
    let (left, right) = match kind {
        NodeKind::Task => ("[", "]"),
        NodeKind::Gate => ("{", "}"),
        NodeKind::Group => ("[[", "]]"),
        NodeKind::External => ("([", "])"),
    };
    let class = class.map(|class| format!(":::{class}")).unwrap_or_default();
    format!("{}{left}\"{label}\"{right}{class}", mermaid_id(id))
}

/// An edge; a soft one is dotted.
pub(super) fn mermaid_edge(from: &str, to: &str, kind: EdgeKind) -> String {
    let arrow = match kind {
        EdgeKind::Hard => "-->",
        EdgeKind::Soft => "-.->",
    };
    format!("{} {arrow} {}", mermaid_id(from), mermaid_id(to))
}

/// The plan in DOT, for [Graphviz](https://graphviz.org): the same shapes and colours as
/// [`mermaid`], soft edges dashed.
pub fn dot(view: GraphView<'_>) -> String {
    let mut out = String::from(
        "digraph plan {\n  rankdir=LR\n  node [fontname=\"Helvetica\", fontsize=11]\n",
    );
    draw(&mut out, view, &Dot);
    out.push_str("}\n");
    out
}

struct Dot;

impl Language for Dot {
    fn open(&self, id: &str) -> Vec<String> {
        let name = dot_text(&format!("cluster_{id}"));
        vec![
            format!("subgraph \"{name}\" {{"),
            format!("label=\"{}\"", dot_text(id)),
        ]
    }

    fn close(&self) -> &'static str {
        "}"
    }

    fn node(&self, node: &Node, status: Option<&NodeStatus>) -> String {
        let lines = label(node, status);
        let label: Vec<_> = lines.iter().map(|line| dot_text(line)).collect();
        let (shape, rounded) = match node.kind {
            NodeKind::Task => ("box", None),
            NodeKind::Gate => ("diamond", None),
            NodeKind::Group => ("folder", None),
            NodeKind::External => ("box", Some("rounded")),
        };
        let style = status.map(|status| style_of(status.phase));
        let styles: Vec<_> = rounded
            .into_iter()
            .chain(style.map(|_| "filled"))
            .chain(style.filter(|style| style.dashed).map(|_| "dashed"))
            .collect();
        let mut attributes = format!("label=\"{}\", shape={shape}", label.join("\\n"));
        if !styles.is_empty() {
            let _ = write!(attributes, ", style=\"{}\"", styles.join(","));
        }
        if let Some(PhaseStyle { fill, stroke, .. }) = style {
            let _ = write!(attributes, ", fillcolor=\"{fill}\", color=\"{stroke}\"");
        }
        format!("\"{}\" [{attributes}]", dot_text(&node.id))
    }

    fn edge(&self, from: &str, to: &str, kind: EdgeKind) -> String {
        let style = match kind {
            EdgeKind::Hard => "",
            EdgeKind::Soft => " [style=dashed]",
        };
        format!("\"{}\" -> \"{}\"{style}", dot_text(from), dot_text(to))
    }
}

/// How a phase looks.
#[derive(Clone, Copy)]
pub(super) struct PhaseStyle {
    pub(super) glyph: &'static str,
    pub(super) fill: &'static str,
    pub(super) stroke: &'static str,
    pub(super) dashed: bool,
}

/// How a phase looks. Dark text is readable on every fill, whatever lies behind the drawing.
pub(super) fn style_of(phase: NodePhase) -> PhaseStyle {
    let (glyph, fill, stroke, dashed) = match phase {
        NodePhase::Pending => ("[ ]", "#f6f8fa", "#8c959f", false),
        NodePhase::Running => ("[>]", "#ddf4ff", "#0969da", false),
        NodePhase::Blocked => ("[?]", "#fff8c5", "#9a6700", false),
        NodePhase::Succeeded => ("[x]", "#dafbe1", "#1a7f37", false),
        NodePhase::Failed => ("[!]", "#ffebe9", "#cf222e", false),
        NodePhase::Skipped => ("[-]", "#f6f8fa", "#8c959f", true),
        NodePhase::Cancelled => ("[/]", "#eaeef2", "#57606a", true),
    };
    PhaseStyle {
        glyph,
        fill,
        stroke,
        dashed,
    }
}

fn class(phase: NodePhase) -> String {
    phase.to_string().to_lowercase()
}

/// `Running, attempt 2, agent:claude`: the phase, the attempt if it is worth showing, and the holder
/// or the reason.
fn state(status: &NodeStatus) -> String {
    let running = status.phase == NodePhase::Running;
    let mut state = status.phase.to_string();
    if status.attempt > 1 || (running && status.attempt > 0) {
        let _ = write!(state, ", attempt {}", status.attempt);
    }
    let detail = match &status.extensions.claim {
        Some(claim) if running => claim.actor.as_str(),
        _ if status.phase == NodePhase::Succeeded => "",
        _ => status.extensions.reason.as_str(),
    };
    if !detail.is_empty() && detail != status.phase.to_string() {
        let _ = write!(state, ", {detail}");
    }
    state
}

/// The lines inside a drawn node. The id in the document precedes the title if it differs from the node's.
pub(super) fn label(node: &Node, status: Option<&NodeStatus>) -> Vec<String> {
    let name = node.name.clone().filter(|name| *name != node.id);
    let name = match node.own_step().filter(|step| *step != node.id) {
        Some(step) => Some(name.map_or(step.to_owned(), |name| format!("{step}: {name}"))),
        None => name,
    };
    std::iter::once(node.id.clone())
        .chain(name)
        .chain(status.map(state))
        .collect()
}

/// What a node waits for: its predecessors, and a group its children.
fn waits_for(graph: &Graph, node: &Node, i: usize) -> Vec<String> {
    let predecessors = graph.predecessors(i).map(|(from, kind)| match kind {
        EdgeKind::Hard => escape::line(graph.id(from)),
        EdgeKind::Soft => format!("{} (soft)", escape::line(graph.id(from))),
    });
    let children = node
        .children
        .iter()
        .map(|child| format!("{} (child)", escape::line(child)));
    predecessors.chain(children).collect()
}

/// Cuts the last cell of each row to make room for the others, but to no less than a word.
fn cut_last_cells(rows: &mut [Vec<String>], taken: usize, width: usize) {
    let last = rows.iter().filter_map(|row| row.last());
    let widest = last.map(|cell| display_width(cell)).max().unwrap_or(0);
    let room = (width + widest + GAP).saturating_sub(taken).max(12);
    for cell in rows.iter_mut().filter_map(|row| row.last_mut()) {
        *cell = cut(cell, room);
    }
}

/// As many items as fit, and how many more there are: `a, b, +3 more`.
fn listed(items: &[String], room: usize) -> String {
    let whole = items.join(", ");
    if display_width(&whole) <= room {
        return whole;
    }
    let mut list = String::new();
    for (shown, item) in items.iter().enumerate() {
        let rest = format!("+{} more", items.len() - shown);
        if display_width(&list) + display_width(item) + ", , ".len() + rest.len() > room {
            list.push_str(&rest);
            break;
        }
        list.push_str(item);
        list.push_str(", ");
    }
    if list.starts_with('+') {
        return format!("{} nodes", items.len());
    }
    list
}

/// `3 nodes in 2 stages: 1 Running, 2 Pending`, on two lines when it is too long for one.
fn summary(view: GraphView<'_>, stages: usize, width: usize) -> String {
    let nodes = count(view.of.graph.len(), "node");
    let size = format!("{nodes} in {}", count(stages, "stage"));
    let counts = view.counted();
    if counts.is_empty() {
        format!("{}\n", cut(&size, width))
    } else if size.len() + ": ".len() + counts.len() <= width {
        format!("{size}: {counts}\n")
    } else {
        format!("{}\n{}\n", cut(&size, width), cut(&counts, width))
    }
}

/// The pieces of the drawing, in order: groups as frames, opened and closed around their children.
enum Piece {
    Node(usize),
    Open(usize),
    Close,
}

/// A group is also a node inside its frame, so that edges can end at it. A child of several
/// groups is drawn in the first.
fn pieces(of: GraphOf<'_>) -> Vec<Piece> {
    let GraphOf { graph, spec } = of;
    let mut framed = vec![false; spec.nodes.len()];
    let mut children = vec![Vec::new(); spec.nodes.len()];
    for (group, node) in spec.nodes.iter().enumerate() {
        for child in &node.children {
            if let Some(child) = graph.index_of(child)
                && !std::mem::replace(&mut framed[child], true)
            {
                children[group].push(child);
            }
        }
    }

    let mut pieces = Vec::new();
    let mut to_draw: Vec<Piece> = (0..spec.nodes.len())
        .rev()
        .filter(|&node| !framed[node])
        .map(Piece::Node)
        .collect();
    while let Some(piece) = to_draw.pop() {
        if let Piece::Node(node) = piece
            && !children[node].is_empty()
        {
            pieces.push(Piece::Open(node));
            to_draw.push(Piece::Close);
            to_draw.extend(children[node].iter().rev().copied().map(Piece::Node));
        }
        pieces.push(piece);
    }
    pieces
}

fn put_line(out: &mut String, depth: usize, line: &str) {
    // Frames can be as deep as there are nodes; indentation only helps readers.
    out.extend(std::iter::repeat_n("  ", depth.min(16)));
    out.push_str(line);
    out.push('\n');
}

/// An identifier that Mermaid cannot take for a keyword (`end`), an arrow (`a--b`) or an arrowhead
/// (`o`, `x`). No two ids share one.
pub(super) fn mermaid_id(id: &str) -> String {
    let mut out = String::from("n_");
    for c in id.chars() {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            '-' => out.push('_'),
            '_' => out.push('U'),
            c => {
                let _ = write!(out, "X{:x}Z", u32::from(c));
            }
        }
    }
    out
}

/// Text for a quoted Mermaid label. Anything but letters and digits becomes an entity, since Mermaid
/// could take it for Markdown, HTML, an icon, or the end of the label.
pub(super) fn mermaid_text(text: &str) -> String {
    let text = escape::line(text);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut in_word = false;
    while let Some(c) = chars.next() {
        let goes_on = chars.peek().is_some_and(|next| next.is_alphanumeric());
        if !c.is_ascii()
            || c.is_alphanumeric()
            || " ,()".contains(c)
            || (c == '-' && in_word && goes_on)
        {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
        in_word = c.is_alphanumeric();
    }
    out
}

/// Text for a quoted DOT string.
fn dot_text(text: &str) -> String {
    escape::line(text)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('&', "&amp;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::core::resource::GraphSpec;

    type Nodes = BTreeMap<String, NodeStatus>;

    fn view<'a>(graph: &'a Graph, spec: &'a GraphSpec, nodes: Option<&'a Nodes>) -> GraphView<'a> {
        GraphView {
            of: GraphOf { graph, spec },
            nodes,
        }
    }

    fn plan(spec: Value) -> (Graph, GraphSpec) {
        let spec: GraphSpec = serde_json::from_value(spec).unwrap();
        (Graph::build(&spec).unwrap(), spec)
    }

    /// A task, then two side by side, one of them soft, then a gate.
    fn release() -> (Graph, GraphSpec) {
        plan(json!({
            "nodes": [
                {"id": "research", "kind": "Task", "name": "Look around"},
                {"id": "implement", "kind": "Task", "dependsOn": ["research"]},
                {"id": "docs", "kind": "Task", "dependsOn": ["research"]},
                {"id": "review", "kind": "Gate", "gateRef": {"name": "g"}},
            ],
            "edges": [
                {"from": "implement", "to": "review"},
                {"from": "docs", "to": "review", "type": "soft"},
            ],
        }))
    }

    fn run() -> Nodes {
        let claim = json!({"actor": "agent:claude", "record": "r"});
        serde_json::from_value(json!({
            "research": {"phase": "Succeeded", "attempt": 1, "extensions": {"reason": "Reported"}},
            "implement": {"phase": "Running", "attempt": 2, "extensions": {"claim": claim}},
            "docs": {"phase": "Failed", "attempt": 3, "extensions": {"reason": "ReportedFailed"}},
        }))
        .unwrap()
    }

    /// One of each kind, and a group in a group.
    fn kinds() -> (Graph, GraphSpec) {
        plan(json!({
            "nodes": [
                {"id": "end", "kind": "Task"},
                {"id": "ok", "kind": "Gate"},
                {"id": "ci", "kind": "External"},
                {"id": "all", "kind": "Group", "children": ["ok", "part"]},
                {"id": "part", "kind": "Group", "children": ["ci"]},
            ],
            "edges": [{"from": "end", "to": "ok"}, {"from": "part", "to": "end", "type": "soft"}],
        }))
    }

    #[test]
    fn text_has_a_line_for_each_node_by_stages() {
        let (graph, spec) = release();
        assert_eq!(
            text(view(&graph, &spec, None), 80),
            "\
4 nodes in 3 stages

STAGE   NODE        KIND   WAITS FOR
1       research    Task
2       implement   Task   research
        docs        Task   research
3       review      Gate   implement, docs (soft)
"
        );
    }

    #[test]
    fn text_of_a_run_says_where_each_node_stands() {
        let (graph, spec) = release();
        assert_eq!(
            text(view(&graph, &spec, Some(&run())), 100),
            "\
4 nodes in 3 stages: 1 Running, 1 Succeeded, 1 Failed

STAGE   NODE            KIND   STATE                               WAITS FOR
1       [x] research    Task   Succeeded
2       [>] implement   Task   Running, attempt 2, agent:claude    research
        [!] docs        Task   Failed, attempt 3, ReportedFailed   research
3       [ ] review      Gate   <none>                              implement, docs (soft)
"
        );
    }

    #[test]
    fn narrow_text_keeps_the_ids_and_puts_what_they_wait_for_below() {
        let (graph, spec) = release();
        assert_eq!(
            text(view(&graph, &spec, Some(&run())), 52),
            "\
4 nodes in 3 stages
1 Running, 1 Succeeded, 1 Failed

STAGE   NODE            KIND   STATE
1       [x] research    Task   Succeeded
2       [>] implement   Task   Running, attempt 2, …
            after research
        [!] docs        Task   Failed, attempt 3, R…
            after research
3       [ ] review      Gate   <none>
            after implement, docs (soft)
"
        );
    }

    #[test]
    fn a_group_waits_for_its_children() {
        let (graph, spec) = kinds();
        assert_eq!(
            text(view(&graph, &spec, None), 80),
            "\
5 nodes in 5 stages

STAGE   NODE   KIND       WAITS FOR
1       ci     External
2       part   Group      ci (child)
3       end    Task       part (soft)
4       ok     Gate       end
5       all    Group      ok (child), part (child)
"
        );
    }

    #[test]
    fn long_lists_say_how_much_is_left_out() {
        let items = ["alpha", "beta", "gamma"].map(str::to_owned);
        for (room, shown) in [
            (18, "alpha, beta, gamma"),
            (17, "alpha, +2 more"),
            (14, "3 nodes"),
            (0, "3 nodes"),
        ] {
            assert_eq!(listed(&items, room), shown, "{room}");
        }
    }

    #[test]
    fn every_phase_has_its_own_glyph() {
        let glyphs: Vec<_> = NodePhase::ALL
            .iter()
            .map(|&phase| style_of(phase).glyph)
            .collect();
        assert_eq!(glyphs, ["[ ]", "[>]", "[?]", "[x]", "[!]", "[-]", "[/]"]);
    }

    #[test]
    fn mermaid_draws_kinds_as_shapes_and_groups_as_frames() {
        let (graph, spec) = kinds();
        assert_eq!(
            mermaid(view(&graph, &spec, None)),
            "\
flowchart LR
  n_end[\"end\"]
  subgraph gn_all[\"all\"]
    n_all[[\"all\"]]
    n_ok{\"ok\"}
    subgraph gn_part[\"part\"]
      n_part[[\"part\"]]
      n_ci([\"ci\"])
    end
  end
  n_end --> n_ok
  n_part -.-> n_end
"
        );
    }

    #[test]
    fn mermaid_of_a_run_has_a_class_for_each_phase() {
        let (graph, spec) = release();
        assert_eq!(
            mermaid(view(&graph, &spec, Some(&run()))),
            "\
flowchart LR
  n_research[\"research<br/>Look around<br/>Succeeded\"]:::succeeded
  n_implement[\"implement<br/>Running, attempt 2, agent#58;claude\"]:::running
  n_docs[\"docs<br/>Failed, attempt 3, ReportedFailed\"]:::failed
  n_review{\"review\"}
  n_research --> n_implement
  n_research --> n_docs
  n_implement --> n_review
  n_docs -.-> n_review
  classDef running fill:#ddf4ff,stroke:#0969da,color:#1f2328
  classDef succeeded fill:#dafbe1,stroke:#1a7f37,color:#1f2328
  classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328
"
        );
    }

    #[test]
    fn mermaid_ids_are_names_and_never_meet() {
        for (id, name) in [
            ("end", "n_end"),
            ("a-b", "n_a_b"),
            ("a_b", "n_aUb"),
            ("a--b", "n_a__b"),
            ("a__b", "n_aUUb"),
            ("A\"]", "n_X41ZX22ZX5dZ"),
        ] {
            assert_eq!(mermaid_id(id), name);
        }
    }

    #[test]
    fn mermaid_labels_are_text_and_nothing_else() {
        for (text, label) in [
            ("security-review, 2 (of 3)", "security-review, 2 (of 3)"),
            ("日本 é 👍", "日本 é 👍"),
            ("1. a", "1#46; a"),
            ("- a --> b", "#45; a #45;#45;#62; b"),
            (
                "\"`*x*` #35; <b>",
                "#34;#96;#42;x#42;#96; #35;35#59; #60;b#62;",
            ),
            ("a\nb\u{202e}", "a#92;nb#92;u#123;202e#125;"),
        ] {
            assert_eq!(mermaid_text(text), label);
        }
    }

    #[test]
    fn dot_draws_the_same() {
        let (graph, spec) = kinds();
        assert_eq!(
            dot(view(&graph, &spec, None)),
            "\
digraph plan {
  rankdir=LR
  node [fontname=\"Helvetica\", fontsize=11]
  \"end\" [label=\"end\", shape=box]
  subgraph \"cluster_all\" {
    label=\"all\"
    \"all\" [label=\"all\", shape=folder]
    \"ok\" [label=\"ok\", shape=diamond]
    subgraph \"cluster_part\" {
      label=\"part\"
      \"part\" [label=\"part\", shape=folder]
      \"ci\" [label=\"ci\", shape=box, style=\"rounded\"]
    }
  }
  \"end\" -> \"ok\"
  \"part\" -> \"end\" [style=dashed]
}
"
        );
    }

    #[test]
    fn dot_of_a_run_is_filled_by_phase_and_quoted() {
        let (graph, spec) = plan(json!({
            "nodes": [{"id": "a", "kind": "External", "name": "\"A\" & \\N\nB"}],
        }));
        let nodes: Nodes = serde_json::from_value(json!({"a": {"phase": "Skipped"}})).unwrap();
        assert_eq!(
            dot(view(&graph, &spec, Some(&nodes))).lines().nth(3),
            Some(
                r##"  "a" [label="a\n\"A\" &amp; \\N\\nB\nSkipped", shape=box, style="rounded,filled,dashed", fillcolor="#f6f8fa", color="#8c959f"]"##
            )
        );
    }

    #[test]
    fn depth_is_not_bounded_by_the_stack() {
        const MANY: usize = 100_000;
        let template: Node = serde_json::from_value(json!({"id": "x", "kind": "Group"})).unwrap();
        let nodes = (0..MANY)
            .map(|i| Node {
                id: format!("n{i}"),
                children: (i + 1 < MANY)
                    .then(|| format!("n{}", i + 1))
                    .into_iter()
                    .collect(),
                ..template.clone()
            })
            .collect();
        let spec = GraphSpec {
            nodes,
            edges: Vec::new(),
        };
        let graph = Graph::build(&spec).unwrap();
        assert_eq!(
            mermaid(view(&graph, &spec, None))
                .matches("subgraph")
                .count(),
            MANY - 1
        );
        assert_eq!(
            dot(view(&graph, &spec, None)).matches("subgraph").count(),
            MANY - 1
        );
        assert_eq!(
            text(view(&graph, &spec, None), 80).lines().count(),
            MANY + 3
        );
    }

    proptest! {
        #[test]
        fn text_fits_every_width_and_keeps_every_node(
            edges in prop::collection::vec((0usize..30, 0usize..30, any::<bool>()), 0..60),
            width in 0usize..140,
            live in any::<bool>(),
        ) {
            let id = |i: usize| format!("node-with-some-name-{i:02}");
            let edges: Vec<_> = edges
                .into_iter()
                .filter(|(a, b, _)| a != b)
                .map(|(a, b, soft)| json!({
                    "from": id(a.min(b)),
                    "to": id(a.max(b)),
                    "type": if soft { "soft" } else { "hard" },
                }))
                .collect();
            let nodes: Vec<_> = (0..30).map(|i| json!({"id": id(i), "kind": "Task"})).collect();
            let (graph, spec) = plan(json!({"nodes": nodes, "edges": edges}));
            let status = json!({"phase": "Blocked", "extensions": {"reason": "AwaitingApproval"}});
            let run: Nodes = (0..30)
                .map(|i| (id(i), serde_json::from_value(status.clone()).unwrap()))
                .collect();
            let drawn = text(view(&graph, &spec, live.then_some(&run)), width);
            for line in drawn.lines() {
                prop_assert!(display_width(line) <= width, "{width}: {line}");
            }
            if width >= 65 {
                for i in 0..30 {
                    prop_assert!(drawn.contains(&id(i)), "{}", drawn);
                }
            }
        }
    }
}
