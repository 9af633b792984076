//! The effect of replacing the gate of a node by another one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Subject, What};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{GateSpec, Key, Kind};

/// The label of the field: see `fields.rs`.
pub(super) const WHICH: &str = "which gate decides";

/// Adds to each node with another gate whether fewer or other people decide.
pub(super) fn decide_elsewhere((old, new): (&Snapshot, &Snapshot), subjects: &mut [Subject]) {
    for subject in subjects {
        let namespace = subject.key.namespace.clone();
        let changes = subject.changes.iter_mut();
        for change in changes.filter(|change| change.what == What::Field(WHICH)) {
            let was = named(change.was.as_ref(), &namespace);
            let is = named(change.is.as_ref(), &namespace);
            let gates = was
                .as_ref()
                .and_then(|key| old.gate(key))
                .zip(is.as_ref().and_then(|key| new.gate(key)));
            let loosened = gates.map(|(was, is)| loosened(was, is)).unwrap_or_default();
            if !loosened.is_empty() {
                change.danger = Some(format!("another gate decides: {}", loosened.join(", and ")));
            }
        }
    }
}

/// The gate `NAME` or `NAMESPACE/NAME`.
fn named(value: Option<&Value>, namespace: &str) -> Option<Key> {
    let text = value?.as_str()?.split(' ').next()?;
    let (namespace, name) = text.split_once('/').unwrap_or((namespace, text));
    Some(Key::new(Kind::Gate, namespace, name))
}

/// The requirements of one gate that another does not have.
fn loosened(was: &GateSpec, is: &GateSpec) -> Vec<String> {
    let mut found = Vec::new();
    if is.required_approvers < was.required_approvers {
        let (now, before) = (is.required_approvers, was.required_approvers);
        let verb = if now == 1 {
            "approval is"
        } else {
            "approvals are"
        };
        found.push(format!("{now} {verb} enough, where {before} were needed"));
    }
    let [before, now] = [was, is].map(|gate| gate.reviewers.iter().collect::<BTreeSet<_>>());
    let more: Vec<&str> = now.difference(&before).map(|one| one.as_str()).collect();
    if now.is_empty() && !before.is_empty() {
        found.push("anybody may decide".to_owned());
    } else if !before.is_empty() && !more.is_empty() {
        found.push(format!(
            "{} may decide, and could not before",
            more.join(", ")
        ));
    }
    found
}
