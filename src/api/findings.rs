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
    /// In the order of files, lines and columns.
    pub findings: Vec<Finding>,
    /// How many.
    pub summary: Summary,
    /// What the scope of a plan says; nothing where that was not asked for.
    pub scope: Option<Scope>,
    /// Of each document that was named, with `--level readiness`: whether it may be executed.
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
    /// The plan that it stands for.
    pub plan: ResourceName,
    /// Its file.
    pub path: String,
    /// SHA-256 of the file.
    pub digest: String,
    /// SHA-256 over all that the report is made of: path and content of the file, and of every other file of resources that was
    /// read for it, and the configuration.
    pub inputs: String,
    /// Whether nothing is in the way.
    pub ready: bool,
    /// The three levels, in their order.
    pub levels: Vec<ReadinessLevel>,
    /// What is in the way.
    pub blockers: Vec<Blocker>,
    /// What was in the way, and is answered: findings of reviewers that are closed, and questions that a revision took away.
    pub answered: Vec<Answered>,
    /// The likely risks against which something is done.
    pub mitigated: Vec<Mitigation>,
}

/// A level of validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadinessLevel {
    /// `structure`, `semantics` or `readiness`.
    pub level: String,
    /// Whether nothing of this level, or of one before it, is in the way.
    pub pass: bool,
}

/// What keeps a document from being executed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blocker {
    /// The rule.
    pub code: String,
    /// Where the specification asks for it.
    pub clause: String,
    /// What it is.
    pub message: String,
    /// Where it stands.
    pub at: At,
}

/// What was in the way, and is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// `finding` or `question`.
    pub what: String,
    /// The id of the finding; of a question what it was.
    pub id: String,
    /// What came of a finding: `resolved` or `rejected`.
    pub disposition: Option<String>,
    /// What was said to it; of a question the summary of the revision that took it away.
    pub answer: Option<String>,
    /// That revision.
    pub revision: Option<u32>,
}

/// What is done against a risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mitigation {
    /// Which risk.
    pub risk: String,
    /// What.
    pub mitigation: String,
}

/// What the scope of a plan says of changed files.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// The plan.
    pub plan: ResourceName,
    /// Whose scope it is: `base` or `head`.
    pub by: String,
    /// Why the scope cannot be read.
    pub unreadable: Option<String>,
    /// The step whose `touches` decide as well, where one was asked about.
    pub step: Option<String>,
    /// How many changed files were compared.
    pub compared: usize,
    /// How many of them are inside.
    pub inside: usize,
    /// Those that are outside and always allowed.
    pub allowed: Vec<String>,
    /// The changed files that are outside.
    pub outside: Vec<Outside>,
    /// The entries that say paths.
    pub checkable: Vec<ScopeEntry>,
    /// The entries that only people can judge.
    pub not_checkable: Vec<ScopeEntry>,
}

/// Whether files belong to the work of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeAnswer {
    /// The plan.
    pub plan: ResourceName,
    /// The step whose `touches` decide as well, where one was asked about.
    pub step: Option<String>,
    /// The commit whose document was asked; nothing where it stands in the work tree alone.
    pub commit: Option<String>,
    /// One for each file, in the order of the question.
    pub items: Vec<ScopeVerdict>,
    /// The entries that say paths.
    pub checkable: Vec<ScopeEntry>,
    /// The entries that only people can judge.
    pub not_checkable: Vec<ScopeEntry>,
}

impl Answer for ScopeAnswer {
    const KIND: &'static str = "ScopeAnswer";
}

/// Whether a file belongs to the work of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeVerdict {
    /// Its path from the repository's root.
    pub path: String,
    /// `in`, `out` or `notCheckable`.
    pub verdict: String,
    /// Why, where there is more to say.
    pub why: Option<String>,
}

/// A changed file that is outside of a scope.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outside {
    /// Its path.
    pub path: String,
    /// Whether it is gone.
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
