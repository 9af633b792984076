//! A node of a run.

use std::collections::BTreeMap;

use super::gate;
use super::run::KnownRun;
use crate::api::board::{ArtifactShown, GateFacts, LogTail, Neighbour, NodePage, Of, Page};
use crate::core::base::escape::printed;
use crate::core::plan::graph::GraphOf;
use crate::core::resource::{
    Artifact, EdgeKind, ExecutionStatus, Kind, LOG_FILE, Node, NodePhase, NodeStatus,
};
use crate::core::run::proposal::command;
use crate::core::run::transition::{Waiting, node_waits_for};
use crate::git::read;
use crate::service::graph::DrawnGraph;
use crate::service::store::Store;
use crate::service::{Error, Result};

/// Maximum number of bytes of a log that a page shows; the last ones.
const LOG_BYTES: usize = 8 * 1024;
/// Length of a digest in a command: `sha256:` and sixteen digits.
const DIGEST: usize = 23;

/// A node of a run.
pub fn page(store: &Store, known: &KnownRun, id: &str) -> Result<Page> {
    let KnownRun { of, described, .. } = known;
    let merged = described.merged();
    let graph = described.drawing.as_ref().map(DrawnGraph::of);
    let spec = graph.and_then(|graph| graph.node(id));
    let none = || Error::not_found(format!("{}/{} has no node `{id}`", of.namespace, of.name));
    let run = merged.run().ok_or_else(none)?;
    let status = match (run.node_statuses.get(id), spec) {
        (Some(status), _) => status.clone(),
        (None, Some(_)) => NodeStatus::default(),
        (None, None) => return Err(none()),
    };
    let node = spec.cloned().unwrap_or_else(|| Node {
        id: id.to_owned(),
        ..Node::default()
    });
    let key = of.of(Kind::Execution);
    let waiting = node_waits_for(&status).filter(|_| !run.phase.is_terminal());
    let waiting = waiting.map(|what| Waiting {
        execution: key,
        node: Some(id.to_owned()),
        step: node.step_id().map(str::to_owned),
        since: status.waits_since(),
        what,
    });
    let (before, behind) = neighbours(graph, run, id);
    let timeline = known.timeline.as_ref();
    let facts = known.description.run.as_ref();
    let next = facts.map(|facts| facts.next.as_slice()).unwrap_or_default();
    let acceptance = facts.and_then(|facts| facts.acceptance.iter().find(|one| one.id == id));
    let gate = gate::facts(store, described, graph, &node)?;
    Ok(Page::Node(Box::new(NodePage {
        of: of.clone(),
        run_phase: run.phase.to_string(),
        commands: commands(of, id, waiting.as_ref(), next)
            .into_iter()
            .map(|one| about_what_is_seen(one, gate.as_ref()))
            .collect(),
        waiting,
        before,
        behind,
        sums: timeline.and_then(|timeline| timeline.sums(id)),
        is_critical: timeline.is_some_and(|timeline| timeline.critical.iter().any(|one| one == id)),
        acceptance: acceptance.cloned(),
        artifacts: artifacts(run, id),
        gate,
        log: tail(store, run, id),
        node,
        status,
    })))
}

/// The nodes directly before a node, and directly after it.
fn neighbours(
    graph: Option<GraphOf<'_>>,
    run: &ExecutionStatus,
    id: &str,
) -> (Vec<Neighbour>, Vec<Neighbour>) {
    let Some((graph, index)) = graph.and_then(|of| Some((of.graph, of.graph.index_of(id)?))) else {
        return (Vec::new(), Vec::new());
    };
    let neighbour = |(other, kind): (usize, EdgeKind)| {
        let id = graph.id(other);
        let status = run.node_statuses.get(id);
        Neighbour {
            id: id.to_owned(),
            phase: status
                .map_or(NodePhase::Pending, |status| status.phase)
                .to_string(),
            is_soft: kind == EdgeKind::Soft,
        }
    };
    (
        graph.predecessors(index).map(neighbour).collect(),
        graph.successors(index).map(neighbour).collect(),
    )
}

/// The commands of its run that are about this node.
fn commands(of: &Of, id: &str, waiting: Option<&Waiting>, next: &[String]) -> Vec<String> {
    let target = format!("{}/{id}", of.name);
    let is_about = |command: &&String| command.split(' ').any(|word| word == target);
    let found: Vec<String> = next.iter().filter(is_about).cloned().collect();
    match found.as_slice() {
        [] => waiting.and_then(command).into_iter().collect(),
        _ => found,
    }
}

/// Limits a command that decides to what the page shows.
fn about_what_is_seen(command: String, gate: Option<&GateFacts>) -> String {
    let decides = ["planspec approve ", "planspec reject "];
    let decision = gate.and_then(|gate| gate.decision.as_ref());
    match decision.and_then(|decision| decision.digest.get(..DIGEST)) {
        Some(digest) if decides.iter().any(|verb| command.starts_with(verb)) => {
            format!("{command} --digest {digest}")
        }
        _ => command,
    }
}

/// The artifacts of the attempts of a node.
fn artifacts(run: &ExecutionStatus, id: &str) -> Vec<ArtifactShown> {
    let all = run.artifacts.iter();
    let of_node = all.filter(|artifact| artifact.origin().node == Some(id));
    let shown = of_node.map(|artifact| {
        let origin = artifact.origin();
        let place = artifact.path.as_ref().or(artifact.url.as_ref());
        ArtifactShown {
            name: artifact.name.clone(),
            attempt: origin.attempt,
            place: place.cloned().unwrap_or_default(),
            commit: origin.commit.map(str::to_owned),
            size: artifact.size,
        }
    });
    shown.collect()
}

/// The end of the output of its command, in the last attempt with a log, if that is in this clone; no remote is
/// contacted.
fn tail(store: &Store, run: &ExecutionStatus, id: &str) -> Option<LogTail> {
    let artifacts = run.artifacts.iter().filter(|artifact| artifact.is_log());
    let origins = artifacts.map(Artifact::origin);
    let of_node = origins.filter(|origin| origin.node == Some(id));
    let kept = of_node.filter_map(|origin| Some((origin.attempt?, origin.commit?)));
    let kept: BTreeMap<u32, &str> = kept.collect();
    let repo = &store.repo;
    let here = kept.iter().rev().find_map(|(attempt, commit)| {
        let is_here = repo.has_object(commit) && !repo.is_partial();
        let log = is_here.then(|| read::file_at(repo, commit, LOG_FILE).ok());
        Some((*attempt, log.flatten().flatten()?))
    });
    let (attempt, log) = here?;
    let from = log.len().saturating_sub(LOG_BYTES);
    // From the beginning of a line.
    let end = log.get(from..).unwrap_or_default();
    let begin = end
        .iter()
        .position(|byte| *byte == b'\n')
        .filter(|_| from > 0);
    let end = begin.map_or(end, |at| end.get(at + 1..).unwrap_or_default());
    Some(LogTail {
        attempt,
        text: printed(end),
        is_cut: from > 0,
    })
}
