//! What somebody waited for is so.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// What was waited for is so. Where it can no longer be so, or has not come in time, that is a refusal.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waited {
    /// Kind of the resource.
    pub resource: String,
    /// Its namespace; nothing when no such resource is known, and its deletion was waited for.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What was waited for, as it was asked.
    pub expected: String,
    /// Where it stands, in a few words.
    pub message: String,
    /// The status commit that says so; nothing when it has no status.
    pub commit: Option<String>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Waited {
    const KIND: &'static str = "Waited";
}
