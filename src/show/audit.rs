//! The findings of an audit, for people.

use crate::api::audit::{Audited, AuditedCommit};
use crate::core::base::digest::short;
use crate::core::base::escape;
use crate::core::base::time::exact;
use crate::core::base::words::count;

/// The verdict, then what could not be checked.
pub fn text(audited: &Audited) -> String {
    let mut text = verdict(audited);
    let mut beside = Vec::new();
    if audited.evidence_alone > 0 {
        let commits = count(audited.evidence_alone, "commit");
        beside.push(format!(
            "{commits} of earlier decisions, checked only against their evidence"
        ));
    }
    if audited.undone > 0 {
        beside.push(format!(
            "{} undone by a later one",
            count(audited.undone, "commit")
        ));
    }
    if audited.signatures > 0 {
        beside.push(format!(
            "{} checked",
            count(audited.signatures, "signature")
        ));
    }
    if !beside.is_empty() {
        text.push_str(&format!("  {}\n", beside.join(", ")));
    }
    if !audited.unknown.is_empty() {
        text.push_str("\nCannot be checked here:\n");
    }
    for commit in &audited.unknown {
        text.push_str(&one(commit));
    }
    if audited.unknown_more > 0 {
        text.push_str(&format!(
            "  and {} more\n",
            count(audited.unknown_more, "commit")
        ));
    }
    text
}

fn verdict(audited: &Audited) -> String {
    let range = match &audited.since {
        Some(since) => format!("{}..{}", short(since), short(&audited.commit)),
        None => format!("the first to {}", short(&audited.commit)),
    };
    match &audited.broken {
        Some(broken) => format!("Does not follow from what it cites:\n{}", one(broken)),
        None if audited.commits == 0 => format!("Nothing to check: no status commit in {range}\n"),
        None => format!(
            "{} of {} ({range}): what could be checked follows from what it cites\n",
            audited.follow,
            count(audited.commits, "status commit")
        ),
    }
}

/// A commit, with a line for each remark on it.
fn one(commit: &AuditedCommit) -> String {
    let number = commit.sequence.map(|number| format!(", sequence {number}"));
    let time = commit.time.map(|time| format!(", {}", exact(time)));
    let [number, time] = [number, time].map(Option::unwrap_or_default);
    let why = commit
        .why
        .iter()
        .map(|why| format!("    {}\n", escape::line(why)));
    format!(
        "  {}{number}{time}\n{}",
        commit.commit,
        why.collect::<String>()
    )
}
