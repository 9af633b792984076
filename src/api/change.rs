//! What became of resources that were changed: applied, edited, deleted, started.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Answer;
use crate::core::text::located::{Finding, ResourceName};

/// A change to the resources of the repository, as one commit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Committed {
    /// The resources in question, and those that change with them, in order.
    pub resources: Vec<ChangedResource>,
    /// Whether a file changes, even if only in a comment.
    pub changed: bool,
    /// Whether this was a dry run: nothing is written.
    pub dry_run: bool,
    /// Id of the commit; null if none was made.
    pub commit: Option<String>,
    /// The branch of the commit; null if HEAD is detached.
    pub branch: Option<String>,
    /// Commands to run next.
    pub next: Vec<String>,
    /// Problems that did not prevent the change, each with its place.
    pub findings: Vec<Finding>,
    /// Notes for people.
    pub notes: Vec<String>,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedResource {
    /// The resource.
    #[serde(flatten)]
    pub resource: ResourceName,
    /// What happens to it.
    pub change: ResourceChange,
    /// The file that has it, or had it.
    pub path: String,
}

impl ChangedResource {
    /// `goal/shipped`
    pub fn qualified(&self) -> String {
        let ResourceName { kind, name, .. } = &self.resource;
        format!("{}/{name}", kind.to_lowercase())
    }
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResourceChange {
    /// It is new.
    Created,
    /// Its content changes.
    Configured,
    /// Its content stays the same.
    Unchanged,
    /// It is removed.
    Deleted,
}

impl ResourceChange {
    /// `created`: the word in JSON and for people.
    pub fn word(self) -> &'static str {
        match self {
            ResourceChange::Created => "created",
            ResourceChange::Configured => "configured",
            ResourceChange::Unchanged => "unchanged",
            ResourceChange::Deleted => "deleted",
        }
    }
}

/// Resources were applied.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// What happened to them.
    #[serde(flatten)]
    pub change: Committed,
}

impl Answer for Applied {
    const KIND: &'static str = "Applied";
}

/// A resource was changed in the editor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Edited {
    /// What became of it.
    #[serde(flatten)]
    pub change: Committed,
}

impl Answer for Edited {
    const KIND: &'static str = "Edited";
}

/// Resources were removed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    /// What happened to them.
    #[serde(flatten)]
    pub change: Committed,
}

impl Answer for Deleted {
    const KIND: &'static str = "Deleted";
}

/// An execution of a plan was written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// Namespace of the execution and of the plan.
    pub namespace: String,
    /// Name of the execution.
    pub execution: String,
    /// Name of the plan.
    pub plan: String,
    /// Name of the binding, which says who does the tasks.
    pub binding: Option<String>,
    /// The execution as written.
    pub resource: Value,
    /// What became of it.
    #[serde(flatten)]
    pub change: Committed,
}

impl Answer for Started {
    const KIND: &'static str = "Started";
}
