//! The overview, and the list of runs.

use std::cmp::Reverse;

use crate::api::board::{HomePage, Of, Page, RunsPage};
use crate::core::resource::Time;
use crate::core::run::summary::RunSummary;
use crate::service::Result;
use crate::service::overview::overview;
use crate::service::status::StatusReader;
use crate::service::store::Store;

/// Maximum number of runs that a list shows.
const LISTED: usize = 500;

/// The overview.
pub fn page(store: &Store, now: Option<Time>) -> Result<Page> {
    let status = StatusReader::known(store)?;
    let time = status.as_ref().map(StatusReader::time);
    let outline = match &status {
        Some(status) => status.outline(&status.controller()?)?,
        None => Default::default(),
    };
    Ok(Page::Home(Box::new(HomePage {
        overview: overview(store, now.or(time).unwrap_or_default())?,
        time,
        ended_more: outline.ended.more(),
        ended: outline.ended.first,
        goals_more: outline.goals.more(),
        goals: outline.goals.first,
    })))
}

/// The open runs and the finished ones, each newest first.
pub fn by_age(status: &StatusReader<'_>) -> Result<(Vec<(Of, RunSummary)>, Vec<(Of, RunSummary)>)> {
    let lines = status.lines(&status.controller()?)?.all()?;
    let runs = lines.lines();
    let runs = runs.filter_map(|line| Some((Of::key(&line.key()), line.run.clone()?)));
    let mut runs: Vec<(Of, RunSummary)> = runs.collect();
    runs.sort_by(|(one, this), (other, that)| {
        let age = |run: &RunSummary| Reverse(run.end.or(run.start));
        age(this).cmp(&age(that)).then_with(|| one.cmp(other))
    });
    Ok(runs
        .into_iter()
        .partition(|(_, run)| !run.phase.is_terminal()))
}

/// All runs.
pub fn runs(store: &Store) -> Result<Page> {
    let mut runs = Vec::new();
    if let Some(status) = StatusReader::known(store)? {
        let (open, over) = by_age(&status)?;
        runs = open;
        runs.extend(over);
    }
    let more = runs.len().saturating_sub(LISTED);
    runs.truncate(LISTED);
    Ok(Page::Runs(RunsPage { runs, more }))
}
