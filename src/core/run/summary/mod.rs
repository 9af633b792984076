//! Summaries, so that neither the board, nor the next deadline, nor finding out what must be
//! examined again needs to read every status. The status tree has small files (`_summary/<hh>`)
//! with a summary of each execution and goal, and of each resource with errors ([`Summary`]), and
//! with the executions that need a resource ([`lines`]); and one file with an outline of all of them
//! ([`outline`]). All of this follows
//! from the status, and can be computed again.

pub mod concern;
pub mod lines;
pub mod lookup;
pub mod outline;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::core::base::digest::sha256_hex;
use crate::core::resource::{
    AUTHORS_UNKNOWN, AWAITING_APPROVAL, AWAITING_REPOSITORY, ConditionStatus, ExecutionPhase,
    ExecutionStatus, GoalPhase, GoalStatus, Key, Kind, NodePhase, PIN_UNREADABLE, Status, Time,
    find_condition, is_false, is_zero,
};
use crate::core::run::status::StatusFile;
use crate::core::run::transition::{Waiting, WaitingFor, waiting_of};

/// Maximum number of running nodes that are named.
const WORKING_NAMED: usize = 5;
/// Maximum number of characters of the reason why an execution ended.
const WHY_KEPT: usize = 201;
/// Number of hexadecimal digits of a pinned blob.
const PIN_DIGITS: usize = 16;

/// The summary of a resource.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Summary {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its next deadline.
    pub due: Option<Time>,
    /// Whether its file has errors, so that the next reconcile reports them again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_errors: bool,
    /// For an execution.
    pub run: Option<RunSummary>,
    /// For a goal that exists.
    pub goal: Option<GoalSummary>,
}

/// The summary of an execution.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunSummary {
    /// Its phase.
    pub phase: ExecutionPhase,
    /// When it started.
    pub start: Option<Time>,
    /// When it ended.
    pub end: Option<Time>,
    /// Why it ended, shortened for a table.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The pinned plan, `namespace/name`.
    pub plan: Option<String>,
    /// The pinned goal.
    pub goal: Option<GoalOfRun>,
    /// The pinned gates, `namespace/name`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gates: BTreeSet<String>,
    /// The decisions that it needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<GateOfRun>,
    /// The blobs that it needs while it may continue, by their first digits.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub pins: BTreeSet<String>,
    /// Marks of the records that were taken in, until it is over: see [`record_mark`].
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub records: BTreeSet<String>,
    /// The resources that it follows.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub follows: BTreeSet<Key>,
    /// Whether a task has no target yet, so that bindings and capabilities matter.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_unbound: bool,
    /// Whether it waits for the next commit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaits_commit: bool,
    /// Whether it waits for something that another clone may know: a pinned file, or its
    /// authors.
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaits_clone: bool,
    /// The progress of an open execution.
    pub progress: Option<Progress>,
    /// Whether its file is gone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_gone: bool,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
}

/// The pinned goal of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoalOfRun {
    /// `namespace/name`
    pub name: String,
    /// Its uid at the time.
    pub uid: String,
    /// Its generation at the time.
    pub generation: u64,
}

/// A gate node of an execution that waits or has been decided.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateOfRun {
    /// The gate, `namespace/name`.
    pub gate: String,
    /// The node.
    pub node: String,
    /// Whether it waits now.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waits: bool,
    /// Since when.
    pub since: Option<Time>,
    /// Whether it has been decided.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_decided: bool,
    /// When it was decided.
    pub decided: Option<Time>,
}

/// The progress of an open execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Progress {
    /// Nodes that succeeded.
    pub ended: usize,
    /// Nodes that finally failed, and could be retried.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: usize,
    /// All nodes.
    pub nodes: usize,
    /// The first running nodes, with their holders.
    pub working: Vec<(String, Option<String>)>,
    /// The number of other running nodes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// Something that an execution waits for.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The node that waits, if it is one.
    pub node: Option<String>,
    /// Since when, if known.
    pub since: Option<Time>,
    /// What it waits for.
    #[serde(flatten)]
    pub what: WaitingFor,
}

