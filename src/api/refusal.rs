//! Why nothing was done, as data.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::text::located::Finding;

/// A refusal: `{"error": {"kind", "message", "hint", "findings"}}`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Refusal {
    /// What was in the way.
    pub error: Refused,
}

impl Answer for Refusal {
    const KIND: &'static str = "Error";
}

/// What was in the way.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Refused {
    /// `notFound`, `ambiguous`, `invalid`, `notReady`, `forbidden`, `taken`, `conflict`,
    /// `unavailable` or `unsupported`.
    pub kind: String,
    /// A sentence without a full stop; empty when the findings say it all.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// What is wrong with the files that this is about, each with its place.
    pub findings: Vec<Finding>,
}
