//! What would be archived.

use super::{count, table};
use crate::api::archive::{Archivable, ArchivePreview};
use crate::core::base::time::exact;

/// For people: how many executions, the oldest of them, and those that stay with the reasons.
pub fn text(preview: &ArchivePreview, width: Option<usize>) -> String {
    let before = exact(preview.before);
    let mut text = match preview.count {
        0 => format!("nothing to archive: no execution that ended before {before} can go\n"),
        number => {
            let executions = count(number, "execution");
            format!("would archive {executions} that ended before {before}\n")
        }
    };
    let rows = preview.executions.iter().map(row).collect();
    text.push_str(&list("Archived", rows, preview.count, width));
    let kept = preview.kept.iter().map(|kept| {
        let mut row = row(&kept.execution);
        row.push(kept.why.clone());
        row
    });
    text.push_str(&list("Kept", kept.collect(), preview.kept_count, width));
    text
}

fn row(one: &Archivable) -> Vec<String> {
    vec![
        format!("{}/{}", one.namespace, one.execution),
        one.phase.clone(),
        one.end.map(exact).unwrap_or_default(),
    ]
}

fn list(title: &str, rows: Vec<Vec<String>>, of: usize, width: Option<usize>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let more = match of - rows.len() {
        0 => String::new(),
        more => format!("  … and {more} more\n"),
    };
    format!("\n{title}:\n{}{more}", table::rows(&[0], &rows, 2, width))
}
