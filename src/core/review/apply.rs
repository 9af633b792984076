//! Applies changes to the tree that they were found in.

use serde_json::{Map, Value};

use super::{Change, What};

/// Sets a value at an address, creating objects as needed.
pub(super) fn set(tree: &mut Value, address: &[String], value: Value) {
    let Some((last, way)) = address.split_last() else {
        *tree = value;
        return;
    };
    let mut at = tree;
    for step in way {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(fields) = at else { return };
        at = fields.entry(step.clone()).or_insert(Value::Null);
    }
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    if let Value::Object(fields) = at {
        fields.insert(last.clone(), value);
    }
}

/// Removes the value at an address, and objects above it that become empty.
fn remove(tree: &mut Value, address: &[String]) -> Option<Value> {
    let mut taken = None;
    for length in (1..=address.len()).rev() {
        let (last, way) = address[..length].split_last()?;
        let mut at = &mut *tree;
        for step in way {
            at = at.get_mut(step)?;
        }
        let fields = at.as_object_mut()?;
        match taken {
            None => taken = Some(fields.shift_remove(last)?),
            Some(_) if fields.get(last).is_some_and(is_empty) => {
                fields.shift_remove(last);
            }
            Some(_) => break,
        }
    }
    taken
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// Applies changes to the tree of the old revision ([`super::Normal::tree`]); the result is that
/// of the new one.
pub fn apply(tree: &mut Value, changes: &[Change]) {
    // Renamed nodes first, since all other changes use their new ids. All are removed
    // before any is inserted, because they may swap names.
    let renamed = changes.iter().filter_map(|change| match &change.what {
        What::NodeRenamed { from } => Some((from.clone(), change.address.last()?.clone())),
        _ => None,
    });
    super::renames::rename_in_tree(tree, &renamed.collect());
    for change in changes {
        match (&change.what, &change.is) {
            (What::NodeRenamed { .. }, _) => {}
            (_, Some(value)) => set(tree, &change.address, value.clone()),
            (_, None) => drop(remove(tree, &change.address)),
        }
    }
}
