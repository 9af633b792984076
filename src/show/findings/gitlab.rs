//! A code quality report, which GitLab reads from the artifact of a job.

use serde_json::{Value, json};

use super::{Located, fingerprints};
use crate::core::base::diagnostic::Severity;

pub(super) fn render(located: &[Located<'_>]) -> String {
    let issues: Vec<Value> = located
        .iter()
        .zip(fingerprints(located))
        .map(|(located, fingerprint)| issue(located, &fingerprint))
        .collect();
    crate::show::json(&Value::Array(issues))
}

fn issue(located: &Located<'_>, fingerprint: &str) -> Value {
    let finding = located.finding;
    let description = match &finding.help {
        Some(help) => format!("{} ({help})", finding.message),
        None => finding.message.clone(),
    };
    let severity = match finding.severity {
        Severity::Error => "major",
        Severity::Warning => "minor",
    };
    // GitLab requires a line.
    let (begin, end) = located.at.map_or((1, 1), |at| (at.line, at.end_line));
    json!({
        "type": "issue",
        "check_name": finding.code.id,
        "description": description,
        "severity": severity,
        "fingerprint": fingerprint,
        "location": {"path": finding.file, "lines": {"begin": begin, "end": end}},
    })
}
