//! Who is bound: providers.

use super::{Subject, subjects};
use crate::core::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::core::resource::{Kind, Spec};
use crate::core::snapshot::Snapshot;
use crate::path;

/// Kinds of providers: those that claim, the one that `work` serves, and the repository itself.
const SCHEMES: [&str; 5] = ["agent", "human", "service", "tool", "repo"];

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Diagnostic>) {
    for subject in subjects(snapshot, Kind::Binding) {
        if let Spec::Binding(spec) = &subject.resource.spec {
            for (index, rule) in spec.rules.iter().enumerate() {
                findings.extend(provider(&subject, index, &rule.target.provider));
            }
        }
    }
}

/// A plain word is accepted, a scheme that nothing serves is probably a slip.
fn provider(subject: &Subject<'_>, rule: usize, provider: &str) -> Option<Diagnostic> {
    let (scheme, _) = provider.split_once("://")?;
    if SCHEMES.contains(&scheme) {
        return None;
    }
    let help = match did_you_mean(scheme, SCHEMES) {
        Some(near) => format!("did you mean `{near}://`?"),
        None => format!(
            "write {}, or a plain word",
            SCHEMES.map(|scheme| format!("`{scheme}://`")).join(", ")
        ),
    };
    let path = path!["spec", "rules", rule, "target", "provider"];
    let message = format!("no provider is of the kind `{scheme}://`");
    let finding = subject.finding(Code::UNKNOWN_PROVIDER, path, message);
    Some(finding.label("nothing serves this").help(help))
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{findings, position, resource};

    #[test]
    fn a_provider_is_of_a_known_kind_or_a_plain_word() {
        let binding = |provider: &str| {
            let spec = format!(
                "rules: [{{selector: {{matchLabels: {{a: b}}}}, target: {{provider: \"{provider}\"}}}}]"
            );
            resource("Binding", "bind", &spec)
        };
        for provider in [
            "agent://a",
            "human://b",
            "service://c",
            "tool://d",
            "repo://",
            "claude",
            "mailto:x",
        ] {
            assert_eq!(findings(&binding(provider)), [] as [&str; 0], "{provider}");
        }
        let all =
            "write `agent://`, `human://`, `service://`, `tool://`, `repo://`, or a plain word";
        for (scheme, help) in [
            ("agnet", "did you mean `agent://`?"),
            ("Tool", "did you mean `tool://`?"),
            ("mcp", all),
        ] {
            let text = binding(&format!("{scheme}://x"));
            let place = position(&text, "\"{scheme}".replace("{scheme}", scheme).as_str());
            assert_eq!(
                findings(&text),
                [
                    format!("PS226 warning {place}: no provider is of the kind `{scheme}://`"),
                    format!("help: {help}"),
                ]
            );
        }
    }
}
