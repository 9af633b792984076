//! The layout of a graph: where its nodes and edges are, in whole pixels.
//!
//! Rows from top to bottom: a level of the graph is a row, or several if it is wide; a long
//! chain is folded like text, several nodes to a row. An edge to the next row is a curve. Longer
//! edges leave through the space below their row, follow a lane beside the rows, and come back
//! above the row of their target. The long edges of one node share a lane.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::core::plan::graph::Graph;
use crate::core::resource::EdgeKind;

/// Maximum width of a row, if possible.
const ROW_WIDTH: i64 = 1280;
/// Height of a node.
pub const NODE_HEIGHT: i64 = 46;
/// Between two nodes of a row.
const GAP: i64 = 28;
/// Between two rows with only curves between them.
const ROW_GAP: i64 = 40;
/// Between two lanes.
const LANE: i64 = 10;
/// The shortest chain that is folded.
const CHAIN: usize = 12;
/// Sweeps down and up that align neighbours.
const SWEEPS: usize = 4;

/// A drawing.
#[derive(Debug, PartialEq, Eq)]
pub struct GraphLayout {
    /// Width of every node.
    pub node_width: i64,
    /// Left and upper edge of each node, by index.
    pub nodes: Vec<(i64, i64)>,
    /// The edges, in the order of the graph.
    pub edges: Vec<Route>,
    /// Total width.
    pub width: i64,
    /// Total height.
    pub height: i64,
}

/// The route of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A curve from one point down to another.
    Curve((i64, i64), (i64, i64)),
    /// A line with corners.
    Line(Vec<(i64, i64)>),
}

/// Lays out nodes of this width. `more` are edges that the graph does not have: from a group's
/// children to the group. Their routes come last.
pub fn layout(graph: &Graph, more: &[(usize, usize)], node_width: i64) -> GraphLayout {
    let edges: Vec<(usize, usize, EdgeKind)> = graph
        .edges()
        .into_iter()
        .chain(more.iter().map(|&(from, to)| (from, to, EdgeKind::Soft)))
        .collect();
    let rows = rows(graph, more, node_width);
    let mut seats = vec![(0, 0); graph.len()];
    for (row, LayoutRow { nodes, .. }) in rows.iter().enumerate() {
        for (rank, &node) in nodes.iter().enumerate() {
            seats[node] = (row, rank);
        }
    }
    let ways = ways(&edges, &rows, &seats);
    let trunks = Trunks::of(&edges, &ways, &seats, &rows);
    let lengths = rows.iter().map(|row| length(row.nodes.len(), node_width));
    let frame = Frame {
        seats: &seats,
        trunks: &trunks,
        node_width,
        left: beside(trunks.lanes_left),
        widest: lengths.max().unwrap_or(0),
    };
    let places = frame.places(&rows);
    let routes = edges.iter().zip(&ways);
    let routes = routes.map(|(&(from, to, _), way)| frame.route(&places, (from, to), *way));
    GraphLayout {
        node_width,
        edges: routes.collect(),
        nodes: places.nodes,
        width: frame.left + frame.widest + beside(trunks.lanes_right),
        height: places.height,
    }
}

/// A row: nodes from left to right.
struct LayoutRow {
    nodes: Vec<usize>,
    /// Whether each node leads to the next.
    chain: bool,
}

impl LayoutRow {
    fn new(nodes: &[usize], chain: bool) -> LayoutRow {
        LayoutRow {
            nodes: nodes.to_vec(),
            chain,
        }
    }
}

