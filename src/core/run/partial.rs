//! Incremental reconcile: examines only what may change, and reads nothing else. The result is that of a full
//! reconcile: the simulated world compares the two every time.
//!
//! A resource may change if its file, or the meaning of its file for others, changed, if it has new
//! records, if a deadline has passed, or if something changed that its status depends on. All of these
//! are decided together with the statuses that they depend on; what changed then is
//! followed further until nothing more may change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::definitions::Elsewhere;
use crate::core::repository::facts::{Facts, HIDDEN, key_of};
use crate::core::repository::index::{Damaged, Index, Pages};
use crate::core::repository::manifest::Manifest;
use crate::core::repository::reach::{self, FileChange};
use crate::core::repository::referral::Referral;
use crate::core::repository::snapshot::{Snapshot, manifests};
use crate::core::resource::{ExecutionStatus, Key, Kind, Time};
use crate::core::run::archive::{self, Archived};
use crate::core::run::asked::RefusedRef;
use crate::core::run::controllers::execution::Pins;
use crate::core::run::controllers::{Artifacts, Authors, Listed, Merged, Touches, binding};
use crate::core::run::reconcile::{self, Decision, Inputs, Reconciliation};
use crate::core::run::record::{Address, Incoming};
use crate::core::run::status::{ControllerState, DECISIONS, StatusFile, StatusTree};
use crate::core::run::summary::lines::{Summaries, shard_of_needed};
use crate::core::run::summary::lookup::{Lookup, Shards};
use crate::core::run::summary::{GateOfRun, RunSummary, Summary, needed_blob};

/// With more errors than these, everything is examined, since each is reported again.
const MOST_ERRORS: usize = 200;

/// No resources left the configured paths.
static NOTHING_LEFT: BTreeMap<Key, String> = BTreeMap::new();

/// Content of blobs, by object id.
pub type Blobs = BTreeMap<String, Arc<[u8]>>;

/// Reads files and statuses.
pub trait Reader {
    /// Errors of reading.
    type Error: From<Damaged>;

    /// Returns files of the spec commit, by path and version, in the order of paths.
    ///
    /// # Errors
    /// They cannot be read.
    fn files(&self, files: &BTreeMap<String, String>) -> Result<Vec<SourceFile>, Self::Error>;

    /// Returns the statuses of these resources, if they exist, with the pinned blobs of their runs.
    ///
    /// # Errors
    /// They cannot be read.
    fn statuses(
        &self,
        keys: &BTreeSet<Key>,
    ) -> Result<(BTreeMap<Key, StatusFile>, Blobs), Self::Error>;

    /// Returns what remains of these executions, if they are archived.
    ///
    /// # Errors
    /// They cannot be read.
    fn archived(&self, keys: &BTreeSet<Key>) -> Result<Archived, Self::Error>;
}

/// The input of the decision, besides what is read.
pub struct Change<'a, P, S> {
    /// The index of the spec commit.
    pub index: &'a Index<P>,
    /// The files that differ in the observed commit, as they are there.
    pub before: &'a [FileChange],
    /// The configuration, which is the same in the observed commit.
    pub config: &'a Config,
    /// The spec commit.
    pub commit: &'a str,
    /// The present state of the controller.
    pub old: &'a ControllerState,
    /// The summaries of the status.
    pub lines: &'a Lookup<'a, S>,
    /// What is new in the inbox.
    pub incoming: &'a [Incoming],
    /// Inbox refs with something else than records.
    pub refused: &'a BTreeMap<Address, RefusedRef>,
    /// Returns the authors of a file.
    pub authors: &'a Authors<'a>,
    /// Whether the spec commit has a file.
    pub artifact: &'a Artifacts<'a>,
    /// Whether a commit is part of the spec branch.
    pub merged: &'a Merged<'a>,
    /// The paths that a commit changes relative to the spec branch.
    pub touched: &'a Touches<'a>,
    /// Whether the spec commit lists the key of a signature; the observed commit lists the same keys.
    pub listed: &'a Listed<'a>,
    /// The time to use as now.
    pub now: Time,
}

/// The result of an incremental reconcile.
pub struct Partial {
    /// The decision. Its tree has the statuses that were read.
    pub decision: Reconciliation,
    /// The status before, as far as it was read.
    pub old: StatusTree,
    /// The resources that were read.
    pub snapshot: Snapshot,
    /// The resources among them whose findings are complete.
    pub judged: BTreeSet<Key>,
}

