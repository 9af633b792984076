//! What came of acceptance criteria that were checked.

use schemars::JsonSchema;
use serde::Serialize;

use super::record::{Attempt, Execution};
use crate::core::resource as core;

/// The acceptance criteria of a reported node were checked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The commit on which they were checked.
    pub commit: String,
    /// Whether all required criteria hold.
    pub accepted: bool,
    /// The required criteria that do not hold.
    pub broken: Vec<String>,
    /// The results, in the order of the plan.
    pub results: Vec<CriterionResult>,
}

/// The checks of a run's success criteria were run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionVerified {
    /// The run.
    #[serde(flatten)]
    pub execution: Execution,
    /// The commit on which they were checked.
    pub commit: String,
    /// The criteria, in the order of the document.
    pub criteria: Vec<CriterionVerified>,
}

impl ExecutionVerified {
    /// The required criteria that are not met.
    pub fn unmet(&self) -> Vec<&str> {
        let unmet = self.criteria.iter().filter(|one| one.required && !one.met);
        unmet.map(|one| one.criterion.as_str()).collect()
    }
}

/// The checks of a document's success criteria were run on a commit, without a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentVerified {
    /// The document.
    pub file: String,
    /// Its `plan_id`.
    pub plan_id: String,
    /// The commit on which they were checked.
    pub commit: String,
    /// The criteria, in the order of the document.
    pub criteria: Vec<CriterionVerified>,
}

impl DocumentVerified {
    /// The required criteria that are not met.
    pub fn unmet(&self) -> Vec<&str> {
        let unmet = self.criteria.iter().filter(|one| one.required && !one.met);
        unmet.map(|one| one.criterion.as_str()).collect()
    }
}

/// The checks of a success criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionVerified {
    /// Its id.
    pub criterion: String,
    /// Whether it must be met for the run to succeed.
    pub required: bool,
    /// Whether all its required checks hold.
    pub met: bool,
    /// The results of the checks.
    pub results: Vec<CriterionResult>,
}

/// The result of one criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionResult {
    /// Name of the criterion.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was run or requested.
    pub ran: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The end of the output, shortened.
    pub excerpt: String,
}

impl From<&core::CriterionResult> for CriterionResult {
    fn from(result: &core::CriterionResult) -> CriterionResult {
        CriterionResult {
            name: result.name.clone(),
            holds: result.holds,
            ran: result.ran.clone(),
            duration_ms: result.duration_ms,
            excerpt: result.excerpt.clone(),
        }
    }
}
