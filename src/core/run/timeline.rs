//! The times of a run: when each node waited and when it was worked on, and the nodes that determined the
//! duration of the run.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::plan::graph::{Graph, GraphOf};
use crate::core::resource::{
    AWAITING_ANSWER, ExecutionStatus, Node, NodeKind, NodePhase, NodeStatus, Time,
};

/// The kind of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StretchKind {
    /// It could have begun, but nobody worked on it: before its claim, or during a wait for a decision, a verification
    /// or an answer.
    Waiting,
    /// Attempts before the last one, with the waits between them; the status has no times of those.
    Earlier,
    /// Somebody worked on it.
    Working,
}

/// A stretch of a node's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its kind.
    pub kind: StretchKind,
    /// Its beginning.
    pub from: Time,
    /// Its end; `None` if it continues.
    pub to: Option<Time>,
}

/// The times of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// When the run started.
    pub start: Time,
    /// When it ended; for an open run, the time of the request, or else the last known time.
    pub end: Time,
    /// The stretches of nodes that have any, by their ids, in order.
    pub nodes: BTreeMap<String, Vec<Stretch>>,
    /// The nodes that determined the duration so far, first to last: each could begin when the one before it had ended.
    pub critical: Vec<String>,
}

/// The sums of stretches by kind, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Time at work.
    pub working: i64,
    /// Time of waiting.
    pub waiting: i64,
    /// Time of earlier attempts.
    pub earlier: i64,
}

impl Timeline {
    /// The times of a started run. Without `now`, open stretches end at the last time in the status.
    pub fn of(run: &ExecutionStatus, of: GraphOf<'_>, now: Option<Time>) -> Option<Timeline> {
        let start = run.start_time?;
        let nothing = NodeStatus::default();
        let graph = of.graph;
        let status = |node: usize| run.node_statuses.get(graph.id(node)).unwrap_or(&nothing);
        let mut nodes = BTreeMap::new();
        for (index, node) in of.spec.nodes.iter().enumerate() {
            let ready = ready(graph, index, start, &status);
            let stretches = stretches(node, status(index), ready);
            if !stretches.is_empty() {
                nodes.insert(node.id.clone(), stretches);
            }
        }
        let known = nodes.values().flatten();
        let known = known.flat_map(|stretch| [Some(stretch.from), stretch.to]);
        let last = known
            .flatten()
            .chain([start])
            .chain(run.last_phase_transition_time);
        let end = run.completion_time.or(now).or(last.max()).unwrap_or(start);
        Some(Timeline {
            critical: critical(graph, &nodes),
            start,
            end: end.max(start),
            nodes,
        })
    }

    /// The sums of a node; `None` if it has no stretches.
    pub fn sums(&self, node: &str) -> Option<Sums> {
        let mut sums = Sums::default();
        for stretch in self.nodes.get(node)? {
            let sum = match stretch.kind {
                StretchKind::Waiting => &mut sums.waiting,
                StretchKind::Earlier => &mut sums.earlier,
                StretchKind::Working => &mut sums.working,
            };
            let end = stretch.to.unwrap_or(self.end);
            *sum += (end - stretch.from).num_seconds().max(0);
        }
        Some(sums)
    }
}

/// When a node could begin, because all its predecessors had ended.
fn ready<'s>(
    graph: &Graph,
    node: usize,
    start: Time,
    status: &impl Fn(usize) -> &'s NodeStatus,
) -> Option<Time> {
    let mut ready = start;
    for (before, _) in graph.predecessors(node) {
        let before = status(before);
        if !before.phase.is_terminal() {
            return None;
        }
        ready = ready.max(before.completion_time.unwrap_or(start));
    }
    Some(ready)
}

