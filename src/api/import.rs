//! A task list that became a plan.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::text::located::ResourceName;

/// A plan was made from a task list, or updated from it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The plan.
    pub resource: ResourceName,
    /// Its file, from the root of the repository.
    pub path: String,
    /// The list, as named in the request.
    pub source: String,
    /// The format of the list: `markdown`, `spec-kit`, …
    pub format: String,
    /// Whether the file is new.
    pub created: bool,
    /// Whether the file was written.
    pub written: bool,
    /// How many tasks the list has, without groups.
    pub tasks: usize,
    /// How many groups of tasks.
    pub groups: usize,
    /// How many dependencies.
    pub dependencies: usize,
    /// Tasks that are new in the plan.
    pub added: Vec<ImportedTask>,
    /// Tasks that have changed in the plan.
    pub updated: Vec<ImportedTask>,
    /// Tasks of the plan that are no longer in the list.
    pub gone: Vec<ImportedTask>,
    /// Whether these were removed from the plan.
    pub pruned: bool,
    /// Tasks that the list marks as done.
    pub done: Vec<ImportedTask>,
    /// What could not be read or was left out.
    pub unread: Vec<UnreadLine>,
    /// The content of the file.
    pub text: String,
    /// Commands to run next.
    pub next: Vec<String>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for Imported {
    const KIND: &'static str = "Imported";
}

/// A task of a list, and its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedTask {
    /// Its id in the list.
    pub id: String,
    /// The id of the node.
    pub node: String,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadLine {
    /// The line of the list, from 1.
    pub line: usize,
    /// What was not read, and why.
    pub what: String,
}
