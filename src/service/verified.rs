//! Answers whether one commit meets all requirements, for example before a deployment. Runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::follow::Pace;
use super::names::Named;
use super::runs::{Observed, ObservedRun, observe_keys, pinned_plan, plan_once};
use super::status::StatusReader;
use super::store::Store;
use super::verdicts::{self, Subject};
use super::{Error, Result};
use crate::api::wait::{CommitVerified, CriterionAtCommit};
use crate::core::base::digest::short;
use crate::core::repository::definitions::Definitions;
use crate::core::resource::{Contract, ContractCriterion, ExecutionPhase, Key, Kind, Status, Time};
use crate::core::run::proposal::word;
use crate::core::run::verified::{Standing, Wanted, Word, stands};
use crate::git::{GitError, base, read};

/// What is to be verified.
#[derive(Debug, Clone)]
pub enum Target {
    /// An execution or a goal.
    Named(Named),
    /// An execution or a goal of this name, in a namespace if one is given.
    Any(String, Option<String>),
    /// A document.
    File(PathBuf),
}

/// A request whether a commit meets all requirements.
#[derive(Debug, Clone)]
pub struct VerifiedRequest {
    /// What is to be verified.
    pub target: Target,
    /// The commit; `None` is HEAD.
    pub commit: Option<String>,
    /// Whether the commit is deployed, so that `observable` criteria can be met.
    pub after_deployment: bool,
    /// How often to check, and for how long; by default once.
    pub pace: Pace,
    /// The current time.
    pub now: Time,
}

/// Checks until the commit meets all requirements, or until the timeout; the answer lists what is missing.
///
/// # Errors
/// There is no such target or commit; it has no requirements; the repository cannot be used.
pub fn wait_verified(store: &Store, request: &VerifiedRequest) -> Result<CommitVerified> {
    let commit = store.commit_anywhere(request.commit.as_deref().unwrap_or("HEAD"))?;
    let end = request
        .pace
        .timeout
        .and_then(|most| Instant::now().checked_add(most));
    loop {
        let answer = match &request.target {
            Target::File(file) => of_document(store, request, (file, &commit))?,
            Target::Named(named) => of_named(store, request, (named, &commit))?,
            Target::Any(name, namespace) => {
                let named = either(store, name, namespace.as_deref())?;
                of_named(store, request, (&named, &commit))?
            }
        };
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        match left.filter(|left| !left.is_zero()) {
            Some(left) if !answer.verified => std::thread::sleep(left.min(request.pace.interval)),
            _ => return Ok(answer),
        }
    }
}

/// The meaning of a name alone: an execution, else a goal.
fn either(store: &Store, name: &str, namespace: Option<&str>) -> Result<Named> {
    let view = store.fresh()?;
    let [execution, goal] =
        [Kind::Execution, Kind::Goal].map(|kind| Named::new(kind, name, namespace));
    let Some(status) = StatusReader::open(store, &view)? else {
        return Ok(execution);
    };
    let is_goal = status.named(&execution)?.is_empty() && !status.named(&goal)?.is_empty();
    Ok(if is_goal { goal } else { execution })
}

/// Whether two commits have the same content.
fn is_same(store: &Store, one: &str, other: &str) -> bool {
    let tree = |commit: &str| {
        let is_here = store.repo.has_object(commit);
        is_here
            .then(|| read::tree_of(&store.repo, commit).ok())
            .flatten()
    };
    one == other || tree(one).is_some_and(|tree_of_one| tree(other) == Some(tree_of_one))
}

/// The input of the judgement.
struct Judged<'a> {
    store: &'a Store,
    commit: &'a str,
    after_deployment: bool,
    wanted: Vec<Wanted>,
    words: Vec<Word>,
}

impl Judged<'_> {
    fn criteria(&self) -> Vec<CriterionAtCommit> {
        // Whether two commits have the same content is computed once.
        let named = self.words.iter().filter_map(|word| word.commit.as_deref());
        let named: BTreeSet<&str> = named.collect();
        let same: BTreeMap<&str, bool> = named
            .into_iter()
            .map(|one| (one, is_same(self.store, self.commit, one)))
            .collect();
        let is_same = |one: &str| same.get(one).copied().unwrap_or(one == self.commit);
        let all = self.wanted.iter().map(|wanted| {
            let at = (self.commit, &is_same as &dyn Fn(&str) -> bool);
            let (state, by, why) = match stands(wanted, &self.words, at, self.after_deployment) {
                Standing::Met(by) => ("met", by, String::new()),
                Standing::Later => ("later", Vec::new(), String::new()),
                Standing::Missing(why) => ("missing", Vec::new(), why),
            };
            CriterionAtCommit {
                criterion: wanted.id.clone(),
                description: wanted.description.clone(),
                state: state.to_owned(),
                by,
                why,
            }
        });
        all.collect()
    }
}

