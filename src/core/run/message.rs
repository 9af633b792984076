//! The message of a status commit: what moved, and trailers for programs.

use crate::core::base::digest::short;
use crate::core::base::escape::line;
use crate::core::run::status::{StatusTree, trailers};
use crate::core::run::transition::Transition;

/// Most transitions to spell out in a commit message.
const LINES_IN_MESSAGE: usize = 200;

/// The message of the status commit: what moved, and trailers for programs.
pub fn message(spec_commit: &str, tree: &StatusTree, transitions: &[Transition]) -> String {
    let count = transitions.len();
    let subject = match transitions {
        [] => format!("reconcile {}", short(spec_commit)),
        [only] => format!("{} {}", subject_of(only), only.arrow()),
        _ => format!("reconcile {}: {count} transitions", short(spec_commit)),
    };
    let mut message = format!("{subject}\n\n");
    for transition in transitions.iter().take(LINES_IN_MESSAGE) {
        let mut row = format!("{} {}", subject_of(transition), transition.arrow());
        let why = transition.why();
        if !why.is_empty() {
            row.push_str(&format!(" ({})", line(&why)));
        }
        message.push_str(&row);
        message.push('\n');
    }
    if count > LINES_IN_MESSAGE {
        message.push_str(&format!("… and {} more\n", count - LINES_IN_MESSAGE));
    }
    if count > 0 {
        message.push('\n');
    }
    let controller = &tree.controller;
    message.push_str(&trailers(&controller.observed_commit, controller.sequence));
    message
}

/// `Execution web/release-1`, `node web/release-1/build`: what moved.
pub fn subject_of(transition: &Transition) -> String {
    let name = transition.key.qualified();
    match transition.part() {
        Some((word, part)) => format!("{word} {name}/{}", line(part)),
        None => format!("{} {name}", transition.key.kind),
    }
}
