//! Advances executions, and commits their status.

mod clean_up;
mod clock;
mod decide;
mod inbox;
mod peer;
mod recovery;
pub mod replay;
pub mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::clean_up::CleanUp;
use self::clock::Witnesses;
use self::decide::{Decided, Question};
use super::audit;
use super::high_water;
use super::runs::StepNames;
use super::status::{self, StatusReader};
use super::status_signature;
use super::store::{Store, View};
use super::unshared;
use crate::api::overview::FailedRun;
use crate::api::reconcile::Reconciled;
use crate::core::base::digest::sha256_hex;
use crate::core::resource::{Key, Time};
use crate::core::run::asked::INPUTS_FILE;
use crate::core::run::reconcile::Reconciliation;
use crate::core::run::status::{BOARD_FILE, HIGH_WATER, StatusFile, StatusTree, pinned_path};
use crate::core::run::transition::{TakenIn, Waiting, WaitingFor, taken_in};
use crate::core::run::{board, message};
use crate::core::text::yaml;
use crate::git::status_branch::{self, FileBody, NewStatus};
use crate::git::{Cache, Head};
use crate::service::{Error, Result};

/// Maximum number of tries before a lost race is given up; each reads everything again.
const TRIES: u32 = 12;
/// Cache entry about the last reconcile that changed nothing.
const IDLE_NOTE: &str = "idle";

/// A request to reconcile.
#[derive(Debug, Clone)]
pub struct ReconcileRequest {
    /// The current time; deadlines use the later of it and the time of the last status.
    pub now: Time,
    /// Decide and report, but write nothing.
    pub dry_run: bool,
    /// Use the resources of this revision instead of the spec branch; only with `dry_run`.
    pub revision: Option<String>,
    /// Examine everything, and check that the incremental result is the same.
    pub full: bool,
    /// Write even if there is reason to doubt the clock that `now` comes from.
    pub accept_time: bool,
    /// Start a new status if it is gone, or continue if the configuration names another branch or remote.
    pub initialize: bool,
    /// Restore the status of this commit, and decide nothing.
    pub restore: Option<String>,
    /// The name of the CI job, for the history of the status.
    pub job: Option<String>,
}

impl ReconcileRequest {
    /// The usual request: decide and write.
    pub fn at(now: Time) -> ReconcileRequest {
        ReconcileRequest {
            now,
            dry_run: false,
            revision: None,
            full: false,
            accept_time: false,
            initialize: false,
            restore: None,
            job: None,
        }
    }
}

/// Reconciles once: reads, decides, writes. After a lost race, reads and decides again.
///
/// # Errors
/// The repository or the remote cannot be used, or too many races were lost.
pub fn reconcile(store: &Store, request: &ReconcileRequest) -> Result<Reconciled> {
    reconcile_and_look(store, request).map(|(done, _)| done)
}

/// The same, with the view afterwards, if it is known without reading again.
///
/// # Errors
/// As [`reconcile`].
pub fn reconcile_and_look(
    store: &Store,
    request: &ReconcileRequest,
) -> Result<(Reconciled, Option<View>)> {
    if request.revision.is_some() && !request.dry_run {
        return Err(Error::ambiguous(
            "only the spec branch can be reconciled, not another revision",
        )
        .hint("add --dry-run to try another revision"));
    }
    if let Some(commit) = &request.restore {
        return Ok((recovery::restore(store, request, commit)?, None));
    }
    let mut first = None;
    for attempt in 0..TRIES {
        if attempt > 0 {
            store.repo.wait(pause(store.repo.random(), attempt));
        }
        let settled = first
            .as_ref()
            .map(|first| peer::took_in(store, request, first));
        let settled = settled.transpose()?.flatten();
        let done = match settled {
            None => attempt_once(store, request, &mut first)?,
            settled => settled,
        };
        if let Some(mut done) = done {
            done.notes.extend(elsewhere(store, &done)?);
            let unpushed = unshared::unpushed_to(store, &done.spec_branch, &done.spec_commit);
            let unpushed = unpushed.filter(|_| done.revision.is_none());
            done.notes.extend(unpushed.map(|unpushed| unpushed.note()));
            let view = first.filter(|_| attempt == 0).map(|view| View {
                status_tip: done.status_commit.clone().or(view.status_tip.clone()),
                ..view
            });
            return Ok((done, view));
        }
        tracing::debug!(attempt, "somebody else wrote the status first");
    }
    Err(Error::conflict(format!(
        "somebody else wrote the status branch {TRIES} times in a row"
    ))
    .hint("nothing is lost: run `planspec reconcile` again"))
}

