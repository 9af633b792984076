//! What changes between two revisions, for people and programs.

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

/// What is shown of a review.
pub struct Shown<'a> {
    /// What changes.
    pub review: &'a Review,
    /// The resources before and now.
    pub snapshots: (&'a Snapshot, &'a Snapshot),
    /// The commits that are compared; nothing for what is not committed.
    pub commits: (&'a str, Option<&'a str>),
    /// What the two are called.
    pub names: (&'a str, &'a str),
    /// What a revision says about how large its change is.
    pub declared: &'a dyn Fn(&Subject) -> Option<Declared>,
    /// The runs that are touched.
    pub touched: &'a [Touched],
    /// Whether anything is known about runs.
    pub status_known: bool,
    /// Why nothing is, where there may be runs.
    pub runs_unknown: Option<&'a str>,
    /// Whether the configuration before the change cannot be read.
    pub settings_unread_before: bool,
    /// The rules that are broken.
    pub findings: &'a [Diagnostic],
    /// Those, and what is only to be looked at twice.
    pub all: &'a [Diagnostic],
    /// Why files say that something to look at twice may be so: by resource and message.
    pub allowed: &'a Allowed,
    /// The files that commands run and that change.
    pub scripts: &'a [Script],
    /// Where the files stand on the web, as `https://HOST/PROJECT/blob/COMMIT/`.
    pub web: Option<&'a str>,
    /// What the scope of the plan that is asked about says of the changed files.
    pub scope: Option<&'a Scoped>,
    /// What changes in the configuration, and whose keys.
    pub configuration: &'a [ConfigurationChange],
    /// The gates and runs that this touches as things stand.
    pub concerned: &'a BTreeSet<TouchedNow>,
    /// `file:line:column` of a finding.
    pub place: &'a dyn Fn(&Diagnostic) -> String,
}

/// One difference, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeLine {
    /// What changes.
    pub subject: String,
    /// What it was.
    pub was: String,
    /// What it is.
    pub is: String,
    /// What follows from that.
    pub effect: String,
    /// Why it is to be looked at twice.
    pub danger: Option<String>,
    /// Of two long texts what is the same and what is not, piece by piece.
    pub pieces: Option<Vec<Piece>>,
}

/// The changes of a resource, what is to be looked at twice first. Long texts are whole.
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
