//! A plan as SVG, with the state of a run if there is one.
//!
//! The picture has no scripts, fonts or links. Every phase has a word and a sign; colours only
//! help. Dark text on light shapes, and middle grey elsewhere, are readable on light and on dark
//! pages.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::count;
use super::graph::{GraphView, label, style_of};
use super::layout::{NODE_HEIGHT, Route, layout};
use super::table::{cut, display_width};
use crate::core::base::escape;
use crate::core::plan::graph::GraphOf;
use crate::core::resource::{EdgeKind, Node, NodeKind, NodePhase, NodeStatus};

/// Margin around the drawing.
const MARGIN: i64 = 24;
/// Height of the title, with the line that counts the nodes.
const TITLE: i64 = 52;
/// Height of a line of the legend.
const LEGEND_LINE: i64 = 26;
/// Width of a character of the id font, in hundredths of a pixel.
pub(super) const ID_CHARACTER: i64 = 740;
/// Width that a node needs beside its id.
pub(super) const ID_MARGIN: i64 = 34;
/// Width of a wide character of the font below the id, in hundredths of a pixel.
pub(super) const CHARACTER: i64 = 700;
/// Width that a node needs beside the text below its id.
pub(super) const TEXT_MARGIN: i64 = 20;
/// Minimum and maximum width of nodes.
const NODE_WIDTH: std::ops::RangeInclusive<i64> = 148..=236;

/// Grey that is readable on white and on black.
const GREY: &str = "#717a84";

/// The picture as one SVG document, with a title above the drawing. The output is deterministic.
pub fn svg(view: GraphView<'_>, title: &str) -> String {
    let node_width = node_width(view);
    let members = members(view.of);
    let layout = layout(view.of.graph, &members, node_width);

    let legend = legend(view, !members.is_empty());
    let legend_width = legend.iter().map(|entry| entry.width).max().unwrap_or(0);
    let title_width = i64::try_from(display_width(title)).unwrap_or(0).min(100) * 11;
    let inner = layout.width.max(title_width).max(legend_width).max(420);
    let (legend_text, legend_height) = lay_legend(&legend, inner);
    let width = inner + 2 * MARGIN;
    let below = MARGIN + TITLE + layout.height + MARGIN;
    let height = below + legend_height + MARGIN / 2;

    let mut out = head(title, (width, height));
    let _ = writeln!(
        out,
        "<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>\n\
         <text class=\"aside\" x=\"{MARGIN}\" y=\"{}\">{}</text>",
        MARGIN + 14,
        xml(&cut(title, 100)),
        MARGIN + 36,
        xml(&summary(view)),
    );
    let left = MARGIN + (inner - layout.width) / 2;
    let _ = writeln!(
        out,
        "<g transform=\"translate({left} {})\">",
        MARGIN + TITLE
    );
    let edges = view.of.graph.edges();
    let edges = edges.into_iter().map(|(_, _, kind)| match kind {
        EdgeKind::Hard => "edge",
        EdgeKind::Soft => "edge soft",
    });
    let classes = edges.chain(members.iter().map(|_| "edge member"));
    for (route, class) in layout.edges.iter().zip(classes) {
        put_edge(&mut out, route, class);
    }
    for (node, &at) in view.of.spec.nodes.iter().zip(&layout.nodes) {
        put_node(&mut out, (node, view.status(node)), at, node_width);
    }
    out.push_str("</g>\n");
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {below})\">");
    out.push_str(&legend_text);
    out.push_str("</g>\n</svg>\n");
    out
}

/// The children of groups, each with its group.
pub(super) fn members(of: GraphOf<'_>) -> Vec<(usize, usize)> {
    let GraphOf { graph, spec } = of;
    let groups = spec.nodes.iter().enumerate();
    let members = groups.flat_map(|(group, node)| {
        let children = node.children.iter();
        let children = children.filter_map(|child| graph.index_of(child));
        children.map(move |child| (child, group))
    });
    members.collect()
}

