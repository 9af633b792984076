//! What all executions want of people and programs, and how far they are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::core::resource::Time;
use crate::core::run::proposal::retry;
use crate::core::run::summary::outline::Ended;
use crate::core::run::transition::Waiting;

/// Where everything stands: what is wanted first. Of each list the first 50 are there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The status commit that says so; nothing where nothing has been reconciled yet.
    pub status_commit: Option<String>,
    /// The spec commit that it is about.
    pub observed_commit: Option<String>,
    /// Number of the status commit.
    pub sequence: u64,
    /// The next moment at which something happens by itself.
    pub next_deadline: Option<Time>,
    /// Whether that moment has passed more than an hour ago: nobody seems to run `planspec reconcile`.
    pub is_overdue: bool,
    /// What is wanted, in a sentence.
    pub headline: String,
    /// Whether anything stays as it is until a person does something: a run has failed or cannot go on, people are waited for,
    /// the configuration or a file cannot be read, or nobody reconciles.
    pub needs_somebody: bool,
    /// How many executions there are of each phase.
    pub phases: BTreeMap<String, usize>,
    /// What executions want, the most urgent first.
    pub wanted: Vec<Wanted>,
    /// Executions that have failed and may be tried again, the last first.
    pub failed: Vec<FailedRun>,
    /// Executions that are not over, the most urgent first: each stands once.
    pub open: Vec<OpenRun>,
    /// How many executions are in neither list, though they have failed or are not over.
    pub more: usize,
    /// What is wrong with what belongs to no resource, as `file:line:column: code message`.
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
    /// Since when, of what is wanted longest, where that is known.
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
    /// Why, in a sentence.
    pub why: String,
    /// What tries it again.
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

/// An execution that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenRun {
    /// Under which heading it stands, by what it wants most: `stuck`, `people`, `unclaimed` or `atWork`.
    pub heading: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Nodes that ended well.
    pub done: usize,
    /// Nodes that failed for good while the run goes on.
    pub failed: usize,
    /// All nodes; 0 of one that has not started.
    pub nodes: usize,
    /// When it started.
    pub started: Option<Time>,
    /// What it waits for, the most urgent first; the first three.
    pub waits: Vec<Waiting>,
    /// How much else it waits for.
    pub more: usize,
    /// What anybody could run so that it goes on, where something is known.
    pub command: Option<String>,
}
