//! The outline of all summaries: which files of summaries have something to be examined without a change, and the
//! first rows of the tables on the board. It follows from the summaries, and can be
//! updated without most of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::concern::{Concern, Heading};
use super::{GoalSummary, Progress, RunSummary, Summary, Wait};
use crate::core::resource::{ExecutionPhase, Key, Time, is_false, is_zero};
use crate::core::run::transition::{Waiting, WaitingFor};

/// Maximum number of rows of a table.
const MAX_ROWS: usize = 50;
/// Maximum number of waits of one execution.
const WAITS_SHOWN: usize = 3;
/// Maximum number of finished executions.
const MAX_ENDED: usize = 20;

/// The outline of all summaries.
///
/// Fields that an older program did not write are empty until this one updates them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Outline {
    /// Facts about the files of summaries, by name; files without anything of interest are left out.
    pub shards: BTreeMap<String, ShardFacts>,
    /// The number of executions in each phase, and of their concerns.
    pub counts: Counts,
    /// Failed executions that can be retried, newest first.
    pub failed: Listed<Ended>,
    /// Executions that need a correction.
    pub stuck: Listed<Standing>,
    /// Executions that wait for people.
    pub people: Listed<Standing>,
    /// Executions that wait for a worker.
    pub unclaimed: Listed<Standing>,
    /// Executions that somebody works on, or that continue by themselves.
    pub at_work: Listed<Standing>,
    /// What executions wait for, except the reports of workers.
    pub waiting: Listed<Waiting>,
    /// Reports that executions wait for.
    pub reports: Listed<Waiting>,
    /// Other finished executions, newest first.
    pub ended: Listed<Ended>,
    /// The goals that exist.
    pub goals: Listed<Goal>,
}

/// Facts about one file of summaries.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShardFacts {
    /// The next deadline.
    pub due: Option<Time>,
    /// Whether a resource has errors.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_errors: bool,
    /// Whether an execution is open.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_open: bool,
    /// See [`RunSummary::is_unbound`](super::RunSummary::is_unbound).
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_unbound: bool,
    /// See [`RunSummary::awaits_commit`](super::RunSummary::awaits_commit).
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaits_commit: bool,
    /// See [`RunSummary::awaits_clone`](super::RunSummary::awaits_clone).
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaits_clone: bool,
    /// Whether a goal selects plans by labels.
    #[serde(default, skip_serializing_if = "is_false")]
    pub selects: bool,
    /// Since when each concern has existed, for the oldest one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub oldest: BTreeMap<Concern, Time>,
}

/// Numbers of executions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Counts {
    /// Executions by phase.
    pub phases: BTreeMap<ExecutionPhase, usize>,
    /// By concern; an execution may have several.
    pub wanted: BTreeMap<Concern, usize>,
}

/// The first rows of a table, and the number of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed<T> {
    /// The first rows.
    pub first: Vec<T>,
    /// How many rows there are.
    pub count: usize,
}

/// An open execution.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The execution.
    pub run: Key,
    /// Its progress, once it has started.
    pub progress: Option<Progress>,
    /// When it started.
    pub start: Option<Time>,
    /// Its first waits, most urgent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// The number of its other waits.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// A finished execution.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The execution.
    pub run: Key,
    /// Its phase.
    pub phase: ExecutionPhase,
    /// When it ended.
    pub end: Option<Time>,
    /// Why it ended.
    pub why: String,
}

/// A goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// The goal.
    pub goal: Key,
    /// Its summary.
    pub summary: GoalSummary,
}

/// A changed summary: before and after.
pub type Changed<'a> = (Option<&'a Summary>, Option<&'a Summary>);

impl Outline {
    /// The outline of these summaries, without facts about files.
    pub fn of(lines: &[&Summary]) -> Outline {
        Outline {
            shards: BTreeMap::new(),
            counts: Counts::of(lines),
            failed: Listed::of(lines, failed),
            stuck: Listed::of(lines, under(Heading::Stuck)),
            people: Listed::of(lines, under(Heading::People)),
            unclaimed: Listed::of(lines, under(Heading::Unclaimed)),
            at_work: Listed::of(lines, under(Heading::AtWork)),
            waiting: Listed::of(lines, waits_for_others),
            reports: Listed::of(lines, waits_for_reports),
            ended: Listed::of(lines, ended),
            goals: Listed::of(lines, Goal::rows),
        }
    }