/// The head of the document: the accessible title, the arrowhead, the styles.
fn head(title: &str, (width, height): (i64, i64)) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<defs>\n\
         <marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L10 5L0 10z\" fill=\"{GREY}\"/></marker>\n\
         </defs>\n<style>\ntext{{font-family:system-ui,-apple-system,\"Segoe UI\",sans-serif;\
         font-size:12px;fill:#1f2328}}\n.id{{font-family:ui-monospace,SFMono-Regular,Menlo,\
         Consolas,monospace;font-weight:600}}\n.aside{{fill:{GREY}}}\n.title{{fill:{GREY};\
         font-size:17px;font-weight:600}}\n.edge{{fill:none;stroke:{GREY};stroke-width:1.4}}\n\
         .soft{{stroke-dasharray:6 4}}\n.member{{stroke-dasharray:1 4;stroke-linecap:round}}\n\
         </style>\n",
        xml(title)
    )
}

/// A node: its shape, its id, and a line below that; the tooltip has all of it.
fn put_node(
    out: &mut String,
    (node, status): (&Node, Option<&NodeStatus>),
    (x, y): (i64, i64),
    width: i64,
) {
    let text = label(node, status).join("\n");
    let _ = write!(out, "<g><title>{}</title>", xml_lines(&text));
    let phase = status.map(|status| status.phase);
    put_shape(out, node.kind, phase, (x, y), (width, NODE_HEIGHT));
    let most = room(width, ID_MARGIN, ID_CHARACTER);
    let middle = x + width / 2;
    let _ = write!(
        out,
        "<text class=\"id\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        y + 19,
        xml(&cut(&escape::line(&node.id), most)),
    );
    let most = room(width, TEXT_MARGIN, CHARACTER);
    let _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>",
        y + 36,
        xml(&cut(&below_id(node, status), most)),
    );
}

/// The sign of a phase; the word is always beside it.
pub(super) fn sign(phase: NodePhase) -> char {
    match phase {
        NodePhase::Pending => '○',
        NodePhase::Running => '▶',
        NodePhase::Blocked => '■',
        NodePhase::Succeeded => '✓',
        NodePhase::Failed => '✗',
        NodePhase::Skipped => '–',
        NodePhase::Cancelled => '⊘',
    }
}

/// The width of the widest text, within limits.
pub(super) fn node_width(view: GraphView<'_>) -> i64 {
    let wants = view.of.spec.nodes.iter().map(|node| {
        let wanted = |text: &str, margin: i64, character: i64| {
            let characters = i64::try_from(display_width(text)).unwrap_or(0).min(100);
            (characters * character).div_euclid(100) + 1 + margin
        };
        let id = wanted(&escape::line(&node.id), ID_MARGIN, ID_CHARACTER);
        id.max(wanted(
            &below_id(node, view.status(node)),
            TEXT_MARGIN,
            CHARACTER,
        ))
    });
    let widest = wants.max().unwrap_or(0);
    widest.clamp(*NODE_WIDTH.start(), *NODE_WIDTH.end())
}

/// How many characters fit into a node.
pub(super) fn room(node_width: i64, margin: i64, character: i64) -> usize {
    usize::try_from((node_width - margin) * 100 / character).unwrap_or(1)
}

/// The line below the id of a node: its state in a run, else its name or kind.
pub(super) fn below_id(node: &Node, status: Option<&NodeStatus>) -> String {
    escape::line(&match status {
        Some(status) => in_few_words(status),
        None => node.name.clone().unwrap_or_else(|| node.kind.to_string()),
    })
}

/// A state that fits into a node; the tooltip has the rest.
fn in_few_words(status: &NodeStatus) -> String {
    let phase = status.phase;
    let more = match (&status.extensions.claim, status.attempt) {
        (_, 2..) => format!(", attempt {}", status.attempt),
        (Some(claim), _) if phase == NodePhase::Running => format!(", {}", claim.actor),
        _ if status.is_claimable() => ", ready".to_owned(),
        _ => String::new(),
    };
    format!("{} {phase}{more}", sign(phase))
}

/// `12 nodes: 3 Succeeded, 1 Running, 8 Pending`
fn summary(view: GraphView<'_>) -> String {
    let nodes = count(view.of.graph.len(), "node");
    let counts = view.counted();
    if counts.is_empty() {
        nodes
    } else {
        format!("{nodes}: {counts}")
    }
}