/// All nodes, row by row.
fn rows(graph: &Graph, more: &[(usize, usize)], node_width: i64) -> Vec<LayoutRow> {
    let levels = ordered(graph, levels(graph, more));
    let most = usize::try_from(ROW_WIDTH / (node_width + GAP));
    let most = most.unwrap_or(1).max(3);
    let widest = levels.iter().map(Vec::len).max().unwrap_or(0);
    // A row that is half as wide again is better than a level broken into two rows.
    let most = if widest <= most * 3 / 2 {
        widest.max(most)
    } else {
        most
    };
    let mut rows = Vec::new();
    for run in levels.chunk_by(|one, other| one.len() == 1 && other.len() == 1) {
        if run.len() >= CHAIN {
            let chain: Vec<usize> = run.iter().flatten().copied().collect();
            rows.extend(chain.chunks(most).map(|part| LayoutRow::new(part, true)));
            continue;
        }
        for level in run {
            let parts = level.len().div_ceil(most).max(1);
            let parts = level.chunks(level.len().div_ceil(parts).max(1));
            rows.extend(parts.map(|part| LayoutRow::new(part, false)));
        }
    }
    rows
}

/// The longest distance of each node from a root; a group comes after its children.
fn levels(graph: &Graph, more: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut behind: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(from, to) in more {
        behind.entry(to).or_default().push(from);
    }
    let mut level = vec![0; graph.len()];
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for &node in graph.order() {
        let before = graph.predecessors(node).map(|(from, _)| from);
        let children = behind.get(&node).into_iter().flatten().copied();
        let own = before.chain(children).map(|other| level[other] + 1).max();
        level[node] = own.unwrap_or(0);
        levels.resize(levels.len().max(level[node] + 1), Vec::new());
        levels[level[node]].push(node);
    }
    for nodes in &mut levels {
        nodes.sort_unstable();
    }
    levels
}

/// The same levels, with nodes close to their neighbours.
fn ordered(graph: &Graph, mut levels: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let mut at = vec![0.5; graph.len()];
    let note = |at: &mut Vec<f64>, level: &[usize]| {
        for (rank, &node) in level.iter().enumerate() {
            at[node] = (rank as f64 + 0.5) / level.len() as f64;
        }
    };
    for level in &levels {
        note(&mut at, level);
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let count = levels.len();
        for step in 0..count {
            let level = &mut levels[if down { step } else { count - 1 - step }];
            let centre = |node: usize| {
                let near: Vec<f64> = if down {
                    graph.predecessors(node).map(|(from, _)| at[from]).collect()
                } else {
                    graph.successors(node).map(|(to, _)| at[to]).collect()
                };
                if near.is_empty() {
                    at[node]
                } else {
                    near.iter().sum::<f64>() / near.len() as f64
                }
            };
            let mut centres: Vec<(f64, usize)> =
                level.iter().map(|&node| (centre(node), node)).collect();
            centres.sort_by(|one, other| one.0.total_cmp(&other.0));
            *level = centres.into_iter().map(|(_, node)| node).collect();
            note(&mut at, level);
        }
    }
    levels
}

/// The edges that share a lane: those of a kind that leave one node, or that end at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trunk {
    Out(usize, EdgeKind),
    In(usize, EdgeKind),
}

/// How an edge reaches its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// To the neighbour in the row.
    Beside,
    /// To the next row.
    Down,
    /// From the end of a row of a chain to the beginning of the next.
    Wrap,
    /// Along a lane.
    Long(Trunk),
}

fn ways(
    edges: &[(usize, usize, EdgeKind)],
    rows: &[LayoutRow],
    seats: &[(usize, usize)],
) -> Vec<Way> {
    let short = |from: usize, to: usize| {
        let ((row, rank), (to_row, to_rank)) = (seats[from], seats[to]);
        let chain = rows[row].chain;
        match to_row.checked_sub(row) {
            Some(0) if chain && to_rank == rank + 1 => Some(Way::Beside),
            Some(1) if chain && rows[to_row].chain => Some(Way::Wrap),
            Some(1) => Some(Way::Down),
            _ => None,
        }
    };
    let mut leaving: BTreeMap<(usize, EdgeKind), usize> = BTreeMap::new();
    let mut coming: BTreeMap<(usize, EdgeKind), usize> = BTreeMap::new();
    for &(from, to, kind) in edges {
        if short(from, to).is_none() {
            *leaving.entry((from, kind)).or_insert(0) += 1;
            *coming.entry((to, kind)).or_insert(0) += 1;
        }
    }
    let way = |&(from, to, kind): &(usize, usize, EdgeKind)| {
        short(from, to).unwrap_or_else(|| {
            if leaving.get(&(from, kind)) >= coming.get(&(to, kind)) {
                Way::Long(Trunk::Out(from, kind))
            } else {
                Way::Long(Trunk::In(to, kind))
            }
        })
    };
    edges.iter().map(way).collect()
}

