//! Capability: Available, Unavailable or Deprecated.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::core::resource::{
    CapabilityPhase, CapabilityStatus, DEPRECATED, Key, Kind, ObjectRef, REPLACEMENT, Spec,
    set_condition,
};
use crate::core::snapshot::Snapshot;

/// The phase of every capability: Unavailable when it is broken or when something that it
/// requires is missing or itself Unavailable.
pub fn phases(snapshot: &Snapshot) -> BTreeMap<Key, CapabilityPhase> {
    let mut usable: BTreeSet<&Key> = snapshot
        .keys_of(Kind::Capability)
        .filter(|key| snapshot.capability(key).is_some())
        .filter(|key| snapshot.errors_of(key).next().is_none())
        .collect();
    loop {
        let lost: Vec<&Key> = usable
            .iter()
            .filter(|key| missing(snapshot, key, |other| usable.contains(other)).is_some())
            .copied()
            .collect();
        if lost.is_empty() {
            break;
        }
        for key in lost {
            usable.remove(key);
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

/// The first requirement of a capability that is not there.
fn missing(snapshot: &Snapshot, key: &Key, is_there: impl Fn(&Key) -> bool) -> Option<Key> {
    let spec = snapshot.capability(key)?;
    spec.requirements
        .iter()
        .filter(|requirement| !requirement.optional)
        .map(|requirement| {
            let namespace = requirement.namespace.as_deref().unwrap_or(&key.namespace);
            Key::new(Kind::Capability, namespace, &requirement.name)
        })
        .find(|required| !is_there(required))
}

/// Bring the status of one capability up to date.
pub fn reconcile(world: &World<'_>, key: &Key, status: &mut CapabilityStatus, generation: u64) {
    let Some(resource) = world.snapshot.resource(key) else {
        return;
    };
    let Spec::Capability(_) = &resource.spec else {
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
    status.replacement = annotations.get(REPLACEMENT).map(|name| ObjectRef {
        name: name.clone(),
        namespace: None,
        uid: None,
    });
    let missing = missing(world.snapshot, key, available);
    let (reason, message) = match &missing {
        Some(required) => (
            "RequirementMissing",
            format!("requires {}, which is not available", required.qualified()),
        ),
        None => ("RequirementsMet", String::new()),
    };
    set_condition(
        &mut status.conditions,
        "RequirementsMet",
        missing.is_none(),
        reason,
        message,
        (generation, world.now),
    );
}
