//! What all executions want of people and programs, and how far they are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::core::resource::Time;
use crate::core::run::proposal::retry;
use crate::core::run::summary::outline::Ended;
use crate::core::run::transition::Waiting;

/// The state of all runs, what is wanted first. Each list has at most 50 entries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The status commit; null before the first reconcile.
    pub status_commit: Option<String>,
    /// The spec commit of that status.
    pub observed_commit: Option<String>,
    /// Number of the status commit.
    pub sequence: u64,
    /// The next deadline: when a lease or timeout ends, or a retry is due.
    pub next_deadline: Option<Time>,
    /// Whether that deadline passed more than an hour ago: nobody seems to run `planspec reconcile`.
    pub is_overdue: bool,
    /// What is wanted, as a sentence.
    pub headline: String,
    /// Whether something waits until a person acts: a run has failed or cannot continue, a run waits for people, the
    /// configuration or a file cannot be read, or nobody reconciles.
    pub needs_somebody: bool,
    /// How many executions are in each phase.
    pub phases: BTreeMap<String, usize>,
    /// What executions want, most urgent first.
    pub wanted: Vec<Wanted>,
    /// Failed executions that can be retried, newest first.
    pub failed: Vec<FailedRun>,
    /// Open executions, most urgent first, each once.
    pub open: Vec<OpenRun>,
    /// How many more executions are failed or open.
    pub more: usize,
    /// Findings that belong to no resource, as `file:line:column: code message`.
    pub findings: Vec<String>,
}

impl Answer for Overview {
    const KIND: &'static str = "Overview";
}

/// One thing that executions want.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// `failed`, `stuck`, `failedNode`, `answer`, `approval`, `verification`, `criterion`, `person`, `unclaimed`, `report`, `retry`,
    /// `external` or `repository`.
    pub what: String,
    /// How many times.
    pub count: usize,
    /// Since when the oldest of them has been wanted, if known.
    pub oldest: Option<Time>,
}

/// An execution that has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedRun {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// When it ended.
    pub end: Option<Time>,
    /// The reason, as a sentence.
    pub why: String,
    /// The command that retries it.
    pub command: String,
}

impl From<&Ended> for FailedRun {
    fn from(ended: &Ended) -> FailedRun {
        FailedRun {
            namespace: ended.run.namespace.clone(),
            name: ended.run.name.clone(),
            end: ended.end,
            why: ended.why.clone(),
            command: retry(&ended.run, None),
        }
    }
}

/// An open execution.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenRun {
    /// The heading under which it is listed, by its most urgent need: `stuck`, `people`, `unclaimed` or `atWork`.
    pub heading: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many nodes ended well.
    pub done: usize,
    /// How many nodes failed for good while the run is open.
    pub failed: usize,
    /// How many nodes there are; 0 before the start.
    pub nodes: usize,
    /// When it started.
    pub started: Option<Time>,
    /// The three most urgent things that it waits for.
    pub waits: Vec<Waiting>,
    /// How many more things it waits for.
    pub more: usize,
    /// A command that lets it continue, if one is known.
    pub command: Option<String>,
}