/// The lanes, and the tracks between rows, of long edges.
struct Trunks {
    /// Negative numbers are on the left; counted from the rows outwards.
    lane: BTreeMap<Trunk, i64>,
    lanes_left: i64,
    lanes_right: i64,
    /// By the space above a row, or below the last, and the trunk. Edges that leave the row above
    /// come first, so that no line seems to lead straight on.
    track: BTreeMap<(usize, Trunk), i64>,
    tracks: Vec<i64>,
}

impl Trunks {
    fn of(
        edges: &[(usize, usize, EdgeKind)],
        ways: &[Way],
        seats: &[(usize, usize)],
        rows: &[LayoutRow],
    ) -> Trunks {
        // The highest and the lowest space between rows that each trunk touches.
        let mut spans: BTreeMap<Trunk, (usize, usize)> = BTreeMap::new();
        let mut used: BTreeSet<(usize, bool, Trunk)> = BTreeSet::new();
        for (&(from, to, _), way) in edges.iter().zip(ways) {
            let Way::Long(trunk) = *way else { continue };
            let (leave, come) = (seats[from].0 + 1, seats[to].0);
            used.insert((leave, false, trunk));
            used.insert((come, true, trunk));
            let span = spans.entry(trunk).or_insert((leave, leave));
            span.0 = span.0.min(leave).min(come);
            span.1 = span.1.max(leave).max(come);
        }
        let is_left = |trunk: &Trunk| {
            let (node, otherwise) = match *trunk {
                Trunk::Out(node, _) => (node, true),
                Trunk::In(node, _) => (node, false),
            };
            let (row, rank) = seats[node];
            match (2 * rank + 1).cmp(&rows[row].nodes.len()) {
                Ordering::Less => true,
                Ordering::Equal => otherwise,
                Ordering::Greater => false,
            }
        };
        let (on_left, on_right): (Vec<_>, Vec<_>) =
            spans.iter().partition(|(trunk, _)| is_left(trunk));
        let (lanes_left, left) = lanes(&on_left);
        let (lanes_right, right) = lanes(&on_right);
        let mut lane: BTreeMap<Trunk, i64> = right.into_iter().collect();
        lane.extend(left.into_iter().map(|(trunk, lane)| (trunk, -1 - lane)));
        let mut tracks = vec![0; rows.len() + 1];
        let mut track = BTreeMap::new();
        let mut leaving = vec![false; rows.len() + 1];
        for (space, comes, trunk) in used {
            if comes && std::mem::take(&mut leaving[space]) {
                // Leave one track free between leaving and arriving edges.
                tracks[space] += 1;
            }
            leaving[space] |= !comes;
            track.insert((space, trunk), tracks[space]);
            tracks[space] += 1;
        }
        Trunks {
            lane,
            lanes_left,
            lanes_right,
            track,
            tracks,
        }
    }
}

/// A lane for each trunk, so that no two overlap in a lane; and the number of lanes.
fn lanes(spans: &[(&Trunk, &(usize, usize))]) -> (i64, Vec<(Trunk, i64)>) {
    let mut spans: Vec<(usize, usize, Trunk)> = spans
        .iter()
        .map(|(trunk, span)| (span.0, span.1, **trunk))
        .collect();
    spans.sort_unstable();
    let mut free: BinaryHeap<Reverse<i64>> = BinaryHeap::new();
    let mut busy: BinaryHeap<Reverse<(usize, i64)>> = BinaryHeap::new();
    let mut count = 0;
    let mut found = Vec::new();
    for (from, to, trunk) in spans {
        while let Some(&Reverse((end, lane))) = busy.peek()
            && end < from
        {
            busy.pop();
            free.push(Reverse(lane));
        }
        let lane = free.pop().map_or_else(
            || {
                count += 1;
                count - 1
            },
            |Reverse(lane)| lane,
        );
        busy.push(Reverse((to, lane)));
        found.push((trunk, lane));
    }
    (count, found)
}

