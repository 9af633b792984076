//! Reviewers' findings in a document: from `x-planspec.findings`, and from the place in an older draft of the format.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::model::*;
use crate::core::base::diagnostic::PathStep;
use crate::core::base::fix::Change;
use crate::path;

/// A finding with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Reviewed<'c> {
    /// The finding.
    pub finding: Cow<'c, ReviewFinding>,
    /// Its place in the document.
    pub path: Vec<PathStep>,
    /// Whether its `disposition` is written there.
    pub is_disposed: bool,
}

impl Content {
    /// Returns the reviewers' findings, in order. One in `x-planspec` takes precedence over one with the same id in the
    /// place of the draft.
    pub fn review_findings(&self) -> Vec<Reviewed<'_>> {
        let own = self.planspec.iter().flat_map(|own| &own.findings);
        let own: Vec<Reviewed<'_>> = own
            .enumerate()
            .map(|(index, finding)| Reviewed {
                path: path!["x-planspec", "findings", index],
                is_disposed: finding.disposition.is_some(),
                finding: Cow::Borrowed(finding),
            })
            .collect();
        let known: BTreeSet<String> = own.iter().map(|one| one.finding.id.clone()).collect();
        let of_draft = self.approval.as_ref().map(of_draft).unwrap_or_default();
        let of_draft = of_draft
            .into_iter()
            .filter(|one| !known.contains(&one.finding.id));
        own.into_iter().chain(of_draft).collect()
    }
}

/// The findings in the draft's `approval.review_findings`, whose entries have no fixed form.
fn of_draft(approval: &Value) -> Vec<Reviewed<'static>> {
    let list = approval.get("review_findings").and_then(Value::as_array);
    let entries = list.into_iter().flatten().enumerate();
    entries
        .filter_map(|(index, entry)| {
            let text = |names: &[&str]| {
                let mut found = names.iter().filter_map(|name| entry.get(*name)?.as_str());
                found.next().map(str::to_owned)
            };
            let severity = text(&["severity"]).unwrap_or_default();
            let disposition = text(&["disposition", "status"]).unwrap_or_default();
            let finding = ReviewFinding {
                id: text(&["id", "finding_id"]).unwrap_or_else(|| format!("draft-{}", index + 1)),
                section: text(&["section"]).unwrap_or_else(|| "approach".to_owned()),
                field: text(&["field"]),
                reviewer: text(&["reviewer", "author"]).unwrap_or_else(|| "unknown".to_owned()),
                severity: match severity.to_lowercase().as_str() {
                    "blocking" | "blocker" | "critical" => FindingSeverity::Blocking,
                    "major" | "high" => FindingSeverity::Major,
                    _ => FindingSeverity::Minor,
                },
                text: text(&["text", "description", "message", "finding"])
                    .or_else(|| entry.as_str().map(str::to_owned))?,
                disposition: match disposition.to_lowercase().as_str() {
                    "" | "open" | "pending" => None,
                    "rejected" | "wont_fix" | "dismissed" => Some(Disposition::Rejected),
                    _ => Some(Disposition::Resolved),
                },
                answer: text(&["answer", "resolution"]),
            };
            Some(Reviewed {
                finding: Cow::Owned(finding),
                path: path!["approval", "review_findings", index],
                is_disposed: false,
            })
        })
        .collect()
}

/// Closes findings of a document, by their ids, with an answer. Returns the changes. A finding in the draft's place is
/// written again in the current one.
///
/// # Errors
/// No finding has one of the ids.
pub fn answer(
    document: &super::Document,
    ids: &[String],
    said: &str,
) -> Result<Vec<Change>, String> {
    let all = document.review_findings();
    let own = document.planspec.iter().flat_map(|own| &own.findings);
    let mut own: Vec<ReviewFinding> = own.cloned().collect();
    let before = own.len();
    let mut changes = Vec::new();
    for id in ids {
        let found = all.iter().find(|one| one.finding.id == *id);
        let reviewed = found.ok_or_else(|| id.clone())?;
        let Some(index) = own.iter().position(|one| one.id == *id) else {
            own.push(ReviewFinding {
                disposition: Some(Disposition::Resolved),
                answer: Some(said.to_owned()),
                ..reviewed.finding.as_ref().clone()
            });
            continue;
        };
        let Some(entry) = own.get_mut(index).filter(|_| index < before) else {
            continue;
        };
        let fields = [
            (
                "disposition",
                entry.disposition.is_some(),
                json!(Disposition::Resolved),
            ),
            ("answer", entry.answer.is_some(), json!(said)),
        ];
        entry.disposition = Some(Disposition::Resolved);
        entry.answer = Some(said.to_owned());
        changes.extend(fields.map(|(field, is_there, value)| {
            let path = path!["x-planspec", "findings", index, field];
            put(path, is_there, value)
        }));
    }
    if own.len() > before {
        let is_there = document.value().pointer("/x-planspec/findings").is_some();
        changes = vec![put(path!["x-planspec", "findings"], is_there, json!(own))];
    }
    Ok(changes)
}

/// Sets a value, whether or not there is one.
fn put(path: Vec<PathStep>, is_there: bool, value: Value) -> Change {
    let with = value.into();
    if is_there {
        Change::Replace { path, with }
    } else {
        Change::Add { path, with }
    }
}
