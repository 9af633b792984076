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
    /// The resources that were meant, and what goes with them, in order.
    pub resources: Vec<ChangedResource>,
    /// Whether a file becomes another one; a comment is enough.
    pub changed: bool,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// Id of the commit; nothing where none was made.
    pub commit: Option<String>,
    /// The branch that it is on; nothing where HEAD is detached.
    pub branch: Option<String>,
    /// What to do next, a command each.
    pub next: Vec<String>,
    /// What is wrong all the same, and refuses nothing, each with its place.
    pub findings: Vec<Finding>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

/// What becomes of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedResource {
    /// Which.
    #[serde(flatten)]
    pub resource: ResourceName,
    /// What becomes of it.
    pub change: ResourceChange,
    /// The file that it stands in, or stood in.
    pub path: String,
}

impl ChangedResource {
    /// `goal/shipped`
    pub fn qualified(&self) -> String {
        let ResourceName { kind, name, .. } = &self.resource;
        format!("{}/{name}", kind.to_lowercase())
    }
}

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResourceChange {
    /// It was not there.
    Created,
    /// It says something else than before.
    Configured,
    /// It says the same as before.
    Unchanged,
    /// It is there no more.
    Deleted,
}

impl ResourceChange {
    /// `created`: as it stands in JSON, and for people.
    pub fn word(self) -> &'static str {
        match self {
            ResourceChange::Created => "created",
            ResourceChange::Configured => "configured",
            ResourceChange::Unchanged => "unchanged",
            ResourceChange::Deleted => "deleted",
        }
    }
}

/// Resources were put at their place.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// What became of them.
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
    /// What became of them.
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
    /// Who does its tasks: name of the binding.
    pub binding: Option<String>,
    /// The execution as it was written.
    pub resource: Value,
    /// What became of it.
    #[serde(flatten)]
    pub change: Committed,
}

impl Answer for Started {
    const KIND: &'static str = "Started";
}
