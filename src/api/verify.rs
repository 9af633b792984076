//! What came of acceptance criteria that were checked.

use schemars::JsonSchema;
use serde::Serialize;

use super::record::{Attempt, Execution};
use crate::core::resource as core;

/// The acceptance criteria of a reported node were checked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Which attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The commit on whose tree they were checked.
    pub commit: String,
    /// Whether all required criteria hold.
    pub accepted: bool,
    /// The required criteria that do not hold.
    pub broken: Vec<String>,
    /// One for each criterion, in the order of the plan.
    pub results: Vec<CriterionResult>,
}

/// The success criteria of a run that have checks were checked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionVerified {
    /// Which run.
    #[serde(flatten)]
    pub execution: Execution,
    /// The commit on whose tree they were checked.
    pub commit: String,
    /// One for each criterion, in the order of the document.
    pub criteria: Vec<CriterionVerified>,
}

impl ExecutionVerified {
    /// The required criteria that are not met.
    pub fn unmet(&self) -> Vec<&str> {
        let unmet = self.criteria.iter().filter(|one| one.required && !one.met);
        unmet.map(|one| one.criterion.as_str()).collect()
    }
}

/// The success criteria of a document that have checks were checked on a commit, without any run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentVerified {
    /// The document.
    pub file: String,
    /// Its `plan_id`.
    pub plan_id: String,
    /// The commit on whose tree they were checked.
    pub commit: String,
    /// One for each criterion, in the order of the document.
    pub criteria: Vec<CriterionVerified>,
}

impl DocumentVerified {
    /// The required criteria that are not met.
    pub fn unmet(&self) -> Vec<&str> {
        let unmet = self.criteria.iter().filter(|one| one.required && !one.met);
        unmet.map(|one| one.criterion.as_str()).collect()
    }
}

/// What the checks of a success criterion say.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionVerified {
    /// Its id.
    pub criterion: String,
    /// Whether there is no success without it.
    pub required: bool,
    /// Whether all its required checks hold.
    pub met: bool,
    /// One for each check.
    pub results: Vec<CriterionResult>,
}

/// What came of one criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionResult {
    /// Name of the criterion.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was run or asked for.
    pub ran: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The end of what was printed, shortened.
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
