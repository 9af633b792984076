//! What has been promised, and what the status has become: each status commit is compared with the one before it, as soon as
//! it is there.

use std::collections::{BTreeMap, BTreeSet};

use planspec::core::base::source::{Content, SourceFile};
use planspec::core::repository::config::Config;
use planspec::core::repository::snapshot::Snapshot;
use planspec::core::resource::{
    ExecutionPhase, ExecutionStatus, GraphSpec, Key, Kind, NodePhase, NodeStatus, Time,
};
use planspec::core::run::record::{Action, Received, RequestKind};
use planspec::core::run::status::{HIGH_WATER, StatusFile, key_at};
use planspec::git::{Repo, read, refs, status_branch};
use planspec::service::status::StatusReader;
use planspec::service::store::Store;

use super::State;
use super::plans;

pub const STATUS: &str = "refs/heads/planspec/status";
/// So many records that could not be applied are listed.
const LISTED: usize = 20;

/// A record whose sender was told that it was sent.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub record: String,
    pub what: String,
}

/// An attempt at a node of a run.
type Attempt = (String, String, u32);

/// What is known.
pub struct Ledger {
    graphs: BTreeMap<String, GraphSpec>,
    /// The newest status commit that was checked.
    tip: Option<String>,
    sequence: u64,
    time: Option<Time>,
    commits: u64,
    runs: BTreeMap<Key, StatusFile>,
    /// Who holds an attempt, as the status says.
    holders: BTreeMap<Attempt, String>,
    /// Who holds an attempt, as somebody was told.
    told: BTreeMap<Attempt, String>,
    pub acknowledged: Vec<Acknowledged>,
    /// Where the remote has put the status branch back to.
    put_back: Option<Option<String>>,
    /// Records that the remote has lost before they were taken in.
    lost: BTreeSet<String>,
    /// Attempts whose refs it has lost.
    lost_attempts: BTreeSet<String>,
    /// How many executions were committed, and how many are to be.
    pub started: usize,
    pub wanted: usize,
}

/// A node, as the last status has it.
pub struct Known<'a> {
    pub run: &'a Key,
    pub id: &'a str,
    pub status: &'a NodeStatus,
}

impl Known<'_> {
    /// `NAMESPACE/EXECUTION/NODE`
    pub fn target(&self) -> String {
        format!("{}/{}", self.run.qualified(), self.id)
    }
}

impl Ledger {
    pub fn new(wanted: usize) -> Ledger {
        let files = plans::files().into_iter();
        let files = files.filter(|(path, _)| path.starts_with("planspec/"));
        let files: Vec<SourceFile> = files
            .map(|(path, text)| SourceFile {
                path,
                blob: String::new(),
                content: Content::Bytes(text.unwrap_or_default().into()),
            })
            .collect();
        let snapshot = Snapshot::build(&files, &Config::default());
        let graph = |name: &str| {
            let plan = snapshot.plan(&plans::key(Kind::Plan, name));
            plan.unwrap_or_else(|| panic!("{:?}", snapshot.diagnostics()))
                .graph
                .clone()
        };
        Ledger {
            graphs: plans::names()
                .map(|name| (name.to_owned(), graph(name)))
                .collect(),
            tip: None,
            sequence: 0,
            time: None,
            commits: 0,
            runs: BTreeMap::new(),
            holders: BTreeMap::new(),
            told: BTreeMap::new(),
            acknowledged: Vec::new(),
            put_back: None,
            lost: BTreeSet::new(),
            lost_attempts: BTreeSet::new(),
            started: 0,
            wanted,
        }
    }

    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Whether the remote has put the status branch back, and nobody has restored it.
    pub fn is_put_back(&self) -> bool {
        self.put_back.is_some()
    }

    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The runs that go on.
    pub fn open(&self) -> Vec<String> {
        let statuses = self.executions();
        let open = statuses.filter(|(_, run)| !run.phase.is_terminal());
        let open = open.map(|(key, run)| {
            let nodes = run.node_statuses.iter();
            let nodes = nodes.filter(|(_, node)| !node.phase.is_terminal());
            let nodes =
                nodes.map(|(id, node)| format!("{id} {} {}", node.attempt, node.standing()));
            let nodes: Vec<String> = nodes.collect();
            format!("{key} {} ({})", run.phase, nodes.join("; "))
        });
        open.collect()
    }

    /// Whether every run that was committed is over.
    pub fn is_over(&self) -> bool {
        self.put_back.is_none() && self.runs.len() >= self.started && self.open().is_empty()
    }

    fn executions(&self) -> impl Iterator<Item = (&Key, &ExecutionStatus)> {
        let runs = self.runs.iter();
        runs.filter_map(|(key, file)| Some((key, file.status.execution()?)))
    }