    /// The outline after some changes; `None` if that needs all summaries. Facts about
    /// files are not updated.
    pub fn after(&self, changes: &[Changed<'_>]) -> Option<Outline> {
        Some(Outline {
            shards: self.shards.clone(),
            counts: self.counts.after(changes)?,
            failed: self.failed.after(changes, failed)?,
            stuck: self.stuck.after(changes, under(Heading::Stuck))?,
            people: self.people.after(changes, under(Heading::People))?,
            unclaimed: self.unclaimed.after(changes, under(Heading::Unclaimed))?,
            at_work: self.at_work.after(changes, under(Heading::AtWork))?,
            waiting: self.waiting.after(changes, waits_for_others)?,
            reports: self.reports.after(changes, waits_for_reports)?,
            ended: self.ended.after(changes, ended)?,
            goals: self.goals.after(changes, Goal::rows)?,
        })
    }

    /// Sets the facts about a file of summaries.
    pub fn note(&mut self, shard: &str, facts: ShardFacts) {
        if facts == ShardFacts::default() {
            self.shards.remove(shard);
        } else {
            self.shards.insert(shard.to_owned(), facts);
        }
    }

    /// The next deadline.
    pub fn next_deadline(&self) -> Option<Time> {
        self.shards.values().filter_map(|facts| facts.due).min()
    }

    /// Since when the oldest concern of this kind has existed.
    pub fn oldest(&self, concern: Concern) -> Option<Time> {
        let shards = self.shards.values();
        shards
            .filter_map(|facts| facts.oldest.get(&concern).copied())
            .min()
    }

    /// What open executions wait for, in order: the first rows, and the number of all.
    pub fn waits(&self) -> Listed<Waiting> {
        let both = self.waiting.first.iter().chain(&self.reports.first);
        let mut first: Vec<Waiting> = both.cloned().collect();
        first.sort_by_cached_key(Row::rank);
        first.truncate(Waiting::MOST);
        let count = self.waiting.count + self.reports.count;
        Listed { first, count }
    }
}

impl ShardFacts {
    /// The facts about a file with these summaries.
    pub fn of<'a>(lines: impl Iterator<Item = &'a Summary>) -> ShardFacts {
        let mut facts = ShardFacts::default();
        for line in lines {
            facts.due = [facts.due, line.due].into_iter().flatten().min();
            facts.has_errors |= line.has_errors;
            facts.selects |= line.goal.as_ref().is_some_and(|goal| goal.selects);
            for (concern, since) in line.run.iter().flat_map(wanted) {
                let oldest = facts.oldest.get(&concern).copied();
                if let Some(oldest) = [oldest, since].into_iter().flatten().min() {
                    facts.oldest.insert(concern, oldest);
                }
            }
            if let Some(run) = line.open_run() {
                facts.has_open = true;
                facts.is_unbound |= run.is_unbound;
                facts.awaits_commit |= run.awaits_commit;
                facts.awaits_clone |= run.awaits_clone;
            }
        }
        facts
    }
}

/// A row of a table.
pub trait Row: Clone {
    /// The order of rows; equal rows of one resource keep their order.
    type Rank: Ord;
    /// Maximum number of rows that are kept.
    const MOST: usize;
    /// The resource of the row.
    fn owner(&self) -> &Key;
    /// See [`Row::Rank`].
    fn rank(&self) -> Self::Rank;
}

impl Row for Standing {
    type Rank = Key;
    const MOST: usize = MAX_ROWS;

    fn owner(&self) -> &Key {
        &self.run
    }

    fn rank(&self) -> Key {
        self.run.clone()
    }
}

impl Row for Waiting {
    type Rank = (Key, Option<String>);
    const MOST: usize = MAX_ROWS;