/// The error if the clock of this machine is in doubt; then nothing must be written.
///
/// # Errors
/// The status cannot be read.
pub fn clock_in_doubt(store: &Store, view: &View, now: Time) -> Result<Option<Error>> {
    let written = StatusReader::open(store, view)?.map(|status| status.time());
    let before = || recovery::last_before(store, view, now);
    if let Err(error) = clock::check_years(now, written, before) {
        return Ok(Some(error));
    }
    let witnesses = Witnesses {
        status: written,
        remote: view.remote_time,
        fired: None,
    };
    let doubts = witnesses.doubts(now);
    Ok((!doubts.is_empty()).then(|| witnesses.refusal(now, &doubts, before)))
}

/// Where the next status commit goes.
#[derive(Default)]
struct Place {
    /// Its parent.
    parent: Option<String>,
    /// The commit with its unchanged files.
    base: Option<String>,
    /// The present tip of the branch.
    branch: Option<String>,
    /// Whether it is written even if nothing changed, because the status moves elsewhere.
    is_due: bool,
}

impl Place {
    /// The usual place: after the present status.
    fn after(view: &View) -> Place {
        let tip = view.status_tip.clone();
        Place {
            parent: tip.clone(),
            base: tip.clone(),
            branch: tip,
            is_due: false,
        }
    }

    /// After a status, on another branch.
    fn moved(status: Option<String>, branch: Option<String>) -> Place {
        Place {
            parent: status.clone(),
            base: status,
            branch,
            is_due: true,
        }
    }
}

/// A random pause that grows with each try, so that competing writers do not collide again.
fn pause(random: u128, attempt: u32) -> Duration {
    let longest = 50u64 << attempt.min(6);
    Duration::from_millis(u64::try_from(random % u128::from(longest)).unwrap_or(0) + 10)
}

/// The present view, and where the next status commit goes.
fn look(store: &Store, request: &ReconcileRequest) -> Result<(View, Place)> {
    let (mut view, place) = if request.initialize {
        let mut view = store.look()?;
        let place = recovery::begin(store, &mut view)?;
        (view, place)
    } else {
        let view = store.fresh()?;
        let place = Place::after(&view);
        (view, place)
    };
    if let Some(rev) = request.revision.as_deref() {
        let commit = store.commit_of(rev)?;
        view.config = store.config_at(&commit)?;
        view.spec_commit = commit;
    }
    // On a remote that the configuration names, `--initialize` is needed.
    if !request.initialize || store.remote.is_none() {
        unshared::check_first_status(store, &view)?;
    }
    Ok((view, place))
}

/// One try; `None` if somebody else was first. `first` is the view at the first try.
fn attempt_once(
    store: &Store,
    request: &ReconcileRequest,
    first: &mut Option<View>,
) -> Result<Option<Reconciled>> {
    let (view, place) = look(store, request)?;
    first.get_or_insert_with(|| view.clone());
    let look = fingerprint(&view, store.repo.is_shallow());
    let idle = Idle::recall(&Cache::new(&store.repo), &look, request.now);
    if let Some(idle) = idle.filter(|_| !request.full && !request.initialize) {
        let witnesses = Witnesses {
            status: idle.written,
            remote: view.remote_time,
            fired: None,
        };
        let mut done = idle.reconciled(&view, request);
        done.notes.splice(..0, witnesses.doubts(request.now));
        done.notes.extend(raise_high_water(store, &view, request));
        return Ok(Some(done));
    }
    decide_and_write(store, request, (&view, &place), look)
}

/// Creates or moves the high-water ref, if an older program wrote the status or a writer was interrupted before that.
fn raise_high_water(store: &Store, view: &View, request: &ReconcileRequest) -> Option<String> {
    let tip = view.status_tip.as_ref();
    let tip = tip.filter(|tip| view.high_water.as_ref() != Some(tip) && !request.dry_run)?;
    let error = store.raise_high_water(view, tip).err()?;
    let why = error.message;
    Some(format!("{HIGH_WATER} was not updated: {why}"))
}

