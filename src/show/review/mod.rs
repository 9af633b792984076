//! The changes between two revisions, for people and programs.

mod graph;
pub mod json;
pub mod markdown;
pub mod text;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::core::base::diagnostic::Diagnostic;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::Key;
use crate::core::review::configuration::{ConfigurationChange, TouchedNow};
use crate::core::review::declared::Declared;
use crate::core::review::live::Touched;
use crate::core::review::prose::Piece;
use crate::core::review::scope::Scoped;
use crate::core::review::scripts::Script;
use crate::core::review::{Review, Subject};

/// Reasons, by resource and message.
pub type Allowed = BTreeMap<(Key, String), String>;

/// A review with all that is needed to show it.
pub struct Shown<'a> {
    /// The changes.
    pub review: &'a Review,
    /// The resources before and now.
    pub snapshots: (&'a Snapshot, &'a Snapshot),
    /// The commits that are compared; `None` for uncommitted changes.
    pub commits: (&'a str, Option<&'a str>),
    /// The names of the two revisions.
    pub names: (&'a str, &'a str),
    /// The change class that a revision declares.
    pub declared: &'a dyn Fn(&Subject) -> Option<Declared>,
    /// The runs that are affected.
    pub touched: &'a [Touched],
    /// Whether anything is known about runs.
    pub status_known: bool,
    /// Why the runs are unknown, if there may be any.
    pub runs_unknown: Option<&'a str>,
    /// Whether the configuration before the change is unreadable.
    pub settings_unread_before: bool,
    /// The rules that are broken.
    pub findings: &'a [Diagnostic],
    /// All findings, including those that only ask for a second look.
    pub all: &'a [Diagnostic],
    /// Why files allow something that needs a second look: by resource and message.
    pub allowed: &'a Allowed,
    /// Changed files that commands run.
    pub scripts: &'a [Script],
    /// The address of the files on the web: `https://HOST/PROJECT/blob/COMMIT/`.
    pub web: Option<&'a str>,
    /// How the changed files compare with the scope of the plan in question.
    pub scope: Option<&'a Scoped>,
    /// Changes to the configuration and to the keys of signers.
    pub configuration: &'a [ConfigurationChange],
    /// The gates and runs that this affects at present.
    pub concerned: &'a BTreeSet<TouchedNow>,
    /// `file:line:column` of a finding.
    pub place: &'a dyn Fn(&Diagnostic) -> String,
}

/// One difference, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeLine {
    /// What changes.
    pub subject: String,
    /// The value before.
    pub was: String,
    /// The value after.
    pub is: String,
    /// What follows from the change.
    pub effect: String,
    /// Why it needs a second look.
    pub danger: Option<String>,
    /// The differences of two long texts, piece by piece.
    pub pieces: Option<Vec<Piece>>,
}

/// The changes of a resource, those that need a second look first. Long texts are complete.
pub fn change_lines(subject: &Subject) -> Vec<ChangeLine> {
    let lines = words::lines(subject).into_iter();
    let told = lines.map(|line| {
        let whole = |value: &Option<serde_json::Value>| {
            let text = value.as_ref().and_then(serde_json::Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let (was, is) = match &line.prose {
            Some(_) => (whole(&line.change.was), whole(&line.change.is)),
            None => (line.was, line.is),
        };
        ChangeLine {
            subject: line.subject,
            was,
            is,
            effect: line.effect,
            danger: line.change.danger.clone(),
            pieces: line.prose,
        }
    });
    told.collect()
}
