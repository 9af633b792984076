//! Which changed files are outside the scope of a plan, for people and programs.

use std::collections::BTreeSet;

use super::count;
use crate::core::base::diagnostic::display_path;
use crate::core::review::scope::{Scoped, Side, short};

/// Most entries that are listed for people.
const MOST: usize = 10;

/// In one sentence: what was compared, and what came of it.
pub fn sentence(scoped: &Scoped) -> String {
    let plan = &scoped.plan;
    let by = match scoped.by {
        Side::Base => "as it was before the change",
        Side::Head => "which is new",
    };
    match (&scoped.unreadable, scoped.checkable.is_empty()) {
        (Some(why), _) => format!("the scope of {plan} cannot be read: {why}"),
        (None, true) => {
            format!("no entry of the scope of {plan} begins with `path:`: nothing can be checked")
        }
        (None, false) => format!(
            "scope of {plan}, {by}: {} compared, {} outside",
            count(scoped.compared, "changed file"),
            scoped.outside.len()
        ),
    }
}

/// What only people can judge, an entry each, and how many more there are.
pub fn not_checkable(scoped: &Scoped) -> Vec<String> {
    let entries = scoped.not_checkable.iter().take(MOST);
    let mut lines: Vec<String> = entries
        .map(|entry| format!("{}: {}", display_path(&entry.path()), short(&entry.text)))
        .collect();
    if let Some(more) = scoped.not_checkable.len().checked_sub(MOST + 1) {
        lines.push(format!("{} more", more + 1));
    }
    lines
}

/// The sentence, and how much only people can judge: a line each, they are read at every commit.
pub fn lines(scoped: &Scoped) -> Vec<String> {
    let mut lines = vec![sentence(scoped)];
    let count = scoped.not_checkable.len();
    if let Some(first) = scoped.not_checkable.first() {
        let lists: BTreeSet<&str> = scoped
            .not_checkable
            .iter()
            .map(|entry| entry.list)
            .collect();
        let lists: Vec<String> = lists.iter().map(|list| format!("scope.{list}")).collect();
        lines.push(match count {
            1 => format!("not checkable: {}, for people", display_path(&first.path())),
            _ => format!(
                "not checkable: {count} entries of {}, for people",
                lists.join(" and ")
            ),
        });
    }
    lines
}
