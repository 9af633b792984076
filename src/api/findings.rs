//! What is wrong with files.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::base::diagnostic::{Severity, display_path};
use crate::core::document::scope::Entry;
use crate::core::review::scope::{Scoped, Side};
use crate::core::text::located::{At, Finding, ResourceName};

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// The findings, sorted by file, line and column.
    pub findings: Vec<Finding>,
    /// How many.
    pub summary: Summary,
    /// What the scope of a plan says; null if that was not asked for.
    pub scope: Option<Scope>,
    /// With `--level readiness`: whether each of the named documents may be executed.
    pub readiness: Vec<Readiness>,
}

impl Answer for Findings {
    const KIND: &'static str = "Findings";
}

impl Findings {
    /// The answer for some findings.
    pub fn new(findings: Vec<Finding>, scope: Option<Scope>) -> Findings {
        Findings {
            summary: Summary::of(&findings),
            findings,
            scope,
            readiness: Vec::new(),
        }
    }
}

/// How many findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
}

impl Summary {
    /// Count findings.
    pub fn of(findings: &[Finding]) -> Summary {
        let error = Severity::Error.to_string();
        let errors = findings.iter().filter(|one| one.severity == error).count();
        Summary {
            errors,
            warnings: findings.len() - errors,
        }
    }
}

/// Whether a document may be executed. The same file, configuration and resources lead to the same report.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// The plan of the document.
    pub plan: ResourceName,
    /// Its file.
    pub path: String,
    /// SHA-256 of the file.
    pub digest: String,
    /// SHA-256 over all inputs of the report: path and content of the file and of every other resource file that was
    /// read for it, and the configuration.
    pub inputs: String,
    /// Whether nothing blocks it.
    pub ready: bool,
    /// The three levels, in their order.
    pub levels: Vec<ReadinessLevel>,
    /// What blocks it.
    pub blockers: Vec<Blocker>,
    /// What blocked it before: closed findings of reviewers, and questions that a revision removed.
    pub answered: Vec<Answered>,
    /// The likely risks that have a mitigation.
    pub mitigated: Vec<Mitigation>,
}

/// A level of validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadinessLevel {
    /// `structure`, `semantics` or `readiness`.
    pub level: String,
    /// Whether nothing on this level, or on one before it, is broken.
    pub pass: bool,
}

/// Something that blocks a document from being executed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blocker {
    /// The rule.
    pub code: String,
    /// The clause of the specification that requires it.
    pub clause: String,
    /// What is wrong.
    pub message: String,
    /// The place in the file.
    pub at: At,
}

/// Something that blocked a document, and is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// `finding` or `question`.
    pub what: String,
    /// The id of the finding, or the text of the question.
    pub id: String,
    /// The disposition of a finding: `resolved` or `rejected`.
    pub disposition: Option<String>,
    /// The answer to a finding, or the summary of the revision that removed a question.
    pub answer: Option<String>,
    /// The revision that removed a question.
    pub revision: Option<u32>,
}

/// The mitigation of a risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mitigation {
    /// Id of the risk.
    pub risk: String,
    /// The mitigation.
    pub mitigation: String,
}

/// What the scope of a plan says about changed files.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// The plan.
    pub plan: ResourceName,
    /// The side whose scope was used: `base` or `head`.
    pub by: String,
    /// Why the scope cannot be read.
    pub unreadable: Option<String>,
    /// The step in question, if any: its `touches` are checked too.
    pub step: Option<String>,
    /// How many changed files were compared.
    pub compared: usize,
    /// How many of them are inside.
    pub inside: usize,
    /// Files outside of the scope that are always allowed.
    pub allowed: Vec<String>,
    /// The changed files that are outside.
    pub outside: Vec<Outside>,
    /// The entries that are paths.
    pub checkable: Vec<ScopeEntry>,
    /// The entries that only people can judge.
    pub not_checkable: Vec<ScopeEntry>,
}

/// Whether files are in the scope of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeAnswer {
    /// The plan.
    pub plan: ResourceName,
    /// The step in question, if any: its `touches` are checked too.
    pub step: Option<String>,
    /// The commit of the document that was used; null if it is only in the work tree.
    pub commit: Option<String>,
    /// One verdict for each file, in the given order.
    pub items: Vec<ScopeVerdict>,
    /// The entries that are paths.
    pub checkable: Vec<ScopeEntry>,
    /// The entries that only people can judge.
    pub not_checkable: Vec<ScopeEntry>,
}

impl Answer for ScopeAnswer {
    const KIND: &'static str = "ScopeAnswer";
}

/// Whether a file is in the scope of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeVerdict {
    /// Its path from the repository's root.
    pub path: String,
    /// `in`, `out` or `notCheckable`.
    pub verdict: String,
    /// The reason, if there is one to give.
    pub why: Option<String>,
}

/// A changed file outside of a scope.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outside {
    /// Its path.
    pub path: String,
    /// Whether the file was deleted.
    pub deleted: bool,
    /// Why it is outside.
    pub why: String,
}

/// An entry of a scope.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeEntry {
    /// Where it stands in the document.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Entries as answers have them.
pub fn entries(entries: &[Entry]) -> Vec<ScopeEntry> {
    let entries = entries.iter().map(|entry| ScopeEntry {
        path: display_path(&entry.path()),
        text: entry.text.clone(),
    });
    entries.collect()
}

impl From<&Scoped> for Scope {
    fn from(scoped: &Scoped) -> Scope {
        let outside = scoped.outside.iter().map(|one| Outside {
            path: one.path.clone(),
            deleted: one.deleted,
            why: one.why(),
        });
        Scope {
            plan: ResourceName::from(&scoped.plan),
            by: match scoped.by {
                Side::Base => "base",
                Side::Head => "head",
            }
            .to_owned(),
            unreadable: scoped.unreadable.clone(),
            step: scoped.step.clone(),
            compared: scoped.compared,
            inside: scoped.inside,
            allowed: scoped.allowed.clone(),
            outside: outside.collect(),
            checkable: entries(&scoped.checkable),
            not_checkable: entries(&scoped.not_checkable),
        }
    }
}
