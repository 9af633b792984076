//! Capability: Available, Unavailable or Deprecated.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{
    CapabilityPhase, CapabilityStatus, DEPRECATED, GraphSpec, Key, Kind, ObjectRef, REPLACEMENT,
    set_condition,
};

/// The phases of all capabilities: Unavailable if it is invalid, or if a capability that it
/// requires is missing or Unavailable. Those in `settled` are given.
pub fn phases(
    snapshot: &Snapshot,
    settled: &BTreeMap<Key, CapabilityPhase>,
) -> BTreeMap<Key, CapabilityPhase> {
    let is_sound = |key: &Key| match settled.get(key) {
        Some(phase) => *phase != CapabilityPhase::Unavailable,
        None => snapshot.errors_of(key).next().is_none(),
    };
    let mut usable: BTreeSet<&Key> = snapshot
        .keys_of(Kind::Capability)
        .filter(|key| snapshot.capability(key).is_some() && is_sound(key))
        .collect();
    let mut needed_by: BTreeMap<Key, Vec<&Key>> = BTreeMap::new();
    for key in usable.iter().filter(|key| !settled.contains_key(key)) {
        for required in requirements(snapshot, key) {
            needed_by.entry(required).or_default().push(key);
        }
    }
    // A lost capability makes those that require it unavailable, and so on.
    let mut lost: Vec<Key> = needed_by
        .keys()
        .filter(|key| !usable.contains(key))
        .cloned()
        .collect();
    while let Some(gone) = lost.pop() {
        for key in needed_by.remove(&gone).unwrap_or_default() {
            if usable.remove(key) {
                lost.push(key.clone());
            }
        }
    }
    snapshot
        .keys_of(Kind::Capability)
        .map(|key| {
            let deprecated = snapshot
                .resource(key)
                .is_some_and(|r| r.metadata.annotations.contains_key(DEPRECATED));
            let phase = match (usable.contains(key), deprecated) {
                (false, _) => CapabilityPhase::Unavailable,
                (true, true) => CapabilityPhase::Deprecated,
                (true, false) => CapabilityPhase::Available,
            };
            (key.clone(), phase)
        })
        .collect()
}

/// The capabilities that a capability requires.
fn requirements(snapshot: &Snapshot, key: &Key) -> impl Iterator<Item = Key> {
    let spec = snapshot.capability(key);
    spec.into_iter()
        .flat_map(|spec| &spec.requirements)
        .filter(|requirement| !requirement.optional)
        .map(|requirement| requirement.key(&key.namespace))
}

/// Updates the status of one capability.
pub fn reconcile(world: &World<'_>, key: &Key, status: &mut CapabilityStatus, generation: u64) {
    let Some(resource) = world.snapshot.resource(key) else {
        return;
    };
    let available = |other: &Key| {
        world
            .capabilities
            .get(other)
            .is_some_and(|phase| *phase != CapabilityPhase::Unavailable)
    };
    status.phase = world.capabilities.get(key).copied().unwrap_or_default();
    let annotations = &resource.metadata.annotations;
    status.deprecation_message = annotations.get(DEPRECATED).cloned();
    status.replacement = annotations.get(REPLACEMENT).map(ObjectRef::named);
    let missing = requirements(world.snapshot, key).find(|required| !available(required));
    let (reason, message) = match &missing {
        Some(required) => (
            "RequirementMissing",
            format!("requires {}, which is not available", required.qualified()),
        ),
        None => ("RequirementsMet", String::new()),
    };
    let at = (generation, world.now);
    let (conditions, is_met) = (&mut status.conditions, missing.is_none());
    set_condition(conditions, "RequirementsMet", is_met, reason, message, at);
}

