//! The effect of changed inputs and outputs of a capability on the plans that use it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::graph::{Effect, names};
use super::meaning::Class;
use super::{Change, Event, Subject, What};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{CapabilitySpec, Key, Kind, Parameter};

/// The effect of a breaking change.
const GONE: &str = "whatever reads it finds nothing";
const OTHER: &str = "values that were valid may be refused";
const REFUSED: &str = "a task that sets it is refused";
const WANTED: &str = "a task that does not set it cannot start";

/// Finds breaking changes for plans: they are major, and need a second look.
pub(super) fn judge(new: &CapabilitySpec, changes: &mut [Change]) {
    for change in changes {
        if let Some(why) = breaks(new, change) {
            change.class = Class::Major;
            change.danger = Some(why.to_owned());
        }
    }
}

fn breaks(new: &CapabilitySpec, change: &Change) -> Option<&'static str> {
    let address: Vec<&str> = change.address.iter().map(String::as_str).collect();
    let input = |name: &str| new.inputs.iter().find(|one| one.name == name);
    match (address.as_slice(), &change.what) {
        (["outputs", _], What::Removed(_)) => Some(GONE),
        (["outputs", _, "required"], _) => (change.is != Some(Value::Bool(true))).then_some(GONE),
        (["inputs", _], What::Removed(_)) => Some(REFUSED),
        (["inputs", name], What::Added(_)) | (["inputs", name, "required" | "default"], _) => {
            input(name).filter(must_be_given).map(|_| WANTED)
        }
        (["inputs", _, "enum"], _) => narrows(change).then_some(OTHER),
        (
            [
                "inputs" | "outputs",
                _,
                "type" | "itemType" | "objectProperties",
            ],
            _,
        ) => Some(OTHER),
        _ => None,
    }
}

fn must_be_given(input: &&Parameter) -> bool {
    input.required && input.default.is_none()
}

/// Whether a permitted value is no longer permitted.
fn narrows(change: &Change) -> bool {
    let (Some(Value::Array(is)), was) = (&change.is, &change.was) else {
        return false;
    };
    match was {
        Some(Value::Array(was)) => was.iter().any(|value| !is.contains(value)),
        _ => true,
    }
}

/// Whether a change of a capability matters to the plans that use it.
fn concerns_plans(subject: &Subject) -> bool {
    let first = |change: &Change| change.address.first().cloned().unwrap_or_default();
    let mut lists = subject.changes.iter().map(first);
    subject.key.kind == Kind::Capability
        && match subject.event {
            Event::Added => false,
            Event::Changed => lists.any(|list| list == "inputs" || list == "outputs"),
            _ => true,
        }
}

