//! What a gate asks, what an approval there covers, and what has changed since the last one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::api::board::{CoveredReport, Covers, GateFacts, SinceApproval};
use crate::core::base::digest::short;
use crate::core::plan::graph::GraphOf;
use crate::core::resource::{
    Decision, ExecutionStatus, Key, Kind, Node, Pin, PinnedTarget, ReviewAction,
};
use crate::core::run::covered::Covered;
use crate::core::run::status::{read_resource, status_path};
use crate::git::{history, read};
use crate::service::Result;
use crate::service::describe::Described;
use crate::service::status::StatusReader;
use crate::service::store::Store;

/// Maximum number of status commits that are searched for what was approved.
const LOOKED_BACK: usize = 1000;

/// The facts about a gate node; `None` for any other node.
pub fn facts(
    store: &Store,
    described: &Described,
    graph: Option<GraphOf<'_>>,
    node: &Node,
) -> Result<Option<GateFacts>> {
    let merged = described.merged();
    let (Some(run), Some(reference)) = (merged.run(), &node.gate_ref) else {
        return Ok(None);
    };
    let pinned = run.extensions.pinned.as_ref();
    let namespace = pinned.map_or(&merged.key.namespace, |pinned| &pinned.plan.namespace);
    let gate = reference.key(Kind::Gate, namespace).qualified();
    let status = run.node_statuses.get(&node.id);
    let decision = status.and_then(|status| status.extensions.decision.as_ref());
    let covers = decision.and_then(|decision| covers(run, graph?, (&node.id, &gate), decision));
    let since_approval = match (decision, &covers, graph) {
        (Some(decision), Some(covers), Some(graph)) => since(
            store,
            merged.key,
            graph,
            (&node.id, &gate),
            (decision, covers),
        )?,
        _ => None,
    };
    let standing = described.standing();
    let reviewers = standing.and_then(|standing| standing.reviewers.get(&gate));
    let checked = standing.map(|standing| standing.checked.iter().cloned().collect());
    Ok(Some(GateFacts {
        spec: pinned
            .and_then(|pinned| pinned.gates.get(&gate))
            .and_then(|pin| spec_of(store, pin)),
        decision: decision.cloned(),
        covers,
        since_approval,
        reviewers: reviewers.cloned().unwrap_or_default(),
        checked: checked.unwrap_or_default(),
        gate,
    }))
}

/// The pinned gate.
fn spec_of(store: &Store, pin: &Pin) -> Option<crate::core::resource::GateSpec> {
    let bytes = read::blob(&store.repo, &pin.blob).ok()?;
    let blobs = BTreeMap::from([(pin.blob.clone(), bytes.into())]);
    let resource = crate::core::run::pinned::Pins::new(&blobs)
        .read(Kind::Gate, pin)
        .ok()?;
    match resource.spec {
        crate::core::resource::Spec::Gate(gate) => Some(gate),
        _ => None,
    }
}

/// What a decision covers, as recorded in a status.
fn covers(
    run: &ExecutionStatus,
    graph: GraphOf<'_>,
    at: (&str, &str),
    decision: &Decision,
) -> Option<Covers> {
    let pinned = run.extensions.pinned.as_ref()?;
    let covered = Covered::of((run, pinned), (graph.graph, graph.spec), at, decision);
    let reports = covered.reports.iter();
    let reports = reports.map(|(id, (report, outputs))| {
        let report = CoveredReport {
            actor: report.actor.clone(),
            record: report.record.clone(),
            commit: report.commit.clone(),
            outputs: (*outputs).clone(),
        };
        ((*id).to_owned(), report)
    });
    let targets = covered.targets.keys().map(|id| {
        let status = run.node_statuses.get(*id);
        let target = status.and_then(|status| status.extensions.target.clone());
        ((*id).clone(), target)
    });
    Some(Covers {
        is_whole: covered.digest() == decision.digest,
        plan: covered.plan.clone(),
        commit: pinned.commit.clone(),
        gate: covered.gate.cloned(),
        targets: targets.collect(),
        reports: reports.collect(),
        round: decision.round,
    })
}

/// The last approval of something else than would run now, and what has changed since.
fn since(
    store: &Store,
    key: &Key,
    graph: GraphOf<'_>,
    at: (&str, &str),
    (decision, now): (&Decision, &Covers),
) -> Result<Option<SinceApproval>> {
    let mut approvals = decision.reviews.iter();
    let last = approvals
        .rfind(|review| review.action == ReviewAction::Approve && review.digest != decision.digest);
    let Some(last) = last.filter(|_| decision.outcome.is_none()) else {
        return Ok(None);
    };
    let then = covered_then(store, key, graph, at, &last.digest)?;
    let changes = then.map(|then| differences(&then, now));
    Ok(Some(SinceApproval {
        reviewer: last.reviewer.clone(),
        time: last.timestamp,
        changes,
    }))
}

