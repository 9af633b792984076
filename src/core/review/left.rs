//! Files that leave the configured paths: their resources are no longer found, although nobody deleted them.

use std::collections::BTreeSet;

use crate::core::base::diagnostic::{Code, Diagnostic, Place};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::words::count;
use crate::core::resource::Key;

/// Maximum number of files that are listed.
const SHOWN: usize = 50;
/// Maximum number of resources of one file that are named.
const NAMED: usize = 3;

/// A file outside the configured paths, with resources that were found below them before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its path.
    pub path: String,
    /// Its resources.
    pub keys: BTreeSet<Key>,
}

/// A finding for each such file.
pub fn findings(left: &[Left], paths: &[String]) -> Vec<Diagnostic> {
    let globs = paths.join(", ");
    let more = left.len().saturating_sub(SHOWN);
    let finding = |(at, file): (usize, &Left)| {
        let names = file.keys.iter().take(NAMED).map(Key::to_string);
        let mut names: Vec<String> = names.collect();
        if file.keys.len() > NAMED {
            names.push("…".to_owned());
        }
        let others = match more {
            more if more > 0 && at + 1 == SHOWN => {
                format!(", and so do those in {}", count(more, "further file"))
            }
            _ => String::new(),
        };
        let message = format!("resources leave {globs}: {}{others}", names.join(", "));
        Diagnostic::new(Code::LEFT_PATHS, &file.path, Place::File, message).help(format!(
            "add its folder to `paths` in {CONFIG_FILE}, or move it back; to end something, delete it instead of moving it"
        ))
    };
    left.iter().take(SHOWN).enumerate().map(finding).collect()
}

/// The finding for a change that leaves no resource while runs are open.
pub fn emptied(paths: &[String], runs: usize) -> Option<Diagnostic> {
    if runs == 0 {
        return None;
    }
    let message = format!(
        "no resource is left below {}, and {} not over",
        paths.join(", "),
        match runs {
            1 => "1 run is".to_owned(),
            runs => format!("{runs} runs are"),
        }
    );
    let finding = Diagnostic::new(Code::LEFT_PATHS, ".", Place::File, message);
    Some(finding.help(format!(
        "put them back, or name their place in `paths` in {CONFIG_FILE}; end runs with `planspec cancel EXECUTION`"
    )))
}
