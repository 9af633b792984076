//! The conditions of the published format, in addition to ours, for programs that know only those.

use crate::core::resource::{
    BindingPhase, CapabilityPhase, Condition, ConditionStatus, Status, Time, find_condition,
    set_condition,
};
use crate::core::run::status::StatusFile;

/// The condition of goals and executions whether their specs are accepted.
pub const ACCEPTED: &str = "Accepted";

/// Reasons of older programs, with their published names.
const REASONS: [(&str, &str, &str); 4] = [
    ("Valid", "Valid", "SchemaValid"),
    ("Valid", "RuleBroken", "ValidationFailed"),
    ("PlanResolved", "Resolved", "PlanFound"),
    ("PlanResolved", "NoPlan", "NoPlanFound"),
];

/// Sets the published conditions of a status. A status of an older program is unchanged until
/// something else in it changes.
pub fn publish(file: &mut StatusFile, before: Option<&StatusFile>, now: Time) {
    set(file, now);
    let Some(before) = before.filter(|before| *before != file) else {
        return;
    };
    let mut renamed = before.clone();
    rename(renamed.status.conditions_mut());
    set(&mut renamed, now);
    if renamed == *file {
        file.clone_from(before);
    }
}

fn rename(conditions: &mut [Condition]) {
    for condition in conditions {
        let is_it = |(kind, was, _): &&(&str, &str, &str)| {
            condition.kind == *kind && condition.reason == *was
        };
        if let Some((_, _, is)) = REASONS.iter().find(is_it) {
            condition.reason = (*is).to_owned();
        }
    }
}

/// Sets the published conditions of a status.
fn set(file: &mut StatusFile, now: Time) {
    let valid = find_condition(file.status.conditions(), "Valid");
    let is_valid = valid.is_none_or(|valid| valid.status == ConditionStatus::True);
    let why = |kind: &str| {
        let found = find_condition(file.status.conditions(), kind);
        found.map_or_else(String::new, |found| found.message.clone())
    };
    let accepted = |created| {
        if is_valid {
            (ACCEPTED, true, created, String::new())
        } else {
            (ACCEPTED, false, "ValidationFailed", why("Valid"))
        }
    };
    let (kind, holds, reason, message) = match &file.status {
        Status::Goal(_) => accepted("GoalCreated"),
        Status::Execution(_) => accepted("ExecutionCreated"),
        Status::Capability(capability) => match capability.phase {
            CapabilityPhase::Unavailable => (
                "Available",
                false,
                "CapabilityUnavailable",
                why("RequirementsMet"),
            ),
            _ => ("Available", true, "CapabilityRegistered", String::new()),
        },
        Status::Binding(binding) => {
            let message = format!(
                "{} of {} are bound",
                binding.bound_count, binding.total_count
            );
            match binding.phase {
                BindingPhase::Ready => ("Resolved", true, "BindingResolved", message),
                BindingPhase::PartiallyBound => ("Resolved", false, "PartiallyBound", message),
                BindingPhase::Unresolved => ("Resolved", false, "Unresolved", message),
            }
        }
        // `Valid` is published as it is, and gates have no published conditions.
        Status::Plan(_) | Status::Gate(_) => return,
    };
    let at = (file.generation, now);
    set_condition(
        file.status.conditions_mut(),
        kind,
        holds,
        reason,
        message,
        at,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::resource::Kind;
    use crate::core::testing::{World, execution, gate, plan, resource, task};

    fn everything() -> World {
        World::of(&[
            resource("Goal", "g", "description: d"),
            resource("Capability", "c", "description: d"),
            resource(
                "Binding",
                "b",
                "rules: [{selector: {capabilityRef: {name: c}}, target: {provider: \"agent://a\"}}]",
            ),
            plan("p", &task("a", "capabilityRefs: [{name: c}]")),
            gate("gate", "p", ""),
            execution("run", "p", "bindingRef: {name: b}"),
        ])
    }

    #[test]
    fn every_status_has_the_published_condition_of_its_kind() {
        let mut world = everything();
        let says = |world: &World, kind, name, condition| world.says(kind, name, condition);
        for (kind, name, condition, expected) in [
            (Kind::Goal, "g", "Accepted", "True GoalCreated"),
            (Kind::Goal, "g", "PlanResolved", "False NoPlanFound"),
            (
                Kind::Capability,
                "c",
                "Available",
                "True CapabilityRegistered",
            ),
            (Kind::Binding, "b", "Resolved", "True BindingResolved"),
            (Kind::Plan, "p", "Valid", "True SchemaValid"),
            (Kind::Execution, "run", "Accepted", "True ExecutionCreated"),
        ] {
            assert_eq!(
                says(&world, kind, name, condition),
                expected,
                "{kind} {condition}"
            );
        }
        world.write("planspec/g.yaml", &resource("Goal", "g", "surprise: 1"));
        world.write("planspec/p.yaml", &plan("q", &task("a", "dependsOn: [a]")));
        world.reconcile();
        assert_eq!(
            says(&world, Kind::Plan, "q", "Valid"),
            "False ValidationFailed"
        );
    }

    #[test]
    fn what_a_program_before_wrote_goes_on_as_it_is() {
        let mut world = everything();
        world.claim("a", "agent:a");
        world.reconcile();
        let tree = world.tree.as_mut().expect("a status");
        for file in tree.files.values_mut() {
            let conditions = file.status.conditions_mut();
            let published = [ACCEPTED, "Available", "Resolved"];
            conditions.retain(|one| !published.contains(&one.kind.as_str()));
            for one in conditions {
                let is_it = |(_, _, is): &&(&str, &str, &str)| one.reason == *is;
                if let Some((_, was, _)) = REASONS.iter().find(is_it) {
                    one.reason = (*was).to_owned();
                }
            }
        }
        world.reconcile();
        assert!(!world.last.as_ref().expect("a reconcile").changed);
        assert_eq!(world.says(Kind::Goal, "g", ACCEPTED), "-");
        // The next change sets them, which is not an event.
        world.succeed("a", "agent:a");
        world.reconcile();
        assert_eq!(
            world.moved(),
            ["run Running → Succeeded", "run/a Running → Succeeded"]
        );
        assert_eq!(
            world.says(Kind::Execution, "run", ACCEPTED),
            "True ExecutionCreated"
        );
        assert_eq!(world.says(Kind::Capability, "c", "Valid"), "True Valid");
    }

    #[test]
    fn a_decision_is_read_in_both_spellings() {
        use crate::core::resource::Outcome;
        for (text, outcome) in [
            ("Approved", Outcome::Approved),
            ("approved", Outcome::Approved),
            ("Rejected", Outcome::Rejected),
            ("rejected", Outcome::Rejected),
        ] {
            let read: Outcome = serde_json::from_value(text.into()).expect("an outcome");
            assert_eq!(read, outcome);
            assert_eq!(
                serde_json::to_value(read).expect("text"),
                text.to_lowercase()
            );
        }
    }
}