/// Radius of the corners of long edges.
const CORNER: i64 = 8;

fn put_edge(out: &mut String, route: &Route, class: &str) {
    let path = path(route);
    let _ = writeln!(
        out,
        "<path class=\"{class}\" d=\"{path}\" marker-end=\"url(#head)\"/>"
    );
}

/// The route of an edge, as the `d` of a path.
pub(super) fn path(route: &Route) -> String {
    let mut path = String::new();
    match route {
        Route::Curve((x, y), (end_x, end_y)) => {
            let middle = (y + end_y) / 2;
            let _ = write!(
                path,
                "M{x} {y}C{x} {middle} {end_x} {middle} {end_x} {end_y}"
            );
        }
        Route::Line(points) => put_line(&mut path, points),
    }
    path
}

/// A line through points, with round corners.
fn put_line(path: &mut String, points: &[(i64, i64)]) {
    let mut points = points.to_vec();
    points.dedup();
    for (index, &(x, y)) in points.iter().enumerate() {
        let (Some(&before), Some(&after)) = (
            index.checked_sub(1).and_then(|before| points.get(before)),
            points.get(index + 1),
        ) else {
            let _ = write!(path, "{}{x} {y}", if index == 0 { 'M' } else { 'L' });
            continue;
        };
        let near = |(to_x, to_y): (i64, i64)| {
            let step = |from: i64, to: i64| {
                let far = to - from;
                from + far.signum() * CORNER.min(far.abs() / 2)
            };
            (step(x, to_x), step(y, to_y))
        };
        let ((in_x, in_y), (out_x, out_y)) = (near(before), near(after));
        let _ = write!(path, "L{in_x} {in_y}Q{x} {y} {out_x} {out_y}");
    }
}

/// Tasks are boxes, gates are hexagons, externals are stadiums, groups are double boxes.
fn put_shape(
    out: &mut String,
    kind: NodeKind,
    phase: Option<NodePhase>,
    (x, y): (i64, i64),
    (width, height): (i64, i64),
) {
    let style = phase.map(style_of);
    let fill = style.map_or("#f6f8fa", |style| style.fill);
    let stroke = style.map_or("#57606a", |style| style.stroke);
    let dash = if style.is_some_and(|style| style.dashed) {
        " stroke-dasharray=\"5 3\""
    } else {
        ""
    };
    let heavy = matches!(
        phase,
        Some(NodePhase::Running | NodePhase::Failed | NodePhase::Blocked)
    );
    let line = if heavy { "2.4" } else { "1.4" };
    let style = format!("fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{line}\"{dash}");
    let rect = |by: i64, radius: i64, style: &str| {
        format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{radius}\" {style}/>",
            x + by,
            y + by,
            width - 2 * by,
            height - 2 * by,
        )
    };
    match kind {
        NodeKind::Task => out.push_str(&rect(0, 6, &style)),
        NodeKind::External => out.push_str(&rect(0, height / 2, &style)),
        NodeKind::Group => {
            out.push_str(&rect(0, 6, &style));
            let inner = format!("fill=\"none\" stroke=\"{stroke}\"{dash}");
            out.push_str(&rect(4, 3, &inner));
        }
        NodeKind::Gate => {
            let (cut, middle) = (height / 4, y + height / 2);
            let (right, bottom) = (x + width, y + height);
            let _ = write!(
                out,
                "<polygon points=\"{x},{middle} {},{y} {},{y} {right},{middle} {},{bottom} \
                 {},{bottom}\" {style}/>",
                x + cut,
                right - cut,
                right - cut,
                x + cut,
            );
        }
    }
}

/// One entry of the legend, drawn from (0, 0).
struct LegendEntry {
    width: i64,
    text: String,
}