impl Partial {
    /// The difference from a full decision with the complete status `old`;
    /// `None` if they agree.
    pub fn differs_from(&self, whole: &Reconciliation, old: &StatusTree) -> Option<String> {
        let decision = &self.decision;
        let new = &decision.tree;
        let read = self.old.files.keys().chain(new.files.keys());
        let read: BTreeSet<&Key> = read.collect();
        let in_part = |key: &Key| {
            let files = if read.contains(key) { new } else { old };
            files.files.get(key)
        };
        let mut keys = whole.tree.files.keys().chain(old.files.keys());
        if let Some(key) = keys.find(|key| in_part(key) != whole.tree.files.get(*key)) {
            return Some(key.to_string());
        }
        let unread = old.pinned.difference(&self.old.pinned);
        let pins: BTreeSet<&String> = unread.chain(&new.pinned).collect();
        let is_same = [
            (
                "what runs are pinned to",
                pins == whole.tree.pinned.iter().collect(),
            ),
            ("the transitions", decision.transitions == whole.transitions),
            ("the evidence", decision.evidence == whole.evidence),
            ("what has come by itself", decision.fired == whole.fired),
            (
                "whether there is a change",
                decision.changed == whole.changed,
            ),
            ("the controller", new.controller == whole.tree.controller),
            (
                "the summaries",
                new.summaries
                    .is_part_of(&whole.tree.summaries, &old.summaries),
            ),
        ];
        let other = is_same.into_iter().find(|(_, is_same)| !is_same);
        other.map(|(what, _)| what.to_owned())
    }
}

/// Whether an incremental decision may be possible; [`reconcile()`] also needs an index.
pub fn may_be_partial(controller: &ControllerState) -> bool {
    controller.has_summaries()
        && controller.decisions == DECISIONS
        && controller.rewritten_at.is_none()
        // While a file is unreadable, it is unknown what is gone.
        && controller.findings.is_empty()
}

/// Decides; `None` if everything must be examined.
///
/// # Errors
/// The index is damaged, or something cannot be read.
pub fn reconcile<P: Pages, R: Reader, S: Shards>(
    change: &Change<'_, P, S>,
    reader: &R,
) -> Result<Option<Partial>, R::Error>
where
    R::Error: From<S::Error>,
{
    let hides = |file: &FileChange| {
        let facts = file.now.iter().map(|(_, facts)| facts);
        facts
            .flat_map(Facts::defined)
            .any(|(kind, _)| kind == HIDDEN)
    };
    let is_sound = may_be_partial(change.old)
        // If no resource is left, a full reconcile must decide.
        && change.index.count_resources() > 0
        && change.index.hiding()?.is_empty()
        && !change.before.iter().any(hides)
        // They may concern every execution.
        && !change.incoming.iter().any(archive::is_of_repository);
    let lines = change.lines.lines_where(|facts| facts.has_errors)?;
    let faulty = lines.iter().filter(|line| line.has_errors);
    let faulty: BTreeSet<Key> = faulty.map(|line| line.key()).collect();
    if !is_sound || faulty.len() > MOST_ERRORS {
        return Ok(None);
    }
    let mut attempt = Attempt {
        change,
        reader,
        parsed: BTreeMap::new(),
    };
    let mut only = attempt.first()?;
    loop {
        let Some(context) = attempt.context(&only, &faulty)? else {
            return Ok(None);
        };
        let pinned = attempt.pinned(&context);
        let inputs = attempt.inputs(&only, &context, &pinned);
        let decision = reconcile::decide(&inputs);
        let mut more = attempt.influenced(&context, &decision.files)?;
        more.retain(|key| !only.contains(key));
        if !more.is_empty() {
            only.extend(more);
            continue;
        }
        let (old, decision) = attempt.finish(&inputs, decision, &context)?;
        only.extend(faulty);
        return Ok(Some(Partial {
            decision,
            old,
            snapshot: context.snapshot,
            judged: only,
        }));
    }
}

struct Attempt<'a, P, R, S> {
    change: &'a Change<'a, P, S>,
    reader: &'a R,
    /// The files that were read.
    parsed: BTreeMap<String, (SourceFile, Manifest)>,
}

/// The input for the examined resources.
struct Context {
    snapshot: Snapshot,
    /// The present status, as far as it was read; without its summaries.
    old: StatusTree,
    blobs: Blobs,
}