fn decide_and_write(
    store: &Store,
    request: &ReconcileRequest,
    (view, place): (&View, &Place),
    look: String,
) -> Result<Option<Reconciled>> {
    let status = StatusReader::open(store, view)?;
    let status = status.as_ref();
    if let Some(status) = status {
        status.check_news()?;
    }
    let written = status.map(StatusReader::time);
    let before = || recovery::last_before(store, view, request.now);
    clock::check_years(request.now, written, before)?;
    let now = written.map_or(request.now, |written| written.max(request.now));
    let mut audited = audit::news(store, view)?;
    let question = Question {
        store,
        view,
        status,
        now,
        told: None,
    };
    let Decided {
        mut decision,
        old,
        left,
    } = question.decide(request.full)?;
    decision.notes.append(&mut audited);
    let witnesses = Witnesses {
        status: written,
        remote: view.remote_time,
        fired: decision.fired,
    };
    let doubts = witnesses.doubts(request.now);
    let may_write = doubts.is_empty() || request.accept_time;
    if (place.is_due || has_other_signers(store, view, status)) && !decision.changed {
        owe_a_commit(view, &mut decision);
    }
    if decision.changed && !may_write && !request.dry_run {
        return Err(witnesses.refusal(request.now, &doubts, before));
    }
    let idle = Idle::after(look, written, &decision);
    let mut done = Reconciled {
        transitions: decision.transitions.clone(),
        changed: decision.changed,
        archived: decision.archived,
        records: taken_in(old.as_ref(), &decision.tree),
        notes: doubts.iter().chain(&idle.notes).cloned().collect(),
        ..idle.clone().reconciled(view, request)
    };
    let steps = StepNames::new(&store.repo);
    steps.tell(&mut done.transitions, &decision.tree);
    steps.tell_waiting(&mut done.waiting, &decision.tree);
    if request.dry_run {
        return Ok(Some(done));
    }
    if decision.changed {
        let decided = (old.as_ref(), &mut decision);
        let by = (now, request.job.as_deref());
        if !put(store, (view, place), decided, by, &mut done)? {
            return Ok(None);
        }
    } else {
        if left == 0 {
            idle.remember(&Cache::new(&store.repo));
            high_water::remember(store, view);
        }
        done.notes.extend(raise_high_water(store, view, request));
    }
    if let Some(status) = status.filter(|_| may_write) {
        let chore = CleanUp {
            store,
            view,
            status,
            decision: &decision,
            now,
            written: done.status_commit.as_deref(),
        };
        done.notes
            .extend(clean_up(&chore, Some(idle).filter(|_| left == 0)));
    }
    Ok(Some(done))
}

/// Writes and publishes a decision; false if somebody else was first.
fn put(
    store: &Store,
    (view, place): (&View, &Place),
    (old, decision): (Option<&StatusTree>, &mut Reconciliation),
    now: (Time, Option<&str>),
    done: &mut Reconciled,
) -> Result<bool> {
    let written = write(store, (view, place), old, decision, now)?;
    if let Some(commit) = &written {
        if !store.publish(view, place.branch.as_deref(), commit)? {
            return Ok(false);
        }
        status::remember(&store.repo, commit);
        audit::trust(&store.repo, commit);
    }
    done.changed = written.is_some();
    done.sequence = decision.tree.controller.sequence;
    done.status_commit = written;
    Ok(true)
}

/// Cleans up, and returns a note.
fn clean_up(chore: &CleanUp<'_>, idle: Option<Idle>) -> Option<String> {
    let repo = &chore.store.repo;
    match chore.run() {
        Ok(Some(left)) if chore.written.is_none() => {
            let look = fingerprint(&left, repo.is_shallow());
            let idle = idle.map(|idle| Idle { look, ..idle });
            idle?.remember(&Cache::new(repo));
            None
        }
        Ok(_) => None,
        // The status is written; the refs can be cleaned up next time.
        Err(error) => {
            let why = error.message;
            Some(format!("inbox refs were not cleaned up: {why}"))
        }
    }
}

/// Whether a reconcile has seen the same input, and found nothing to do.
pub fn is_idle(store: &Store, view: &View, now: Time) -> bool {
    let look = fingerprint(view, store.repo.is_shallow());
    Idle::recall(&Cache::new(&store.repo), &look, now).is_some()
}

/// The statuses that a reconcile of a view's spec commit would write or examine, ignoring the inbox.
///
/// # Errors
/// Something cannot be read, or a newer program wrote the status.
pub fn foreseen(store: &Store, view: &View, now: Time) -> Result<BTreeMap<Key, StatusFile>> {
    let status = StatusReader::open(store, view)?;
    let written = status.as_ref().map(StatusReader::time);
    let spec_alone = View {
        inbox: BTreeMap::new(),
        ..view.clone()
    };
    let question = Question {
        store,
        view: &spec_alone,
        status: status.as_ref(),
        now: written.map_or(now, |written| written.max(now)),
        told: None,
    };
    Ok(question.decide(false)?.decision.tree.files)
}

