//! The help of `planspec`: the verbs, grouped by purpose, everyday ones first.

/// Verbs with the same purpose.
struct Group {
    title: &'static str,
    /// Everyday verbs.
    usual: &'static [&'static str],
    /// Other verbs, listed only by `planspec help --all`.
    more: &'static [&'static str],
}

const GROUPS: [Group; 6] = [
    Group {
        title: "Write",
        usual: &["init", "new", "validate", "apply"],
        more: &[
            "edit", "create", "delete", "convert", "import", "export", "revise",
        ],
    },
    Group {
        title: "Review",
        usual: &["diff", "review"],
        more: &["graph"],
    },
    Group {
        title: "Run",
        usual: &["start", "reconcile", "status"],
        more: &["cancel", "retry", "watch", "wait", "board", "serve"],
    },
    Group {
        title: "Work",
        usual: &["next", "claim", "report"],
        more: &["ask", "release", "work", "verify", "mcp"],
    },
    Group {
        title: "Decide and inspect",
        usual: &["approve", "get", "describe", "log"],
        more: &["reject", "comment", "answer", "attest", "logs", "audit"],
    },
    Group {
        title: "Set up and troubleshoot",
        usual: &[],
        more: &[
            "archive",
            "hooks",
            "doctor",
            "explain",
            "schema",
            "completions",
        ],
    },
];

/// Former names of verbs, which still work.
#[cfg(test)]
const FORMER: &[&str] = &["show"];

/// The command line with its help in groups: everyday verbs, or all of them.
pub fn by_purpose(command: clap::Command, all: bool) -> clap::Command {
    let mut text = String::new();
    for group in &GROUPS {
        let more = if all { group.more } else { &[] };
        let verbs: Vec<&str> = group.usual.iter().chain(more).copied().collect();
        if verbs.is_empty() {
            continue;
        }
        text.push_str(&format!("\u{1b}[1;4m{}:\u{1b}[0m\n", group.title));
        for verb in verbs {
            let about = command
                .find_subcommand(verb)
                .and_then(|verb| verb.get_about());
            // This program was built without the feature of the verb.
            let Some(about) = about else { continue };
            text.push_str(&format!("  {verb:<12} {about}\n"));
        }
        text.push('\n');
    }
    if !all {
        text.push_str(
            "Run `planspec help --all` to list all verbs, and `planspec help VERB` to explain one.\n\n",
        );
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}\u{1b}[1;4mOptions:\u{1b}[0m\n{{options}}{{after-help}}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn each_verb_stands_in_one_group_and_is_told_in_one_line() {
        let command = Cli::command();
        let verbs: BTreeSet<&str> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        let grouped = GROUPS
            .iter()
            .flat_map(|group| group.usual.iter().chain(group.more));
        let mut seen = BTreeSet::new();
        for verb in grouped {
            assert!(seen.insert(*verb), "{verb} stands in two groups");
        }
        seen.extend(FORMER);
        let missing: Vec<_> = verbs.difference(&seen).collect();
        assert!(missing.is_empty(), "in no group: {missing:?}");
        for verb in command.get_subcommands() {
            let about = verb.get_about().unwrap().to_string();
            let name = verb.get_name();
            assert!(about.chars().count() < 60, "{name}: {about}");
            assert!(
                !about.contains('\n') && !about.ends_with('.'),
                "{name}: {about}"
            );
        }
        let usual: usize = GROUPS.iter().map(|group| group.usual.len()).sum();
        assert_eq!(usual, 16);
    }
}
