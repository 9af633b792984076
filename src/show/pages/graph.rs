//! The graph of a plan or run in a page, in the colours of the style sheet. Each node links to its row.
//! A graph with too many nodes is shown as stages with their counts.

use std::collections::BTreeMap;

use super::Links;
use super::html::{Href, Html, Value};
use super::parts::{bar, class_of, phase};
use crate::core::base::escape;
use crate::core::base::words::count;
use crate::core::resource::{EdgeKind, Node, NodeKind, NodePhase, NodeStatus};
use crate::show::graph::{GraphView, label};
use crate::show::layout::{NODE_HEIGHT, Route, layout};
use crate::show::svg::{
    CHARACTER, ID_CHARACTER, ID_MARGIN, TEXT_MARGIN, below_id, members, node_width, path, room,
};
use crate::show::table::cut;

/// A graph with more nodes than these is shown by stages.
pub const MOST_DRAWN: usize = 300;
/// Maximum number of stages that are shown.
pub const STAGES: usize = 200;
/// Around the drawing.
const MARGIN: i64 = 8;

/// The id of a node in the drawing.
pub fn place_of(id: &str) -> String {
    format!("graph-{id}")
}

/// The id of a node's row.
pub fn row_of(id: &str) -> String {
    format!("node-{id}")
}

/// The graph, in a frame that scrolls separately.
pub fn graph(main: &mut Html, links: &Links<'_>, view: GraphView<'_>, critical: &[String]) {
    if view.of.graph.len() > MOST_DRAWN {
        stages(main, links, view);
        return;
    }
    let width = node_width(view);
    let members = members(view.of);
    let layout = layout(view.of.graph, &members, width);
    let (whole, height) = (layout.width + 2 * MARGIN, layout.height + 2 * MARGIN);
    main.raw("<a class=\"skip inline\" href=\"#nodes\">Skip the graph</a>");
    main.raw("<div class=\"scroll graph\" tabindex=\"0\" role=\"region\" aria-label=\"Graph, which scrolls by itself\">");
    let view_box = format!("0 0 {whole} {height}");
    main.open(
        "svg",
        &[
            ("width", whole.into()),
            ("height", height.into()),
            ("viewBox", Value::from(&view_box)),
            ("role", "group".into()),
            ("aria-label", "Nodes and what they wait for".into()),
        ],
    );
    main.raw("<defs><marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerUnits=\"userSpaceOnUse\" markerWidth=\"9\" markerHeight=\"9\" orient=\"auto\"><path class=\"head\" d=\"M0 0L10 5L0 10z\"></path></marker></defs>\n");
    let shift = format!("translate({MARGIN} {MARGIN})");
    main.open("g", &[("transform", Value::from(&shift))]);
    let edges = view.of.graph.edges();
    let is_critical = |node: usize| critical.iter().any(|id| id == view.of.graph.id(node));
    let classes = edges.iter().map(|(from, to, kind)| match kind {
        EdgeKind::Hard if is_critical(*from) && is_critical(*to) => "edge critical",
        EdgeKind::Hard => "edge",
        EdgeKind::Soft => "edge soft",
    });
    let classes = classes.chain(members.iter().map(|_| "edge member"));
    for (route, class) in layout.edges.iter().zip(classes) {
        edge(main, route, class);
    }
    for (node, &at) in view.of.spec.nodes.iter().zip(&layout.nodes) {
        put_node(main, links, (node, view.status(node)), at, width);
    }
    main.raw("</g></svg></div>\n");
    key(main, view);
}

fn edge(main: &mut Html, route: &Route, class: &'static str) {
    let path = path(route);
    main.open(
        "path",
        &[
            ("class", class.into()),
            ("d", Value::from(&path)),
            ("marker-end", "url(#head)".into()),
        ],
    );
    main.close("path");
}

/// A node: its shape, its id and a line below that, as a link to its row.
fn put_node(
    main: &mut Html,
    links: &Links<'_>,
    (node, status): (&Node, Option<&NodeStatus>),
    (x, y): (i64, i64),
    width: i64,
) {
    let class = status.map_or("", |status| class_of(&status.phase.to_string()));
    let href: Href = links.here(&row_of(&node.id));
    let place = place_of(&node.id);
    main.open(
        "a",
        &[
            ("id", Value::from(&place)),
            ("class", Value::from(&format!("node {class}"))),
            ("href", (&href).into()),
        ],
    );
    main.element("title", &[], &label(node, status).join(" · "));
    shape(main, node.kind, (x, y), width);
    let middle = x + width / 2;
    let mut words = |class: &'static str, y: i64, text: &str| {
        main.open(
            "text",
            &[
                ("class", class.into()),
                ("x", middle.into()),
                ("y", y.into()),
                ("text-anchor", "middle".into()),
            ],
        );
        main.text(text).close("text");
    };
    let most = room(width, ID_MARGIN, ID_CHARACTER);
    words("id", y + 19, &cut(&escape::line(&node.id), most));
    let most = room(width, TEXT_MARGIN, CHARACTER);
    words("sub", y + 36, &cut(&below_id(node, status), most));
    main.raw("</a>\n");
}