/// What a decision with this digest covered, if the history in this clone tells. For an earlier revision of the plan, the
/// graph was different, so it is found only if the relevant part is the same.
fn covered_then(
    store: &Store,
    key: &Key,
    graph: GraphOf<'_>,
    at: (&str, &str),
    digest: &str,
) -> Result<Option<Covers>> {
    let path = status_path(key);
    let repo = &store.repo;
    let tip = StatusReader::known(store)?.map(|status| status.id().to_owned());
    let mut next = match tip {
        Some(tip) => history::commit(repo, &tip)?,
        None => None,
    };
    let mut seen = BTreeSet::new();
    for _ in 0..LOOKED_BACK {
        let Some(commit) = next else { break };
        let Some(blob) = history::blob_at(repo, &commit.tree, &path)? else {
            break;
        };
        if seen.insert(blob.clone()) {
            let bytes = read::blob(repo, &blob)?;
            let file = read_resource(&path, &bytes).ok();
            let run = file.and_then(|(_, file)| file.status.execution().cloned());
            let found = run.and_then(|run| {
                let decision = run.node_statuses.get(at.0)?.extensions.decision.clone()?;
                let is_meant = decision.digest == digest;
                covers(&run, graph, at, &decision).filter(|one| is_meant && one.is_whole)
            });
            if found.is_some() {
                return Ok(found);
            }
        }
        next = match commit.parents.first() {
            Some(parent) => history::commit(repo, parent)?,
            None => None,
        };
    }
    Ok(None)
}

/// The differences, one sentence each.
fn differences(then: &Covers, now: &Covers) -> Vec<String> {
    let mut found = Vec::new();
    if then.plan.digest != now.plan.digest {
        let (old, new) = (short(&then.commit), short(&now.commit));
        found.push(format!(
            "the plan is that of commit {new}, and was that of {old}"
        ));
    }
    let digest = |covers: &Covers| covers.gate.as_ref().map(|pin| pin.digest.clone());
    if digest(then) != digest(now) {
        found.push("the gate is another one".to_owned());
    }
    for (node, target) in &now.targets {
        let (old, new) = (
            then.targets.get(node).and_then(Option::as_ref),
            target.as_ref(),
        );
        let subject = |target: Option<&PinnedTarget>| {
            target.map(|target| (target.provider.clone(), target.config.clone()))
        };
        if subject(old) != subject(new) {
            let (old, new) = (provider(old), provider(new));
            found.push(if old == new {
                format!("{node}: {new} is told something else")
            } else {
                format!("{node}: {new} does it, and {old} was to")
            });
        }
    }
    for node in then
        .targets
        .keys()
        .filter(|node| !now.targets.contains_key(*node))
    {
        found.push(format!("{node} is no longer after the gate"));
    }
    let all: BTreeSet<&String> = then.reports.keys().chain(now.reports.keys()).collect();
    for node in all {
        found.extend(reported(
            node,
            then.reports.get(node),
            now.reports.get(node),
        ));
    }
    if then.round != now.round {
        found.push("a retry has asked for a new decision".to_owned());
    }
    found
}

fn provider(target: Option<&PinnedTarget>) -> String {
    let provider = target.and_then(|target| target.provider.clone());
    provider.unwrap_or_else(|| "anybody".to_owned())
}

/// The differences between two reports of a node.
fn reported(node: &str, then: Option<&CoveredReport>, now: Option<&CoveredReport>) -> Vec<String> {
    let (then, now) = match (then, now) {
        (Some(then), Some(now)) if then == now => return Vec::new(),
        (Some(then), Some(now)) => (then, now),
        (None, Some(now)) => return vec![format!("{node} was reported by {}", now.actor)],
        (_, None) => return vec![format!("the report on {node} counts no longer")],
    };
    let mut found = vec![format!("{node} was reported again, by {}", now.actor)];
    if then.commit != now.commit {
        let commit = |report: &CoveredReport| match &report.commit {
            Some(commit) => format!("commit {}", short(commit)),
            None => "no commit".to_owned(),
        };
        found.push(format!("{node}: {}, and was {}", commit(now), commit(then)));
    }
    let names: BTreeSet<&String> = then.outputs.keys().chain(now.outputs.keys()).collect();
    for name in names {
        let value = |outputs: &Map<String, Value>| {
            outputs
                .get(name)
                .map_or("nothing".to_owned(), Value::to_string)
        };
        let (old, new) = (value(&then.outputs), value(&now.outputs));
        if old != new {
            found.push(format!("{node}.{name}: {new}, and was {old}"));
        }
    }
    found
}
