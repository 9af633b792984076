//! Writes findings: text for people, lines for editors, reports for programs and forges.
//!
//! Everything is located once; each format is a function of the located findings.

mod concise;
mod github;
mod gitlab;
mod json;
mod junit;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::count;
use crate::core::base::diagnostic::{Diagnostic, PathStep, Place};
use crate::core::base::digest;
use crate::core::base::escape;
use crate::core::text::located::{self, Located, Position, Sources};

/// How findings are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FindingsFormat {
    /// With the source lines that they are about.
    #[default]
    Text,
    /// One line each: `file:line:column: error PS104: message (help)`.
    Concise,
    /// One JSON document.
    Json,
    /// Workflow commands that GitHub shows as annotations.
    Github,
    /// A code quality report for GitLab.
    Gitlab,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// A JUnit report: a suite for each file.
    Junit,
}

impl FindingsFormat {
    /// All of them.
    pub const ALL: [FindingsFormat; 7] = [
        FindingsFormat::Text,
        FindingsFormat::Concise,
        FindingsFormat::Json,
        FindingsFormat::Github,
        FindingsFormat::Gitlab,
        FindingsFormat::Sarif,
        FindingsFormat::Junit,
    ];

    /// Its name, and its purpose.
    pub fn about(self) -> (&'static str, &'static str) {
        match self {
            FindingsFormat::Text => ("text", "With the lines that they are about"),
            FindingsFormat::Concise => (
                "concise",
                "One line each: `file:line:column: error PS104: message (help)`",
            ),
            FindingsFormat::Json => ("json", "One JSON document"),
            FindingsFormat::Github => (
                "github",
                "Workflow commands that GitHub shows as annotations",
            ),
            FindingsFormat::Gitlab => ("gitlab", "A code quality report for GitLab"),
            FindingsFormat::Sarif => ("sarif", "SARIF 2.1.0, for code scanning"),
            FindingsFormat::Junit => ("junit", "A JUnit report: a suite for each file"),
        }
    }

    /// Whether people read it, so that notes may be printed in addition.
    pub fn is_for_people(self) -> bool {
        matches!(
            self,
            FindingsFormat::Text | FindingsFormat::Concise | FindingsFormat::Github
        )
    }
}

/// Writes findings in the order of files, lines and columns, without duplicates. `text_of` returns
/// the content of a file; without it a finding is shown without its line.
pub fn render(
    findings: &[Diagnostic],
    text_of: &dyn Fn(&str) -> Option<String>,
    format: FindingsFormat,
    color: bool,
) -> String {
    let findings = &located::bounded(findings);
    let texts = located::texts(findings, text_of);
    let sources = located::sources(&texts);
    let located = located::locate(findings, &sources);
    match format {
        FindingsFormat::Text => text::render(&located, &sources, color),
        FindingsFormat::Concise => concise::render(&located),
        FindingsFormat::Json => json::render(&located),
        FindingsFormat::Github => github::render(&located),
        FindingsFormat::Gitlab => gitlab::render(&located),
        FindingsFormat::Sarif => sarif::render(&located, &sources),
        FindingsFormat::Junit => junit::render(&located, &sources),
    }
}

/// `2 errors, 1 warning in 3 files`
pub fn summary(findings: &[Diagnostic]) -> String {
    let findings: BTreeSet<&Diagnostic> = findings.iter().collect();
    let files: BTreeSet<&str> = findings.iter().map(|f| f.file.as_str()).collect();
    let errors = findings.iter().filter(|f| f.is_error()).count();
    let counts: Vec<String> = [(errors, "error"), (findings.len() - errors, "warning")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| count(number, noun))
        .collect();
    if counts.is_empty() {
        "no findings".to_owned()
    } else {
        format!("{} in {}", counts.join(", "), count(files.len(), "file"))
    }
}

/// `file:line:column`, as far as it is known, safe to print.
fn origin(file: &str, at: Option<Position>) -> String {
    let mut origin = escape::line(file);
    if let Some(at) = at {
        // Writing to a string cannot fail.
        let _ = write!(origin, ":{}:{}", at.line, at.column);
    }
    origin
}

/// A fingerprint for each finding that does not change when lines or entries before it do. It is made of
/// rule, file, resource, the keys of the path to the place, the message, and a number where all
/// these are the same.
fn fingerprints(located: &[Located<'_>]) -> Vec<String> {
    let mut seen: BTreeMap<_, usize> = BTreeMap::new();
    located
        .iter()
        .map(|Located { finding, .. }| {
            let resource = finding.resource.as_ref().map(ToString::to_string);
            let keys: Vec<&str> = match &finding.place {
                Place::Entry { path, .. } => path.iter().filter_map(key_of).collect(),
                Place::File | Place::At(_) => Vec::new(),
            };
            let message = without_indices(&finding.message);
            let what = (finding.code.id, &finding.file, resource, keys, message);
            let before = seen.entry(what.clone()).or_default();
            *before += 1;
            digest::canonical(&(what, *before)).replace("sha256:", "")
        })
        .collect()
}

fn key_of(step: &PathStep) -> Option<&str> {
    match step {
        PathStep::Key(key) => Some(key),
        PathStep::Index(_) => None,
    }
}

/// The message without the indices of places such as `nodes[3]`.
fn without_indices(message: &str) -> String {
    let mut parts = message.split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((index, rest)) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
                out.push_str(rest);
            }
            _ => {
                out.push('[');
                out.push_str(part);
            }
        }
    }
    out
}
