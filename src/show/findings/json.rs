//! One JSON document: the stable form for programs.

use serde_json::{Value, json};

use super::{Located, Position};
use crate::core::base::diagnostic::{Place, display_path};
use crate::show::CLI_API_VERSION;

pub(super) fn render(located: &[Located<'_>]) -> String {
    let findings: Vec<Value> = located.iter().map(finding_value).collect();
    let errors = located.iter().filter(|l| l.finding.is_error()).count();
    let document = json!({
        "apiVersion": CLI_API_VERSION,
        "kind": "Findings",
        "findings": findings,
        "summary": {"errors": errors, "warnings": located.len() - errors},
    });
    crate::show::json(&document)
}

fn finding_value(located: &Located<'_>) -> Value {
    let finding = located.finding;
    let mut value = json!({
        "code": finding.code.id,
        "severity": finding.severity.to_string(),
        "level": finding.code.level().to_string(),
        "title": finding.code.title,
        "message": finding.message,
        "help": finding.help,
    });
    let related: Vec<Value> = located
        .related
        .iter()
        .map(|(label, at)| {
            let mut value = json!({"message": label.message});
            extend(&mut value, place_value(&label.file, &label.place, *at));
            value
        })
        .collect();
    extend(
        &mut value,
        place_value(&finding.file, &finding.place, located.at),
    );
    let resource = finding
        .resource
        .as_ref()
        .map(|key| json!({"kind": key.kind.name(), "namespace": key.namespace, "name": key.name}));
    extend(
        &mut value,
        json!({"related": related, "resource": resource}),
    );
    value
}

fn place_value(file: &str, place: &Place, at: Option<Position>) -> Value {
    let path = match place {
        Place::Entry { path, .. } => Some(display_path(path)),
        Place::File | Place::At(_) => None,
    };
    json!({
        "file": file,
        "line": at.map(|at| at.line),
        "column": at.map(|at| at.column),
        "endLine": at.map(|at| at.end_line),
        "endColumn": at.map(|at| at.end_column),
        "path": path,
    })
}

fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(map), Value::Object(more)) = (value, more) {
        map.extend(more);
    }
}
