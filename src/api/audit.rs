//! What an audit of the status branch found.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::resource::Time;

/// What an audit of the status branch found. The first commit that does not follow makes the exit code 1.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audited {
    /// The status commit that was looked at last: the tip.
    pub commit: String,
    /// The status commit before the first that was looked at; nothing when it was looked at from the first on.
    pub since: Option<String>,
    /// How many commits were looked at.
    pub commits: usize,
    /// How many of them follow from what they cite.
    pub follow: usize,
    /// How many were written by earlier decisions: only their place and their evidence were checked.
    pub evidence_alone: usize,
    /// How many were undone by a later one that goes back behind them: they are passed over.
    pub undone: usize,
    /// How many signatures were checked.
    pub signatures: usize,
    /// The first that does not follow, if there is one; what is behind it was not looked at.
    pub broken: Option<AuditedCommit>,
    /// What could not be checked here, the first 20.
    pub unknown: Vec<AuditedCommit>,
    /// How much more could not be checked.
    pub unknown_more: usize,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

/// A status commit, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditedCommit {
    /// Its id.
    pub commit: String,
    /// Its number, where it has one.
    pub sequence: Option<u64>,
    /// When it was made.
    #[schemars(with = "Option<String>")]
    pub time: Option<Time>,
    /// What is wrong, or not here: sentences.
    pub why: Vec<String>,
}

impl Answer for Audited {
    const KIND: &'static str = "Audit";
}