impl<P: Pages, R: Reader, S: Shards> Attempt<'_, P, R, S>
where
    R::Error: From<S::Error>,
{
    /// The resources to examine first.
    fn first(&self) -> Result<BTreeSet<Key>, R::Error> {
        let change = self.change;
        let mut only: BTreeSet<Key> = BTreeSet::new();
        for path in reach::reach(change.index, change.before)?.affected {
            let row = change.index.row(&path)?;
            only.extend(row.iter().flat_map(|row| row.facts.keys()));
        }
        let (changed, seen_by_others) = self.changed()?;
        let is_supply = |key: &Key| matches!(key.kind, Kind::Binding | Kind::Capability);
        let has_supply = seen_by_others.iter().any(is_supply);
        let dependents = self.dependents(&seen_by_others)?;
        for plan in changed.iter().filter(|key| key.kind == Kind::Plan) {
            let runs = self.referrers(plan, |by| by.by == Kind::Execution)?;
            only.extend(self.not_over(runs)?);
            let name = plan.qualified();
            let pinned = change.lines.users(plan)?.into_iter().filter(|line| {
                let run = line.open_run();
                run.is_some_and(|run| run.plan.as_ref() == Some(&name))
            });
            only.extend(pinned.map(|line| line.key()));
        }
        let addresses = change.incoming.iter().map(|incoming| &incoming.address);
        for address in addresses.chain(change.refused.keys()) {
            only.extend(change.lines.run_at(address)?.map(|line| line.key()));
        }
        only.extend(self.moved_from_outside(has_supply)?);
        only.extend(changed);
        only.extend(dependents);
        Ok(only)
    }

    /// The resources with a passed deadline, and those that wait for the next commit, for another clone, or for a
    /// target if any binding or capability changed.
    fn moved_from_outside(&self, has_supply: bool) -> Result<BTreeSet<Key>, R::Error> {
        let change = self.change;
        let is_another_commit = change.old.observed_commit != change.commit;
        let is_due = |due: Option<Time>| due.is_some_and(|due| due <= change.now);
        let lines = change.lines.lines_where(|facts| {
            is_due(facts.due)
                || (facts.is_unbound && has_supply)
                || (facts.awaits_commit && is_another_commit)
                || facts.awaits_clone
        })?;
        let moved = lines.iter().filter(|line| {
            let is_moved = line.open_run().is_some_and(|run| {
                (run.is_unbound && has_supply)
                    || (run.awaits_commit && is_another_commit)
                    || run.awaits_clone
            });
            is_moved || is_due(line.due)
        });
        Ok(moved.map(|line| line.key()).collect())
    }

    /// The resources that the changed files define or defined; and those of them that changed for others.
    fn changed(&self) -> Result<(BTreeSet<Key>, BTreeSet<Key>), Damaged> {
        let (mut changed, mut seen_by_others) = (BTreeSet::new(), BTreeSet::new());
        for file in self.change.before {
            let now = self.change.index.row(&file.path)?;
            let now = now.map(|row| row.facts).unwrap_or_default();
            let none = Facts::default();
            let before = file.now.as_ref().map_or(&none, |(_, facts)| facts);
            changed.extend(now.keys().chain(before.keys()));
            let lines = |facts: &Facts| -> BTreeSet<String> {
                facts.defines().lines().map(str::to_owned).collect()
            };
            for line in lines(&now).symmetric_difference(&lines(before)) {
                let mut words = line.split(' ');
                let named = words.next().zip(words.next());
                seen_by_others.extend(named.and_then(|(kind, name)| key_of(kind, name)));
            }
        }
        Ok((changed, seen_by_others))
    }

    /// All resources that depend on these, directly or indirectly, with them; and the goals and bindings that depend on
    /// any of them, before or now.
    fn dependents(&self, changed: &BTreeSet<Key>) -> Result<BTreeSet<Key>, R::Error> {
        let mut found = changed.clone();
        let mut open: Vec<Key> = changed.iter().cloned().collect();
        while let Some(key) = open.pop() {
            let referrers = self.referrers(&key, |_| true)?;
            for other in self.not_over(referrers)? {
                if found.insert(other.clone()) {
                    open.push(other);
                }
            }
        }
        let mut served = self.selecting(&found)?;
        for key in &found {
            if !matches!(key.kind, Kind::Plan | Kind::Execution) {
                continue;
            }
            for definer in self.change.index.definers_of(&key.qualified())? {
                let row = self.change.index.row(&definer.path)?.ok_or(Damaged)?;
                served.extend(served_by(key.kind, &row.facts));
            }
        }
        let before = self
            .change
            .before
            .iter()
            .filter_map(|file| file.now.as_ref());
        for (_, facts) in before {
            if facts.keys().any(|key| found.contains(&key)) {
                served.extend(served_by(Kind::Plan, facts));
                served.extend(served_by(Kind::Execution, facts));
            }
        }
        found.extend(served);
        Ok(found)
    }

    /// The goals that select plans by labels, if there are plans among these.
    fn selecting(&self, keys: &BTreeSet<Key>) -> Result<BTreeSet<Key>, R::Error> {
        let plans = keys.iter().filter(|key| key.kind == Kind::Plan);
        let namespaces: BTreeSet<&str> = plans.map(|key| key.namespace.as_str()).collect();
        if namespaces.is_empty() {
            return Ok(BTreeSet::new());
        }
        let lines = self.change.lines.lines_where(|facts| facts.selects)?;
        let goals = lines.iter().filter(|line| {
            let selects = line.goal.as_ref().is_some_and(|goal| goal.selects);
            selects && namespaces.contains(line.namespace.as_str())
        });
        Ok(goals.map(|line| line.key()).collect())
    }

    /// These keys without finished executions, which nothing affects any more.
    fn not_over(&self, keys: BTreeSet<Key>) -> Result<BTreeSet<Key>, R::Error> {
        let mut found = BTreeSet::new();
        for key in keys {
            let line = match key.kind {
                Kind::Execution => self.change.lines.line(&key)?,
                _ => None,
            };
            let run = line.as_ref().and_then(|line| line.run.as_ref());
            if !run.is_some_and(|run| run.phase.is_terminal()) {
                found.insert(key);
            }
        }
        Ok(found)
    }

    /// The resources that refer to one. If a file has several of a kind, all of them may.
    fn referrers(
        &self,
        key: &Key,
        is_meant: impl Fn(&Referral) -> bool,
    ) -> Result<BTreeSet<Key>, Damaged> {
        let mut found = BTreeSet::new();
        for by in self.change.index.referrers_of(&key.qualified())? {
            let referral = Referral::from_line(&by.what);
            let referral = referral.filter(|referral| {
                let kind = referral.field.map(|(_, kind)| kind);
                kind == Some(key.kind) && is_meant(referral)
            });
            let Some(referral) = referral else { continue };
            let row = self.change.index.row(&by.path)?.ok_or(Damaged)?;
            found.extend(row.facts.keys().filter(|key| key.kind == referral.by));
        }
        Ok(found)
    }

    /// Reads the input for some resources; `None` if that is not enough.
    fn context(
        &mut self,
        only: &BTreeSet<Key>,
        faulty: &BTreeSet<Key>,
    ) -> Result<Option<Context>, R::Error> {
        let mut roots: BTreeSet<Key> = only.union(faulty).cloned().collect();
        roots.extend(self.asked_by_projections(only)?);
        let mut statuses = self.runs_asked_for(only)?;
        loop {
            let (snapshot, mentioned) = self.snapshot(&roots)?;
            let is_loose = |one: &Diagnostic| one.is_error() && one.resource.is_none();
            if snapshot.diagnostics().iter().any(is_loose) {
                return Ok(None);
            }
            statuses.extend(roots.iter().chain(&mentioned).cloned());
            let (files, blobs) = self.reader.statuses(&statuses)?;
            let mut more = self.selected(only, &snapshot)?;
            more.extend(needed_by_pins(only, &files, &blobs, &snapshot));
            if more.is_subset(&roots) {
                let runs = statuses.iter().filter(|key| key.kind == Kind::Execution);
                let unknown = runs.filter(|key| !files.contains_key(key)).cloned();
                let old = StatusTree {
                    controller: self.change.old.clone(),
                    summaries: Summaries::default(),
                    pinned: blobs.keys().cloned().collect(),
                    archived: self.reader.archived(&unknown.collect())?,
                    files,
                };
                return Ok(Some(Context {
                    snapshot,
                    old,
                    blobs,
                }));
            }
            roots.extend(more);
        }
    }

    /// The plans that goals need, and the executions that bindings need.
    fn asked_by_projections(&self, only: &BTreeSet<Key>) -> Result<BTreeSet<Key>, R::Error> {
        let mut asked = BTreeSet::new();
        for key in only {
            let referrers = match key.kind {
                Kind::Goal => self.referrers(key, |by| by.by == Kind::Plan)?,
                Kind::Binding => self.referrers(key, |by| by.by == Kind::Execution)?,
                Kind::Plan | Kind::Capability | Kind::Gate | Kind::Execution => continue,
            };
            asked.extend(self.not_over(referrers)?);
        }
        Ok(asked)
    }

    /// The plans that goals may select.
    fn selected(
        &self,
        only: &BTreeSet<Key>,
        snapshot: &Snapshot,
    ) -> Result<BTreeSet<Key>, Damaged> {
        let goals = only.iter().filter(|key| {
            let selector = snapshot
                .goal(key)
                .and_then(|goal| goal.plan_selector.as_ref());
            selector.is_some_and(|selector| !selector.is_empty())
        });
        let namespaces: BTreeSet<&str> = goals.map(|key| key.namespace.as_str()).collect();
        if namespaces.is_empty() {
            return Ok(BTreeSet::new());
        }
        let names = self.change.index.names()?.into_iter();
        let keys = names.filter_map(|name| name.key());
        Ok(keys
            .filter(|key| key.kind == Kind::Plan && namespaces.contains(key.namespace.as_str()))
            .collect())
    }

    /// The runs that gates and goals need, which are only the few that decide; and the resources that runs follow.
    fn runs_asked_for(&self, only: &BTreeSet<Key>) -> Result<BTreeSet<Key>, R::Error> {
        let lines = self.change.lines;
        let mut asked = BTreeSet::new();
        for key in only {
            match key.kind {
                Kind::Gate => asked.extend(runs_of_gate(&lines.users(key)?, key, only)),
                Kind::Goal => asked.extend(runs_of_goal(&lines.users(key)?, key, only)),
                Kind::Execution => {
                    let line = lines.line(key)?;
                    let run = line.iter().filter_map(|line| line.run.as_ref());
                    asked.extend(run.flat_map(|run| run.follows.iter().cloned()));
                }
                Kind::Plan | Kind::Capability | Kind::Binding => {}
            }
        }
        Ok(asked)
    }

    /// Some resources with everything that they refer to, and the keys of all of these.
    fn snapshot(&mut self, roots: &BTreeSet<Key>) -> Result<(Snapshot, BTreeSet<Key>), R::Error> {
        let names: Vec<String> = roots.iter().map(Key::qualified).collect();
        let around = reach::surroundings(self.change.index, &names)?;
        let unread = around.files.iter();
        let unread: BTreeMap<String, String> = unread
            .filter(|(path, _)| !self.parsed.contains_key(*path))
            .map(|(path, version)| (path.clone(), version.clone()))
            .collect();
        let files = self.reader.files(&unread)?;
        let read = manifests(&files, self.change.config);
        for (file, manifest) in files.into_iter().zip(read) {
            self.parsed.insert(file.path.clone(), (file, manifest));
        }
        let (files, read): (Vec<SourceFile>, Vec<Manifest>) = around
            .files
            .keys()
            .filter_map(|path| self.parsed.get(path).cloned())
            .unzip();
        let entries = read.iter().flat_map(|manifest| &manifest.entries);
        let referred = entries.clone().flat_map(|entry| &entry.referred);
        let mut mentioned: BTreeSet<Key> = referred.filter_map(meant_by).collect();
        mentioned.extend(entries.map(|entry| entry.key.clone()));
        let elsewhere = Elsewhere {
            keys: Vec::new(),
            referred: around.referred,
        };
        let snapshot = Snapshot::assemble(&files, read, elsewhere, self.change.config);
        Ok((snapshot, mentioned))
    }

    /// The pinned blobs, and the files that were read.
    fn pinned(&self, context: &Context) -> Blobs {
        let mut pinned = context.blobs.clone();
        for (file, _) in self.parsed.values() {
            if let Content::Bytes(bytes) = &file.content {
                pinned.insert(file.blob.clone(), Arc::clone(bytes));
            }
        }
        pinned
    }

    fn inputs<'i>(
        &'i self,
        only: &'i BTreeSet<Key>,
        context: &'i Context,
        pinned: &'i Blobs,
    ) -> Inputs<'i> {
        let change = self.change;
        Inputs {
            snapshot: &context.snapshot,
            config: change.config,
            commit: change.commit,
            history_rewritten: false,
            // If resources left the configured paths, everything is examined.
            left: &NOTHING_LEFT,
            old: Some(&context.old),
            only: Some(only),
            authors: change.authors,
            pinned,
            incoming: change.incoming,
            refused: change.refused,
            artifact: change.artifact,
            merged: change.merged,
            touched: change.touched,
            listed: change.listed,
            now: change.now,
        }
    }

    /// Completes the new tree, and the old status for comparison.
    fn finish(
        &self,
        inputs: &Inputs<'_>,
        decision: Decision,
        context: &Context,
    ) -> Result<(StatusTree, Reconciliation), R::Error> {
        let lines = self.change.lines;
        let blobs = context.blobs.keys().map(|blob| needed_blob(blob));
        lines.read(blobs.map(|blob| shard_of_needed(&blob)))?;
        let (before, after) = lines.with(&decision.lines(inputs))?;
        let old = StatusTree {
            summaries: before,
            ..context.old.clone()
        };
        let inputs = Inputs {
            old: Some(&old),
            ..*inputs
        };
        let decision = decision.finish(&inputs, after);
        Ok((old, decision))
    }

    /// The further resources to examine because of what changed.
    fn influenced(
        &self,
        context: &Context,
        new: &BTreeMap<Key, StatusFile>,
    ) -> Result<BTreeSet<Key>, R::Error> {
        let old = &context.old.files;
        let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
        let mut found = BTreeSet::new();
        for key in keys {
            let (before, now) = (old.get(key), new.get(key));
            if before == now {
                continue;
            }
            let runs = [before, now].map(|file| file.and_then(|file| file.status.execution()));
            for run in runs.into_iter().flatten() {
                found.extend(pinned_by(run, runs));
            }
            let is_open = runs.map(|run| run.is_some_and(|run| !run.phase.is_terminal()));
            if key.kind == Kind::Execution && is_open[0] != is_open[1] {
                let spec = context.snapshot.execution(key);
                let bindings = spec.iter().flat_map(|spec| {
                    let named = spec.binding_ref.iter().chain(spec.node_bindings.values());
                    named.map(|binding| binding.key(Kind::Binding, &key.namespace))
                });
                found.extend(bindings);
            }
            let users = self.change.lines.users(key)?.into_iter();
            let following = users.filter(|line| {
                let run = line.run.as_ref();
                run.is_some_and(|run| run.follows.contains(key))
            });
            found.extend(following.map(|line| line.key()));
        }
        Ok(found)
    }
}

