//! The message of a status commit: transitions, and trailers for programs.

use crate::core::base::digest::short;
use crate::core::base::escape::line;
use crate::core::base::secrets::masked;
use crate::core::base::words::count;
use crate::core::run::status::{RESTORES_TRAILER, StatusTree, trailers};
use crate::core::run::transition::Transition;

/// Maximum number of transitions in a commit message.
const LINES_IN_MESSAGE: usize = 200;

/// The message of the status commit: transitions, how many executions were archived, the CI job if there was one, and trailers for programs.
pub fn message(
    spec_commit: &str,
    tree: &StatusTree,
    (transitions, archived): (&[Transition], usize),
    job: Option<&str>,
) -> String {
    let number = transitions.len();
    let executions = count(archived, "execution");
    let subject = match transitions {
        [] if archived > 0 => format!("archive {executions}"),
        [] => format!("reconcile {}", short(spec_commit)),
        [only] => format!("{} {}", subject_of(only), only.arrow()),
        _ => format!("reconcile {}: {number} transitions", short(spec_commit)),
    };
    // In a separate paragraph, so that it cannot become a trailer.
    let job = job.map_or_else(String::new, |job| {
        format!("Job: {}\n\n", line(&masked(job)))
    });
    let archived = match archived {
        0 => String::new(),
        _ => {
            format!("{executions} archived: see controller.yaml for who asked, and _archived/\n\n")
        }
    };
    with_lines(
        &subject,
        transitions,
        &(archived + &job + &trailers_of(tree)),
    )
}

/// The message of a commit that restores an earlier status: the resulting transitions.
pub fn restored(commit: &str, tree: &StatusTree, transitions: &[Transition]) -> String {
    let subject = format!("restore the status of {}", short(commit));
    let trailers = format!("{RESTORES_TRAILER}: {commit}\n{}", trailers_of(tree));
    with_lines(&subject, transitions, &trailers)
}

fn trailers_of(tree: &StatusTree) -> String {
    let controller = &tree.controller;
    trailers(&controller.observed_commit, controller.sequence)
}

fn with_lines(subject: &str, transitions: &[Transition], trailers: &str) -> String {
    let count = transitions.len();
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
    message.push_str(trailers);
    message
}

/// The subject of a transition: `Execution web/release-1`, `node web/release-1/build`.
pub fn subject_of(transition: &Transition) -> String {
    let name = transition.key.qualified();
    match transition.part() {
        Some((word, part)) => format!("{word} {name}/{}", line(part)),
        None => format!("{} {name}", transition.key.kind),
    }
}
