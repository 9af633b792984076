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

/// Whether what is required holds for one commit.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitVerified {
    /// What was asked about: `Execution`, `Goal` or `Document`.
    pub subject: String,
    /// Its name, `namespace/name`; of a document its file.
    pub name: String,
    /// The execution by which it is judged; nothing for a document.
    pub execution: Option<String>,
    /// The `plan_id` of a document.
    pub plan_id: Option<String>,
    /// The commit.
    pub commit: String,
    /// Whether all that is required holds for it.
    pub verified: bool,
    /// One for each required criterion.
    pub criteria: Vec<CriterionAtCommit>,
    /// What is missing besides, in sentences.
    pub missing: Vec<String>,
    /// What anybody could do next, as commands.
    pub next: Vec<String>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for CommitVerified {
    const KIND: &'static str = "CommitVerified";
}

/// Where a criterion stands for a commit.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionAtCommit {
    /// Its id.
    pub criterion: String,
    /// What must hold.
    pub description: String,
    /// `met`, `missing`, or `later` for what shows only after the deployment.
    pub state: String,
    /// Who says that it holds.
    pub by: Vec<String>,
    /// Why it is missing, in a sentence.
    pub why: String,
}

impl Answer for Waited {
    const KIND: &'static str = "Waited";
}
