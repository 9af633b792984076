//! The result of `planspec doctor`: a line for each check.

use crate::api::doctor::{Check, Checkup, Mended};
use crate::core::base::escape::line;

/// The repairs, then the checks.
pub fn text(found: &Checkup) -> String {
    let mended = found.mended.iter().map(mended);
    let checks = found.checks.iter().map(check);
    mended.chain(checks).collect()
}

fn mended(done: &Mended) -> String {
    let text = row("mended", done.fix.word(), &done.message);
    match &done.undo {
        Some(undo) => text + &row("", "", &format!("undo: `{undo}`")),
        None => text,
    }
}

fn check(found: &Check) -> String {
    let mut text = row(found.state.word(), found.name.word(), &found.message);
    for hint in found.hint.iter().flat_map(|hint| hint.lines()) {
        text.push_str(&row("", "", &format!("help: {hint}")));
    }
    text
}

fn row(state: &str, name: &str, what: &str) -> String {
    format!("{state:<9}{name:<13}{}\n", line(what))
}
