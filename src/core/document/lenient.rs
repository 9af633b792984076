//! Tolerant reading of a document: null counts as missing in optional fields, and a time in an unambiguous but
//! invalid form is accepted.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveDateTime};
use serde::Deserialize;
use serde_json::Value;

use super::Content;
use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep};
use crate::path;

/// Optional fields, by the path of the object that has them, with `*` for each entry
/// of a list. A test compares this with the schema.
pub(super) const OPTIONAL: [(&[&str], &[&str]); 14] = [
    (
        &[],
        &[
            "constraints",
            "risks",
            "dependencies",
            "revision_history",
            "metadata",
            "x-planspec",
        ],
    ),
    (&["identity"], &["workspace_id"]),
    (&["intent"], &["scope_context"]),
    (&["scope"], &["assumptions", "open_questions"]),
    (&["approach"], &["alternatives_considered"]),
    (
        &["approach", "steps", "*"],
        &[
            "rationale",
            "inputs",
            "outputs",
            "dependencies",
            "parallelizable",
            "estimated_complexity",
            "delegation",
            "acceptance_criteria",
            "x-planspec",
        ],
    ),
    (&["risks", "*"], &["mitigation", "contingency", "owner"]),
    (&["dependencies", "*"], &["type"]),
    (
        &["delegation"],
        &["default_mode", "step_overrides", "escalation_policy"],
    ),
    (&["delegation", "step_overrides", "*"], &["rationale"]),
    (
        &["delegation", "escalation_policy"],
        &[
            "on_ambiguity",
            "on_constraint_violation",
            "on_unexpected_scope",
        ],
    ),
    (&["revision_history", "*"], &["trigger", "changes"]),
    (&["revision_history", "*", "changes", "*"], &["field"]),
    (
        &["metadata"],
        &["schema_version", "tool", "tool_version", "tags", "language"],
    ),
];

/// The paths that match a pattern.
fn places(value: &Value, pattern: &[&str]) -> Vec<Vec<PathStep>> {
    let mut found = vec![(Vec::new(), value)];
    for part in pattern {
        let level = std::mem::take(&mut found);
        for (path, value) in level {
            let under = |step: PathStep| [path.clone(), vec![step]].concat();
            match (*part, value) {
                ("*", Value::Array(list)) => {
                    let entries = list.iter().enumerate();
                    found.extend(entries.map(|(index, entry)| (under(index.into()), entry)));
                }
                ("*", _) => {}
                (key, value) => {
                    let field = value.get(key).into_iter();
                    found.extend(field.map(|field| (under(key.into()), field)));
                }
            }
        }
    }
    found.into_iter().map(|(path, _)| path).collect()
}

fn at<'v>(value: &'v mut Value, path: &[PathStep]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        PathStep::Key(key) => value.get_mut(key),
        PathStep::Index(index) => value.get_mut(index),
    })
}

fn look<'v>(value: &'v Value, path: &[PathStep]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        PathStep::Key(key) => value.get(key),
        PathStep::Index(index) => value.get(index),
    })
}

/// The corrected document; corrections are reported as warnings.
pub(super) fn meant<'v>(
    found: &Finder<'_>,
    value: &'v Value,
    findings: &mut Vec<Diagnostic>,
) -> Cow<'v, Value> {
    let mut meant = Cow::Borrowed(value);
    for (holder, fields) in OPTIONAL {
        for place in places(value, holder) {
            let nulls: Vec<&&str> = fields
                .iter()
                .filter(|field| {
                    look(value, &place).and_then(|one| one.get(**field)) == Some(&Value::Null)
                })
                .collect();
            if nulls.is_empty() {
                continue;
            }
            let holder = at(meant.to_mut(), &place).and_then(Value::as_object_mut);
            if let Some(holder) = holder {
                holder.retain(|field, _| !nulls.iter().any(|null| **null == field));
            }
        }
    }
    for pattern in [&["identity"][..], &["revision_history", "*"]] {
        for place in places(value, pattern) {
            let place = [place, path!["created_at"]].concat();
            let written = look(value, &place).and_then(Value::as_str);
            let Some((written, time)) = written.and_then(|one| Some((one, a_time(one)?))) else {
                continue;
            };
            let message = format!("`created_at`: `{written}` is read as `{time}`");
            let finding = found.at(Code::LOOSE_TIME, place.clone(), Part::Value, message);
            findings.push(finding.help(format!("write `{time}` if that is right")));
            if let Some(value) = at(meant.to_mut(), &place) {
                *value = Value::from(time);
            }
        }
    }
    meant
}