/// The gates and the goal of a run that the changes of the run affect.
fn pinned_by<'a>(
    run: &'a ExecutionStatus,
    [before, now]: [Option<&ExecutionStatus>; 2],
) -> impl Iterator<Item = Key> + 'a {
    let pinned = run.extensions.pinned.as_ref();
    let decisions = |run: Option<&ExecutionStatus>| {
        let nodes = run.iter().flat_map(|run| &run.node_statuses);
        let asked = nodes.filter_map(|(id, node)| {
            let decision = node.extensions.decision.clone()?;
            let reason = node.extensions.reason.clone();
            Some((id.clone(), decision, node.phase, reason, node.start_time))
        });
        asked.collect::<Vec<_>>()
    };
    let is_other_for_gates = before.map(|run| run.phase.is_terminal())
        != now.map(|run| run.phase.is_terminal())
        || decisions(before) != decisions(now);
    let course = |run: &ExecutionStatus| {
        (
            run.phase,
            run.start_time,
            run.extensions.attestations.clone(),
        )
    };
    let is_other_for_goal = before.map(course) != now.map(course);
    let gates = pinned.into_iter().flat_map(|pinned| pinned.gates.values());
    let gates = gates.filter(move |_| is_other_for_gates);
    let goal = pinned.and_then(|pinned| pinned.goal.as_ref());
    let goal = goal.filter(|_| is_other_for_goal).into_iter();
    gates
        .map(|pin| pin.key(Kind::Gate))
        .chain(goal.map(|pin| pin.key(Kind::Goal)))
}

