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
    /// Id of the commit that is compared with.
    pub base: String,
    /// What it is called: shortened, or as it was named.
    pub base_name: String,
    /// Id of the commit that is compared; nothing for what is not committed.
    pub head: Option<String>,
    /// What it is called.
    pub head_name: String,
    /// The largest class of all changes: `none`, `patch`, `minor` or `major`.
    pub class: String,
    /// The first line of the review.
    pub verdict: String,
    /// How many changes are to be looked at twice.
    pub dangers: usize,
    /// What changes, resource by resource.
    pub subjects: Vec<Subject>,
    /// The runs that are touched.
    pub runs: Vec<TouchedRun>,
    /// Whether anything is known about runs: the status branch is in this clone.
    pub status_known: bool,
    /// Why nothing is, where there may be runs.
    pub runs_unknown: Option<String>,
    /// The rules that are broken, what is wrong now and was not before, what is to be looked at
    /// twice.
    pub findings: Vec<Finding>,
    /// How many findings.
    pub summary: Summary,
    /// What the scope of the plan that was asked about says of the changed files.
    pub scope: Option<Scope>,
    /// What changes in the configuration, and whose keys; what decides first.
    pub configuration: Vec<ConfigurationChange>,
    /// The gates and runs that this touches as things stand.
    pub concerned: Vec<Concerned>,
    /// What merging starts.
    pub starts: Vec<Starts>,
    /// The files that commands run, or checks look at, and that change.
    pub scripts: Vec<Script>,
    /// What is to be looked at twice and is allowed by a comment in the file.
    pub allowed: Vec<AllowedHere>,
}

/// A run that merging starts.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Starts {
    /// The execution.
    pub execution: ResourceName,
    /// All of it in a sentence.
    pub text: String,
}

/// A file that a command runs, or a check looks at.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    /// The file.
    pub path: String,
    /// Whether a command runs it, or is told its name.
    pub is_run: bool,
    /// The resources that use it.
    pub users: Vec<ResourceName>,
    /// What happens to it, in words.
    pub words: String,
    /// The lines that come (`+`) and go (`-`), a few around (` `), and how many are left out between (`@`); nothing where
    /// they are not told.
    pub lines: Option<Vec<String>>,
}

/// Something to look at twice that a comment in the file allows.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedHere {
    /// The resource.
    pub resource: ResourceName,
    /// What is to be looked at twice.
    pub message: String,
    /// Why it may be so, as the comment says.
    pub reason: String,
}

impl Answer for Review {
    const KIND: &'static str = "Review";
}

/// A change of the configuration, or of the keys that count.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationChange {
    /// The file that it stands in.
    pub file: String,
    /// The field in it; of a key, for whom it is.
    pub field: Vec<String>,
    /// What it was.
    pub was: Option<serde_json::Value>,
    /// What it is.
    pub is: Option<serde_json::Value>,
    /// Why it is to be looked at twice, where it decides something.
    pub danger: Option<String>,
    /// All of it in a sentence.
    pub words: String,
}

/// A gate or a run that a change of the configuration touches as things stand.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Concerned {
    /// The execution.
    pub execution: ResourceName,
    /// The gate node that waits for a decision; nothing where it is about the whole run.
    pub node: Option<String>,
    /// Its gate, `NAMESPACE/NAME`.
    pub gate: Option<String>,
    /// All of it in a sentence.
    pub text: String,
}

/// A resource that changes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Which.
    pub resource: ResourceName,
    /// Its file.
    pub path: String,
    /// `added`, `removed`, `left` (the configured paths), `changed`, `renamed`, `version` or `unreadable`.
    pub event: String,
    /// What it was called, or which version it follows.
    pub from: Option<ResourceName>,
    /// `none`, `patch`, `minor` or `major`.
    pub class: String,
    /// The change that makes the class what it is.
    pub raised_by: Option<String>,
    /// The class that the revision declares.
    pub declared: Option<Declared>,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What follows from them.
    pub effects: Vec<Effect>,
    /// Of a plan that is split or taken into others, where its nodes went, in a sentence.
    pub went_on: Option<String>,
    /// What there is to know of what is new.
    pub facts: Vec<Fact>,
    /// Of what is new, texts that are too long to be told in a line, whole.
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
    /// Where in the resource, by names.
    pub address: Vec<String>,
    /// `added`, `removed`, `changed` or `renamed`.
    pub what: String,
    /// What kind of thing, when one came, went or is called otherwise.
    pub element: Option<String>,
    /// The field, when one changed.
    pub label: Option<String>,
    /// What it was.
    pub was: Option<serde_json::Value>,
    /// What it is.
    pub is: Option<serde_json::Value>,
    /// `none`, `patch`, `minor` or `major`.
    pub class: String,
    /// Why it is to be looked at twice.
    pub danger: Option<String>,
    /// What follows from it.
    pub effect: Option<String>,
    /// All of it in a sentence.
    pub words: String,
}

/// A run that a change touches.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TouchedRun {
    /// The execution.
    pub execution: ResourceName,
    /// Its phase.
    pub phase: String,
    /// `pinned`, `notStarted`, `deleted`, `left` (its file leaves the configured paths) or `otherGoal`.
    pub how: String,
    /// The resources of it that change.
    pub changed: Vec<ResourceName>,
    /// The commit that it is held to.
    pub pinned_to: Option<String>,
    /// Whether it can go on with the change once that is merged: `planspec retry EXECUTION --plan`.
    pub may_go_on: bool,
    /// Approvals that hold for this run only: gate node and who approved.
    pub approvals: BTreeMap<String, BTreeSet<String>>,
    /// Attestations that no longer hold: criterion and who attested it.
    pub attestations: BTreeMap<String, BTreeSet<String>>,
    /// All of it in a sentence.
    pub text: String,
}
