//! The overview: what executions need from people and programs.

use chrono::TimeDelta;

use super::Result;
use super::since;
use super::status::StatusReader;
use super::store::{Store, View};
use crate::api::overview::{FailedRun, OpenRun, Overview, Wanted};
use crate::core::resource::{Key, Kind, Time};
use crate::core::run::board::headline;
use crate::core::run::proposal::{command, retry};
use crate::core::run::status::ControllerState;
use crate::core::run::summary::concern::Heading;
use crate::core::run::summary::outline::{Listed, Outline, Standing};
use crate::core::run::transition::{Waiting, WaitingFor};

/// How long after a deadline a reconcile should have run: schedules may be this coarse.
const OVERDUE: TimeDelta = TimeDelta::hours(1);

/// Returns the overview, as of the last fetch. Reads only the summary of all executions, however many
/// there are.
///
/// # Errors
/// The status cannot be read.
pub fn overview(store: &Store, now: Time) -> Result<Overview> {
    let view = store.known()?;
    let Some(status) = StatusReader::open(store, &view)? else {
        return Ok(unknown(store, &view));
    };
    let controller = status.controller()?;
    let mut outline = status.outline(&controller)?;
    let mut open = open_runs(&outline);
    let waits = open.iter_mut().flat_map(|run| &mut run.waits);
    for (before, now) in since::tell(store, waits)? {
        outline.counts.changes(&before, &now.what);
    }
    open.iter_mut().for_each(settle);
    Ok(Overview {
        open,
        ..of(status.id(), controller, &outline, now)
    })
}

/// What somebody has claimed since the status was written waits for nobody.
fn settle(run: &mut OpenRun) {
    run.command = (run.failed > 0)
        .then(|| retry(&Key::new(Kind::Execution, &run.namespace, &run.name), None))
        .or_else(|| run.waits.iter().find_map(command));
    let is_offer = |wait: &Waiting| matches!(wait.what, WaitingFor::Worker { .. });
    let has_offer = run.more > 0 || run.waits.iter().any(is_offer);
    if run.heading == Heading::Unclaimed.word() && !has_offer {
        Heading::AtWork.word().clone_into(&mut run.heading);
    }
}

/// The overview without a status: it cannot say that all is well.
fn unknown(store: &Store, view: &View) -> Overview {
    let branch = &view.config.status.branch;
    let headline = match &store.remote {
        Some(remote) => format!(
            "No status is known here: `git fetch {remote} +{branch}:refs/remotes/{remote}/{branch}` gets it, unless nobody has reconciled yet."
        ),
        None => "Nothing has been reconciled yet.".to_owned(),
    };
    Overview {
        headline,
        needs_somebody: true,
        ..Overview::default()
    }
}

fn of(tip: &str, controller: ControllerState, outline: &Outline, now: Time) -> Overview {
    let deadline = controller.next_deadline;
    let is_overdue = deadline.is_some_and(|deadline| now - deadline > OVERDUE);
    let wanted = &outline.counts.wanted;
    let needs_somebody = is_overdue
        || !controller.findings.is_empty()
        || wanted.keys().any(|concern| concern.needs_somebody());
    let lists = lists(outline).into_iter();
    let more = lists.map(|(_, list)| list.more()).sum::<usize>() + outline.failed.more();
    Overview {
        status_commit: Some(tip.to_owned()),
        observed_commit: Some(controller.observed_commit),
        sequence: controller.sequence,
        next_deadline: deadline,
        is_overdue,
        headline: headline(outline),
        needs_somebody,
        phases: outline
            .counts
            .phases
            .iter()
            .map(|(phase, count)| (phase.to_string(), *count))
            .collect(),
        wanted: wanted
            .iter()
            .map(|(concern, count)| Wanted {
                what: concern.word().to_owned(),
                count: *count,
                oldest: outline.oldest(*concern),
            })
            .collect(),
        failed: outline.failed.first.iter().map(FailedRun::from).collect(),
        open: Vec::new(),
        more,
        findings: controller.findings,
    }
}

fn lists(outline: &Outline) -> [(Heading, &Listed<Standing>); 4] {
    [
        (Heading::Stuck, &outline.stuck),
        (Heading::People, &outline.people),
        (Heading::Unclaimed, &outline.unclaimed),
        (Heading::AtWork, &outline.at_work),
    ]
}

/// The executions that are not over, the most urgent first.
fn open_runs(outline: &Outline) -> Vec<OpenRun> {
    let lists = lists(outline).into_iter();
    lists
        .flat_map(|(heading, list)| open(heading, list))
        .collect()
}

/// The rows under a heading, longest wait first.
fn open(heading: Heading, list: &Listed<Standing>) -> Vec<OpenRun> {
    let mut rows: Vec<OpenRun> = list
        .first
        .iter()
        .map(|row| open_run(heading, row))
        .collect();
    rows.sort_by_key(|row| {
        let since = row.waits.iter().find_map(|wait| wait.since);
        (since.is_none(), since)
    });
    rows
}

fn open_run(heading: Heading, row: &Standing) -> OpenRun {
    let waits: Vec<Waiting> = row.waits.iter().map(|wait| wait.of(&row.run)).collect();
    let progress = row.progress.as_ref();
    OpenRun {
        heading: heading.word().to_owned(),
        namespace: row.run.namespace.clone(),
        name: row.run.name.clone(),
        done: progress.map_or(0, |progress| progress.ended),
        failed: row.failed(),
        nodes: progress.map_or(0, |progress| progress.nodes),
        started: row.start,
        command: None,
        waits,
        more: row.more,
    }
}