/// The resources that pinned specs of runs need, if they differ from the files.
fn needed_by_pins(
    only: &BTreeSet<Key>,
    files: &BTreeMap<Key, StatusFile>,
    blobs: &Blobs,
    snapshot: &Snapshot,
) -> BTreeSet<Key> {
    let pins = Pins::new(blobs);
    let mut needed = BTreeSet::new();
    for key in only {
        let run = files.get(key).and_then(|file| file.status.execution());
        let run = run.filter(|run| run.phase.can_be_retried());
        let Some(pinned) = run.and_then(|run| run.extensions.pinned.as_ref()) else {
            continue;
        };
        let (own, plan) = (&pinned.execution, pinned.plan.key(Kind::Plan));
        needed.insert(plan.clone());
        needed.extend(pinned.goal.iter().map(|goal| goal.key(Kind::Goal)));
        needed.extend(pinned.gates.values().map(|gate| gate.key(Kind::Gate)));
        let is_unchanged = |key: &Key, blob: &String| {
            let mut definitions = snapshot.definitions(key).iter();
            definitions.any(|definition| definition.blob == *blob)
        };
        if is_unchanged(key, &own.blob) && is_unchanged(&plan, &pinned.plan.blob) {
            continue;
        }
        let Ok(held) = pins.plan(pinned) else {
            continue;
        };
        let nodes = held.graph().into_iter().flat_map(|graph| &graph.nodes);
        needed.extend(
            nodes.flat_map(|node| binding::needed((key, &held.execution), &held.plan, node)),
        );
    }
    needed
}