    /// The runs that are there, over or not.
    pub fn names(&self) -> Vec<(String, ExecutionPhase)> {
        let all = self.executions();
        all.map(|(key, run)| (key.qualified(), run.phase)).collect()
    }

    /// The nodes of all runs that fit.
    pub fn nodes(&self, fits: impl Fn(&NodeStatus, &ExecutionStatus) -> bool) -> Vec<Known<'_>> {
        let all = self.executions().flat_map(|(run, status)| {
            let nodes = status.node_statuses.iter();
            nodes.map(move |(id, node)| {
                (
                    Known {
                        run,
                        id,
                        status: node,
                    },
                    status,
                )
            })
        });
        all.filter(|(node, run)| fits(node.status, run))
            .map(|(node, _)| node)
            .collect()
    }

    /// Somebody was told that a record was sent; for a claim, that they hold an attempt.
    pub fn acknowledge(
        &mut self,
        record: &str,
        what: &str,
        claim: Option<(Attempt, String)>,
    ) -> Result<(), String> {
        self.acknowledged.push(Acknowledged {
            record: record.to_owned(),
            what: what.to_owned(),
        });
        let Some((attempt, claim)) = claim else {
            return Ok(());
        };
        let (uid, node, number) = &attempt;
        let is_lost = self.lost_attempts.iter().any(|name| {
            name.contains(uid.as_str()) && name.ends_with(&format!("/{node}/{number}"))
        });
        match self.told.insert(attempt.clone(), claim.clone()) {
            Some(other) if other != claim && !is_lost => Err(format!(
                "attempt {attempt:?} is held twice: by {other}, and by {claim}"
            )),
            _ => Ok(()),
        }
    }
}

/// Look at what has become of the status.
pub fn look(hub: &Store, state: &mut State) -> Result<(), String> {
    let tip = refs::get(&hub.repo, STATUS).map_err(|error| error.to_string())?;
    let ledger = &mut state.ledger;
    if ledger.put_back.as_ref() == Some(&tip) || ledger.tip == tip {
        return Ok(());
    }
    let Some(tip) = tip else {
        return Err("the status branch is gone".to_owned());
    };
    let known = ledger.tip.clone();
    let new = status_branch::since(&hub.repo, known.as_deref(), &tip, usize::MAX);
    let new = new.map_err(|error| error.to_string())?;
    if let Some(known) = &known
        && !hub
            .repo
            .is_ancestor(known, &tip)
            .map_err(|error| error.to_string())?
    {
        return Err(format!(
            "the status went back: {tip} does not follow {known}"
        ));
    }
    ledger.put_back = None;
    for commit in &new {
        let found = check(hub, ledger, commit);
        found.map_err(|why| format!("status commit {commit}: {why}"))?;
        ledger.commits += 1;
        ledger.tip = Some(commit.clone());
    }
    let (sequence, count) = (ledger.sequence, new.len());
    state.tell(|| format!("the status has {count} new commits, up to {sequence}"));
    Ok(())
}

fn said<E: std::fmt::Debug>(error: E) -> String {
    format!("{error:?}")
}

/// Compare a status commit with the one before it.
fn check(hub: &Store, ledger: &mut Ledger, commit: &str) -> Result<(), String> {
    let status = StatusReader::at(&hub.repo, commit).map_err(said)?;
    let is_restored = status.commit().restores.is_some();
    let parent = status.commit().parent.clone();
    if parent != ledger.tip {
        return Err(format!("it follows {parent:?}, and not {:?}", ledger.tip));
    }
    if status.sequence() <= ledger.sequence {
        let (now, before) = (status.sequence(), ledger.sequence);
        return Err(format!("sequence {now} after {before}"));
    }
    if ledger.time.is_some_and(|before| status.time() < before) && !is_restored {
        return Err("it is earlier than the one before".to_owned());
    }
    ledger.sequence = status.sequence();
    ledger.time = Some(status.time());
    let changed = read::changed_ids(&hub.repo, parent.as_deref(), commit).map_err(said)?;
    let keys = changed.keys().filter_map(|path| key_at(path));
    let keys: BTreeSet<Key> = keys.filter(|key| key.kind == Kind::Execution).collect();
    let files = status.files(&keys).map_err(said)?;
    if let Some(key) = keys.iter().find(|key| !files.contains_key(*key)) {
        return Err(format!("{key} is gone"));
    }
    if is_restored {
        ledger.holders.clear();
        ledger.told.clear();
    }
    for (key, file) in files {
        let before = ledger.runs.get(&key).filter(|_| !is_restored).cloned();
        let run = Compared {
            hub,
            before: before.as_ref(),
            after: &file,
        };
        run.check(ledger).map_err(|why| format!("{key}: {why}"))?;
        ledger.runs.insert(key, file);
    }
    Ok(())
}

