//! Selects the changes that are shown, and summarises all of them on one line.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Element, Subject, What, renames, subject};

/// Maximum number of changes that one line names.
const NAMED: usize = 3;

/// The changes of a resource that are shown one by one. The edges of an added or removed node are
/// shown with it.
pub struct Told<'a> {
    /// The changes, in order.
    pub changes: Vec<&'a Change>,
    /// For each added or removed node, the nodes before it and after it.
    pub around: BTreeMap<&'a str, [Vec<&'a str>; 2]>,
}

impl Told<'_> {
    /// The changes of a resource.
    pub fn of(of: &Subject) -> Told<'_> {
        let whole = |wanted: fn(&What) -> bool| -> BTreeSet<&str> {
            let changes = of.changes.iter();
            let nodes = changes.filter(|change| wanted(&change.what));
            nodes.filter_map(Change::node).collect()
        };
        let came = whole(|what| matches!(what, What::Added(Element::Node(_))));
        let gone = whole(|what| matches!(what, What::Removed(Element::Node(_))));
        let mut around: BTreeMap<&str, [Vec<&str>; 2]> = BTreeMap::new();
        let mut told = BTreeSet::new();
        for change in &of.changes {
            let Some((from, to)) = change.edge() else {
                continue;
            };
            let among = match change.what {
                What::Added(_) => &came,
                What::Removed(_) => &gone,
                _ => continue,
            };
            let mut is_told = false;
            if among.contains(to) {
                around.entry(to).or_default()[0].push(from);
                is_told = true;
            }
            // Shown once: at the node that waits.
            if among.contains(from) {
                if !is_told {
                    around.entry(from).or_default()[1].push(to);
                }
                is_told = true;
            }
            if is_told {
                told.insert(&change.address);
            }
        }
        let changes = of.changes.iter();
        let changes = changes.filter(|change| !told.contains(&change.address) && !is_noise(change));
        Told {
            changes: changes.collect(),
            around,
        }
    }
}

/// Whether a change adds nothing for readers: a new revision of a document
/// always has other identifiers, and a new entry in its history about the changes shown here. Changes or removals of
/// earlier entries are shown.
fn is_noise(change: &Change) -> bool {
    let steps: Vec<&str> = change.address.iter().map(String::as_str).collect();
    match steps.as_slice() {
        // Shown as removed.
        ["nodes", id] => {
            matches!(change.what, What::NodeRenamed { .. }) && renames::is_displaced(id)
        }
        ["document", "identity", field] => [
            "plan_id",
            "parent_id",
            "created_at",
            "created_by",
            "revision",
        ]
        .contains(field),
        ["document", "revision_history", ..] => {
            change.danger.is_none() && matches!(change.what, What::Added(_))
        }
        _ => false,
    }
}

/// The sign before a change.
pub fn sign(change: &Change) -> char {
    match change.what {
        What::Added(_) => '+',
        What::Removed(_) => '-',
        What::Field(_) | What::NodeRenamed { .. } => '~',
    }
}

/// The changes on one line: the first few by their subjects.
pub fn in_one_line(of: &Subject) -> String {
    let changes = Told::of(of).changes;
    let first = changes.iter().take(NAMED).map(|change| {
        let danger = change.danger.as_ref().map_or("", |_| "! ");
        format!("{danger}{} {}", sign(change), subject(&change.address))
    });
    let mut told: Vec<String> = first.collect();
    if changes.len() > NAMED {
        told.push(format!("and {} more", changes.len() - NAMED));
    }
    told.join(", ")
}