/// The runs at a gate that determine its status: the one that waits longest, and the
/// one that was decided last.
fn runs_of_gate(users: &[Arc<Summary>], gate: &Key, only: &BTreeSet<Key>) -> Vec<Key> {
    let name = gate.qualified();
    let runs = others(users, only);
    let uses: Vec<(Key, &GateOfRun)> = runs
        .flat_map(|(key, run)| run.decisions.iter().map(move |usage| (key.clone(), usage)))
        .filter(|(_, usage)| usage.gate == name)
        .collect();
    let waiting = uses.iter().filter(|(_, usage)| usage.waits);
    let waiting = waiting.min_by_key(|(key, usage)| (usage.since, key, &usage.node));
    let decided = uses.iter().filter(|(_, usage)| usage.is_decided);
    let decided = decided.max_by_key(|(key, usage)| (usage.decided, key, &usage.node));
    let found = waiting.into_iter().chain(decided);
    found.map(|(key, _)| key.clone()).collect()
}

/// The runs of a goal that determine its status: the first, the newest, and an
/// open one; for every version of the goal.
fn runs_of_goal(users: &[Arc<Summary>], goal: &Key, only: &BTreeSet<Key>) -> Vec<Key> {
    let name = goal.qualified();
    let mut rounds: BTreeMap<(&str, u64), Vec<(Key, &RunSummary)>> = BTreeMap::new();
    for (key, run) in others(users, only) {
        if let Some(goal) = run.goal.as_ref().filter(|goal| goal.name == name) {
            let round = rounds.entry((&goal.uid, goal.generation)).or_default();
            round.push((key, run));
        }
    }
    let mut found = Vec::new();
    for runs in rounds.values() {
        let first = runs.iter().filter(|(_, run)| run.start.is_some());
        let first = first.min_by_key(|(_, run)| run.start);
        let newest = runs.iter().max_by_key(|(key, run)| (run.start, key));
        let open = runs.iter().find(|(_, run)| !run.phase.is_terminal());
        let kept = first.into_iter().chain(newest).chain(open);
        found.extend(kept.map(|(key, _)| key.clone()));
    }
    found
}

/// The runs that are not examined.
fn others<'a>(
    lines: &'a [Arc<Summary>],
    only: &'a BTreeSet<Key>,
) -> impl Iterator<Item = (Key, &'a RunSummary)> {
    let runs = lines
        .iter()
        .filter_map(|line| Some((line.key(), line.run.as_ref()?)));
    runs.filter(|(key, _)| !only.contains(key))
}

/// The goals and bindings that resources of a kind refer to in a file.
fn served_by(kind: Kind, facts: &Facts) -> impl Iterator<Item = Key> {
    let referrals = facts
        .referred()
        .filter_map(|(line, _)| Referral::from_line(line));
    let own = referrals.filter(move |referral| referral.by == kind);
    let keys = own.filter_map(|referral| meant_by(&referral));
    keys.filter(|key| matches!(key.kind, Kind::Goal | Kind::Binding))
}

/// The target of a reference.
fn meant_by(referral: &Referral) -> Option<Key> {
    let (_, kind) = referral.field?;
    let (namespace, name) = referral.name.split_once('/')?;
    Some(Key::new(kind, namespace, name))
}

#[cfg(test)]
mod properties;
