//! A task list that became a plan.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::text::located::ResourceName;

/// A task list became a plan, or brought one up to date.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The plan.
    pub resource: ResourceName,
    /// Its file, from the root of the repository.
    pub path: String,
    /// The list, as it was named.
    pub source: String,
    /// How the list is written: `markdown`, `spec-kit`, …
    pub format: String,
    /// Whether the file was not there before.
    pub created: bool,
    /// Whether the file was written.
    pub written: bool,
    /// How many tasks the list has that somebody does.
    pub tasks: usize,
    /// How many groups of tasks.
    pub groups: usize,
    /// How many dependencies.
    pub dependencies: usize,
    /// Tasks that are new in the plan.
    pub added: Vec<ImportedTask>,
    /// Tasks that the plan had, and of which something is different now.
    pub updated: Vec<ImportedTask>,
    /// Tasks of the plan that the list has no more.
    pub gone: Vec<ImportedTask>,
    /// Whether those were taken out of the plan.
    pub pruned: bool,
    /// Tasks that the list says are done.
    pub done: Vec<ImportedTask>,
    /// What could not be read, or was left out.
    pub unread: Vec<UnreadLine>,
    /// What the file says.
    pub text: String,
    /// What to do next, a command each.
    pub next: Vec<String>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Imported {
    const KIND: &'static str = "Imported";
}

/// A task of a list, and its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedTask {
    /// What the list calls it.
    pub id: String,
    /// The id of the node.
    pub node: String,
}

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadLine {
    /// The line of the list, from 1.
    pub line: usize,
    /// What, and why.
    pub what: String,
}