/// Remarks on the capabilities that the tasks of a plan need: missing, unavailable or deprecated ones,
/// one sentence each, sorted by name.
pub fn remarks(snapshot: &Snapshot, namespace: &str, graph: &GraphSpec) -> Vec<String> {
    let mut needed_by: BTreeMap<Key, Vec<&str>> = BTreeMap::new();
    for node in &graph.nodes {
        for reference in &node.capability_refs {
            let key = reference.key(Kind::Capability, namespace);
            needed_by.entry(key).or_default().push(&node.id);
        }
    }
    if needed_by.is_empty() {
        return Vec::new();
    }
    let phases = phases(snapshot, &BTreeMap::new());
    let mut found = Vec::new();
    for (key, nodes) in needed_by {
        let name = if key.namespace == namespace {
            format!("`{}`", key.name)
        } else {
            format!("`{}`", key.qualified())
        };
        let by = match nodes.as_slice() {
            [only] => format!("needed by {only}"),
            [first, rest @ ..] => format!("needed by {first} and {} more", rest.len()),
            [] => String::new(),
        };
        match phases.get(&key) {
            None => found.push(format!("capability {name} is not defined ({by})")),
            Some(CapabilityPhase::Unavailable) => {
                let is_lost = |other: &Key| {
                    !matches!(
                        phases.get(other),
                        Some(CapabilityPhase::Available | CapabilityPhase::Deprecated)
                    )
                };
                let lost = requirements(snapshot, &key).find(is_lost);
                let why = lost.map_or_else(
                    || "its file has errors".to_owned(),
                    |lost| format!("it requires `{}`, which is not available", lost.qualified()),
                );
                found.push(format!("capability {name} is not available: {why} ({by})"));
            }
            Some(_) => {}
        }
        let annotations = snapshot.resource(&key).map(|r| &r.metadata.annotations);
        let Some(why) = annotations.and_then(|annotations| annotations.get(DEPRECATED)) else {
            continue;
        };
        let instead = annotations.and_then(|annotations| annotations.get(REPLACEMENT));
        let parts = [
            Some(format!("capability {name} is deprecated")),
            (!why.is_empty() && why != "true").then(|| format!(": {why}")),
            instead.map(|instead| format!("; use `{instead}` instead")),
            Some(format!(" ({by})")),
        ];
        found.push(parts.into_iter().flatten().collect());
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::core::resource::Kind;
    use crate::core::testing::{World, resource, with_metadata};

    fn capability(name: &str, requirements: &str) -> String {
        let spec = format!("description: d, requirements: [{requirements}]");
        resource("Capability", name, &spec)
    }

    /// The phase of each capability with its reason: `a Available`.
    fn phases(world: &World) -> Vec<String> {
        let tree = world.tree.as_ref().expect("a status");
        let files = tree.files.iter();
        files
            .map(|(key, file)| format!("{} {}", key.name, file.status.phase()))
            .collect()
    }

    #[test]
    fn a_capability_is_available_when_everything_that_it_requires_is() {
        let table: [(&[(&str, &str)], &[&str]); 6] = [
            (&[("a", "")], &["a Available"]),
            (&[("a", "{name: gone}")], &["a Unavailable"]),
            (&[("a", "{name: gone, optional: true}")], &["a Available"]),
            (
                &[("a", "{name: b}"), ("b", "")],
                &["a Available", "b Available"],
            ),
            (
                &[
                    ("a", "{name: b}"),
                    ("b", "{name: c}"),
                    ("c", "{name: gone}"),
                    ("d", ""),
                ],
                &[
                    "a Unavailable",
                    "b Unavailable",
                    "c Unavailable",
                    "d Available",
                ],
            ),
            (
                &[
                    ("a", "{name: b}"),
                    ("b", "{name: a}"),
                    ("c", "{name: a, optional: true}"),
                ],
                &["a Unavailable", "b Unavailable", "c Available"],
            ),
        ];
        for (capabilities, expected) in table {
            let documents: Vec<String> = capabilities
                .iter()
                .map(|(name, requirements)| capability(name, requirements))
                .collect();
            let world = World::of(&documents);
            assert_eq!(phases(&world), expected, "{capabilities:?}");
        }
    }

    #[test]
    fn a_requirement_may_stand_in_another_namespace() {
        let lib = with_metadata("Capability", "name: b, namespace: lib", "description: d");
        let world = World::of(&[capability("a", "{name: b, namespace: lib}"), lib.clone()]);
        assert_eq!(phases(&world), ["b Available", "a Available"]);
        let world = World::of(&[capability("a", "{name: b}"), lib]);
        assert_eq!(phases(&world), ["b Available", "a Unavailable"]);
    }

    #[test]
    fn what_is_missing_is_named_and_its_coming_is_noticed() {
        let mut world = World::of(&[capability("a", "{name: b}")]);
        assert_eq!(
            world.says(Kind::Capability, "a", "RequirementsMet"),
            "False RequirementMissing"
        );
        let condition = world.condition(Kind::Capability, "a", "RequirementsMet");
        assert_eq!(
            condition.map(|condition| condition.message.as_str()),
            Some("requires team/b, which is not available")
        );
        assert_eq!(
            world.says(Kind::Capability, "a", "Valid"),
            "True SchemaValid",
            "a warning only"
        );
        world.wait("1m");
        world.write("planspec/b.yaml", &capability("b", ""));
        world.reconcile();
        assert_eq!(
            world.moved(),
            ["a Unavailable → Available", "b - → Available"]
        );
        let condition = world.condition(Kind::Capability, "a", "RequirementsMet");
        let since = condition.map(|condition| condition.last_transition_time);
        assert_eq!(since, Some(world.now));
    }

    #[test]
    fn a_deprecated_capability_can_be_used_and_says_what_to_use_instead() {
        let annotations =
            "annotations: {planspec.io/deprecated: too slow, planspec.io/replacement: b}";
        let metadata = format!("name: a, namespace: team, {annotations}");
        let old = |spec: &str| with_metadata("Capability", &metadata, spec);
        let user = capability("c", "{name: a}");
        let mut world = World::of(&[old("description: d"), user.clone()]);
        assert_eq!(phases(&world), ["a Deprecated", "c Available"]);
        let status = world.capability("a");
        assert_eq!(status.deprecation_message.as_deref(), Some("too slow"));
        assert_eq!(
            status.replacement.as_ref().map(|to| to.name.as_str()),
            Some("b")
        );
        let broken = old("description: d, requirements: [{name: gone}]");
        world.write("planspec/all.yaml", &format!("{broken}{user}"));
        world.reconcile();
        assert_eq!(phases(&world), ["a Unavailable", "c Unavailable"]);
        world.write("planspec/all.yaml", &capability("a", ""));
        world.reconcile();
        assert_eq!(world.capability("a").deprecation_message, None);
    }

    #[test]
    fn a_long_chain_is_judged_to_its_end() {
        let documents: Vec<String> = (0..300)
            .map(|at| capability(&format!("c{at}"), &format!("{{name: c{}}}", at + 1)))
            .collect();
        let mut world = World::empty();
        world.write("planspec/all.yaml", &documents.concat());
        world.reconcile();
        assert!(
            phases(&world)
                .iter()
                .all(|phase| phase.ends_with(" Unavailable"))
        );
        world.write("planspec/last.yaml", &capability("c300", ""));
        world.reconcile();
        assert!(
            phases(&world)
                .iter()
                .all(|phase| phase.ends_with(" Available"))
        );
    }
}
