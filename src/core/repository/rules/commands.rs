//! What criteria and targets run, and look for in what comes of it.

use super::each;
use crate::core::base::diagnostic::{Code, Diagnostic, Part, PathStep, Place, Severity};
use crate::core::plan::pattern::Pattern;
use crate::core::plan::shell::{self, ShellPiece};
use crate::core::plan::tool::{TOOL, Tool};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{Kind, PlanSpec, Spec, Target, TaskCriterion};
use crate::path;

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    for (plan, spec) in each(snapshot, Kind::Plan, Spec::plan) {
        findings.extend(criteria(plan, spec));
        for (criterion, place) in placed_criteria(plan, spec) {
            findings.extend(patterns(plan, criterion, &place));
        }
    }
    for (binding, spec) in each(snapshot, Kind::Binding, Spec::binding) {
        for (index, rule) in spec.rules.iter().enumerate() {
            let at = path!["spec", "rules", index, "target", "config"];
            findings.extend(target(binding, at, &rule.target));
        }
    }
}

/// Every criterion of a plan with its place: those of its tasks, and those of a document.
pub(super) fn placed_criteria<'a>(
    plan: &'a Definition,
    spec: &'a PlanSpec,
) -> impl Iterator<Item = (&'a TaskCriterion, Box<dyn Fn(Vec<PathStep>) -> Place + 'a>)> {
    let nodes = spec.graph.nodes.iter().enumerate();
    let of_tasks = nodes.flat_map(move |(node, spec)| {
        let criteria = spec.acceptance_criteria.iter().enumerate();
        criteria.map(move |(index, criterion)| {
            let list = path!["spec", "graph", "nodes", node, "acceptanceCriteria", index];
            let place = move |field| plan.place([list.clone(), field].concat(), Part::Value);
            (
                criterion,
                Box::new(place) as Box<dyn Fn(Vec<PathStep>) -> Place>,
            )
        })
    });
    let of_document = spec.contract.criteria.iter().flat_map(move |one| {
        one.checks
            .iter()
            .enumerate()
            .map(move |(index, criterion)| {
                let list = path!["x-planspec", "checks", one.id.as_str(), index];
                let place = move |field| Place::Entry {
                    document: plan.document,
                    path: [list.clone(), field].concat(),
                    part: Part::Value,
                };
                (
                    criterion,
                    Box::new(place) as Box<dyn Fn(Vec<PathStep>) -> Place>,
                )
            })
    });
    of_tasks.chain(of_document)
}

fn criteria(plan: &Definition, spec: &PlanSpec) -> Vec<Diagnostic> {
    let found = placed_criteria(plan, spec).filter_map(|(criterion, place)| {
        let path = criterion.path.as_deref().unwrap_or_default();
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            let message =
                format!("`{path}` is not a path in the repository, so no commit can contain it");
            let finding = plan.finding(Code::ODD_GLOB, place(path!["path"]), message);
            return Some(
                finding
                    .help("write the path from the repository's root, as `git ls-files` prints it"),
            );
        }
        let command = criterion.command.as_deref()?;
        if let Err(why) = shell::words(command, criterion.args.as_deref()) {
            let message = format!("this command cannot be run: {why}");
            let finding = plan.finding(Code::UNRUNNABLE, place(path!["command"]), message);
            let help =
                "write a program and its arguments, with every quote closed, such as `make test`";
            return Some(finding.label("every check would fail").help(help));
        }
        if criterion.args.is_some()
            && let Some(words) = shell::whole_command(command)
        {
            let what = "if there are `args`, write only the program as `command`";
            return Some(whole_command(
                plan,
                place(path!["command"]),
                (command, &words),
                what,
            ));
        }
        let Some(args) = &criterion.args else {
            let piece = shell::in_text(command)?;
            let finding = finding(plan, place(path!["command"]), &piece);
            return Some(finding.help(shell::help(command)));
        };
        let words = std::iter::once(command).chain(args.iter().map(String::as_str));
        let (index, piece) = shell::in_list(words)?;
        let place = match index.checked_sub(1) {
            None => place(path!["command"]),
            Some(index) => place(path!["args", index]),
        };
        Some(warned(finding(plan, place, &piece)))
    });
    found.collect()
}

