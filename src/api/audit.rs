//! What an audit of the status branch found.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::resource::Time;

/// The result of an audit of the status branch. If a commit does not follow, the exit code is 1.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audited {
    /// The last status commit that was checked: the tip.
    pub commit: String,
    /// The status commit before the first one that was checked; null if all were checked from the beginning.
    pub since: Option<String>,
    /// How many commits were checked.
    pub commits: usize,
    /// How many of them follow from what they cite.
    pub follow: usize,
    /// How many have an earlier version of the decisions: only their place and their evidence were checked.
    pub evidence_alone: usize,
    /// How many were skipped because a later commit returned to a status before them.
    pub undone: usize,
    /// How many signatures were checked.
    pub signatures: usize,
    /// The first commit that does not follow, if any. Later commits were not checked.
    pub broken: Option<AuditedCommit>,
    /// The first 20 commits that could not be checked here.
    pub unknown: Vec<AuditedCommit>,
    /// How many more commits could not be checked.
    pub unknown_more: usize,
    /// Notes for people.
    pub notes: Vec<String>,
}

/// A status commit with a remark.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditedCommit {
    /// Its id.
    pub commit: String,
    /// Its sequence number, if it has one.
    pub sequence: Option<u64>,
    /// When it was made.
    #[schemars(with = "Option<String>")]
    pub time: Option<Time>,
    /// What is wrong or not available here, as sentences.
    pub why: Vec<String>,
}

impl Answer for Audited {
    const KIND: &'static str = "Audit";
}