/// The length of a row of so many nodes.
fn length(nodes: usize, node_width: i64) -> i64 {
    let nodes = i64::try_from(nodes).unwrap_or(i64::MAX / 1024);
    nodes * (node_width + GAP) - GAP
}

/// The width of so many lanes beside the rows.
fn beside(lanes: i64) -> i64 {
    if lanes > 0 { lanes * LANE + GAP } else { 0 }
}

/// The measures of a drawing.
struct Frame<'a> {
    /// Row and rank of each node.
    seats: &'a [(usize, usize)],
    trunks: &'a Trunks,
    node_width: i64,
    /// Where the rows begin.
    left: i64,
    /// Length of the longest row.
    widest: i64,
}

/// The positions of nodes.
struct Places {
    nodes: Vec<(i64, i64)>,
    /// The upper edge of the space above each row, and of the one below the last.
    spaces: Vec<i64>,
    height: i64,
}

impl Frame<'_> {
    fn places(&self, rows: &[LayoutRow]) -> Places {
        let length = |nodes: usize| length(nodes, self.node_width);
        let mut nodes = vec![(0, 0); self.seats.len()];
        let mut spaces = Vec::with_capacity(rows.len() + 1);
        let mut y = 0;
        for (index, row) in rows.iter().enumerate() {
            spaces.push(y);
            y += self.trunks.space_above(index);
            // A chain is read like text: from the left.
            let start = if row.chain {
                self.left
            } else {
                self.left + (self.widest - length(row.nodes.len())) / 2
            };
            for (rank, &node) in row.nodes.iter().enumerate() {
                nodes[node] = (start + length(rank + 1) - self.node_width, y);
            }
            y += NODE_HEIGHT;
        }
        spaces.push(y);
        if self.trunks.tracks.last().is_some_and(|&tracks| tracks > 0) {
            y += self.trunks.space_above(rows.len());
        }
        Places {
            nodes,
            spaces,
            height: y,
        }
    }

    fn route(&self, places: &Places, (from, to): (usize, usize), way: Way) -> Route {
        let ((from_x, from_y), (to_x, to_y)) = (places.nodes[from], places.nodes[to]);
        let middle = self.node_width / 2;
        let start = (from_x + middle, from_y + NODE_HEIGHT);
        let end = (to_x + middle, to_y);
        match way {
            Way::Beside => {
                let y = from_y + NODE_HEIGHT / 2;
                Route::Line(vec![(from_x + self.node_width, y), (to_x, y)])
            }
            Way::Down => Route::Curve(start, end),
            Way::Wrap => {
                let y = end.1 - ROW_GAP / 2;
                Route::Line(vec![start, (start.0, y), (end.0, y), end])
            }
            Way::Long(trunk) => {
                let lane = match self.trunks.lane.get(&trunk).copied().unwrap_or(0) {
                    lane @ ..0 => self.left - GAP + (lane + 1) * LANE,
                    lane => self.left + self.widest + GAP + lane * LANE,
                };
                let track = |space: usize| {
                    let track = self.trunks.track.get(&(space, trunk));
                    let track = track.copied().unwrap_or(0);
                    places.spaces[space] + ROW_GAP / 3 + track * LANE / 2
                };
                let (leave, come) = (track(self.seats[from].0 + 1), track(self.seats[to].0));
                Route::Line(vec![
                    start,
                    (start.0, leave),
                    (lane, leave),
                    (lane, come),
                    (end.0, come),
                    end,
                ])
            }
        }
    }
}

