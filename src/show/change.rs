//! The result of a change to resources.

use crate::api::change::Committed;
use crate::core::base::digest::short;
use crate::core::base::escape;

/// A line for each resource.
pub fn text(change: &Committed) -> String {
    let dry = if change.dry_run { " (dry run)" } else { "" };
    let lines = change.resources.iter().map(|one| {
        let (name, word) = (one.qualified(), one.change.word());
        format!(
            "{} {word} ({}){dry}\n",
            escape::line(&name),
            escape::line(&one.path)
        )
    });
    lines.collect()
}

/// Where the change is, and what to do next; `None` if nothing changes.
pub fn whereabouts(change: &Committed) -> Option<String> {
    if let Some(commit) = &change.commit {
        let branch = change.branch.as_deref().unwrap_or("a detached HEAD");
        return Some(format!(
            "committed {} on {branch}; next: {}",
            short(commit),
            change.next.join(", then ")
        ));
    }
    let told = change.dry_run && change.changed;
    told.then(|| "dry run: nothing was written".to_owned())
}
