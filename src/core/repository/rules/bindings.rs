//! Who is bound: providers.

use super::each;
use crate::core::base::diagnostic::{Code, Diagnostic, Severity};
use crate::core::base::suggest::did_you_mean;
use crate::core::plan::tool::{TOOL, Tool};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{BindingSpec, Kind, ObjectRef, Rule, Selector, Spec, Strategy, Target};
use crate::path;

/// Kinds of providers: those that claim, the one that `work` serves, and the repository itself.
const SCHEMES: [&str; 8] = [
    "agent", "human", "service", "tool", "repo", "mcp", "http", "https",
];

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    for (binding, spec) in each(snapshot, Kind::Binding, Spec::binding) {
        for (index, rule) in spec.rules.iter().enumerate() {
            findings.extend(provider(binding, index, &rule.target.provider));
            findings.extend(tool(binding, index, &rule.target));
            findings.extend(conflict(binding, spec, index));
        }
    }
}

/// A plain word is accepted, a scheme that nothing serves is probably a slip.
fn provider(binding: &Definition, rule: usize, provider: &str) -> Option<Diagnostic> {
    let (scheme, _) = provider.split_once("://")?;
    if SCHEMES.contains(&scheme) {
        return None;
    }
    let help = match did_you_mean(scheme, SCHEMES) {
        Some(near) => format!("did you mean `{near}://`?"),
        None => {
            let all = SCHEMES.map(|scheme| format!("`{scheme}://`"));
            format!("write {}, or a plain word", all.join(", "))
        }
    };
    let path = path!["spec", "rules", rule, "target", "provider"];
    let message = format!("`{scheme}://` is not a known provider scheme");
    let finding = binding.at(Code::UNKNOWN_PROVIDER, path, message);
    Some(finding.label("unknown scheme").help(help))
}

/// A rule that matches whatever one before it matches, and weighs as much, where such a tie is an error.
fn conflict(binding: &Definition, spec: &BindingSpec, index: usize) -> Option<Diagnostic> {
    if spec.strategy != Strategy::ErrorOnConflict {
        return None;
    }
    let rule = &spec.rules[index];
    let namespace = &binding.key.namespace;
    let whole = |selector: &Selector| {
        let named = |kind, reference: &Option<ObjectRef>| {
            reference.as_ref().map(|one| one.key(kind, namespace))
        };
        (
            named(Kind::Capability, &selector.capability_ref),
            named(Kind::Plan, &selector.plan_ref),
            selector.node_id.clone(),
        )
    };
    let is_within = |one: &Selector, other: &Selector| {
        let mut labels = one.match_labels.iter();
        labels.all(|(key, value)| other.match_labels.get(key) == Some(value))
    };
    let ties = |other: &Rule| {
        let (one, other_selector) = (&rule.selector, &other.selector);
        // Whatever the one with more labels matches, the other matches as well.
        other.priority == rule.priority
            && whole(one) == whole(other_selector)
            && one.match_labels.is_empty() == other_selector.match_labels.is_empty()
            && (is_within(one, other_selector) || is_within(other_selector, one))
    };
    let before = spec.rules[..index].iter().position(ties)?;
    let message = format!("rules {before} and {index} match the same tasks with equal priority");
    let finding = binding.at(
        Code::CONFLICTING_RULES,
        path!["spec", "rules", index, "selector"],
        message,
    );
    let first = binding.label(path!["spec", "rules", before, "selector"], "the other one");
    let finding = finding
        .label("every such task would be blocked")
        .related(first);
    Some(finding.help("give one of them a higher `priority`, or remove it"))
}

