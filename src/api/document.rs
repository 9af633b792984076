//! What was done with PlanSpec 1.2 documents.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// A plan was converted to the other format.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Converted {
    /// What was written.
    pub text: String,
    /// What the other format cannot express, one line each.
    pub lost: Vec<String>,
    /// What has to be filled in, one line each.
    pub missing: Vec<String>,
    /// The file that it was written to, if one was named.
    pub out: Option<String>,
}

impl Answer for Converted {
    const KIND: &'static str = "Converted";
}

/// The next revision of a document was written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revised {
    /// The file, from the root of the repository.
    pub path: String,
    /// Id of the new revision.
    pub plan_id: String,
    /// Id of its session.
    pub session_id: String,
    /// Number of the new revision.
    pub revision: u32,
    /// Its class as in the document: `minor`, `major`, …
    pub change_type: String,
    /// The changes, one line each.
    pub changes: Vec<String>,
    /// Commands to run next.
    pub next: Vec<String>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for Revised {
    const KIND: &'static str = "Revised";
}
