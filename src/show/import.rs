//! The result of an import.

use crate::api::import::{Imported, ImportedTask};
use crate::core::base::escape;
use crate::core::base::words::count;

/// Maximum number of tasks of one kind that are named.
const MOST_NAMED: usize = 20;
/// Maximum number of unreadable lines that are listed.
const MOST_TOLD: usize = 50;

/// The result for the plan, and how many tasks it has.
pub fn text(imported: &Imported) -> String {
    let verb = match imported {
        imported if !imported.written => "unchanged",
        imported if imported.created => "created",
        _ => "updated",
    };
    let source = escape::line(&imported.source);
    let mut text = format!(
        "{verb} {} from {source} ({})\n",
        imported.path, imported.format
    );
    let counts = [
        count(imported.tasks, "task"),
        count(imported.groups, "group"),
        match imported.dependencies {
            1 => "1 dependency".to_owned(),
            many => format!("{many} dependencies"),
        },
        format!("{} done", imported.done.len()),
    ];
    text.push_str(&format!("  {}\n", counts.join(", ")));
    if imported.created {
        return text;
    }
    let gone = if imported.pruned {
        "removed"
    } else {
        "no longer in the list"
    };
    for (word, tasks) in [
        ("added", &imported.added),
        ("changed", &imported.updated),
        (gone, &imported.gone),
    ] {
        if !tasks.is_empty() {
            text.push_str(&format!("  {word}: {}\n", named(tasks)));
        }
    }
    if !imported.gone.is_empty() && !imported.pruned {
        text.push_str("  they stay in the plan; `--prune` removes them\n");
    }
    text
}

fn named(tasks: &[ImportedTask]) -> String {
    let first = tasks
        .iter()
        .take(MOST_NAMED)
        .map(|task| escape::line(&task.id));
    let mut named = first.collect::<Vec<_>>().join(", ");
    if let Some(more) = tasks.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        named.push_str(&format!(" and {more} more"));
    }
    named
}

/// The lines that could not be read.
pub fn unread(imported: &Imported) -> Vec<String> {
    let source = escape::line(&imported.source);
    let lines = imported.unread.iter().take(MOST_TOLD);
    let lines =
        lines.map(|unread| format!("  {source}:{}: {}", unread.line, escape::line(&unread.what)));
    let mut lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        lines.insert(0, "not imported:".to_owned());
    }
    if let Some(more) = imported
        .unread
        .len()
        .checked_sub(MOST_TOLD)
        .filter(|more| *more > 0)
    {
        lines.push(format!("  and {more} more"));
    }
    lines
}