impl From<Waiting> for Wait {
    fn from(waiting: Waiting) -> Wait {
        Wait {
            node: waiting.node,
            since: waiting.since,
            what: waiting.what,
        }
    }
}

impl Wait {
    /// The same, for the given execution.
    pub fn of(&self, execution: &Key) -> Waiting {
        Waiting {
            execution: execution.clone(),
            node: self.node.clone(),
            step: None,
            since: self.since,
            what: self.what.clone(),
        }
    }
}

/// The summary of a goal.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoalSummary {
    /// Its phase.
    pub phase: GoalPhase,
    /// The plan that a new execution would run.
    pub plan: Option<Key>,
    /// Whether it selects plans by labels.
    #[serde(default, skip_serializing_if = "is_false")]
    pub selects: bool,
}

/// The parts of a summary that are not in the status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aside {
    /// The next deadline.
    pub due: Option<Time>,
    /// The resources that an execution follows.
    pub follows: BTreeSet<Key>,
    /// Whether a goal selects plans by labels.
    pub selects: bool,
    /// Whether its file has errors.
    pub has_errors: bool,
}

impl Summary {
    /// The summary of a resource, if there is anything to summarise.
    pub fn of(key: &Key, file: &StatusFile, aside: Aside) -> Option<Summary> {
        let run = file.status.execution();
        let goal = match &file.status {
            Status::Goal(goal) if file.deleted.is_none() => Some(goal_summary(key, goal, &aside)),
            _ => None,
        };
        let is_worth_it = run.is_some() || goal.is_some() || aside.has_errors;
        is_worth_it.then(|| Summary {
            kind: key.kind,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            uid: file.uid.clone(),
            due: aside.due,
            has_errors: aside.has_errors,
            run: run.map(|run| run_summary(key, file, run, aside.follows)),
            goal,
        })
    }

    /// The key of the resource.
    pub fn key(&self) -> Key {
        Key::new(self.kind, &self.namespace, &self.name)
    }

    /// The execution, if it is open.
    pub fn open_run(&self) -> Option<&RunSummary> {
        self.run.as_ref().filter(|run| !run.phase.is_terminal())
    }

    /// What the execution needs: the pinned and followed resources, and
    /// the blobs. See [`needed_resource`] and [`needed_blob`].
    pub fn needs(&self) -> BTreeSet<String> {
        let Some(run) = &self.run else {
            return BTreeSet::new();
        };
        let of_kind = |kind: Kind| move |name: &String| format!("{kind} {name}");
        let goal = run.goal.iter().map(|goal| &goal.name);
        run.plan
            .iter()
            .map(of_kind(Kind::Plan))
            .chain(goal.map(of_kind(Kind::Goal)))
            .chain(run.gates.iter().map(of_kind(Kind::Gate)))
            .chain(run.follows.iter().map(needed_resource))
            .chain(run.pins.iter().map(|mark| format!("Blob {mark}")))
            .collect()
    }
}

/// A resource, as a key for [`Summary::needs`].
pub fn needed_resource(key: &Key) -> String {
    format!("{} {}", key.kind, key.qualified())
}

/// A blob, as a key for [`Summary::needs`].
pub fn needed_blob(blob: &str) -> String {
    format!("Blob {}", pin_mark(blob))
}

fn goal_summary(key: &Key, status: &GoalStatus, aside: &Aside) -> GoalSummary {
    let plan = status.active_plan_ref.as_ref();
    GoalSummary {
        phase: status.phase,
        plan: plan.map(|plan| plan.key(Kind::Plan, &key.namespace)),
        selects: aside.selects,
    }
}

