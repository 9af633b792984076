//! Capabilities that require each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::diagnostic::{Code, Diagnostic, Part, Place};
use crate::core::resource::{Key, Kind, Spec};
use crate::core::snapshot::Snapshot;
use crate::path;

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Diagnostic>) {
    let requirements: BTreeMap<&Key, Vec<Key>> = snapshot
        .keys_of(Kind::Capability)
        .filter_map(|key| Some((key, required_by(snapshot, key)?)))
        .collect();
    let mut reported = BTreeSet::new();
    for start in requirements.keys() {
        if reported.contains(*start) {
            continue;
        }
        let Some(cycle) = cycle_through(start, &requirements) else {
            continue;
        };
        let mut names: Vec<&str> = cycle.iter().map(|key| key.name.as_str()).collect();
        names.push(&start.name);
        let names = names.join(" → ");
        for key in &cycle {
            let Some(definition) = snapshot.definition(key) else {
                continue;
            };
            findings.push(
                Diagnostic::new(
                    Code::CAPABILITY_CYCLE,
                    &definition.path,
                    Place::Entry {
                        document: definition.document,
                        path: path!["spec", "requirements"],
                        part: Part::Key,
                    },
                    format!("capabilities require each other: {names}"),
                )
                .help("remove one of these requirements")
                .about(key),
            );
        }
        reported.extend(cycle);
    }
}

fn required_by(snapshot: &Snapshot, key: &Key) -> Option<Vec<Key>> {
    let Spec::Capability(spec) = &snapshot.resource(key)?.spec else {
        return None;
    };
    Some(
        spec.requirements
            .iter()
            .map(|r| {
                Key::new(
                    Kind::Capability,
                    r.namespace.as_deref().unwrap_or(&key.namespace),
                    &r.name,
                )
            })
            .collect(),
    )
}

/// A shortest way from `start` back to itself, by breadth-first search.
fn cycle_through(start: &Key, requirements: &BTreeMap<&Key, Vec<Key>>) -> Option<Vec<Key>> {
    let mut came_from: BTreeMap<Key, Key> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start.clone()]);
    while let Some(key) = queue.pop_front() {
        for next in requirements.get(&key).into_iter().flatten() {
            if next == start {
                let mut cycle = vec![key.clone()];
                let mut at = &key;
                while let Some(previous) = came_from.get(at) {
                    cycle.push(previous.clone());
                    at = previous;
                }
                cycle.reverse();
                return Some(cycle);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next.clone(), key.clone());
                queue.push_back(next.clone());
            }
        }
    }
    None
}