/// The signs that occur, with their meaning.
fn legend(view: GraphView<'_>, has_members: bool) -> Vec<LegendEntry> {
    let GraphOf { graph, spec } = view.of;
    let entry = |drawn: String, words: &str| {
        let characters = i64::try_from(words.chars().count()).unwrap_or(0);
        LegendEntry {
            width: 42 + characters * 7 + 18,
            text: format!(
                "{drawn}<text class=\"aside\" x=\"42\" y=\"14\">{}</text>",
                xml(words)
            ),
        }
    };
    let shape = |kind: NodeKind, phase: Option<NodePhase>| {
        let mut drawn = String::new();
        put_shape(&mut drawn, kind, phase, (1, 1), (32, 17));
        drawn
    };
    let mut entries = Vec::new();
    for phase in view.phases() {
        let mut drawn = shape(NodeKind::Task, Some(phase));
        let _ = write!(
            drawn,
            "<text x=\"17\" y=\"14\" text-anchor=\"middle\">{}</text>",
            sign(phase)
        );
        entries.push(entry(drawn, &phase.to_string()));
    }
    let kinds: BTreeSet<NodeKind> = spec.nodes.iter().map(|node| node.kind).collect();
    for kind in kinds {
        entries.push(entry(shape(kind, None), &kind.to_string()));
    }
    let line =
        |class: &str| format!("<path class=\"{class}\" d=\"M1 10H33\" marker-end=\"url(#head)\"/>");
    let edges: BTreeSet<EdgeKind> = graph.edges().iter().map(|(_, _, kind)| *kind).collect();
    for kind in edges {
        entries.push(match kind {
            EdgeKind::Hard => entry(line("edge"), "waits until it succeeded"),
            EdgeKind::Soft => entry(line("edge soft"), "waits until it is over (soft)"),
        });
    }
    if has_members {
        entries.push(entry(line("edge member"), "is part of a group"));
    }
    entries
}

/// The entries, broken into lines, and their total height.
fn lay_legend(entries: &[LegendEntry], width: i64) -> (String, i64) {
    let (mut x, mut y) = (0, 0);
    let mut out = String::new();
    for entry in entries {
        if x > 0 && x + entry.width > width {
            (x, y) = (0, y + LEGEND_LINE);
        }
        let _ = writeln!(
            out,
            "<g transform=\"translate({x} {y})\">{}</g>",
            entry.text
        );
        x += entry.width;
    }
    (out, y + LEGEND_LINE)
}