fn stretches(node: &Node, status: &NodeStatus, ready: Option<Time>) -> Vec<Stretch> {
    let end = status.completion_time;
    let is_skipped = status.start_time.is_none() && status.phase == NodePhase::Skipped;
    if node.kind == NodeKind::Group || is_skipped {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut add = |kind, from: Time, to: Option<Time>| {
        if to.is_none_or(|to| to > from) {
            found.push(Stretch { kind, from, to });
        }
    };
    let waits = |found: Option<Time>| {
        found.filter(|_| status.phase != NodePhase::Cancelled || end.is_some())
    };
    let Some(began) = status.start_time.filter(|_| node.kind == NodeKind::Task) else {
        // Waiting for a decision or for something outside counts from the beginning.
        let since = status.start_time.or(ready).or(status.extensions.since);
        if let Some(since) = waits(since) {
            add(StretchKind::Waiting, since, end);
        }
        return found;
    };
    if let Some(ready) = ready {
        let kind = match status.attempt {
            0 | 1 => StretchKind::Waiting,
            _ => StretchKind::Earlier,
        };
        add(kind, ready, Some(began));
    }
    let stopped = work_ends(status);
    add(StretchKind::Working, began, stopped.or(end));
    if let Some(stopped) = stopped {
        add(StretchKind::Waiting, stopped, end);
    }
    found
}

/// When the work ended, if there was a wait after that.
fn work_ends(status: &NodeStatus) -> Option<Time> {
    let extensions = &status.extensions;
    let reported = extensions
        .report
        .as_ref()
        .and_then(|report| report.timestamp);
    let asked = extensions
        .since
        .filter(|_| status.phase == NodePhase::Blocked && extensions.reason == AWAITING_ANSWER);
    let reported = reported.or(extensions.since.filter(|_| status.is_reported()));
    let began = status.start_time?;
    let ended = asked.or(reported)?;
    let is_between = ended >= began && status.completion_time.is_none_or(|end| ended < end);
    is_between.then_some(ended)
}

/// The critical nodes, found backwards from the one that ended last or is still open.
fn critical(graph: &Graph, nodes: &BTreeMap<String, Vec<Stretch>>) -> Vec<String> {
    let end = |node: usize| {
        let last = nodes.get(graph.id(node))?.last()?;
        Some((last.to.is_none(), last.to.unwrap_or(last.from)))
    };
    let order = graph.order().iter().copied();
    let last = order.filter_map(|node| Some((end(node)?, node)));
    let mut at = last.max_by_key(|(end, _)| *end).map(|(_, node)| node);
    let mut seen = BTreeSet::new();
    let mut way = Vec::new();
    while let Some(node) = at.filter(|node| seen.insert(*node)) {
        way.push(graph.id(node).to_owned());
        let before = graph.predecessors(node);
        let before = before.filter_map(|(before, _)| Some((end(before)?, before)));
        at = before.max_by_key(|(end, _)| *end).map(|(_, node)| node);
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::core::resource::GraphSpec;

    fn at(minute: u32) -> String {
        format!("2026-03-01T08:{minute:02}:00Z")
    }

    fn timeline(nodes: Value, statuses: Value, now: Option<u32>) -> Timeline {
        let spec: GraphSpec = serde_json::from_value(json!({ "nodes": nodes })).unwrap();
        let graph = Graph::build(&spec).unwrap();
        let run = json!({"phase": "Running", "startTime": at(0), "nodeStatuses": statuses});
        let run: ExecutionStatus = serde_json::from_value(run).unwrap();
        let of = GraphOf {
            graph: &graph,
            spec: &spec,
        };
        let now = now.map(|now| at(now).parse().unwrap());
        Timeline::of(&run, of, now).unwrap()
    }

    /// `waiting 0-2, working 2-`
    fn told(timeline: &Timeline, node: &str) -> String {
        let minute = |time: Time| (time - timeline.start).num_minutes();
        let stretches = timeline.nodes.get(node).into_iter().flatten();
        let told = stretches.map(|one| {
            let to = one.to.map_or(String::new(), |to| minute(to).to_string());
            format!("{:?} {}-{to}", one.kind, minute(one.from))
        });
        told.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn waiting_stands_apart_from_working() {
        let nodes = json!([
            {"id": "a", "kind": "Task"},
            {"id": "b", "kind": "Task", "dependsOn": ["a"]},
            {"id": "gate", "kind": "Gate", "gateRef": {"name": "g"}, "dependsOn": ["b"]},
            {"id": "c", "kind": "Task", "dependsOn": ["gate"]},
            {"id": "later", "kind": "Task", "dependsOn": ["c"]},
        ]);
        let report = json!({"actor": "x", "record": "r", "timestamp": at(12)});
        let statuses = json!({
            "a": {"phase": "Succeeded", "attempt": 1, "startTime": at(2), "completionTime": at(5)},
            "b": {"phase": "Succeeded", "attempt": 3, "startTime": at(9), "completionTime": at(15),
                  "extensions": {"report": report}},
            "gate": {"phase": "Succeeded", "startTime": at(15), "completionTime": at(30)},
            "c": {"phase": "Running", "attempt": 1, "startTime": at(31)},
            "later": {"phase": "Pending"},
        });
        let timeline = timeline(nodes, statuses, Some(40));
        assert_eq!(told(&timeline, "a"), "Waiting 0-2, Working 2-5");
        assert_eq!(
            told(&timeline, "b"),
            "Earlier 5-9, Working 9-12, Waiting 12-15"
        );
        assert_eq!(told(&timeline, "gate"), "Waiting 15-30");
        assert_eq!(told(&timeline, "c"), "Waiting 30-31, Working 31-");
        assert_eq!(told(&timeline, "later"), "");
        let sums = |node: &str| {
            let sums = timeline.sums(node)?;
            Some((sums.working, sums.waiting, sums.earlier))
        };
        assert_eq!(sums("b"), Some((180, 180, 240)));
        assert_eq!(sums("c"), Some((540, 60, 0)));
        assert_eq!(sums("later"), None);
        assert_eq!(timeline.critical, ["a", "b", "gate", "c"]);
    }

    #[test]
    fn the_way_that_took_longest_is_critical_and_without_now_the_last_moment_ends_it() {
        let nodes = json!([
            {"id": "fast", "kind": "Task"},
            {"id": "slow", "kind": "Task"},
            {"id": "end", "kind": "Task", "dependsOn": ["fast", "slow"]},
            {"id": "no", "kind": "Task", "dependsOn": ["fast"]},
        ]);
        let done = |to| json!({"phase": "Succeeded", "attempt": 1, "startTime": at(0), "completionTime": at(to)});
        let statuses = json!({
            "fast": done(3), "slow": done(8),
            "end": {"phase": "Pending", "attempt": 1, "extensions": {"reason": "Ready"}},
            "no": {"phase": "Skipped"},
        });
        let timeline = timeline(nodes, statuses, None);
        assert_eq!(timeline.critical, ["slow", "end"]);
        assert_eq!(told(&timeline, "end"), "Waiting 8-");
        assert_eq!(told(&timeline, "no"), "");
        assert_eq!(timeline.end, at(8).parse::<Time>().unwrap());
    }
}