    fn owner(&self) -> &Key {
        &self.execution
    }

    fn rank(&self) -> (Key, Option<String>) {
        (self.execution.clone(), self.node.clone())
    }
}

impl Row for Ended {
    type Rank = (Reverse<Option<Time>>, Key);
    const MOST: usize = MAX_ENDED;

    fn owner(&self) -> &Key {
        &self.run
    }

    fn rank(&self) -> (Reverse<Option<Time>>, Key) {
        (Reverse(self.end), self.run.clone())
    }
}

impl Row for Goal {
    type Rank = Key;
    const MOST: usize = MAX_ROWS;

    fn owner(&self) -> &Key {
        &self.goal
    }

    fn rank(&self) -> Key {
        self.goal.clone()
    }
}

impl Standing {
    /// The number of its finally failed nodes.
    pub fn failed(&self) -> usize {
        self.progress.as_ref().map_or(0, |progress| progress.failed)
    }
}

/// The concerns of an execution, with the times.
fn wanted(run: &RunSummary) -> impl Iterator<Item = (Concern, Option<Time>)> {
    let failed = has_failed(run).then_some((Concern::Failed, run.end));
    let waits = run.waits.iter();
    let waits = waits.map(|wait| (Concern::of(&wait.what), wait.since));
    let nodes = std::iter::repeat_n((Concern::FailedNode, None), failed_nodes(run));
    failed.into_iter().chain(nodes).chain(waits)
}

/// The number of finally failed nodes in an open run.
fn failed_nodes(run: &RunSummary) -> usize {
    run.progress.as_ref().map_or(0, |progress| progress.failed)
}

/// Whether it can be retried, which needs its file.
fn has_failed(run: &RunSummary) -> bool {
    run.phase == ExecutionPhase::Failed && !run.is_gone
}

impl Counts {
    fn of(lines: &[&Summary]) -> Counts {
        let mut counts = Counts::default();
        for run in lines.iter().filter_map(|line| line.run.as_ref()) {
            counts.add(run);
        }
        counts
    }

    /// Something waits for something else than was counted: what is in its way for the moment is still to be done.
    pub fn changes(&mut self, before: &WaitingFor, now: &WaitingFor) {
        if !matches!(now, WaitingFor::Report { .. }) {
            return;
        }
        if let Some(count) = self.wanted.get_mut(&Concern::of(before)) {
            *count = count.saturating_sub(1);
        }
        *self.wanted.entry(Concern::of(now)).or_default() += 1;
        self.wanted.retain(|_, count| *count > 0);
    }

    fn add(&mut self, run: &RunSummary) {
        *self.phases.entry(run.phase).or_default() += 1;
        for (concern, _) in wanted(run) {
            *self.wanted.entry(concern).or_default() += 1;
        }
    }