/// An RFC 3339 time for a text in another ISO 8601 form, in UTC if it has no offset.
fn a_time(text: &str) -> Option<String> {
    if chrono::DateTime::parse_from_rfc3339(text).is_ok() {
        return None;
    }
    let utc = |time: NaiveDateTime| time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return date.and_hms_opt(0, 0, 0).map(utc);
    }
    let text = text.replace(',', ".");
    let plain = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ];
    let mut plain = plain
        .iter()
        .map(|form| NaiveDateTime::parse_from_str(&text, form));
    if let Some(time) = plain.find_map(Result::ok) {
        return Some(utc(time));
    }
    let text = match text.strip_suffix(['Z', 'z']) {
        Some(text) => format!("{text}+00:00"),
        None => text,
    };
    let forms = [
        "%Y-%m-%dT%H:%M%:z",
        "%Y-%m-%dT%H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f%z",
    ];
    let mut forms = forms
        .iter()
        .map(|form| chrono::DateTime::parse_from_str(&text, form));
    let time = forms.find_map(Result::ok)?;
    Some(time.to_rfc3339())
}

/// The typed content of a document, for callers that do not need its findings.
pub(crate) fn content_of(value: &Value) -> Option<Content> {
    let found = Finder {
        file: "",
        document: 0,
        item: None,
    };
    let meant = meant(&found, value, &mut Vec::new());
    Content::deserialize(&*meant).ok()
}

/// The version of the format, as given in the document.
pub(super) fn version(value: &Value) -> Option<&str> {
    value.pointer("/metadata/schema_version")?.as_str()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn times_that_can_mean_only_one() {
        let table = [
            ("2026-07-01T09:00:00Z", None),
            ("2026-07-01T09:00:00.5+02:00", None),
            ("2026-07-01", Some("2026-07-01T00:00:00Z")),
            ("2026-07-01T09:00:00", Some("2026-07-01T09:00:00Z")),
            ("2026-07-01 09:00:00.25", Some("2026-07-01T09:00:00.250Z")),
            ("2026-07-01T09:00:00,25", Some("2026-07-01T09:00:00.250Z")),
            ("2026-07-01T09:00", Some("2026-07-01T09:00:00Z")),
            ("2026-07-01T09:00Z", Some("2026-07-01T09:00:00+00:00")),
            (
                "2026-07-01T09:00:00+0200",
                Some("2026-07-01T09:00:00+02:00"),
            ),
            ("01/07/2026", None),
            ("2026-13-01", None),
            ("2026-07", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(a_time(text).as_deref(), expected, "{text}");
        }
    }

    /// The fields that the schema does not require, by their objects, without those that may have
    /// any value.
    fn of_schema() -> BTreeMap<Vec<String>, BTreeSet<String>> {
        let schema: Value =
            serde_json::from_str(include_str!("../resource/schema/document.json")).unwrap();
        let mut found = BTreeMap::new();
        let mut todo = vec![(Vec::new(), schema.clone())];
        while let Some((path, mut part)) = todo.pop() {
            if let Some(name) = part["$ref"]
                .as_str()
                .and_then(|name| name.strip_prefix("#/$defs/"))
            {
                part = schema["$defs"][name].clone();
            }
            if part["items"].is_object() {
                todo.push((
                    [path.clone(), vec!["*".to_owned()]].concat(),
                    part["items"].clone(),
                ));
            }
            if part["additionalProperties"] != Value::Bool(false) || part["title"] == "x-planspec" {
                continue;
            }
            let required: Vec<&Value> = part["required"].as_array().into_iter().flatten().collect();
            for (name, field) in part["properties"].as_object().unwrap() {
                if !required.contains(&&Value::from(name.as_str())) && field["deprecated"] != true {
                    let fields: &mut BTreeSet<String> = found.entry(path.clone()).or_default();
                    fields.insert(name.clone());
                }
                todo.push(([path.clone(), vec![name.clone()]].concat(), field.clone()));
            }
        }
        found.retain(|path, _| !path.contains(&"edges".to_owned()));
        found
    }

    #[test]
    fn what_the_schema_does_not_require_may_be_null() {
        let table = OPTIONAL.iter().map(|(path, fields)| {
            let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
            (
                path,
                fields.iter().map(|field| (*field).to_owned()).collect(),
            )
        });
        assert_eq!(
            table.collect::<BTreeMap<_, BTreeSet<String>>>(),
            of_schema()
        );
    }
}
