//! What was done with PlanSpec 1.2 documents.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// A plan was written in the other of the two formats.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Converted {
    /// What was written.
    pub text: String,
    /// What the other format cannot hold, a line each.
    pub lost: Vec<String>,
    /// What is to be filled in, a line each.
    pub missing: Vec<String>,
    /// The file that it was written to, when one was named.
    pub out: Option<String>,
}

impl Answer for Converted {
    const KIND: &'static str = "Converted";
}

/// A document became its next revision.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revised {
    /// The file, from the root of the repository.
    pub path: String,
    /// Id of the new revision.
    pub plan_id: String,
    /// Id of its session.
    pub session_id: String,
    /// Which revision it is.
    pub revision: u32,
    /// What it amounts to: `minor`, `major`, …, as it stands in the document.
    pub change_type: String,
    /// What is different, a line each.
    pub changes: Vec<String>,
    /// What to do next, a command each.
    pub next: Vec<String>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Revised {
    const KIND: &'static str = "Revised";
}