    /// The numbers after some changes; `None` if an old summary was not counted.
    fn after(&self, changes: &[Changed<'_>]) -> Option<Counts> {
        let mut counts = self.clone();
        for run in changes.iter().filter_map(|change| change.0?.run.as_ref()) {
            let phase = counts.phases.get_mut(&run.phase)?;
            *phase = phase.checked_sub(1)?;
            for (concern, _) in wanted(run) {
                let count = counts.wanted.get_mut(&concern)?;
                *count = count.checked_sub(1)?;
            }
        }
        for run in changes.iter().filter_map(|change| change.1?.run.as_ref()) {
            counts.add(run);
        }
        counts.phases.retain(|_, count| *count > 0);
        counts.wanted.retain(|_, count| *count > 0);
        Some(counts)
    }
}

/// The row of an open execution, if it belongs under this heading.
fn under(heading: Heading) -> impl Fn(&Summary) -> Vec<Standing> {
    move |line| {
        let run = line.open_run().into_iter();
        let rows = run.filter_map(|run| {
            let mut waits: Vec<&Wait> = run.waits.iter().collect();
            waits.sort_by_key(|wait| Concern::of(&wait.what));
            let first = waits.first().map(|wait| Concern::of(&wait.what).heading());
            let failed = (failed_nodes(run) > 0).then(|| Concern::FailedNode.heading());
            let first = first.into_iter().chain(failed).min();
            (first.unwrap_or(Heading::AtWork) == heading).then(|| Standing {
                run: line.key(),
                progress: run.progress.clone(),
                start: run.start,
                more: waits.len().saturating_sub(WAITS_SHOWN),
                waits: waits.into_iter().take(WAITS_SHOWN).cloned().collect(),
            })
        });
        rows.collect()
    }
}

fn failed(line: &Summary) -> Vec<Ended> {
    Ended::rows(line, has_failed)
}

fn ended(line: &Summary) -> Vec<Ended> {
    Ended::rows(line, |run| run.phase.is_terminal() && !has_failed(run))
}

impl Ended {
    fn rows(line: &Summary, is_meant: impl Fn(&RunSummary) -> bool) -> Vec<Ended> {
        let meant = line.run.iter().filter(|run| is_meant(run));
        let rows = meant.map(|run| Ended {
            run: line.key(),
            phase: run.phase,
            end: run.end,
            why: run.why.clone(),
        });
        rows.collect()
    }
}

impl Goal {
    fn rows(line: &Summary) -> Vec<Goal> {
        let goals = line.goal.iter().map(|goal| Goal {
            goal: line.key(),
            summary: goal.clone(),
        });
        goals.collect()
    }
}

fn waits_for_reports(line: &Summary) -> Vec<Waiting> {
    waits(line, |what| matches!(what, WaitingFor::Report { .. }))
}

fn waits_for_others(line: &Summary) -> Vec<Waiting> {
    waits(line, |what| !matches!(what, WaitingFor::Report { .. }))
}

fn waits(line: &Summary, is_meant: impl Fn(&WaitingFor) -> bool) -> Vec<Waiting> {
    let waits = line.run.iter().flat_map(|run| &run.waits);
    let meant = waits.filter(|wait| is_meant(&wait.what));
    meant.map(|wait| wait.of(&line.key())).collect()
}

impl<T> Default for Listed<T> {
    fn default() -> Listed<T> {
        Listed {
            first: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Listed<T> {
    /// The number of rows that are not shown.
    pub fn more(&self) -> usize {
        self.count.saturating_sub(self.first.len())
    }
}

impl<T: Row> Listed<T> {
    fn of(lines: &[&Summary], rows: impl Fn(&Summary) -> Vec<T>) -> Listed<T> {
        let mut rows: Vec<T> = lines.iter().flat_map(|line| rows(line)).collect();
        let count = rows.len();
        rows.sort_by_cached_key(Row::rank);
        rows.truncate(T::MOST);
        Listed { first: rows, count }
    }

    /// The table after some changes; `None` if a row of an unchanged summary may have to
    /// move up.
    fn after(
        &self,
        changes: &[Changed<'_>],
        rows: impl Fn(&Summary) -> Vec<T>,
    ) -> Option<Listed<T>> {
        let before = changes.iter().filter_map(|change| change.0);
        let gone: usize = before.map(|line| rows(line).len()).sum();
        let now = changes.iter().filter_map(|change| change.1);
        let new: Vec<T> = now.flat_map(rows).collect();
        if gone == 0 && new.is_empty() {
            return Some(self.clone());
        }
        let count = (self.count + new.len()).checked_sub(gone)?;
        let lines = changes.iter().filter_map(|change| change.0.or(change.1));
        let changed: BTreeSet<Key> = lines.map(Summary::key).collect();
        let kept = self
            .first
            .iter()
            .filter(|row| !changed.contains(row.owner()));
        let mut first: Vec<T> = kept.cloned().chain(new).collect();
        first.sort_by_cached_key(Row::rank);
        if count.checked_sub(first.len())? > 0 {
            // Unknown rows come after the last known one.
            let last = self.first.last()?.rank();
            let certain = first.iter().take_while(|row| row.rank() <= last);
            if certain.count() < T::MOST {
                return None;
            }
        }
        first.truncate(T::MOST);
        Some(Listed { first, count })
    }
}