/// Patterns that cannot be looked for.
fn patterns(
    plan: &Definition,
    criterion: &TaskCriterion,
    place: &dyn Fn(Vec<PathStep>) -> Place,
) -> Vec<Diagnostic> {
    let bad = criterion
        .patterns()
        .into_iter()
        .filter_map(|(field, pattern)| {
            let why = Pattern::new(pattern).err()?;
            let message = format!("`{pattern}` is not a regular expression: {why}");
            let finding = plan.finding(Code::BAD_PATTERN, place(field), message);
            let literally = regex::escape(pattern);
            let help = format!("correct it, or write `{literally}` to look for exactly this text");
            Some(finding.label("the check could never pass").help(help))
        });
    bad.collect()
}

/// What is given word by word may mean what it says.
fn target(binding: &Definition, config: Vec<PathStep>, target: &Target) -> Option<Diagnostic> {
    let is_tool = target.provider.starts_with(TOOL);
    let tool = Tool::read(target.config.as_ref().filter(|_| is_tool)).ok()?;
    let at = |field: Vec<PathStep>| binding.place([config, field].concat(), Part::Value);
    let words = tool.command.iter().map(String::as_str);
    let first = tool.command.first()?;
    if let Some(words) = shell::whole_command(first) {
        let what = "each word must be separate";
        return Some(whole_command(
            binding,
            at(path!["command", 0]),
            (first, &words),
            what,
        ));
    }
    if let Some((index, piece)) = shell::in_list(words) {
        let place = at(path!["command", index]);
        return Some(warned(finding(binding, place, &piece)));
    }
    let mut env = tool.env.iter();
    let (name, value) = env.find(|(_, value)| shell::is_variable(value))?;
    let piece = ShellPiece {
        text: value.clone(),
        what: "a variable",
    };
    let place = at(path!["env", name.as_str()]);
    Some(warned(finding(binding, place, &piece)))
}

/// A program and what it is given, where a program alone is meant.
fn whole_command(
    definition: &Definition,
    place: Place,
    (command, words): (&str, &[String]),
    what: &str,
) -> Diagnostic {
    let message = format!("no program is called `{command}`: {what}");
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    let finding = definition.finding(Code::UNRUNNABLE, place, message);
    Diagnostic {
        severity: Severity::Warning,
        ..finding.help(format!(
            "write these as separate words: {}",
            words.join(", ")
        ))
    }
}

fn finding(definition: &Definition, place: Place, piece: &ShellPiece) -> Diagnostic {
    definition
        .finding(Code::SHELL_SYNTAX, place, piece.told())
        .label("only a shell understands this")
}

