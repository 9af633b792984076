//! What `archive` asks for, and what it would do.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::resource::Time;

/// The reconcile was asked to archive finished executions.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveAsked {
    /// Executions that ended before this time.
    pub before: Time,
    /// Only those of this namespace.
    pub namespace: Option<String>,
    /// How many there were when it was asked.
    pub count: usize,
}

/// The executions that would be archived now. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchivePreview {
    /// Executions that ended before this time.
    pub before: Time,
    /// Only those of this namespace.
    pub namespace: Option<String>,
    /// How many would be archived.
    pub count: usize,
    /// The first 50 of them, the oldest first.
    pub executions: Vec<Archivable>,
    /// How many ended before the time, and would stay.
    pub kept_count: usize,
    /// The first 50 of those.
    pub kept: Vec<KeptExecution>,
}

impl Answer for ArchivePreview {
    const KIND: &'static str = "ArchivePreview";
}

/// A finished execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Archivable {
    /// Namespace of the execution.
    pub namespace: String,
    /// Name of the execution.
    pub execution: String,
    /// Its phase.
    pub phase: String,
    /// When it ended.
    pub end: Option<Time>,
}

/// A finished execution that would stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptExecution {
    /// The execution.
    #[serde(flatten)]
    pub execution: Archivable,
    /// Why, as a sentence.
    pub why: String,
}