/// Tasks are boxes, gates are hexagons, externals are stadiums, groups are double boxes.
fn shape(main: &mut Html, kind: NodeKind, (x, y): (i64, i64), width: i64) {
    let mut rect = |class: &'static str, by: i64, radius: i64| {
        main.open(
            "rect",
            &[
                ("class", class.into()),
                ("x", (x + by).into()),
                ("y", (y + by).into()),
                ("width", (width - 2 * by).into()),
                ("height", (NODE_HEIGHT - 2 * by).into()),
                ("rx", radius.into()),
            ],
        );
        main.close("rect");
    };
    match kind {
        NodeKind::Task => rect("shape", 0, 8),
        NodeKind::External => rect("shape", 0, NODE_HEIGHT / 2),
        NodeKind::Group => {
            rect("shape", 0, 8);
            rect("inner", 4, 5);
        }
        NodeKind::Gate => {
            let (cut, middle) = (NODE_HEIGHT / 4, y + NODE_HEIGHT / 2);
            let (right, bottom) = (x + width, y + NODE_HEIGHT);
            let (left, end) = (x + cut, right - cut);
            let points = format!(
                "{x},{middle} {left},{y} {end},{y} {right},{middle} {end},{bottom} {left},{bottom}"
            );
            main.open(
                "polygon",
                &[("class", "shape".into()), ("points", Value::from(&points))],
            );
            main.close("polygon");
        }
    }
}

/// The meaning of the shapes and lines that occur, other than boxes.
fn key(main: &mut Html, view: GraphView<'_>) {
    let has = |kind: NodeKind| view.of.spec.nodes.iter().any(|node| node.kind == kind);
    let mut said = Vec::new();
    if has(NodeKind::Gate) {
        said.push("hexagons are gates");
    }
    if has(NodeKind::External) {
        said.push("rounded ends are external events");
    }
    if has(NodeKind::Group) {
        said.push("double boxes are groups, dotted lines connect their nodes");
    }
    let edges = view.of.graph.edges();
    if edges.iter().any(|(_, _, kind)| *kind == EdgeKind::Soft) {
        said.push("dashed lines wait until it has ended in any way");
    }
    if !said.is_empty() {
        main.element(
            "p",
            &[("class", "note".into())],
            &format!("Boxes are tasks; {}.", said.join("; ")),
        );
    }
}

/// A line for each stage: how many nodes are in which phase.
fn stages(main: &mut Html, links: &Links<'_>, view: GraphView<'_>) {
    let graph = view.of.graph;
    let levels = graph.levels();
    let text = format!(
        "{} in {}: too many to draw, so they are counted by stages. A stage holds the nodes that are the same longest way from the start.",
        count(graph.len(), "node"),
        count(levels.len(), "stage"),
    );
    main.element("p", &[("class", "note".into())], &text);
    main.raw("<ol class=\"stages\">\n");
    for (number, level) in levels.iter().enumerate().take(STAGES) {
        main.raw("<li>");
        let href = links.here(&stage_of(number));
        let word = format!("Stage {}", number + 1);
        match view.nodes {
            Some(_) => main.element("a", &[("href", (&href).into())], &word),
            None => main.text(&word),
        };
        let mut counts: BTreeMap<NodePhase, usize> = BTreeMap::new();
        for &node in level {
            let status = view
                .of
                .spec
                .nodes
                .get(node)
                .and_then(|node| view.status(node));
            *counts
                .entry(status.map_or(NodePhase::Pending, |one| one.phase))
                .or_insert(0) += 1;
        }
        main.raw(" ").text(&count(level.len(), "node"));
        if view.nodes.is_some() {
            stacked(main, &counts, level.len());
        }
        main.raw("</li>\n");
    }
    main.raw("</ol>\n");
    let more = levels.len().saturating_sub(STAGES);
    if more > 0 {
        main.element("p", &[], &format!("{more} more stages: planspec graph"));
    }
}

/// The id of a stage in the list of nodes.
pub fn stage_of(number: usize) -> String {
    format!("stage-{}", number + 1)
}

/// How many nodes are in each phase, as a bar and in words.
fn stacked(main: &mut Html, counts: &BTreeMap<NodePhase, usize>, of: usize) {
    main.raw("<svg class=\"meter wide\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    let mut from = 0;
    let mut seen = 0;
    for (one, count) in counts {
        seen += count;
        let to = i64::try_from(seen * 1000 / of.max(1)).unwrap_or(0);
        bar(main, class_of(&one.to_string()), (from, to - from), 10);
        from = to;
    }
    main.raw("</svg><span class=\"counts\">");
    for (one, count) in counts {
        main.text(&count.to_string()).raw(" ");
        phase(main, &one.to_string());
        main.raw(" ");
    }
    main.raw("</span>");
}
