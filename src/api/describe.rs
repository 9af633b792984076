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

/// A resource, described: what stands in its files and on the status branch, and what follows from
/// both.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The resource with its status, as `get` shows it.
    pub resource: Resource,
    /// Its phase; nothing before the first reconcile.
    pub phase: Option<String>,
    /// Whether its file is gone, and only its status is left.
    pub deleted: bool,
    /// Whether its file could not be used at the last reconcile: the status is that of before.
    pub invalid: bool,
    /// Path of the file that it was last read from by `reconcile`.
    pub source: Option<String>,
    /// Of a plan from a document: what it lacks before it can be executed.
    pub not_ready: Vec<String>,
    /// Of a plan or an execution: what should be known about the capabilities that it needs.
    pub capabilities: Vec<String>,
    /// Of a plan as it stands in the files, of an execution as it is pinned, with its live state;
    /// nothing when it is broken or not known.
    pub graph: Option<Drawing>,
    /// Of an execution that has begun.
    pub run: Option<DescribedRun>,
}

impl Answer for Description {
    const KIND: &'static str = "Description";
}

/// What the status of a run alone does not tell. Outputs, artifacts and retries stand there.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DescribedRun {
    /// The parameters that it was begun with, and is held to whatever its file says now; nothing where what it began with cannot
    /// be read here.
    pub held_to: Option<serde_json::Map<String, serde_json::Value>>,
    /// What it waits for.
    pub waiting: Vec<Waiting>,
    /// The acceptance criteria of what was reported, and the checks of success criteria, each with
    /// what came of it.
    pub acceptance: Vec<Acceptance>,
    /// Constraints and success criteria of the document that it is held to.
    pub contract: Vec<ContractCriterion>,
    /// What reviewers did at its gates.
    pub reviews: Vec<Review>,
    /// Who may still decide, by `namespace/name` of the gate; a gate that is not here is open to
    /// any person.
    pub reviewers: BTreeMap<String, Vec<String>>,
    /// Records that were well formed and could not be applied.
    pub unapplied: Vec<Unapplied>,
    /// Nodes that are not done and that bindings would give another target now.
    pub moved_on: Vec<MovedOn>,
    /// Whether a reconcile would find something to do.
    pub due: bool,
    /// What anybody could do next, as commands to paste.
    pub next: Vec<String>,
}

/// Criteria that were checked, or are to be.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    /// Id of the node, or of the success criterion.
    pub id: String,
    /// Who checked; nothing when nobody did.
    pub actor: Option<String>,
    /// When `reconcile` first saw that.
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
    /// Whether it is required; nothing for what the plan does not have.
    pub required: Option<bool>,
    /// What came of it; nothing when it was not checked.
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
    /// Whether there is no success without it.
    pub required: bool,
    /// What must be true.
    pub description: String,
    /// Whether it is met; nothing when nobody has said so yet.
    pub met: Option<bool>,
    /// Who says what.
    pub said: Vec<Said>,
}

/// What somebody says about a criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Who.
    pub actor: String,
    /// Whether it is met.
    pub met: bool,
    /// When `reconcile` first saw that.
    pub time: Time,
    /// What shows that.
    pub evidence: Option<String>,
    /// The commit on whose tree it was checked.
    pub commit: Option<String>,
}

/// What a reviewer did at a gate.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// The node that waits, or waited, at the gate.
    pub node: String,
    /// Of the approval of a step of a document: the `step_id` of that step, as it is written there.
    pub step: Option<String>,
    /// The gate: `namespace/name`.
    pub gate: String,
    /// Who.
    pub reviewer: String,
    /// `approve`, `reject` or `comment`.
    pub action: String,
    /// When `reconcile` first saw that.
    pub time: Time,
    /// Why.
    pub comment: Option<String>,
    /// Whether it was given for something else than what would run now.
    pub stale: bool,
    /// Whom the key is listed for that signed it, where the configuration wants to know.
    pub signed_by: Option<String>,
    /// Whether this clone has found that to be so; else the status claims it.
    pub signature_checked: bool,
}

/// A record that could not be applied.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unapplied {
    /// When `reconcile` saw it.
    pub time: Time,
    /// What it wanted: `claim`, `report`, …
    pub action: String,
    /// Whose it is.
    pub actor: String,
    /// Why not, in one CamelCase word.
    pub reason: String,
    /// Why not, in a sentence.
    pub message: String,
    /// Its id.
    pub record: String,
    /// Its inbox ref, without `refs/planspec/`.
    #[serde(rename = "ref")]
    pub ref_name: String,
}

/// A node that bindings would give another target now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MovedOn {
    /// Its id.
    pub node: String,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// What it is held to, and what the binding says now.
    pub message: String,
}