impl Trunks {
    /// Height of the space above a row; the first needs none without tracks.
    fn space_above(&self, row: usize) -> i64 {
        match (row, self.tracks.get(row).copied().unwrap_or(0)) {
            (0, 0) => 0,
            (_, tracks) => ROW_GAP + (tracks - 1).max(0) * LANE / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn graph(count: usize, edges: &[(usize, usize)]) -> Graph {
        let nodes: Vec<_> = (0..count)
            .map(|i| json!({"id": format!("n{i}"), "kind": "Task"}))
            .collect();
        let edges: Vec<_> = edges
            .iter()
            .map(|(from, to)| json!({"from": format!("n{from}"), "to": format!("n{to}")}))
            .collect();
        let spec = json!({"nodes": nodes, "edges": edges});
        Graph::build(&serde_json::from_value(spec).unwrap()).unwrap()
    }

    fn chain(count: usize) -> Vec<(usize, usize)> {
        (1..count).map(|i| (i - 1, i)).collect()
    }

    /// A root, many nodes after it, and one after them all.
    fn fan(count: usize) -> Vec<(usize, usize)> {
        (1..count - 1)
            .flat_map(|i| [(0, i), (i, count - 1)])
            .collect()
    }

    #[test]
    fn three_stand_below_each_other() {
        let layout = layout(&graph(3, &chain(3)), &[], 100);
        assert_eq!(layout.nodes, [(0, 0), (0, 86), (0, 172)]);
        assert_eq!(layout.edges[0], Route::Curve((50, 46), (50, 86)));
        assert_eq!((layout.width, layout.height), (100, 218));
    }

    #[test]
    fn a_chain_is_folded_and_a_fan_is_broken_into_rows() {
        for (count, edges) in [
            (300, chain(300)),
            (300, fan(300)),
            (100_000, chain(100_000)),
        ] {
            let layout = layout(&graph(count, &edges), &[], 150);
            assert!(layout.width <= 1400, "{}", layout.width);
            let rows = i64::try_from(count).unwrap() / 6;
            assert!(layout.height <= rows * 90, "{}", layout.height);
        }
    }

    #[test]
    fn a_group_stands_below_its_children() {
        let layout = layout(&graph(4, &[(0, 1), (1, 2)]), &[(1, 3), (2, 3)], 100);
        let y = |node: usize| layout.nodes[node].1;
        assert!(y(3) > y(2) && y(2) > y(1));
        assert_eq!(layout.edges.len(), 4);
    }

    proptest! {
        #[test]
        fn nodes_do_not_overlap_and_edges_go_down(
            count in 1usize..60,
            pairs in prop::collection::vec((0usize..60, 0usize..60), 0..120),
        ) {
            let edges: Vec<(usize, usize)> = pairs
                .into_iter()
                .map(|(one, other)| (one.min(other), one.max(other)))
                .filter(|(from, to)| from != to && *to < count)
                .collect();
            let graph = graph(count, &edges);
            let layout = super::layout(&graph, &[], 120);
            let mut seats = layout.nodes.clone();
            seats.sort_unstable_by_key(|(x, y)| (*y, *x));
            for pair in seats.windows(2) {
                let apart = pair[1].1 >= pair[0].1 + NODE_HEIGHT || pair[1].0 >= pair[0].0 + 120;
                prop_assert!(apart, "{pair:?}");
            }
            for ((from, to, _), route) in graph.edges().iter().zip(&layout.edges) {
                prop_assert!(layout.nodes[*from].1 <= layout.nodes[*to].1);
                let points = match route {
                    Route::Curve(start, end) => vec![*start, *end],
                    Route::Line(points) => points.clone(),
                };
                for (x, y) in points {
                    prop_assert!((0..=layout.width).contains(&x), "{x}");
                    prop_assert!((0..=layout.height).contains(&y), "{y}");
                }
            }
            prop_assert_eq!(layout, super::layout(&graph, &[], 120));
        }
    }
}
