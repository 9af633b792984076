//! What changes in the work between two revisions.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::findings::{Scope, Summary};
use crate::core::review::declared::Declared;
use crate::core::review::{Effect, Fact, Shape};
use crate::core::text::located::{Finding, ResourceName};

/// What changes between two revisions.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Id of the base commit.
    pub base: String,
    /// Name of the base commit: shortened, or as given.
    pub base_name: String,
    /// Id of the compared commit; null for uncommitted changes.
    pub head: Option<String>,
    /// Name of the compared commit.
    pub head_name: String,
    /// The largest class of all changes: `none`, `patch`, `minor` or `major`.
    pub class: String,
    /// The first line of the review.
    pub verdict: String,
    /// How many changes need attention.
    pub dangers: usize,
    /// The changes, resource by resource.
    pub subjects: Vec<Subject>,
    /// The runs that are affected.
    pub runs: Vec<TouchedRun>,
    /// Whether runs are known: this clone has the status branch.
    pub status_known: bool,
    /// Why runs are unknown, if there may be some.
    pub runs_unknown: Option<String>,
    /// The findings: broken rules of change, new problems, and changes that need attention.
    pub findings: Vec<Finding>,
    /// How many findings.
    pub summary: Summary,
    /// What the scope of the plan in question says about the changed files.
    pub scope: Option<Scope>,
    /// The changes of the configuration and of keys, the most important first.
    pub configuration: Vec<ConfigurationChange>,
    /// The gates and runs that these changes affect at the moment.
    pub concerned: Vec<Concerned>,
    /// The runs that merging starts.
    pub starts: Vec<Starts>,
    /// The changed files that commands run or checks look at.
    pub scripts: Vec<Script>,
    /// The changes that need attention but are allowed by a comment in the file.
    pub allowed: Vec<AllowedHere>,
}

/// A run that merging starts.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Starts {
    /// The execution.
    pub execution: ResourceName,
    /// The same as a sentence.
    pub text: String,
}

/// A file that a command runs, or a check looks at.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    /// The file.
    pub path: String,
    /// Whether a command runs it, or gets its name as an argument.
    pub is_run: bool,
    /// The resources that use it.
    pub users: Vec<ResourceName>,
    /// What happens to it, in words.
    pub words: String,
    /// Added (`+`) and removed (`-`) lines, a few lines around them (` `), and how many are left out in between (`@`);
    /// null if lines are not shown.
    pub lines: Option<Vec<String>>,
}

/// A change that needs attention but is allowed by a comment in the file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedHere {
    /// The resource.
    pub resource: ResourceName,
    /// What needs attention.
    pub message: String,
    /// The reason that the comment gives.
    pub reason: String,
}

impl Answer for Review {
    const KIND: &'static str = "Review";
}

/// A change of the configuration, or of the listed keys.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationChange {
    /// The file with the change.
    pub file: String,
    /// The field; for a key, its principal.
    pub field: Vec<String>,
    /// The previous value.
    pub was: Option<serde_json::Value>,
    /// The new value.
    pub is: Option<serde_json::Value>,
    /// Why it needs attention, if it does.
    pub danger: Option<String>,
    /// The same as a sentence.
    pub words: String,
}

/// A gate or a run that a change of the configuration affects at the moment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Concerned {
    /// The execution.
    pub execution: ResourceName,
    /// The gate node that waits for a decision; null if the whole run is concerned.
    pub node: Option<String>,
    /// Its gate, `NAMESPACE/NAME`.
    pub gate: Option<String>,
    /// The same as a sentence.
    pub text: String,
}

/// A resource that changes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The resource.
    pub resource: ResourceName,
    /// Its file.
    pub path: String,
    /// `added`, `removed`, `left` (the configured paths), `changed`, `renamed`, `version` or `unreadable`.
    pub event: String,
    /// Its previous name, or the version that it follows.
    pub from: Option<ResourceName>,
    /// `none`, `patch`, `minor` or `major`.
    pub class: String,
    /// The change that decides the class.
    pub raised_by: Option<String>,
    /// The class that the revision declares.
    pub declared: Option<Declared>,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// The effects of the changes.
    pub effects: Vec<Effect>,
    /// For a plan that was split or merged into others: where its nodes went, as a sentence.
    pub went_on: Option<String>,
    /// For a new resource: facts about it.
    pub facts: Vec<Fact>,
    /// For a new resource: texts that are too long for a line, in full.
    pub texts: Vec<Fact>,
    /// The plan's graph before, in numbers.
    pub before: Option<Shape>,
    /// The plan's graph now, in numbers.
    pub after: Option<Shape>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The place in the resource, by names.
    pub address: Vec<String>,
    /// `added`, `removed`, `changed` or `renamed`.
    pub what: String,
    /// The kind of the element that was added, removed or renamed.
    pub element: Option<String>,
    /// The field that changed.
    pub label: Option<String>,
    /// The previous value.
    pub was: Option<serde_json::Value>,
    /// The new value.
    pub is: Option<serde_json::Value>,
    /// `none`, `patch`, `minor` or `major`.
    pub class: String,
    /// Why it needs attention.
    pub danger: Option<String>,
    /// The effect of the change.
    pub effect: Option<String>,
    /// The same as a sentence.
    pub words: String,
}

/// A run that a change affects.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TouchedRun {
    /// The execution.
    pub execution: ResourceName,
    /// Its phase.
    pub phase: String,
    /// `pinned`, `notStarted`, `deleted`, `left` (its file leaves the configured paths) or `otherGoal`.
    pub how: String,
    /// The resources of the run that change.
    pub changed: Vec<ResourceName>,
    /// The commit to which it is pinned.
    pub pinned_to: Option<String>,
    /// Whether it can continue with the change once that is merged: `planspec retry EXECUTION --plan`.
    pub may_go_on: bool,
    /// Approvals that hold for this run only: gate node and who approved.
    pub approvals: BTreeMap<String, BTreeSet<String>>,
    /// Attestations that no longer hold: criterion and who attested it.
    pub attestations: BTreeMap<String, BTreeSet<String>>,
    /// The same as a sentence.
    pub text: String,
}
