//! One definition per name.

use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::Kind;
use crate::path;

/// Most other definitions to point to.
const OTHERS_SHOWN: usize = 8;

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    let name = || path!["metadata", "name"];
    for key in snapshot.keys() {
        let all = snapshot.definitions(key);
        if all.len() < 2 || all.iter().all(|one| is_forked(snapshot, one)) {
            continue;
        }
        for (index, definition) in all.iter().enumerate() {
            let message = format!("{key} is defined {} times", all.len());
            let finding = definition
                .at(Code::DUPLICATE_RESOURCE, name(), message)
                .help("keep one definition, or give the others another name or namespace");
            let others = all.iter().enumerate().filter(|(other, _)| *other != index);
            let others = others.map(|(_, other)| other.label(name(), "also defined here"));
            findings.push(others.take(OTHERS_SHOWN).fold(finding, Diagnostic::related));
        }
    }
}

/// Whether it comes from a file of a session whose chain is broken, which has a finding of its own.
fn is_forked(snapshot: &Definitions, definition: &Definition) -> bool {
    let plans = || {
        snapshot
            .keys_of(Kind::Plan)
            .flat_map(|key| snapshot.definitions(key))
    };
    let is_here =
        |plan: &&Definition| (&plan.path, plan.document) == (&definition.path, definition.document);
    let own = definition
        .origin
        .is_some()
        .then(|| plans().find(is_here))
        .flatten();
    let Some((plan, revision)) = own.and_then(|plan| Some((plan, plan.revision.as_ref()?))) else {
        return false;
    };
    let others = snapshot.definitions(&plan.key).iter();
    let mut others = others.filter(|other| other.path != plan.path);
    others.any(|other| {
        let other = other.revision.as_ref();
        other.is_some_and(|other| other.session == revision.session)
    })
}

#[cfg(test)]
mod tests {
    use crate::core::resource::Kind;
    use crate::core::testing::{findings, key, position, resource, snapshot, with_metadata};

    #[test]
    fn a_second_definition_is_reported_at_both_places() {
        let text = format!(
            "{}{}",
            resource("Goal", "first-g", "description: d"),
            resource("Goal", "g", "description: d")
        );
        assert_eq!(findings(&text), [] as [&str; 0]);
        let text = text.replace("first-g", "g");
        let second = position(&text, "g, namespace");
        assert_eq!(
            findings(&text),
            [
                "PS201 error 4:18: Goal team/g is defined 2 times".to_owned(),
                "help: keep one definition, or give the others another name or namespace"
                    .to_owned(),
                format!("also {second}: also defined here"),
                format!("PS201 error {second}: Goal team/g is defined 2 times"),
                "help: keep one definition, or give the others another name or namespace"
                    .to_owned(),
                "also 4:18: also defined here".to_owned(),
            ]
        );
    }

    #[test]
    fn kind_and_namespace_tell_apart() {
        let elsewhere = with_metadata("Goal", "name: g, namespace: other", "description: d");
        let text = format!(
            "{}{}{elsewhere}",
            resource("Goal", "g", "description: d"),
            resource("Capability", "g", "description: d"),
        );
        assert_eq!(findings(&text), [] as [&str; 0]);
    }

    #[test]
    fn definitions_in_several_files_and_broken_ones_count() {
        let fine = resource("Goal", "g", "description: d");
        let broken = resource("Goal", "g", "description: d, surprise: 1");
        let files = [
            ("planspec/a.yaml", fine.as_str()),
            ("planspec/b.yaml", &broken),
        ];
        let snapshot = snapshot(&files);
        let goal = key(Kind::Goal, "g");
        let found: Vec<(&str, &str)> = snapshot
            .errors_of(&goal)
            .map(|finding| (finding.code.id, finding.file.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("PS102", "planspec/b.yaml"),
                ("PS201", "planspec/a.yaml"),
                ("PS201", "planspec/b.yaml")
            ]
        );
        assert!(snapshot.resource(&goal).is_none());
    }

    #[test]
    fn only_the_first_of_many_others_are_pointed_to() {
        let text = resource("Goal", "g", "description: d").repeat(20);
        let lines = findings(&text);
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.starts_with("PS201"))
                .count(),
            20
        );
        assert_eq!(
            lines.iter().filter(|line| line.starts_with("also")).count(),
            20 * 8
        );
    }
}