/// The required criteria of a contract.
fn wanted(criteria: &[ContractCriterion], contract: Option<&Contract>) -> Vec<Wanted> {
    let required = criteria.iter().filter(|one| one.required);
    let observable = contract.map_or(&[][..], |contract| &contract.observable);
    required
        .map(|one| Wanted {
            id: one.id.clone(),
            description: one.description.clone(),
            has_checks: !one.checks.is_empty(),
            observable: observable.contains(&one.id),
        })
        .collect()
}

/// The commands that attest or verify what is missing; `target` is the argument of the verbs.
fn next(
    criteria: &[CriterionAtCommit],
    wanted: &[Wanted],
    (target, of, commit): (&str, &str, &str),
) -> Vec<String> {
    let missing = criteria.iter().filter(|one| one.state == "missing");
    let mut commands = Vec::new();
    for one in missing {
        let has_checks = wanted
            .iter()
            .any(|wanted| wanted.id == one.criterion && wanted.has_checks);
        let command = if has_checks {
            format!("planspec verify {target}{of} --commit {commit}")
        } else {
            format!(
                "planspec attest {target} {} --met{of} --commit {commit}",
                one.criterion
            )
        };
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands
}

fn of_document(
    store: &Store,
    request: &VerifiedRequest,
    (file, commit): (&Path, &str),
) -> Result<CommitVerified> {
    let subject = Subject::open(file)?;
    let wanted = wanted(&subject.contract.criteria, Some(&subject.contract));
    let view = store.fresh()?;
    let (words, notes) = verdicts::words(store, &view, (&subject, commit), request.now)?;
    let judged = Judged {
        store,
        commit,
        after_deployment: request.after_deployment,
        wanted,
        words,
    };
    let criteria = judged.criteria();
    let target = word(&subject.file);
    Ok(CommitVerified {
        subject: "Document".to_owned(),
        name: subject.file.clone(),
        execution: None,
        plan_id: Some(subject.plan_id.clone()),
        commit: commit.to_owned(),
        verified: criteria.iter().all(|one| one.state != "missing"),
        next: next(&criteria, &judged.wanted, (&target, "", commit)),
        criteria,
        missing: Vec::new(),
        notes,
    })
}

fn of_named(
    store: &Store,
    request: &VerifiedRequest,
    (named, commit): (&Named, &str),
) -> Result<CommitVerified> {
    let (key, run) = subject_of(store, named)?;
    let observed = observe_keys(store, &BTreeSet::from([run.clone()]))?;
    let run = observed.run(&run.qualified(), None)?;
    let goal = goal_of(store, &observed, run)?;
    let plan = pinned_plan(&observed.stored, run.status);
    let plan = plan.or_else(|| plan_once(store, run.status));
    let mut notes = observed.due(store, request.now)?;
    if plan.is_none() {
        notes.push(
            "the pinned revision of the run is not in this clone, so criteria that show only after \
             the deployment are required too: `git fetch --unshallow`"
                .to_owned(),
        );
    }
    let contract = plan.as_ref().and_then(|plan| plan.plan.spec.plan());
    let contract = contract.map(|plan| &plan.contract);
    let mut wanted = wanted(&run.status.extensions.criteria, contract);
    for (id, description) in goal {
        if !run
            .status
            .extensions
            .criteria
            .iter()
            .any(|one| one.id == id)
        {
            wanted.push(Wanted {
                id,
                description,
                has_checks: false,
                observable: false,
            });
        }
    }
    if wanted.is_empty() {
        let why = format!(
            "{} has no criterion that can be verified for a commit",
            key.qualified()
        );
        return Err(Error::not_ready(why).hint(
            "add ids to the acceptance criteria of its goal, or primary success criteria to the document",
        ));
    }
    let words = run.status.extensions.attestations.iter();
    let judged = Judged {
        store,
        commit,
        after_deployment: request.after_deployment,
        wanted,
        words: words.map(Word::from).collect(),
    };
    let criteria = judged.criteria();
    let missing = missing(store, run, commit)?;
    let of = format!(" -n {}", run.key.namespace);
    Ok(CommitVerified {
        subject: key.kind.name().to_owned(),
        name: key.qualified(),
        execution: Some(run.key.qualified()),
        plan_id: None,
        commit: commit.to_owned(),
        verified: missing.is_empty() && criteria.iter().all(|one| one.state != "missing"),
        next: next(&criteria, &judged.wanted, (&run.key.name, &of, commit)),
        criteria,
        missing,
        notes,
    })
}

/// The named resource, and the run by which it is judged.
fn subject_of(store: &Store, named: &Named) -> Result<(Key, Key)> {
    match named.kind {
        Kind::Execution => {
            let key = found(store, named)?;
            Ok((key.clone(), key))
        }
        Kind::Goal => {
            let key = found(store, named)?;
            let run = newest_run(store, &key)?;
            Ok((key, run))
        }
        other => {
            let why = format!("a {} cannot be verified for a commit", other.name());
            Err(Error::ambiguous(why).hint("name an execution, a goal, or the file of a document"))
        }
    }
}

/// The missing work: all of it must be done, and be part of the commit.
fn missing(store: &Store, run: ObservedRun<'_>, commit: &str) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    let phase = run.status.phase;
    let is_done = run
        .status
        .node_statuses
        .values()
        .all(|node| node.phase.is_terminal());
    let is_open = phase == ExecutionPhase::Blocked && is_done;
    if phase != ExecutionPhase::Succeeded && !is_open {
        let why = match run.status.message.as_str() {
            "" => String::new(),
            message => format!(" ({message})"),
        };
        missing.push(format!("{} is {phase}{why}", run.key.qualified()));
    }
    for node in run.nodes() {
        let report = node.status.extensions.report.as_ref();
        let Some(work) = report.and_then(|report| report.commit.as_deref()) else {
            continue;
        };
        if !is_part_of(store, work, commit)? {
            missing.push(format!(
                "the work of {} (commit {}) is not part of {}",
                node.id,
                short(work),
                short(commit)
            ));
        }
    }
    Ok(missing)
}

/// Whether a commit is an ancestor of another; deepens the history if needed.
fn is_part_of(store: &Store, one: &str, of: &str) -> Result<bool> {
    if one == of {
        return Ok(true);
    }
    if !store.has_or_fetches(one) {
        return Ok(false);
    }
    match base::merge_base(&store.repo, store.remote.as_deref(), one, of) {
        Ok(base) => Ok(base == one),
        // They have no common history.
        Err(GitError::Unusable(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The resource of the status with a name.
fn found(store: &Store, named: &Named) -> Result<Key> {
    let view = store.fresh()?;
    let Some(status) = StatusReader::open(store, &view)? else {
        let why = "nothing has been reconciled yet";
        return Err(Error::not_ready(why)
            .hint("run `planspec reconcile`; for a document without a run, name its file"));
    };
    status.find(named)
}

/// The newest run of a goal in its present version; a deleted one counts only if there is no other.
fn newest_run(store: &Store, goal: &Key) -> Result<Key> {
    let view = store.fresh()?;
    let none = || {
        let (name, namespace) = (&goal.name, &goal.namespace);
        Error::not_ready(format!("no execution of {} has started for the current revision of the goal", goal.qualified()))
            .hint(format!("`planspec describe goal {name} -n {namespace}` shows its state; `planspec start` starts one"))
    };
    let Some(status) = StatusReader::open(store, &view)? else {
        return Err(none());
    };
    let own = status.files(&BTreeSet::from([goal.clone()]))?;
    let own = own.get(goal).ok_or_else(none)?;
    let lines = status.lines(&status.controller()?)?.all()?;
    let runs: BTreeSet<Key> = lines
        .lines()
        .filter(|line| {
            let of = line.run.as_ref().and_then(|run| run.goal.as_ref());
            of.is_some_and(|of| {
                of.name == goal.qualified() && of.uid == own.uid && of.generation == own.generation
            })
        })
        .map(|line| line.key())
        .collect();
    let files = status.files(&runs)?;
    let newest = files.iter().filter_map(|(key, file)| match &file.status {
        Status::Execution(run) => {
            let by = run.extensions.cancelled_by.as_ref();
            let was_deleted =
                run.phase == ExecutionPhase::Cancelled && by.is_some_and(|by| by.actor.is_none());
            Some(((!was_deleted, run.start_time), key))
        }
        _ => None,
    });
    newest.max().map(|(_, key)| key.clone()).ok_or_else(none)
}

/// The criteria with ids of the goal of a run, as on the spec branch now.
fn goal_of(
    store: &Store,
    observed: &Observed,
    run: ObservedRun<'_>,
) -> Result<Vec<(String, String)>> {
    let pinned = run.status.extensions.pinned.as_ref();
    let Some(pin) = pinned.and_then(|pinned| pinned.goal.as_ref()) else {
        return Ok(Vec::new());
    };
    let key = pin.key(Kind::Goal);
    let view = &observed.view;
    let keys = BTreeSet::from([key.clone()]);
    let snapshot = super::index::about(&store.repo, &view.spec_commit, &view.config, &keys)?;
    let resources: &Definitions = &snapshot;
    let criteria = resources.goal(&key).into_iter();
    let criteria = criteria.flat_map(|goal| &goal.acceptance_criteria);
    Ok(criteria
        .filter_map(|one| Some((one.id.clone()?, one.description.clone())))
        .collect())
}

/// The default interval between checks.
pub const INTERVAL: Duration = Duration::from_secs(2);
