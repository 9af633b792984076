//! Everything about one resource: itself, and what follows from it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::graph::Drawing;
use super::resource::Resource;
use super::verify::CriterionResult;
use crate::core::resource::Time;
use crate::core::run::transition::Waiting;

/// A resource in detail: the content of its file, its status, and what follows from both.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The resource with its status, as `get` shows it.
    pub resource: Resource,
    /// Its phase; null before the first reconcile.
    pub phase: Option<String>,
    /// Whether its file was deleted, so that only its status is left.
    pub deleted: bool,
    /// Whether its file could not be used at the last reconcile, so that the status is older.
    pub invalid: bool,
    /// Path of the file from which `reconcile` last read it.
    pub source: Option<String>,
    /// For a plan from a document: what is missing before it can be executed.
    pub not_ready: Vec<String>,
    /// For a plan or an execution: remarks on the capabilities that it needs.
    pub capabilities: Vec<String>,
    /// The graph of a plan as in its file, or of an execution as pinned, with its current state; null if it is broken
    /// or unknown.
    pub graph: Option<Drawing>,
    /// The run of an execution that has begun.
    pub run: Option<DescribedRun>,
}

impl Answer for Description {
    const KIND: &'static str = "Description";
}

/// What follows from the status of a run. The status itself has outputs, artifacts and retries.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DescribedRun {
    /// The parameters with which it began, and which it keeps whatever its file says now; null if they cannot be read
    /// here.
    pub held_to: Option<serde_json::Map<String, serde_json::Value>>,
    /// What it waits for.
    pub waiting: Vec<Waiting>,
    /// The acceptance criteria of reported nodes and the checks of success criteria, with their results.
    pub acceptance: Vec<Acceptance>,
    /// Constraints and success criteria of its pinned document.
    pub contract: Vec<ContractCriterion>,
    /// What reviewers did at its gates.
    pub reviews: Vec<Review>,
    /// Who may still decide, by `namespace/name` of the gate. At a gate that is not listed, any person may.
    pub reviewers: BTreeMap<String, Vec<String>>,
    /// Well-formed records that could not be applied.
    pub unapplied: Vec<Unapplied>,
    /// Nodes that are not done, and for which the bindings now give another target.
    pub moved_on: Vec<MovedOn>,
    /// Whether a reconcile would have something to do.
    pub due: bool,
    /// Commands that anybody could run next.
    pub next: Vec<String>,
}

/// Criteria that were checked, or are to be checked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    /// Id of the node, or of the success criterion.
    pub id: String,
    /// Who checked them; null if nobody did.
    pub actor: Option<String>,
    /// When `reconcile` first saw it.
    pub time: Option<Time>,
    /// One for each criterion, in the order of the plan.
    pub checks: Vec<Check>,
}

/// One criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Whether it is required; null if the plan does not have it.
    pub required: Option<bool>,
    /// Its result; null if it was not checked.
    pub result: Option<CriterionResult>,
}

/// A constraint or a success criterion of a document.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContractCriterion {
    /// Its id.
    pub id: String,
    /// `constraint` or `success criterion`.
    pub kind: String,
    /// Whether it must be met for the run to succeed.
    pub required: bool,
    /// What must be true.
    pub description: String,
    /// Whether it is met; null if nobody has said so yet.
    pub met: Option<bool>,
    /// What each actor says about it.
    pub said: Vec<Said>,
}

/// What an actor says about a criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// The actor.
    pub actor: String,
    /// Whether it is met.
    pub met: bool,
    /// When `reconcile` first saw it.
    pub time: Time,
    /// The evidence.
    pub evidence: Option<String>,
    /// The commit on which it was checked.
    pub commit: Option<String>,
}

/// What a reviewer did at a gate.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// The node that waits, or waited, at the gate.
    pub node: String,
    /// If this approves a step of a document: the `step_id` as written there.
    pub step: Option<String>,
    /// The gate: `namespace/name`.
    pub gate: String,
    /// The actor.
    pub reviewer: String,
    /// `approve`, `reject` or `comment`.
    pub action: String,
    /// When `reconcile` first saw it.
    pub time: Time,
    /// The comment.
    pub comment: Option<String>,
    /// Whether it was given for something other than what would run now.
    pub stale: bool,
    /// The principal for whom the signing key is listed, if the configuration requires a signature.
    pub signed_by: Option<String>,
    /// Whether this clone has verified the signature. If not, only the status says so.
    pub signature_checked: bool,
}

/// A record that could not be applied.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unapplied {
    /// When `reconcile` first saw it.
    pub time: Time,
    /// Its action: `claim`, `report`, …
    pub action: String,
    /// The actor who sent it.
    pub actor: String,
    /// The reason, in one CamelCase word.
    pub reason: String,
    /// The reason, as a sentence.
    pub message: String,
    /// Its id.
    pub record: String,
    /// Its inbox ref, without `refs/planspec/`.
    #[serde(rename = "ref")]
    pub ref_name: String,
}

/// A node for which the bindings now give another target.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MovedOn {
    /// Its id.
    pub node: String,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// Its pinned target, and the one that the binding gives now.
    pub message: String,
}