fn warned(finding: Diagnostic) -> Diagnostic {
    let help =
        "run it in a shell, `[sh, -c, '…']`, or keep it if the program itself understands it";
    Diagnostic {
        severity: Severity::Warning,
        ..finding.help(help)
    }
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{findings, plan, position, resource, task};

    #[test]
    fn a_criterion_that_looks_like_shell_is_an_error_with_the_way_out() {
        let criterion = |more: &str| {
            let criterion = format!("{{type: test_passes, name: n, {more}}}");
            plan(
                "p",
                &task("a", &format!("acceptanceCriteria: [{criterion}]")),
            )
        };
        let text = criterion("command: \"true && false\"");
        let at = position(&text, "\"true &&");
        assert_eq!(
            findings(&text),
            [
                format!(
                    "PS229 error {at}: this command does not run in a shell: `&&` is a plain word here, not an operator"
                ),
                "help: write `command: sh, args: [-c, 'true && false']`, with literal text in single quotes"
                    .to_owned(),
            ]
        );
        for right in [
            "command: sh, args: [-c, 'true && false']",
            "command: make test",
            "command: \"grep -q 'a | b' log\"",
        ] {
            assert_eq!(findings(&criterion(right)), [] as [&str; 0], "{right}");
        }
        let text = criterion("command: test, args: [-n, $UNSET]");
        let at = position(&text, "$UNSET");
        let found = findings(&text);
        assert!(
            found[0].starts_with(&format!("PS229 warning {at}: ")),
            "{found:?}"
        );
    }

    #[test]
    fn a_command_has_words_and_its_program_is_one() {
        let criterion = |more: &str| {
            let criterion = format!("{{type: test_passes, name: n, {more}}}");
            plan(
                "p",
                &task("a", &format!("acceptanceCriteria: [{criterion}]")),
            )
        };
        for (command, message, help) in [
            (
                "command: 'echo \"un'",
                "error {at}: this command cannot be run: its quotes do not match, so it cannot be split into words",
                "write a program and its arguments, with every quote closed, such as `make test`",
            ),
            (
                "command: '# make test'",
                "error {at}: this command cannot be run: it names no program",
                "write a program and its arguments, with every quote closed, such as `make test`",
            ),
            (
                "command: 'ls -l', args: [README]",
                "warning {at}: no program is called `ls -l`: if there are `args`, write only the program as `command`",
                "write these as separate words: \"ls\", \"-l\"",
            ),
        ] {
            let text = criterion(command);
            let at = position(
                &text,
                command
                    .split_once(": ")
                    .unwrap_or_default()
                    .1
                    .split(',')
                    .next()
                    .unwrap_or_default(),
            );
            let message = message.replace("{at}", &at);
            assert_eq!(
                findings(&text),
                [format!("PS232 {message}"), format!("help: {help}")]
            );
        }
        let right = criterion("command: '/opt/my tools/run', args: [x]");
        assert_eq!(findings(&right), [] as [&str; 0]);
        let spec = "rules: [{selector: {matchLabels: {a: b}}, target: {provider: \"tool://x\", config: {command: [make test]}}}]";
        let text = resource("Binding", "bind", spec);
        let at = position(&text, "make test");
        assert_eq!(
            findings(&text)[0],
            format!(
                "PS232 warning {at}: no program is called `make test`: each word must be separate"
            )
        );
    }

    #[test]
    fn a_pattern_is_a_regular_expression() {
        for (criterion, at, message, help) in [
            (
                "type: artifact_exists, path: a, contentMatch: 'f(x'",
                "'f(x'",
                "`f(x` is not a regular expression: unclosed group",
                r"correct it, or write `f\(x` to look for exactly this text",
            ),
            (
                "type: command_succeeds, command: make, outputMatch: '*.md'",
                "'*.md'",
                "`*.md` is not a regular expression: repetition operator missing expression",
                r"correct it, or write `\*\.md` to look for exactly this text",
            ),
            (
                "type: endpoint_responds, url: 'http://x', bodyMatch: '['",
                "'['",
                "`[` is not a regular expression: unclosed character class",
                r"correct it, or write `\[` to look for exactly this text",
            ),
            (
                "type: custom, webhookUrl: 'http://x', expectedResponse: {bodyMatch: 'a{2'}",
                "'a{2'",
                "`a{2` is not a regular expression: unclosed counted repetition",
                r"correct it, or write `a\{2` to look for exactly this text",
            ),
        ] {
            let text = plan(
                "p",
                &task(
                    "a",
                    &format!("acceptanceCriteria: [{{name: n, {criterion}}}]"),
                ),
            );
            let at = position(&text, at);
            assert_eq!(
                findings(&text),
                [
                    format!("PS239 error {at}: {message}"),
                    format!("help: {help}")
                ]
            );
            let escaped = text.replace("f(x", r"f\(x").replace("*.md", r"\*\.md");
            let escaped = escaped.replace("'['", r"'\['").replace("a{2", r"a\{2");
            assert_eq!(findings(&escaped), [] as [&str; 0]);
        }
    }

    #[test]
    fn an_artifact_is_looked_for_in_the_repository() {
        for path in ["/etc/passwd", "../x", "docs/../x"] {
            let criterion = format!("{{type: artifact_exists, name: n, path: {path}}}");
            let text = plan(
                "p",
                &task("a", &format!("acceptanceCriteria: [{criterion}]")),
            );
            let at = position(&text, path);
            let found = findings(&text);
            assert!(
                found[0].starts_with(&format!("PS234 warning {at}: `{path}` is not a path")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_target_that_looks_like_shell_is_a_warning() {
        let binding = |config: &str| {
            let spec = format!(
                "rules: [{{selector: {{matchLabels: {{a: b}}}}, target: {{provider: \"tool://x\", config: {{{config}}}}}}}]"
            );
            resource("Binding", "bind", &spec)
        };
        for (config, at) in [
            ("command: [make, '&&', make]", "'&&'"),
            ("command: [echo, $HOME]", "$HOME"),
            ("command: [make], env: {PATH: '$HOME/bin:$PATH'}", "'$HOME"),
        ] {
            let text = binding(config);
            let at = position(&text, at);
            let found = findings(&text);
            assert!(
                found[0].starts_with(&format!("PS229 warning {at}: ")),
                "{found:?}"
            );
        }
        let right = binding("command: [sh, -c, 'make && make test'], env: {A: b}");
        assert_eq!(findings(&right), [] as [&str; 0]);
    }
}
