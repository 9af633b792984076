//! What is wrong with files.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::text::located::Finding;

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// In the order of files, lines and columns.
    pub findings: Vec<Finding>,
    /// How many.
    pub summary: Summary,
    /// What the scope of a plan says, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<serde_json::Value>,
}

impl Answer for Findings {
    const KIND: &'static str = "Findings";
}

/// How many findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
}
