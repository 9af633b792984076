//! Which changes people are told of, and all of them on one line.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Element, Subject, What, renames, subject};

/// Most changes that one line names.
const NAMED: usize = 3;

/// The changes of a resource that are told one by one. The edges of a node that comes or goes are
/// told with it.
pub struct Told<'a> {
    /// In order.
    pub changes: Vec<&'a Change>,
    /// By node that comes or goes: what stands before it, and what behind.
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
            // Told once: at the one that waits.
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

/// Whether a change says nothing to people that is not said elsewhere: a revision of a document
/// has other identifiers, and its history a new entry that says what is told here anyway. One of an earlier
/// revision that is gone or another one says something.
fn is_noise(change: &Change) -> bool {
    let steps: Vec<&str> = change.address.iter().map(String::as_str).collect();
    match steps.as_slice() {
        // Told as gone.
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

/// What changes, on one line: the first few changes by what they are about.
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
