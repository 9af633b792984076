//! What somebody waited for is so.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// The expected state was reached. If it cannot be reached any more, or not in time, the answer is a refusal.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waited {
    /// Kind of the resource.
    pub resource: String,
    /// Its namespace; null if its deletion was expected and no such resource is known.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The expected state, as requested.
    pub expected: String,
    /// Its state, in a few words.
    pub message: String,
    /// The status commit that says so; null if the resource has no status.
    pub commit: Option<String>,
    /// Notes for people.
    pub notes: Vec<String>,
}

/// Whether everything that is required holds for a commit.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitVerified {
    /// What the question is about: `Execution`, `Goal` or `Document`.
    pub subject: String,
    /// Its name, `namespace/name`; for a document, its file.
    pub name: String,
    /// The execution that decides; null for a document.
    pub execution: Option<String>,
    /// The `plan_id` of a document.
    pub plan_id: Option<String>,
    /// The commit.
    pub commit: String,
    /// Whether everything that is required holds for it.
    pub verified: bool,
    /// The required criteria.
    pub criteria: Vec<CriterionAtCommit>,
    /// What else is missing, as sentences.
    pub missing: Vec<String>,
    /// Commands that anybody could run next.
    pub next: Vec<String>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for CommitVerified {
    const KIND: &'static str = "CommitVerified";
}

/// The state of a criterion for a commit.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionAtCommit {
    /// Its id.
    pub criterion: String,
    /// What must hold.
    pub description: String,
    /// `met`, `missing`, or `later` if it can be seen only after the deployment.
    pub state: String,
    /// Who says that it holds.
    pub by: Vec<String>,
    /// Why it is missing, as a sentence.
    pub why: String,
}

impl Answer for Waited {
    const KIND: &'static str = "Waited";
}