/// A worker would refuse it when the node is ready, and the run is held to it by then. Where there is a command, it
/// is for `planspec work`, and every attempt fails; without one, somebody else's worker may know what is meant.
fn tool(binding: &Definition, rule: usize, target: &Target) -> Option<Diagnostic> {
    if !target.provider.starts_with(TOOL) {
        return None;
    }
    let why = Tool::read(target.config.as_ref()).err()?;
    let target_at = |field| path!["spec", "rules", rule, "target", field];
    let finding = match &target.config {
        Some(_) => binding.at_key(Code::TOOL_WITHOUT_COMMAND, target_at("config"), why),
        None => binding.at(Code::TOOL_WITHOUT_COMMAND, target_at("provider"), why),
    };
    let is_about_command = finding.message.contains("command");
    let finding = finding.help(if is_about_command {
        "list the program and its arguments: `config: {command: [make, test]}`"
    } else {
        "see `planspec explain PS227` for what is allowed there"
    });
    let config = target.config.as_ref();
    Some(match config.and_then(|config| config.get("command")) {
        Some(_) => finding.label("every attempt would fail"),
        None => Diagnostic {
            severity: Severity::Warning,
            ..finding.label("`planspec work` cannot run it")
        },
    })
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
            "repo://",
            "mcp://files",
            "http://build.example.com/run",
            "https://build.example.com/run",
            "claude",
            "mailto:x",
        ] {
            assert_eq!(findings(&binding(provider)), [] as [&str; 0], "{provider}");
        }
        let all = "write `agent://`, `human://`, `service://`, `tool://`, `repo://`, `mcp://`, `http://`, `https://`, or a plain word";
        for (scheme, help) in [
            ("agnet", "did you mean `agent://`?"),
            ("Tool", "did you mean `tool://`?"),
            ("grpc", all),
        ] {
            let text = binding(&format!("{scheme}://x"));
            let place = position(&text, "\"{scheme}".replace("{scheme}", scheme).as_str());
            assert_eq!(
                findings(&text),
                [
                    format!("PS226 warning {place}: `{scheme}://` is not a known provider scheme"),
                    format!("help: {help}"),
                ]
            );
        }
    }

    #[test]
    fn rules_that_always_match_together_conflict_where_a_tie_is_an_error() {
        let binding = |strategy: &str, rules: &[&str]| {
            let rules: Vec<String> = rules
                .iter()
                .map(|rule| format!("{{{rule}, target: {{provider: x}}}}"))
                .collect();
            let spec = format!("strategy: {strategy}, rules: [{}]", rules.join(", "));
            resource("Binding", "bind", &spec)
        };
        let cap = "selector: {matchLabels: {a: b}}";
        let more = "selector: {matchLabels: {a: b, c: d}}";
        let other = "selector: {matchLabels: {a: c}}";
        for (rules, conflicts) in [
            (vec![cap, cap], true),
            (vec![cap, more], true),
            (vec![more, cap], true),
            (vec![cap, other], false),
            (
                vec![cap, "priority: 1, selector: {matchLabels: {a: b}}"],
                false,
            ),
        ] {
            let text = binding("ErrorOnConflict", &rules);
            let found = findings(&text);
            assert_eq!(!found.is_empty(), conflicts, "{rules:?}: {found:?}");
            if conflicts {
                assert!(found[0].starts_with("PS238 error "), "{found:?}");
            }
            assert_eq!(findings(&binding("FirstMatch", &rules)), [] as [&str; 0]);
        }
    }

    #[test]
    fn a_tool_has_a_command_that_a_worker_can_run() {
        let binding = |target: &str| {
            let spec =
                format!("rules: [{{selector: {{matchLabels: {{a: b}}}}, target: {{{target}}}}}]");
            resource("Binding", "bind", &spec)
        };
        for target in [
            "provider: \"tool://make\", config: {command: [make], timeout: 5m}",
            // What others make of their configuration is their business.
            "provider: \"agent://a\"",
            "provider: \"repo://\", config: {comand: x}",
            "provider: tool",
        ] {
            assert_eq!(findings(&binding(target)), [] as [&str; 0], "{target}");
        }
        let help = "help: list the program and its arguments: `config: {command: [make, test]}`";
        for (target, at, why) in [
            (
                "provider: \"tool://make\"",
                "\"tool",
                "the target has no `config.command`",
            ),
            (
                "provider: \"tool://make\", config: {}",
                "config",
                "the target has no `config.command`",
            ),
            (
                "provider: \"tool://make\", config: {command: make test}",
                "config",
                "`config.command` is not a list: write the program and its arguments as a list, \
                 for example [make, test]",
            ),
            (
                "provider: \"tool://make\", config: {command: [make], comand: [x]}",
                "config",
                "the target's `config` has an unknown field `comand`: command, env, \
                 workingDirectory, timeout, workspace are known",
            ),
        ] {
            let text = binding(target);
            let place = position(&text, at);
            let severity = if target.contains("command:") {
                "error"
            } else {
                "warning"
            };
            assert_eq!(
                findings(&text),
                [format!("PS227 {severity} {place}: {why}"), help.to_owned()]
            );
        }
    }
}
