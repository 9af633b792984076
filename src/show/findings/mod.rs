//! Findings → text for people, lines for editors, reports for programs and forges.
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

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::ValueEnum;

use crate::core::base::diagnostic::{Code, Diagnostic, Label, Place, Step};
use crate::core::base::digest;
use crate::core::base::escape;
use crate::core::text::locate::{Lines, locate_all};

/// How findings are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With the lines that they are about
    #[default]
    Text,
    /// One line each: `file:line:column: error PS104: message (help)`
    Concise,
    /// One JSON document
    Json,
    /// Workflow commands that GitHub shows as annotations
    Github,
    /// A code quality report for GitLab
    Gitlab,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// A JUnit report: a suite for each file
    Junit,
}

impl Format {
    /// Whether it is read by people, who may be told more beside it.
    pub fn is_for_people(self) -> bool {
        matches!(self, Format::Text | Format::Concise | Format::Github)
    }
}

/// Write findings, in the order of files, lines and columns, repeats left out. `text_of` gives
/// the content of a file; without it a finding is shown without its line.
pub fn render(
    findings: &[Diagnostic],
    text_of: &dyn Fn(&str) -> Option<String>,
    format: Format,
    color: bool,
) -> String {
    let findings = &bounded(findings);
    let texts = texts(findings, text_of);
    let sources = texts
        .iter()
        .map(|(file, text)| (*file, Lines::new(text)))
        .collect();
    let located = locate(findings, &sources);
    match format {
        Format::Text => text::render(&located, &sources, color),
        Format::Concise => concise::render(&located),
        Format::Json => json::render(&located),
        Format::Github => github::render(&located),
        Format::Gitlab => gitlab::render(&located),
        Format::Sarif => sarif::render(&located, &sources),
        Format::Junit => junit::render(&located, &sources),
    }
}

/// Most findings of one file that are shown.
const MAX_PER_FILE: usize = 1000;

/// The findings that are shown: of a file with very many the first errors, then the first
/// warnings, and how many more there are.
fn bounded(findings: &[Diagnostic]) -> Cow<'_, [Diagnostic]> {
    let mut by_file: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    for finding in findings {
        by_file.entry(&finding.file).or_default().push(finding);
    }
    if by_file.values().all(|found| found.len() <= MAX_PER_FILE) {
        return Cow::Borrowed(findings);
    }
    let mut shown = Vec::new();
    for (file, mut found) in by_file {
        found.sort_by_key(|finding| (!finding.is_error(), *finding));
        found.dedup();
        let (first, more) = found.split_at(found.len().min(MAX_PER_FILE));
        shown.extend(first.iter().map(|finding| (*finding).clone()));
        if let Some(next) = more.first() {
            let message = format!(
                "{} in this file are shown, {} more are not",
                count(first.len(), "finding"),
                more.len()
            );
            let mut finding = Diagnostic::new(Code::LIMIT, file, Place::File, message)
                .help("correct these first");
            finding.severity = next.severity;
            shown.push(finding);
        }
    }
    Cow::Owned(shown)
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
    match counts.is_empty() {
        true => "no findings".to_owned(),
        false => format!("{} in {}", counts.join(", "), count(files.len(), "file")),
    }
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Files by name.
type Sources<'t> = BTreeMap<&'t str, Lines<'t>>;

/// A finding and where it is.
struct Located<'f> {
    finding: &'f Diagnostic,
    /// Nothing when the file, or the entry in it, is not there to look at.
    at: Option<Position>,
    related: Vec<(&'f Label, Option<Position>)>,
}

/// A range of a file's text in all the ways in which formats want it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    /// Bytes, when there is a text.
    start: Option<usize>,
    end: Option<usize>,
}

fn texts<'f>(
    findings: &'f [Diagnostic],
    text_of: &dyn Fn(&str) -> Option<String>,
) -> BTreeMap<&'f str, String> {
    let files: BTreeSet<&str> = findings
        .iter()
        .flat_map(|finding| {
            let related = finding.related.iter().map(|label| label.file.as_str());
            std::iter::once(finding.file.as_str()).chain(related)
        })
        .collect();
    files
        .into_iter()
        .filter_map(|file| Some((file, text_of(file)?)))
        .collect()
}

/// Find every place, each file being read once.
fn locate<'f>(findings: &'f [Diagnostic], sources: &Sources<'_>) -> Vec<Located<'f>> {
    let mut places: BTreeMap<&str, BTreeSet<&Place>> = BTreeMap::new();
    for finding in findings {
        places
            .entry(&finding.file)
            .or_default()
            .insert(&finding.place);
        for label in &finding.related {
            places.entry(&label.file).or_default().insert(&label.place);
        }
    }
    let mut found: BTreeMap<(&str, &Place), Position> = BTreeMap::new();
    for (file, places) in &places {
        let places: Vec<&Place> = places.iter().copied().collect();
        for (place, position) in places.iter().zip(positions(&places, sources.get(file))) {
            if let Some(position) = position {
                found.insert((file, place), position);
            }
        }
    }
    let at = |file: &'f str, place: &'f Place| found.get(&(file, place)).copied();
    let mut located: Vec<Located<'f>> = findings
        .iter()
        .map(|finding| Located {
            finding,
            at: at(&finding.file, &finding.place),
            related: finding
                .related
                .iter()
                .map(|label| (label, at(&label.file, &label.place)))
                .collect(),
        })
        .collect();
    located.sort_by(|a, b| {
        let key = |l: &Located<'f>| (&l.finding.file, l.at, l.finding.code.id, l.finding);
        key(a).cmp(&key(b))
    });
    located.dedup_by(|a, b| a.finding == b.finding);
    located
}

fn positions(places: &[&Place], lines: Option<&Lines<'_>>) -> Vec<Option<Position>> {
    let Some(lines) = lines else {
        return places
            .iter()
            .map(|place| match place {
                Place::At(span) => Some(Position {
                    line: span.line,
                    column: span.column,
                    end_line: span.line,
                    end_column: span.column,
                    start: None,
                    end: None,
                }),
                _ => None,
            })
            .collect();
    };
    locate_all(lines.text(), places)
        .into_iter()
        .map(|span| {
            let span = span?;
            let (end_line, end_column) = lines.position(span.end);
            Some(Position {
                line: span.line,
                column: span.column,
                end_line,
                end_column,
                start: Some(span.start),
                end: Some(span.end),
            })
        })
        .collect()
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

/// A fingerprint for each finding that stays when lines and entries before it come and go: made of
/// rule, file, resource, the keys on the way to the place, the message, and a number where all
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

fn key_of(step: &Step) -> Option<&str> {
    match step {
        Step::Key(key) => Some(key),
        Step::Index(_) => None,
    }
}

/// A message names places like `nodes[3]`.
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
