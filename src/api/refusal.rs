//! Why nothing was done, as data.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::text::located::Finding;

/// A refusal: `{"error": {"kind", "message", "hint", "findings"}}`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Refusal {
    /// Why the request was refused.
    pub error: Refused,
}

impl Answer for Refusal {
    const KIND: &'static str = "Error";
}

/// Why the request was refused.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Refused {
    /// `notFound`, `ambiguous`, `invalid`, `notReady`, `forbidden`, `taken`, `conflict`,
    /// `unavailable` or `unsupported`.
    pub kind: String,
    /// A sentence without a full stop; empty if the findings say everything.
    pub message: String,
    /// How to proceed.
    pub hint: Option<String>,
    /// The findings in the files concerned, each with its place.
    pub findings: Vec<Finding>,
}
