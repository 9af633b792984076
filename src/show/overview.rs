//! The state of all runs, for people: most urgent first, each run once.

use super::reconcile::for_what;
use super::table;
use crate::api::overview::{FailedRun, OpenRun, Overview};
use crate::core::base::digest::short;
use crate::core::base::escape::line;
use crate::core::base::time::{exact, span};
use crate::core::base::words::and_more_of_it;
use crate::core::resource::Time;
use crate::core::run::summary::concern::{Concern, Heading};

/// Maximum number of rows under a heading.
const ROWS: usize = 20;
/// Maximum number of proposed commands.
const COMMANDS: usize = 5;

/// A headline, then failures, waiting nodes and work in progress, and the commands to run next.
pub fn text(overview: &Overview, now: Time, width: Option<usize>) -> String {
    let mut text = format!("{}\n", overview.headline);
    if let Some(commit) = &overview.observed_commit {
        let commit = short(commit);
        text.push_str(&format!("Commit {commit}, sequence {}", overview.sequence));
        text.push_str(&deadline(overview, now));
    }
    if !overview.findings.is_empty() {
        text.push_str("\nFindings:\n");
        let findings = overview.findings.iter();
        text.extend(findings.map(|finding| format!("  {}\n", line(finding))));
    }
    let failed = overview.failed.iter().map(|run| failed_row(run, now));
    section(&mut text, Heading::Failed, failed.collect(), width);
    for heading in [
        Heading::Stuck,
        Heading::People,
        Heading::Unclaimed,
        Heading::AtWork,
    ] {
        let open = overview.open.iter();
        let open = open.filter(|run| run.heading == heading.word());
        section(
            &mut text,
            heading,
            open.map(|run| open_row(run, now)).collect(),
            width,
        );
    }
    if overview.more > 0 {
        let more = overview.more;
        text.push_str(&format!("\n… and {more} more: planspec get executions\n"));
    }
    next(&mut text, overview);
    text
}

fn deadline(overview: &Overview, now: Time) -> String {
    match overview.next_deadline {
        None => "\n".to_owned(),
        Some(deadline) if overview.is_overdue => format!(
            "\nThe deadline {} has passed {} ago: does nobody run planspec reconcile?\n",
            exact(deadline),
            span(deadline, now)
        ),
        Some(deadline) => format!(", next deadline {}\n", exact(deadline)),
    }
}

fn section(text: &mut String, heading: Heading, mut rows: Vec<Vec<String>>, width: Option<usize>) {
    if rows.is_empty() {
        return;
    }
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    text.push_str(&format!("\n{}:\n", heading.title()));
    text.push_str(&table::rows(&[0, 1], &rows, 2, width));
    if more > 0 {
        text.push_str(&format!("  … and {more} more\n"));
    }
}

fn failed_row(run: &FailedRun, now: Time) -> Vec<String> {
    let name = format!("{}/{}", run.namespace, run.name);
    vec![name, age(run.end, now), line(&run.why)]
}

fn open_row(run: &OpenRun, now: Time) -> Vec<String> {
    let name = format!("{}/{}", run.namespace, run.name);
    let since = run.waits.iter().find_map(|wait| wait.since);
    let waits = run.waits.iter().map(|wait| {
        let node = wait.node.as_deref();
        let node = node.map_or(String::new(), |node| format!("{}: ", line(node)));
        node + &for_what(&wait.what)
    });
    let failed = (run.failed > 0).then(|| Concern::FailedNode.counted(run.failed));
    let waits: Vec<String> = failed.into_iter().chain(waits).collect();
    let waits = waits.join("; ") + &and_more_of_it(run.more);
    let done = match run.nodes {
        0 => String::new(),
        nodes => format!("{}/{nodes}", run.done),
    };
    vec![name, age(since.or(run.started), now), done, waits]
}

/// For how long; empty if not known.
fn age(since: Option<Time>, now: Time) -> String {
    since.map_or(String::new(), |since| span(since, now))
}

fn next(text: &mut String, overview: &Overview) {
    let failed = overview.failed.iter().map(|run| &run.command);
    let open = overview.open.iter().filter_map(|run| run.command.as_ref());
    let commands: Vec<&String> = failed.chain(open).collect();
    if commands.is_empty() {
        return;
    }
    text.push_str("\nNext, for example:\n");
    for command in commands.iter().take(COMMANDS) {
        text.push_str(&format!("  {command}\n"));
    }
    if commands.len() > COMMANDS || overview.more > 0 {
        text.push_str("  … and more: planspec next\n");
    }
}
