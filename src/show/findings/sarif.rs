//! SARIF 2.1.0, for code scanning: the broken rules with their pages, and where they are broken.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Located, Position, Sources, fingerprints};
use crate::core::base::diagnostic::{Code, Place, Severity, display_path};

/// The base of relative paths: the root of the repository.
const ROOT: &str = "%SRCROOT%";

pub(super) fn render(located: &[Located<'_>], sources: &Sources<'_>) -> String {
    let codes: BTreeSet<Code> = located.iter().map(|l| l.finding.code).collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    let results: Vec<Value> = located
        .iter()
        .zip(fingerprints(located))
        .map(|(located, fingerprint)| {
            let rule = codes
                .binary_search(&located.finding.code)
                .unwrap_or_default();
            result(located, rule, &fingerprint, sources)
        })
        .collect();
    let rules: Vec<Value> = codes.into_iter().map(rule).collect();
    crate::show::json(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "planspec",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": {ROOT: {"description": {"text": "the root of the repository"}}},
            "results": results,
        }],
    }))
}

fn rule(code: Code) -> Value {
    let page = code.page();
    json!({
        "id": code.id,
        "shortDescription": {"text": text(code.title)},
        "fullDescription": {"text": text(summary(page))},
        "help": {"text": text(page), "markdown": text(page)},
        "defaultConfiguration": {"level": level(code.severity)},
    })
}

/// The first paragraph after the title of a page.
fn summary(page: &str) -> &str {
    page.split("\n\n").nth(1).unwrap_or_default().trim()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn result(located: &Located<'_>, rule: usize, fingerprint: &str, sources: &Sources<'_>) -> Value {
    let finding = located.finding;
    let mut message = finding.message.clone();
    if let Some(help) = &finding.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    let mut location = json!({
        "physicalLocation": physical(&finding.file, &finding.place, located.at, sources),
    });
    if let Place::Entry { path, .. } = &finding.place
        && !path.is_empty()
    {
        location["logicalLocations"] = json!([{"fullyQualifiedName": display_path(path)}]);
    }
    let mut value = json!({
        "ruleId": finding.code.id,
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": {"text": text(&message)},
        "locations": [location],
        "partialFingerprints": {"planspecFinding/v1": fingerprint},
    });
    let related: Vec<Value> = located
        .related
        .iter()
        .enumerate()
        .map(|(id, (label, at))| {
            json!({
                "id": id,
                "message": {"text": text(&label.message)},
                "physicalLocation": physical(&label.file, &label.place, *at, sources),
            })
        })
        .collect();
    if !related.is_empty() {
        value["relatedLocations"] = Value::Array(related);
    }
    let replacements: Vec<Value> = located
        .edits
        .iter()
        .map(|(at, with)| {
            json!({
                "deletedRegion": region(&finding.file, *at, sources),
                "insertedContent": {"text": with},
            })
        })
        .collect();
    if !replacements.is_empty() {
        let help = finding.help.as_deref().unwrap_or(&finding.message);
        value["fixes"] = json!([{
            "description": {"text": text(help)},
            "artifactChanges": [{
                "artifactLocation": artifact(&finding.file),
                "replacements": replacements,
            }],
        }]);
    }
    value
}

fn physical(file: &str, place: &Place, at: Option<Position>, sources: &Sources<'_>) -> Value {
    let mut physical = json!({"artifactLocation": artifact(file)});
    // Without a region, the result is about the file as a whole.
    if let (Some(at), false) = (at, *place == Place::File) {
        physical["region"] = region(file, at, sources);
    }
    physical
}

fn region(file: &str, at: Position, sources: &Sources<'_>) -> Value {
    match (sources.get(file), at.start, at.end) {
        (Some(lines), Some(start), Some(end)) => json!({
            "startLine": at.line,
            "startColumn": lines.utf16_column(start),
            "endLine": at.end_line,
            "endColumn": lines.utf16_column(end),
        }),
        // Columns in the right unit need the text of the file.
        _ => json!({"startLine": at.line}),
    }
}

/// A path within the repository is relative to its root.
fn artifact(file: &str) -> Value {
    let uri = percent_encoded(file);
    if file.starts_with('/') {
        json!({"uri": format!("file://{uri}")})
    } else if file.split('/').any(|part| part == "..") {
        json!({"uri": uri})
    } else {
        json!({"uri": uri, "uriBaseId": ROOT})
    }
}

fn percent_encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// A message in which nothing is a placeholder (`{0}`) or a link (`[text](target)`).
fn text(message: &str) -> String {
    message
        .replace('{', "{{")
        .replace('}', "}}")
        .replace("](", "\\](")
}