/// Text between tags and in attributes, on one line.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape::line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML forbids these, escaped or not.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The same as `xml`, for several lines.
fn xml_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(xml).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::core::plan::graph::Graph;
    use crate::core::resource::GraphSpec;

    fn drawn(title: &str, spec: Value, nodes: Option<Value>) -> String {
        let spec: GraphSpec = serde_json::from_value(spec).unwrap();
        let graph = Graph::build(&spec).unwrap();
        let nodes: Option<BTreeMap<String, NodeStatus>> =
            nodes.map(|nodes| serde_json::from_value(nodes).unwrap());
        let of = GraphOf {
            graph: &graph,
            spec: &spec,
        };
        let nodes = nodes.as_ref();
        svg(GraphView { of, nodes }, title)
    }

    /// The readable texts of the picture, in order, without the styles.
    fn texts(svg: &str) -> Vec<String> {
        let (_, body) = svg.split_once("</style>").unwrap();
        body.split("<text")
            .skip(1)
            .map(|text| {
                let (_, text) = text.split_once('>').unwrap();
                text.split_once('<').unwrap().0.to_owned()
            })
            .collect()
    }

    fn kinds() -> Value {
        json!({
            "nodes": [
                {"id": "build", "kind": "Task", "name": "Build it"},
                {"id": "sign", "kind": "Gate", "gateRef": {"name": "g"}, "dependsOn": ["build"]},
                {"id": "ci", "kind": "External"},
                {"id": "all", "kind": "Group", "children": ["build", "ci"]},
            ],
            "edges": [{"from": "ci", "to": "sign", "type": "soft"}],
        })
    }

    #[test]
    fn a_plan_has_shapes_for_its_kinds_and_a_legend() {
        let svg = drawn("Plan default/p", kinds(), None);
        assert_eq!(
            texts(&svg),
            [
                "Plan default/p",
                "4 nodes",
                "build",
                "Build it",
                "sign",
                "Gate",
                "ci",
                "External",
                "all",
                "Group",
                "Task",
                "Gate",
                "Group",
                "External",
                "waits until it succeeded",
                "waits until it is over (soft)",
                "is part of a group",
            ]
        );
        // Once in the drawing, once in the legend.
        assert_eq!(svg.matches("<polygon").count(), 2);
        assert_eq!(svg.matches("class=\"edge soft\"").count(), 2);
        assert_eq!(svg.matches("class=\"edge member\"").count(), 3);
        assert_eq!(svg, drawn("Plan default/p", kinds(), None));
    }

    #[test]
    fn a_phase_is_told_by_its_word_and_sign() {
        let claim = json!({"actor": "agent:a", "record": "r"});
        let nodes = json!({
            "build": {"phase": "Running", "attempt": 1, "extensions": {"claim": claim}},
            "sign": {"phase": "Skipped"},
            "ci": {"phase": "Failed", "attempt": 3},
            "all": {"phase": "Pending", "attempt": 1, "extensions": {"reason": "Ready"}},
        });
        let svg = drawn("Execution default/run: Running", kinds(), Some(nodes));
        let texts = texts(&svg);
        assert_eq!(
            texts[1],
            "4 nodes: 1 Pending, 1 Running, 1 Failed, 1 Skipped"
        );
        for expected in [
            "▶ Running, agent:a",
            "– Skipped",
            "✗ Failed, attempt 3",
            "○ Pending, ready",
        ] {
            assert!(texts.iter().any(|text| text == expected), "{texts:?}");
        }
        let mut signs = BTreeSet::new();
        for phase in NodePhase::ALL {
            assert!(signs.insert(sign(*phase)), "{phase}");
        }
    }

    #[test]
    fn what_a_node_says_of_its_attempt_is_not_cut() {
        let spec = json!({"nodes": [{"id": "a", "kind": "Task"}, {"id": "b", "kind": "Task"}]});
        for phase in NodePhase::ALL {
            let nodes = json!({"a": {"phase": phase, "attempt": 1234}, "b": {"phase": "Pending"}});
            let texts = texts(&drawn("Execution default/run", spec.clone(), Some(nodes)));
            let said = format!("{} {phase}, attempt 1234", sign(*phase));
            assert!(texts.contains(&said), "{texts:?}");
        }
        // A text wider than the widest node is cut, and complete in the tooltip.
        let long = json!({"a": {"phase": "Running", "extensions": {
            "claim": {"actor": "agent:a".repeat(20), "record": "r"}}}});
        let svg = drawn("Execution default/run", spec, Some(long));
        let cut = texts(&svg).into_iter().find(|text| text.ends_with('…'));
        assert!(cut.unwrap().starts_with("▶ Running, agent:a"));
        assert!(svg.contains(&"agent:a".repeat(20)));
    }

    #[test]
    fn text_stays_text() {
        let evil = "</text><script>x</script>\"'&\u{202e}\n\u{ffff}";
        let spec = json!({"nodes": [{"id": "a", "kind": "Task", "name": evil}]});
        let svg = drawn(evil, spec, None);
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains('\u{ffff}'));
        assert!(svg.contains("&lt;script&gt;") && svg.contains("&quot;&#39;&amp;"));
        // Every opened tag is closed, and none comes from the text.
        for tag in ["text", "title", "g", "svg", "style", "defs", "marker"] {
            let open =
                svg.matches(&format!("<{tag}>")).count() + svg.matches(&format!("<{tag} ")).count();
            assert_eq!(open, svg.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn a_large_graph_is_drawn() {
        let nodes: Vec<Value> = (0..20_000)
            .map(|i| match i {
                0 => json!({"id": "n0", "kind": "Task"}),
                i => json!({"id": format!("n{i}"), "kind": "Task", "dependsOn": [format!("n{}", i / 2)]}),
            })
            .collect();
        let svg = drawn("Plan default/large", json!({"nodes": nodes}), None);
        assert_eq!(svg.matches("class=\"id\"").count(), 20_000);
    }
}