/// A run in two statuses.
struct Compared<'a> {
    hub: &'a Store,
    before: Option<&'a StatusFile>,
    after: &'a StatusFile,
}

impl Compared<'_> {
    fn check(&self, ledger: &mut Ledger) -> Result<(), String> {
        let after = self.after.status.execution().ok_or("it is no run")?;
        let before = self.before.and_then(|file| file.status.execution());
        if let Some(file) = self.before.filter(|file| file.uid != self.after.uid) {
            return Err(format!(
                "its uid was {}, and is {}",
                file.uid, self.after.uid
            ));
        }
        let retries = |run: &ExecutionStatus| run.extensions.run_attempt;
        if let Some(before) = before
            && before.phase.is_terminal()
            && !after.phase.is_terminal()
            && retries(before) == retries(after)
        {
            return Err(format!("it was {}, and is {}", before.phase, after.phase));
        }
        for (id, node) in &after.node_statuses {
            let was = before.and_then(|run| run.node_statuses.get(id));
            self.check_node(ledger, after, (id, node, was))?;
        }
        self.check_records(before, after)
    }

    fn check_node(
        &self,
        ledger: &mut Ledger,
        run: &ExecutionStatus,
        (id, node, was): (&str, &NodeStatus, Option<&NodeStatus>),
    ) -> Result<(), String> {
        let attempt_before = was.map_or(0, |was| was.attempt);
        if node.attempt < attempt_before {
            return Err(format!(
                "{id} was at attempt {attempt_before}, and is at {}",
                node.attempt
            ));
        }
        if let Some(claim) = &node.extensions.claim {
            let attempt = (self.after.uid.clone(), id.to_owned(), node.attempt);
            let holder = ledger.holders.insert(attempt, claim.record.clone());
            if let Some(other) = holder.filter(|other| *other != claim.record) {
                return Err(format!(
                    "attempt {} of {id} is held twice: by {other}, and by {}",
                    node.attempt, claim.record
                ));
            }
        }
        let begins =
            |node: &NodeStatus| matches!(node.phase, NodePhase::Running | NodePhase::Succeeded);
        let is_new = !was.is_some_and(begins) || attempt_before != node.attempt;
        if !begins(node) || !is_new {
            return Ok(());
        }
        let plan = run
            .extensions
            .pinned
            .as_ref()
            .map(|pinned| pinned.plan.name.as_str());
        let graph = plan.and_then(|plan| ledger.graphs.get(plan));
        let graph = graph.ok_or("it is pinned to no plan")?;
        for (other, is_hard) in plans::before(graph, id) {
            let other_status = run.node_statuses.get(other);
            let is_fine = other_status.is_some_and(|other| {
                if is_hard {
                    other.ended_well()
                } else {
                    other.phase.is_terminal()
                }
            });
            if !is_fine {
                let stands = other_status.map(NodeStatus::standing);
                return Err(format!(
                    "{id} is {} while {other} is {stands:?}",
                    node.phase
                ));
            }
        }
        Ok(())
    }

    /// What was taken in has an effect, or is listed with a reason.
    fn check_records(
        &self,
        before: Option<&ExecutionStatus>,
        after: &ExecutionStatus,
    ) -> Result<(), String> {
        let none = BTreeMap::new();
        let known = before.map_or(&none, |run| &run.extensions.records);
        let mut new: Vec<Received> = Vec::new();
        for (name, tip) in &after.extensions.records {
            if known.get(name) == Some(tip) {
                continue;
            }
            let read = self
                .hub
                .records(tip, known.get(name).map(String::as_str))
                .map_err(said)?;
            let (records, is_rewritten) =
                read.map_err(|why| format!("{name} was taken in: {why}"))?;
            // Then only that is listed, and nothing on the ref is trusted.
            if !is_rewritten {
                new.extend(records);
            }
        }
        if new.is_empty() || after.extensions.unapplied.len() >= LISTED {
            return Ok(());
        }
        let mut without = after.clone();
        without.extensions.records.clear();
        let text = serde_json::to_string(&without).map_err(said)?;
        for received in &new {
            if !text.contains(&received.id) && !self.may_leave_no_trace(received, &new, after) {
                return Err(format!(
                    "{} {} of {} was taken in, has no effect and is not listed",
                    received.record.action.word(),
                    received.id,
                    received.record.actor
                ));
            }
        }
        Ok(())
    }

    /// Whether a record can have had an effect of which nothing is left in the same commit.
    fn may_leave_no_trace(
        &self,
        received: &Received,
        new: &[Received],
        after: &ExecutionStatus,
    ) -> bool {
        let is_retried = new
            .iter()
            .any(|one| matches!(one.record.action, Action::Request { .. }));
        let node = received
            .record
            .action
            .node()
            .and_then(|node| after.node_statuses.get(node));
        match &received.record.action {
            // What came of a claim that ended at once is the report, or the next attempt.
            Action::Claim { attempt, .. } => node.is_some_and(|node| {
                node.attempt > *attempt
                    || node.phase.is_terminal()
                    || node.extensions.report.is_some()
            }),
            Action::Renewal { .. } | Action::Release { .. } => true,
            Action::Report { .. } => is_retried,
            // A run that is cancelled already stays so.
            Action::Request { request, .. } => {
                *request == RequestKind::Cancel && after.extensions.cancelled_by.is_some()
            }
            // A newer one of the same reviewer counts.
            Action::Review { .. } => new.iter().any(|one| {
                one.id != received.id
                    && one.record.actor == received.record.actor
                    && matches!(one.record.action, Action::Review { .. })
            }),
            _ => false,
        }
    }
}