fn run_summary(
    key: &Key,
    file: &StatusFile,
    run: &ExecutionStatus,
    follows: BTreeSet<Key>,
) -> RunSummary {
    let is_over = run.phase.is_terminal();
    let pinned = run.extensions.pinned.as_ref();
    let goal = pinned.and_then(|pinned| pinned.goal.as_ref());
    let why = why_ended(run);
    // Of a failed run whose file is gone too: it may come back.
    let pins = pinned.filter(|_| run.phase.can_be_retried()).into_iter();
    let records = run.extensions.records.iter().filter(|_| !is_over);
    let waits = waiting_of(key, run).into_iter();
    let has_node = |reason: &str| {
        let mut nodes = run.node_statuses.values();
        nodes.any(|node| node.extensions.reason == reason)
    };
    RunSummary {
        phase: run.phase,
        start: run.start_time,
        end: run.completion_time,
        why: why
            .chars()
            .take(if is_over { WHY_KEPT } else { 0 })
            .collect(),
        plan: pinned.map(|pinned| pinned.plan.key(Kind::Plan).qualified()),
        goal: goal.map(|goal| GoalOfRun {
            name: goal.key(Kind::Goal).qualified(),
            uid: goal.uid.clone(),
            generation: goal.generation,
        }),
        gates: pinned
            .into_iter()
            .flat_map(|pinned| pinned.gates.keys().cloned())
            .collect(),
        decisions: decisions_of(run),
        pins: pins
            .flat_map(|pinned| pinned.blobs().map(pin_mark))
            .collect(),
        records: records.map(|(at, tip)| record_mark(at, tip)).collect(),
        follows,
        is_unbound: find_condition(&run.conditions, "Bound")
            .is_some_and(|bound| !is_over && bound.status != ConditionStatus::True),
        awaits_commit: !is_over && has_node(AWAITING_REPOSITORY),
        awaits_clone: !is_over && (run.reason == PIN_UNREADABLE || has_node(AUTHORS_UNKNOWN)),
        progress: (!is_over && !run.node_statuses.is_empty()).then(|| progress(run)),
        is_gone: file.deleted.is_some(),
        waits: waits.map(Wait::from).collect(),
    }
}

/// Why a run ended: the reason of the first failure.
pub fn why_ended(run: &ExecutionStatus) -> String {
    let why = match run.message.as_str() {
        "" => &run.reason,
        message => message,
    };
    let nodes = run.node_statuses.iter();
    let failed = nodes.filter(|(_, node)| node.phase == NodePhase::Failed);
    let mut failed = failed.filter(|_| run.phase == ExecutionPhase::Failed);
    match (failed.next(), failed.next()) {
        (Some((_, node)), _) if node.message.is_empty() => why.to_owned(),
        (Some((_, node)), None) => format!("{why}: {}", node.message),
        (Some((id, node)), Some(_)) => format!("{why}; {id}: {}", node.message),
        (None, _) => why.to_owned(),
    }
}

fn decisions_of(run: &ExecutionStatus) -> Vec<GateOfRun> {
    let nodes = run.node_statuses.iter().filter_map(|(id, node)| {
        let decision = node.extensions.decision.as_ref()?;
        let waits = !run.phase.is_terminal()
            && node.phase == NodePhase::Blocked
            && node.extensions.reason == AWAITING_APPROVAL;
        Some(GateOfRun {
            gate: decision.gate.clone(),
            node: id.clone(),
            waits,
            since: node.start_time.filter(|_| waits),
            is_decided: decision.outcome.is_some(),
            decided: decision.decided.filter(|_| decision.outcome.is_some()),
        })
    });
    nodes.collect()
}

fn progress(run: &ExecutionStatus) -> Progress {
    let nodes = run.node_statuses.iter();
    let working = nodes.filter(|(_, node)| node.phase == NodePhase::Running);
    let mut working = working.map(|(id, node)| {
        let claim = node.extensions.claim.as_ref();
        (id.clone(), claim.map(|claim| claim.actor.clone()))
    });
    let nodes = run.node_statuses.values();
    Progress {
        ended: nodes.clone().filter(|node| node.ended_well()).count(),
        failed: nodes.filter(|node| node.phase == NodePhase::Failed).count(),
        nodes: run.node_statuses.len(),
        working: working.by_ref().take(WORKING_NAMED).collect(),
        more: working.count(),
    }
}

/// The mark of a pinned blob in a summary.
fn pin_mark(blob: &str) -> String {
    blob.chars().take(PIN_DIGITS).collect()
}

/// The mark of a record that was taken in, from its ref and id.
pub fn record_mark(ref_name: &str, tip: &str) -> String {
    let digest = sha256_hex(format!("{ref_name} {tip}").as_bytes());
    digest.chars().take(PIN_DIGITS).collect()
}