/// Adds to each removed or changed capability which plans use it.
pub(super) fn uses(new: &Snapshot, subjects: &mut [Subject]) {
    if !subjects.iter().any(concerns_plans) {
        return;
    }
    let mut users: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for key in new.keys_of(Kind::Plan) {
        let Some(plan) = new.plan(key) else { continue };
        let mut tasks: BTreeMap<Key, Vec<&str>> = BTreeMap::new();
        for node in &plan.graph.nodes {
            for of in &node.capability_refs {
                let capability = of.key(Kind::Capability, &key.namespace);
                tasks.entry(capability).or_default().push(&node.id);
            }
        }
        for (capability, tasks) in tasks {
            let user = format!("{} ({})", key.qualified(), names(&tasks));
            users.entry(capability).or_default().push(user);
        }
    }
    for subject in subjects.iter_mut().filter(|one| concerns_plans(one)) {
        // Users of a renamed capability still have its former name, unless they change too.
        let both = [Some(&subject.key), subject.from()];
        let by_name = |key: &Key| users.get(key).map_or(&[][..], Vec::as_slice);
        let left_behind = subject.from().is_some_and(|from| !by_name(from).is_empty());
        let users = both.into_iter().flatten().flat_map(by_name);
        let users: Vec<&str> = users.map(String::as_str).collect();
        if users.is_empty() {
            continue;
        }
        let text = format!("used by {}", names(&users));
        // They name a capability that no longer exists.
        let follows = subject.from().is_some() && !left_behind;
        if subject.event != Event::Changed && !follows {
            subject.class = Class::Major;
        }
        subject.effects.push(match subject.class {
            Class::Major => Effect::danger(text),
            _ => Effect::note(text),
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::core::repository::config::Config;
    use crate::core::repository::snapshot::Snapshot;
    use crate::core::review::compare;
    use crate::core::review::meaning::Class;
    use crate::core::testing::{FILE, plan, resource, source, task};

    /// The class of the change, the dangers, and the effects on users.
    fn change(before: &str, after: &str) -> (Class, Vec<String>, Vec<String>) {
        let side = |contract: &str| {
            let text = resource("Capability", "code", &format!("description: d{contract}"))
                + &plan("p", &task("build", "capabilityRefs: [{name: code}]"))
                + &plan("q", &task("a", ""));
            Snapshot::build(&[source(FILE, &text)], &Config::default())
        };
        let review = compare(&side(before), &side(after));
        let subject = &review.subjects[0];
        let changes = subject.changes.iter();
        let effects = subject.effects.iter();
        (
            subject.class,
            changes.filter_map(|one| one.danger.clone()).collect(),
            effects.map(|one| one.text.clone()).collect(),
        )
    }

    #[test]
    fn what_breaks_a_contract_is_major_and_names_who_relies_on_it() {
        for (before, after, why) in [
            (
                ", outputs: [{name: sha, type: string}]",
                "",
                "whatever reads it finds nothing",
            ),
            (
                ", outputs: [{name: n, type: string, required: true}]",
                ", outputs: [{name: n, type: string}]",
                "whatever reads it finds nothing",
            ),
            (
                ", outputs: [{name: n, type: string}]",
                ", outputs: [{name: n, type: number}]",
                "values that were valid may be refused",
            ),
            (
                ", inputs: [{name: n, type: string}]",
                "",
                "a task that sets it is refused",
            ),
            (
                "",
                ", inputs: [{name: n, type: string, required: true}]",
                "a task that does not set it cannot start",
            ),
            (
                ", inputs: [{name: n, type: string, required: true, default: x}]",
                ", inputs: [{name: n, type: string, required: true}]",
                "a task that does not set it cannot start",
            ),
            (
                ", inputs: [{name: n, type: string, enum: [a, b]}]",
                ", inputs: [{name: n, type: string, enum: [a, c]}]",
                "values that were valid may be refused",
            ),
            (
                ", inputs: [{name: n, type: string}]",
                ", inputs: [{name: n, type: string, enum: [a]}]",
                "values that were valid may be refused",
            ),
            (
                ", inputs: [{name: n, type: array, itemType: string}]",
                ", inputs: [{name: n, type: array, itemType: number}]",
                "values that were valid may be refused",
            ),
        ] {
            let found = change(before, after);
            let used = vec!["used by team/p (build)".to_owned()];
            assert_eq!(found, (Class::Major, vec![why.to_owned()], used), "{after}");
        }
    }

    #[test]
    fn a_capability_that_goes_or_is_renamed_breaks_whoever_names_it() {
        let side = |capability: &str| {
            let text = plan("p", &task("build", "capabilityRefs: [{name: code}]")) + capability;
            Snapshot::build(&[source(FILE, &text)], &Config::default())
        };
        let named = |name: &str| resource("Capability", name, "description: writes code");
        for now in [String::new(), named("coding")] {
            let review = compare(&side(&named("code")), &side(&now));
            let mut subjects = review.subjects.iter();
            let subject = subjects.find(|one| one.effects.iter().any(|effect| effect.danger));
            let subject = subject.map(|one| (one.class, one.effects[0].text.as_str()));
            assert_eq!(
                subject,
                Some((Class::Major, "used by team/p (build)")),
                "{now}"
            );
        }
    }

    #[test]
    fn another_default_breaks_nothing_and_is_what_a_worker_is_given() {
        let (class, dangers, effects) = change(
            ", inputs: [{name: n, type: string, default: x}]",
            ", inputs: [{name: n, type: string, default: y}]",
        );
        assert_eq!((class, dangers.len()), (Class::Minor, 1), "{dangers:?}");
        assert_eq!(effects, ["used by team/p (build)"]);
    }

    #[test]
    fn what_breaks_nothing_is_not() {
        for (before, after) in [
            ("", ", outputs: [{name: sha, type: string}]"),
            ("", ", inputs: [{name: n, type: string}]"),
            (
                "",
                ", inputs: [{name: n, type: string, required: true, default: x}]",
            ),
            (
                ", inputs: [{name: n, type: string, enum: [a]}]",
                ", inputs: [{name: n, type: string, enum: [a, b]}]",
            ),
            (
                ", inputs: [{name: n, type: string, enum: [a]}]",
                ", inputs: [{name: n, type: string}]",
            ),
        ] {
            let (class, dangers, effects) = change(before, after);
            assert_eq!((class, dangers.len()), (Class::Minor, 0), "{after}");
            assert_eq!(effects, ["used by team/p (build)"], "{after}");
        }
    }
}