/// The remote puts a ref back to where it was, or loses it.
pub fn rewind(hub: &Repo, state: &mut State) {
    let is_status = state.chance.happens(300);
    if is_status {
        put_status_back(hub, state);
    } else {
        lose_record(hub, state);
    }
}

fn put_status_back(hub: &Repo, state: &mut State) {
    let Some(tip) = state
        .ledger
        .tip
        .clone()
        .filter(|_| state.ledger.put_back.is_none())
    else {
        return;
    };
    if refs::get(hub, HIGH_WATER).unwrap().as_ref() != Some(&tip) {
        return;
    }
    let mut to = tip.clone();
    for _ in 0..=state.chance.below(3) {
        if let Ok(status) = StatusReader::at(hub, &to)
            && let Some(parent) = status.commit().parent.clone()
        {
            to = parent;
        }
    }
    let is_lost = state.chance.happens(200);
    if is_lost {
        refs::delete(hub, STATUS, &tip).unwrap();
        state.ledger.put_back = Some(None);
    } else if to != tip {
        refs::compare_and_swap(hub, STATUS, Some(&tip), &to, "back").unwrap();
        state.ledger.put_back = Some(Some(to.clone()));
    } else {
        return;
    }
    state.figures.rewound += 1;
    state.tell(|| format!("REWIND the status from {tip} to {to} (gone: {is_lost})"));
}

/// One ref of the inbox goes back by a record, or is gone.
fn lose_record(hub: &Repo, state: &mut State) {
    let all = refs::list(hub, "refs/planspec/work/").unwrap();
    let all: Vec<(String, String)> = all.into_iter().collect();
    let Some((name, tip)) = state.chance.one_of(&all).cloned() else {
        return;
    };
    let chain = chain(hub, &tip);
    let back_to = chain.get(1).filter(|_| state.chance.happens(500));
    match back_to {
        Some(to) => refs::compare_and_swap(hub, &name, Some(&tip), to, "back").unwrap(),
        None => refs::delete(hub, &name, &tip).unwrap(),
    };
    let kept = back_to.map_or(&[][..], |_| &chain[1..]);
    let gone = chain.iter().filter(|id| !kept.contains(id)).cloned();
    state.ledger.lost.extend(gone);
    state.ledger.lost_attempts.insert(name.clone());
    state.figures.rewound += 1;
    state.tell(|| format!("REWIND {name} from {tip} to {back_to:?}"));
}

/// A record and those before it, newest first.
fn chain(hub: &Repo, tip: &str) -> Vec<String> {
    let behind = planspec::git::inbox::behind(hub, tip).unwrap();
    std::iter::once(tip.to_owned()).chain(behind).collect()
}

/// Every record that was acknowledged is part of the status, or was lost by the remote before that.
pub fn check_acknowledged(hub: &Repo, ledger: &Ledger) -> Result<(), String> {
    let Some(tip) = &ledger.tip else {
        return match ledger.acknowledged.first() {
            None => Ok(()),
            Some(one) => Err(format!("{} {} is in no status", one.what, one.record)),
        };
    };
    let history = hub.history(tip).map_err(said)?;
    let is_kept =
        |one: &&Acknowledged| !history.contains(&one.record) && !ledger.lost.contains(&one.record);
    match ledger.acknowledged.iter().find(is_kept) {
        None => Ok(()),
        Some(one) => Err(format!(
            "acknowledged and lost: {} {}",
            one.what, one.record
        )),
    }
}
