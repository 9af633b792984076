//! Credentials that stand in a file: in history they stay for ever.

use serde_json::Value;

use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep};
use crate::core::base::{secrets, values};

/// Most that are told of one document.
const MOST: usize = 20;

/// Every text of a document that holds a credential.
pub(super) fn check(found: &Finder<'_>, document: &Value) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    // Nearly all documents have none, and need no paths.
    let mut texts = values::all([document]).filter_map(Value::as_str);
    if !texts.any(may_be_url) {
        return findings;
    }
    let mut open: Vec<(Vec<PathStep>, &Value)> = vec![(Vec::new(), document)];
    while let Some((path, value)) = open.pop() {
        let below = |step: PathStep| [path.as_slice(), &[step]].concat();
        match value {
            Value::String(text) if findings.len() < MOST && !secrets::find(text).is_empty() => {
                findings.push(finding(found, path));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items = items.filter(|(_, item)| may_hold_text(item));
                open.extend(items.map(|(index, item)| (below(PathStep::from(index)), item)));
            }
            Value::Object(fields) => {
                let fields = fields.iter().filter(|(_, field)| may_hold_text(field));
                open.extend(
                    fields.map(|(name, field)| (below(PathStep::from(name.as_str())), field)),
                );
            }
            _ => {}
        }
    }
    findings.sort();
    findings
}

/// Whether it is worth a path: most values are short words.
fn may_hold_text(value: &Value) -> bool {
    match value {
        Value::String(text) => may_be_url(text),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    }
}

fn may_be_url(text: &str) -> bool {
    text.contains("://")
}

fn finding(found: &Finder<'_>, path: Vec<PathStep>) -> Diagnostic {
    let message = "the URL contains a credential; everybody who can read the repository, its status or its logs can see it";
    found
        .at(Code::CREDENTIAL, path, Part::Value, message)
        .label("a password or a token")
        .help(
            "remove it, and revoke it because it stays in the history; a command can read it from \
             its worker's environment, for example as `$TOKEN` in a script",
        )
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{findings, plan, position, resource, task};

    #[test]
    fn a_credential_is_found_wherever_it_stands() {
        let criterion = |url: &str| {
            let criterion = format!("{{type: endpoint_responds, name: n, url: '{url}'}}");
            plan(
                "p",
                &task("a", &format!("acceptanceCriteria: [{criterion}]")),
            )
        };
        let target = |url: &str| {
            resource(
                "Binding",
                "b",
                &format!(
                    "rules: [{{selector: {{matchLabels: {{a: b}}}}, target: {{provider: 'tool://x', config: {{command: [curl, '{url}']}}}}}}]"
                ),
            )
        };
        let external = |url: &str| {
            plan(
                "p",
                &format!("{{id: a, kind: External, externalRef: {{type: uri, uri: '{url}'}}}}"),
            )
        };
        for url in ["https://ana:pw@x.example", "https://x.example/?token=abc"] {
            for text in [criterion(url), target(url), external(url)] {
                let at = position(&text, &format!("'{url}"));
                let found = findings(&text);
                assert_eq!(found.len(), 2, "{found:?}");
                assert!(
                    found[0].starts_with(&format!("PS504 error {at}: ")),
                    "{found:?}"
                );
                assert!(!found.concat().contains("pw@"), "{found:?}");
            }
        }
        for text in [
            criterion("https://x.example/?page=2"),
            target("https://x.example"),
            external("https://x.example"),
        ] {
            assert_eq!(findings(&text), [] as [&str; 0]);
        }
    }
}