/// Whether the status of a resource is what a reconcile of the spec commit would make of it, ignoring the inbox and
/// deadlines. The status names the observed commit only when something changed, so that is not enough.
///
/// # Errors
/// Something cannot be read, or a newer program wrote the status.
pub fn has_observed(store: &Store, view: &View, key: &Key) -> Result<bool> {
    let Some(status) = StatusReader::open(store, view)? else {
        return Ok(false);
    };
    let observed = status.controller()?.observed_commit;
    let is_before = |tip: &str| store.repo.is_ancestor(tip, &observed).unwrap_or(false);
    if observed == view.spec_commit
        || store.has_or_fetches(&observed) && is_before(&view.spec_commit)
    {
        return Ok(true);
    }
    let spec_alone = View {
        inbox: BTreeMap::new(),
        ..view.clone()
    };
    let question = Question {
        store,
        view: &spec_alone,
        status: Some(&status),
        now: status.time(),
        told: None,
    };
    let Decided { decision, old, .. } = question.decide(false)?;
    let is_same = |one: &StatusFile, other: &StatusFile| {
        let says = |file: &StatusFile| {
            let conditions = file.status.conditions().iter();
            let conditions: Vec<_> = conditions
                .map(|one| (one.kind.clone(), one.status))
                .collect();
            (file.status.phase(), conditions, file.deleted.is_some())
        };
        one.uid == other.uid && one.generation == other.generation && says(one) == says(other)
    };
    let before = old.as_ref().and_then(|old| old.files.get(key));
    Ok(match (before, decision.tree.files.get(key)) {
        (Some(before), Some(after)) => is_same(before, after),
        // What was not examined does not change.
        (None, None) => true,
        _ => false,
    })
}

/// The answer if nothing changes. It is cached after a reconcile that changed nothing: until there is news
/// or a deadline, nothing needs to be read. The cache may be deleted.
#[derive(Clone, Serialize, Deserialize)]
struct Idle {
    look: String,
    /// The time of the status.
    written: Option<Time>,
    sequence: u64,
    next_deadline: Option<Time>,
    waiting: Vec<WaitingNote>,
    waiting_more: usize,
    failed: Vec<FailedRun>,
    /// Notes for people.
    notes: Vec<String>,
}

/// [`Waiting`] in a compact form that is fast to write and read.
#[derive(Clone, Serialize, Deserialize)]
struct WaitingNote(
    Key,
    Option<String>,
    Option<String>,
    Option<Time>,
    WaitingFor,
);

impl WaitingNote {
    fn of(waiting: Waiting) -> WaitingNote {
        let Waiting {
            execution,
            node,
            step,
            since,
            what,
        } = waiting;
        WaitingNote(execution, node, step, since, what)
    }

    fn told(self) -> Waiting {
        let WaitingNote(execution, node, step, since, what) = self;
        Waiting {
            execution,
            node,
            step,
            since,
            what,
        }
    }
}

impl Idle {
    fn after(look: String, written: Option<Time>, decision: &Reconciliation) -> Idle {
        let notes = decision.notes.clone();
        Idle {
            notes,
            ..Idle::of(look, written, &decision.tree)
        }
    }

    fn of(look: String, written: Option<Time>, tree: &StatusTree) -> Idle {
        let waiting = tree.summaries.outline.waits();
        Idle {
            look,
            written,
            sequence: tree.controller.sequence,
            next_deadline: tree.controller.next_deadline,
            waiting_more: waiting.more(),
            waiting: waiting.first.into_iter().map(WaitingNote::of).collect(),
            failed: tree
                .summaries
                .outline
                .failed
                .first
                .iter()
                .map(FailedRun::from)
                .collect(),
            notes: Vec::new(),
        }
    }

    fn recall(cache: &Cache, look: &str, now: Time) -> Option<Idle> {
        let idle: Idle = serde_json::from_slice(&cache.load(IDLE_NOTE)?).ok()?;
        let is_due = idle.next_deadline.is_some_and(|deadline| deadline <= now);
        (idle.look == look && !is_due).then_some(idle)
    }

    fn remember(&self, cache: &Cache) {
        if let Ok(text) = serde_json::to_vec(self) {
            cache.store(IDLE_NOTE, &text);
        }
    }

    fn reconciled(self, view: &View, request: &ReconcileRequest) -> Reconciled {
        Reconciled {
            spec_branch: view.spec_branch.clone(),
            spec_commit: view.spec_commit.clone(),
            revision: request.revision.clone(),
            status_branch: view.config.status.branch.clone(),
            status_commit: None,
            sequence: self.sequence,
            next_deadline: self.next_deadline,
            changed: false,
            dry_run: request.dry_run,
            written_by_another: false,
            transitions: Vec::new(),
            waiting_more: self.waiting_more,
            waiting: self.waiting.into_iter().map(WaitingNote::told).collect(),
            failed: self.failed,
            archived: 0,
            records: TakenIn::default(),
            notes: self.notes,
        }
    }
}

