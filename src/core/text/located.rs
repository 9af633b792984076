//! Locates findings: finds the lines and columns of places, file by file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::core::base::diagnostic::{Code, Diagnostic, Label, Place, display_path, pointer};
use crate::core::base::fix::Change;
use crate::core::base::key::Key;
use crate::core::base::words::count;
use crate::core::text::locate::{Lines, locate_all};

/// Maximum number of findings of one file that are shown.
pub const MAX_PER_FILE: usize = 1000;

/// The findings to show: for a file with very many, the first errors, then the first
/// warnings, and how many more there are.
pub fn bounded(findings: &[Diagnostic]) -> Cow<'_, [Diagnostic]> {
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
                "only the first {} of this file are shown; {} more are not",
                count(first.len(), "finding"),
                more.len()
            );
            let mut finding =
                Diagnostic::new(Code::LIMIT, file, Place::File, message).help("fix these first");
            finding.severity = next.severity;
            shown.push(finding);
        }
    }
    Cow::Owned(shown)
}

/// Files by name.
pub type Sources<'t> = BTreeMap<&'t str, Lines<'t>>;

/// A finding with its position.
pub struct Located<'f> {
    /// The finding.
    pub finding: &'f Diagnostic,
    /// `None` if the file, or the entry in it, cannot be read.
    pub at: Option<Position>,
    /// The related places, with their positions.
    pub related: Vec<(&'f Label, Option<Position>)>,
    /// The edits that fix it, if known.
    pub edits: Vec<(Position, &'f str)>,
}

/// A range of text in all the units that formats need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Line of the end, from 1.
    pub end_line: usize,
    /// Column of the end, from 1.
    pub end_column: usize,
    /// The first byte, if the text is known.
    pub start: Option<usize>,
    /// The end in bytes, exclusive, if the text is known.
    pub end: Option<usize>,
}

/// The texts of the files with findings, each requested once.
pub fn texts<'f>(
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

/// The texts with their lines.
pub fn sources<'t>(texts: &'t BTreeMap<&'t str, String>) -> Sources<'t> {
    let lines = texts.iter().map(|(file, text)| (*file, Lines::new(text)));
    lines.collect()
}

/// Finds the positions of findings, reading each file once. Sorted by file, line and column, without
/// duplicates.
pub fn locate<'f>(findings: &'f [Diagnostic], sources: &Sources<'_>) -> Vec<Located<'f>> {
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
            edits: edits(finding, sources),
        })
        .collect();
    located.sort_by(|a, b| {
        // A finding that explains others comes first.
        let rest = |l: &Located<'f>| l.finding.code != Code::OTHER_MAJOR;
        let key = |l: &Located<'f>| (&l.finding.file, rest(l), l.at, l.finding.code.id, l.finding);
        key(a).cmp(&key(b))
    });
    located.dedup_by(|a, b| a.finding == b.finding);
    located
}

/// The edits of a fix, if it replaces text.
fn edits<'f>(finding: &'f Diagnostic, sources: &Sources<'_>) -> Vec<(Position, &'f str)> {
    let changes = finding.fix.iter().flat_map(|fix| &fix.changes);
    let edit = |change: &'f Change| {
        let Change::Text { start, end, with } = change else {
            return None;
        };
        let lines = sources.get(finding.file.as_str())?;
        let (line, column) = lines.position(*start);
        let (end_line, end_column) = lines.position(*end);
        let at = Position {
            line,
            column,
            end_line,
            end_column,
            start: Some(*start),
            end: Some(*end),
        };
        Some((at, with.as_str()))
    };
    changes.filter_map(edit).collect()
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

/// A finding as data: what is wrong, where, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule: `PS302`.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// `structure`, `semantics` or `readiness`.
    pub level: String,
    /// Title of the rule.
    pub title: String,
    /// What is wrong.
    pub message: String,
    /// How to correct it.
    pub help: Option<String>,
    /// The place.
    #[serde(flatten)]
    pub at: At,
    /// Related places.
    pub related: Vec<Related>,
    /// The resource concerned.
    pub resource: Option<ResourceName>,
    /// Edits that correct it; null if they are not known.
    pub fix: Option<FixEdits>,
}

/// Edits of the file of a finding, to be made all or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FixEdits {
    /// Whether the edits are certainly right. If not, they are probably right.
    pub certain: bool,
    /// The edits; none overlaps another.
    pub edits: Vec<Edit>,
}

/// Another text in the place of a range of a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// Line of the start.
    pub line: usize,
    /// Column of the start.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column of the end.
    pub end_column: usize,
    /// The replacement.
    pub text: String,
}

/// A place as data. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct At {
    /// Path of the file.
    pub file: String,
    /// Its line, if the text is available.
    pub line: Option<usize>,
    /// Its column.
    pub column: Option<usize>,
    /// Line of its end.
    pub end_line: Option<usize>,
    /// Column of its end.
    pub end_column: Option<usize>,
    /// Path of the entry in the resource: `spec.graph.nodes[3].id`.
    pub path: Option<String>,
    /// The same as a JSON pointer (RFC 6901): `/spec/graph/nodes/3/id`.
    pub pointer: Option<String>,
}

/// A related place of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Related {
    /// Why the place is related.
    pub message: String,
    /// The place.
    #[serde(flatten)]
    pub at: At,
}

/// The name of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResourceName {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl From<&Key> for ResourceName {
    fn from(key: &Key) -> ResourceName {
        ResourceName {
            kind: key.kind.name().to_owned(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        }
    }
}

impl From<&Located<'_>> for Finding {
    fn from(located: &Located<'_>) -> Finding {
        let finding = located.finding;
        let related = located.related.iter().map(|(label, at)| Related {
            message: label.message.clone(),
            at: place(&label.file, &label.place, *at),
        });
        Finding {
            code: finding.code.id.to_owned(),
            severity: finding.severity.to_string(),
            level: finding.code.level().to_string(),
            title: finding.code.title.to_owned(),
            message: finding.message.clone(),
            help: finding.help.clone(),
            at: place(&finding.file, &finding.place, located.at),
            related: related.collect(),
            resource: finding.resource.as_ref().map(ResourceName::from),
            fix: located.fix(),
        }
    }
}

impl Located<'_> {
    fn fix(&self) -> Option<FixEdits> {
        let fix = self.finding.fix.as_ref()?;
        let edits = self.edits.iter().map(|(at, text)| Edit {
            line: at.line,
            column: at.column,
            end_line: at.end_line,
            end_column: at.end_column,
            text: (*text).to_owned(),
        });
        (!self.edits.is_empty()).then(|| FixEdits {
            certain: fix.is_certain,
            edits: edits.collect(),
        })
    }
}

fn place(file: &str, place: &Place, at: Option<Position>) -> At {
    let path = match place {
        Place::Entry { path, .. } => Some(path),
        Place::File | Place::At(_) => None,
    };
    At {
        file: file.to_owned(),
        line: at.map(|at| at.line),
        column: at.map(|at| at.column),
        end_line: at.map(|at| at.end_line),
        end_column: at.map(|at| at.end_column),
        path: path.map(|path| display_path(path)),
        pointer: path.map(|path| pointer(path)),
    }
}

/// Findings as data, sorted by file, line and column. `text_of` returns the content of a
/// file; without it a finding has no line.
pub fn findings(found: &[Diagnostic], text_of: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
    let found = &bounded(found);
    let texts = texts(found, text_of);
    let located = locate(found, &sources(&texts));
    located.iter().map(Finding::from).collect()
}
