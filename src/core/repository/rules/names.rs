//! Names of plans that stand in documents, as people read them.

use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::document;
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::Kind;
use crate::path;

/// Plans that are called by a hash, because the names of their files are in letters that names do not have.
///
/// What refers to such a plan, and earlier revisions of it, name it: where there is any, it keeps its name.
pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    let plans = snapshot.keys_of(Kind::Plan);
    let alone = plans.filter(|key| snapshot.earlier(key).is_empty());
    for definition in alone.filter_map(|key| snapshot.definition(key)) {
        let is_referred_to = [
            (Kind::Execution, "planRef"),
            (Kind::Binding, "planRef"),
            (Kind::Plan, "supersedes"),
        ]
        .into_iter()
        .any(|by| snapshot.is_referred_to(&definition.key, by));
        if !is_referred_to && definition.origin.is_some() {
            findings.extend(unreadable(definition));
        }
    }
}

fn unreadable(plan: &Definition) -> Option<Diagnostic> {
    let revision = plan.revision.as_ref().map(|revision| revision.number);
    let readable = document::readable_name(&plan.path, revision, &plan.key.name)?;
    let message = format!(
        "the plan is named `{}`, because names cannot contain the letters of its file name",
        plan.key.name
    );
    let finding = plan.at(Code::UNREADABLE_NAME, path!["metadata", "name"], message);
    let help = format!("set a name: `x-planspec: {{name: {readable}}}`");
    // No edit goes with it: whoever puts one file right does not see who refers to the plan.
    Some(finding.help(help))
}

#[cfg(test)]
mod tests {
    use crate::core::base::diagnostic::Code;
    use crate::core::testing::{execution, snapshot};

    const DOCUMENT: &str =
        include_str!("../../../../examples/document/planspec/greeting.planspec.json");

    #[test]
    fn a_plan_that_is_called_by_a_hash_may_be_given_a_name_while_nothing_names_it() {
        let revision_two = DOCUMENT.replacen("\"revision\": 1", "\"revision\": 2", 1);
        let run = execution("e", "2a16be", "").replace("team", "default");
        let other = execution("e", "other", "").replace("team", "default");
        let named = DOCUMENT.replacen(
            "\"x-planspec\": {",
            "\"x-planspec\": {\"name\": \"pay\",",
            1,
        );
        let table: [(&[(&str, &str)], usize); 6] = [
            (&[("planspec/оплата.planspec.json", DOCUMENT)], 1),
            (&[("planspec/оплата.planspec.json", &named)], 0),
            (&[("planspec/pay.planspec.json", DOCUMENT)], 0),
            (&[("planspec/Pay all.planspec.json", DOCUMENT)], 0),
            (
                &[
                    ("planspec/оплата.planspec.json", DOCUMENT),
                    ("planspec/e.yaml", &run),
                ],
                0,
            ),
            (
                &[
                    ("planspec/оплата.planspec.json", DOCUMENT),
                    ("planspec/e.yaml", &other),
                ],
                1,
            ),
        ];
        for (files, count) in table {
            let snapshot = snapshot(files);
            let found = snapshot.diagnostics().iter();
            let found: Vec<_> = found
                .filter(|finding| finding.code == Code::UNREADABLE_NAME)
                .collect();
            assert_eq!(found.len(), count, "{files:?}");
            for finding in found {
                assert_eq!(
                    finding.help.as_deref(),
                    Some("set a name: `x-planspec: {name: oplata}`")
                );
            }
        }
        let of_revision = snapshot(&[("planspec/оплата-v2.planspec.json", &revision_two)]);
        let found = of_revision.diagnostics().iter();
        assert_eq!(
            found
                .filter(|one| one.code == Code::UNREADABLE_NAME)
                .count(),
            1
        );
    }
}