/// A fingerprint of all inputs of a decision, except the time.
fn fingerprint(view: &View, shallow: bool) -> String {
    let mut text = format!(
        "{} {} {} {}\n",
        env!("CARGO_PKG_VERSION"),
        view.spec_commit,
        view.status_tip.as_deref().unwrap_or("-"),
        // A shallow clone may not know the authors of a plan, and decide differently.
        if shallow { "shallow" } else { "whole" },
    );
    for (address, tip) in &view.inbox {
        text.push_str(&format!("{address} {tip}\n"));
    }
    sha256_hex(text.as_bytes())
}

/// Writes the status commit; no ref points to it yet. `None` if the tree would be the same.
fn write(
    store: &Store,
    (view, place): (&View, &Place),
    old: Option<&StatusTree>,
    decision: &mut Reconciliation,
    (now, job): (Time, Option<&str>),
) -> Result<Option<String>> {
    let begun_on = match (&place.base, &place.parent) {
        (None, Some(before)) => Some(StatusReader::at(&store.repo, before)?.sequence()),
        _ => None,
    };
    name_branches(view, decision, begun_on);
    let tree = &decision.tree;
    let mut files = changed_files(old, tree)?;
    let answers = yaml::write(&serde_json::to_value(&decision.answers)?);
    files.insert(INPUTS_FILE.to_owned(), Some(FileBody::Text(answers)));
    let written = status_branch::write(
        &store.repo,
        &NewStatus {
            parent: place.parent.clone(),
            base: place.base.clone(),
            files,
            message: message::message(
                &view.spec_commit,
                tree,
                (&decision.transitions, decision.archived),
                job,
            ),
            evidence: decision.evidence.clone(),
            time: now,
            identity: store.identity(),
        },
    )?;
    let signed = written.map(|commit| status_signature::signed(store, view, commit, now));
    signed.transpose()
}

/// Whether the signers of the status differ between this spec commit and the status, which must then be updated.
fn has_other_signers(store: &Store, view: &View, status: Option<&StatusReader<'_>>) -> bool {
    let observed = status.map(|status| &status.commit().observed);
    let observed = observed.filter(|observed| **observed != view.spec_commit);
    let before = observed.and_then(|observed| store.config_at(observed).ok());
    before.is_some_and(|before| before.status.signers != view.config.status.signers)
}

/// Makes a commit due though nothing changed: the status moves elsewhere, or its signers change.
fn owe_a_commit(view: &View, decision: &mut Reconciliation) {
    decision.changed = true;
    let controller = &mut decision.tree.controller;
    controller.sequence += 1;
    controller.observed_commit.clone_from(&view.spec_commit);
}

/// Records the branches that the status is about. A status that replaces another continues its sequence numbers.
fn name_branches(view: &View, decision: &mut Reconciliation, begun_on: Option<u64>) {
    let controller = &mut decision.tree.controller;
    controller.status_branch = Some(view.config.status.branch.clone());
    controller.spec_branch = Some(view.spec_branch.clone());
    controller
        .status_remote
        .clone_from(&view.config.status.remote);
    controller.sequence += begun_on.unwrap_or_default();
}

/// The files of a status that differ from before, except the recorded answers.
fn changed_files(
    old: Option<&StatusTree>,
    tree: &StatusTree,
) -> Result<BTreeMap<String, Option<FileBody>>> {
    let texts = tree.changed_files(old)?.into_iter();
    let mut files: BTreeMap<String, Option<FileBody>> = texts
        .map(|(path, text)| (path, text.map(FileBody::Text)))
        .collect();
    let board = FileBody::Text(board::board(tree));
    files.insert(BOARD_FILE.to_owned(), Some(board));
    let pinned = old.map(|old| &old.pinned).cloned().unwrap_or_default();
    for blob in pinned.difference(&tree.pinned) {
        files.insert(pinned_path(blob), None);
    }
    for blob in tree.pinned.difference(&pinned) {
        files.insert(pinned_path(blob), Some(FileBody::Blob(blob.clone())));
    }
    Ok(files)
}

/// A note for users who are on another branch than the spec branch: only that one counts.
fn elsewhere(store: &Store, done: &Reconciled) -> Result<Option<String>> {
    if done.revision.is_some() {
        return Ok(None);
    }
    let spec_branch = &done.spec_branch;
    Ok(match store.repo.head()? {
        Head::Branch { name, .. } if name != *spec_branch => Some(format!(
            "you are on `{name}`, but reconcile works on the spec branch `{spec_branch}`"
        )),
        _ => None,
    })
}
