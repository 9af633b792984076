//! Advance what can be advanced, and commit the status back.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::runs;
use super::store::{Store, StoredStatus, View, uid_of_result};
use crate::api::reconcile::Reconciled;
use crate::core::base::digest::{sha256_hex, short};
use crate::core::base::source::Content;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Kind, Time};
use crate::core::run::reconcile::{self as core, Inputs, Reconciliation};
use crate::core::run::record::{Address, Incoming};
use crate::core::run::status::{BOARD_FILE, StatusTree, pinned_path};
use crate::core::run::transition::{Waiting, waiting};
use crate::core::run::{board, message};
use crate::git::read::Tree;
use crate::git::status_branch::{self, FileBody, NewStatus};
use crate::git::{Cache, Head, authors, read, signature};
use crate::service::{Error, Result};

/// Most tries before a lost race is given up; each reads everything again.
const TRIES: u32 = 12;
/// Most errors in resources that are told.
const ERRORS_SHOWN: usize = 50;
/// How long the logs and the work of a run that is over are kept.
const RESULT_DAYS: i64 = 30;
/// Most refs of them that one reconcile deletes.
const RESULTS_AT_ONCE: usize = 200;
/// Name of the note about the last look that changed nothing.
const IDLE_NOTE: &str = "idle";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ReconcileRequest {
    /// The moment; deadlines are judged by the later of it and the last status.
    pub now: Time,
    /// Decide and tell, write nothing.
    pub dry_run: bool,
    /// Take the resources of this revision instead of the spec branch; only with `dry_run`.
    pub revision: Option<String>,
}

impl ReconcileRequest {
    /// The usual one: decide and write.
    pub fn at(now: Time) -> ReconcileRequest {
        ReconcileRequest {
            now,
            dry_run: false,
            revision: None,
        }
    }
}

/// One reconcile: look, decide, write; a lost race looks and decides again.
///
/// # Errors
/// The repository or the remote cannot be used, or the race was lost too often.
pub fn reconcile(store: &Store, request: &ReconcileRequest) -> Result<Reconciled> {
    if request.revision.is_some() && !request.dry_run {
        return Err(Error::ambiguous(
            "only the spec branch decides for real, not another revision",
        )
        .hint("add --dry-run to look at another revision"));
    }
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(pause(attempt));
        }
        if let Some(mut done) = attempt_once(store, request)? {
            done.notes.extend(elsewhere(store, &done)?);
            return Ok(done);
        }
        tracing::debug!(attempt, "somebody else wrote the status first");
    }
    Err(Error::conflict(format!(
        "somebody else wrote the status branch {TRIES} times in a row"
    ))
    .hint("nothing is lost: run `planspec reconcile` again"))
}

/// A random pause that grows with each try, so that racing writers do not collide again.
fn pause(attempt: u32) -> Duration {
    let nonce = uuid::Uuid::new_v4().as_u128();
    let longest = 50u64 << attempt.min(6);
    Duration::from_millis(u64::try_from(nonce % u128::from(longest)).unwrap_or(0) + 10)
}

/// `None` when somebody else was first.
fn attempt_once(store: &Store, request: &ReconcileRequest) -> Result<Option<Reconciled>> {
    let rev = request.revision.as_deref();
    let mut view = store.fresh()?;
    if let Some(rev) = rev {
        let commit = store.commit_of(rev)?;
        view.config = store.config_at(&commit)?;
        view.spec_commit = commit;
    }
    let look = fingerprint(&view, store.repo.is_shallow());
    let cache = Cache::new(&store.repo);
    if let Some(idle) = Idle::recall(&cache, &look, request.now) {
        return Ok(Some(idle.reconciled(&view, request)));
    }
    let stored = store.status(&view)?;
    let now = stored
        .as_ref()
        .map_or(request.now, |stored| stored.time.max(request.now));
    let decision = decide(store, &view, stored.as_ref(), now)?;
    let idle = Idle::after(look, &decision.tree);
    let mut done = Reconciled {
        transitions: decision.transitions.clone(),
        changed: decision.changed,
        notes: decision.notes.clone(),
        ..idle.clone().reconciled(&view, request)
    };
    if request.dry_run {
        return Ok(Some(done));
    }
    if decision.changed {
        let old = stored.as_ref().map(|stored| &stored.tree);
        match write(store, &view, old, &decision, now)? {
            Some(commit) => {
                if !store.publish(&view, &commit)? {
                    return Ok(None);
                }
                done.status_commit = Some(commit);
            }
            None => done.changed = false,
        }
    } else if done.notes.is_empty() {
        idle.remember(&cache);
    }
    if let Err(error) = clean_up(store, &view, &decision.tree, now) {
        // The status is written; the refs can be cleaned up next time.
        let why = error.message;
        let note = format!("inbox refs are not cleaned up: {why}");
        done.notes.push(note);
    }
    Ok(Some(done))
}

/// Whether a reconcile has looked at just this, and found nothing to do.
pub fn is_idle(store: &Store, view: &View, now: Time) -> bool {
    let look = fingerprint(view, store.repo.is_shallow());
    Idle::recall(&Cache::new(&store.repo), &look, now).is_some()
}

/// What is told where nothing changes. After a look that changed nothing it is remembered: as long
/// as nothing is new and no deadline is reached, nothing needs to be read. Disposable.
#[derive(Clone, Serialize, Deserialize)]
struct Idle {
    look: String,
    sequence: u64,
    next_deadline: Option<Time>,
    waiting: Vec<Waiting>,
}

impl Idle {
    fn after(look: String, tree: &StatusTree) -> Idle {
        Idle {
            look,
            sequence: tree.controller.sequence,
            next_deadline: tree.controller.next_deadline,
            waiting: waiting(tree),
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
            transitions: Vec::new(),
            waiting: self.waiting,
            notes: Vec::new(),
        }
    }
}

/// Everything that a decision follows from, but the time.
fn fingerprint(view: &View, shallow: bool) -> String {
    let mut text = format!(
        "{} {} {} {}\n",
        env!("CARGO_PKG_VERSION"),
        view.spec_commit,
        view.status_tip.as_deref().unwrap_or("-"),
        // A shallow clone may not know who wrote a plan, and so decide otherwise.
        if shallow { "shallow" } else { "whole" },
    );
    for (address, tip) in &view.inbox {
        text.push_str(&format!("{address} {tip}\n"));
    }
    sha256_hex(text.as_bytes())
}

/// Read what is needed, and let the core decide.
fn decide(
    store: &Store,
    view: &View,
    stored: Option<&StoredStatus>,
    now: Time,
) -> Result<Reconciliation> {
    let files = store.files(&view.spec_commit, &view.config)?;
    let snapshot = Snapshot::build(&files, &view.config);
    let (incoming, refused, notes) =
        read_inbox(store, view, stored.map(|stored| &stored.tree), now)?;
    let mut pinned = stored.map_or_else(BTreeMap::new, |stored| stored.pinned.clone());
    for file in &files {
        if let Content::Bytes(bytes) = &file.content {
            pinned
                .entry(file.blob.clone())
                .or_insert_with(|| bytes.clone());
        }
    }
    let unreadable = RefCell::new(None);
    let artifact = |path: &str, text: Option<&str>| {
        let found = read::has_artifact(&store.repo, &view.spec_commit, path, text);
        found.unwrap_or_else(|error| {
            unreadable.replace(Some(error));
            false
        })
    };
    let authors = |commit: &str, path: &str| {
        let found = authors::of_file(&store.repo, commit, path);
        found.map_err(|why| why.to_string())
    };
    let mut decision = core::reconcile(&Inputs {
        snapshot: &snapshot,
        config: &view.config,
        commit: &view.spec_commit,
        history_rewritten: is_rewritten(store, view, stored)?,
        old: stored.map(|stored| &stored.tree),
        authors: &authors,
        pinned: &pinned,
        incoming: &incoming,
        refused: &refused,
        artifact: &artifact,
        now,
    });
    if let Some(error) = unreadable.take() {
        return Err(error.into());
    }
    decision.notes.extend(notes);
    let before = stored.map(|stored| &stored.tree);
    decision.notes.extend(not_applied(before, &decision.tree));
    if snapshot.is_empty() {
        decision.notes.push(format!(
            "no resources found below {} at {}",
            view.config.paths.join(", "),
            short(&view.spec_commit)
        ));
    }
    decision.notes.extend(no_key(store, view, &snapshot)?);
    decision.notes.extend(errors_of(&snapshot));
    Ok(decision)
}

/// The errors of the resources, a line each.
fn errors_of(snapshot: &Snapshot) -> Vec<String> {
    let errors = snapshot.diagnostics().iter().filter(|f| f.is_error());
    let mut lines: Vec<String> = errors.map(|finding| snapshot.line(finding)).collect();
    let more = lines.len().saturating_sub(ERRORS_SHOWN);
    if more > 0 {
        lines.truncate(ERRORS_SHOWN);
        lines.push(format!(
            "and {more} more errors: `planspec validate` shows them"
        ));
    }
    lines
}

/// Gates that only signed approvals open, and no key that could open one.
fn no_key(store: &Store, view: &View, snapshot: &Snapshot) -> Result<Option<String>> {
    let approvals = &view.config.approvals;
    if !approvals.require_signed || snapshot.keys_of(Kind::Gate).next().is_none() {
        return Ok(None);
    }
    let file = approvals.signers_file();
    let listed = signature::lists_a_key(&store.repo, Tree::Commit(&view.spec_commit), file)?;
    Ok((!listed).then(|| {
        format!(
            "approvals must be signed, and the spec branch lists no key: none counts before `{file}` \
             has a line, or `{}` a file",
            signature::KEYS_FOLDER
        )
    }))
}

/// The records that could not be applied this time, and why.
fn not_applied(before: Option<&StatusTree>, after: &StatusTree) -> Vec<String> {
    let known = runs::by_uid(before);
    let mut notes = Vec::new();
    for (uid, run) in runs::by_uid(Some(after)) {
        let old = known
            .get(uid)
            .map(|run| run.extensions.unapplied.as_slice());
        let new = run.extensions.unapplied.iter();
        for note in new.filter(|note| !old.unwrap_or_default().contains(note)) {
            notes.push(format!(
                "not applied: {} by {} ({}): {}",
                note.action, note.actor, note.ref_name, note.message
            ));
        }
    }
    notes
}

/// Whether the commit that was observed last is no longer part of the spec branch. In a shallow
/// clone ancestry proves nothing; there only its absence from everywhere counts.
fn is_rewritten(store: &Store, view: &View, stored: Option<&StoredStatus>) -> Result<bool> {
    let Some(stored) = stored else {
        return Ok(false);
    };
    let observed = &stored.tree.controller.observed_commit;
    if *observed == view.spec_commit {
        return Ok(false);
    }
    // It may just not be fetched yet; if the remote has lost it too, history was rewritten.
    if !store.has_or_fetches(observed) {
        return Ok(true);
    }
    if store.repo.is_shallow() {
        return Ok(false);
    }
    Ok(!store.repo.is_ancestor(observed, &view.spec_commit)?)
}

/// What is new in the inbox, what on it is no record, and what to say about it.
type Inbox = (Vec<Incoming>, BTreeSet<Address>, Vec<String>);

fn read_inbox(store: &Store, view: &View, tree: Option<&StatusTree>, now: Time) -> Result<Inbox> {
    let known_runs = runs::by_uid(tree);
    let is_new = |address: &Address, tip: &String| {
        known_runs
            .get(address.uid())
            .is_some_and(|run| runs::is_unread(run, address, tip))
    };
    let fresh: Vec<(&Address, &String)> = view
        .inbox
        .iter()
        .filter(|(address, tip)| is_new(address, tip))
        .collect();
    let tips: Vec<String> = fresh.iter().map(|(_, tip)| (*tip).clone()).collect();
    store.fetch_records(&tips)?;
    let (mut incoming, mut refused, mut notes) = (Vec::new(), BTreeSet::new(), Vec::new());
    for (address, tip) in fresh {
        let known = known_runs
            .get(address.uid())
            .and_then(|run| run.extensions.records.get(&address.to_string()));
        match store.records(tip, known.map(String::as_str))? {
            Ok((mut records, rewritten)) => {
                for received in &mut records {
                    received.signature =
                        store.signature(view, now, &received.id, &received.record)?;
                }
                incoming.push(Incoming {
                    address: address.clone(),
                    tip: tip.clone(),
                    records,
                    rewritten,
                });
            }
            Err(why) => {
                notes.push(format!("refs/planspec/{address} is not believed: {why}"));
                refused.insert(address.clone());
            }
        }
    }
    let gone = view
        .inbox
        .keys()
        .filter(|address| !known_runs.contains_key(address.uid()))
        .count();
    let whose = "to no execution that is known: ignored";
    match gone {
        0 => {}
        1 => notes.push(format!("1 inbox ref belongs {whose}")),
        _ => notes.push(format!("{gone} inbox refs belong {whose}")),
    }
    Ok((incoming, refused, notes))
}

/// Write the status commit; nothing points to it yet. `None` when the tree would be equal.
fn write(
    store: &Store,
    view: &View,
    old: Option<&StatusTree>,
    decision: &Reconciliation,
    now: Time,
) -> Result<Option<String>> {
    let tree = &decision.tree;
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
    Ok(status_branch::write(
        &store.repo,
        &NewStatus {
            parent: view.status_tip.clone(),
            files,
            message: message::message(&view.spec_commit, tree, &decision.transitions),
            evidence: decision.evidence.clone(),
            time: now,
            identity: store.identity(),
        },
    )?)
}

/// Delete the inbox refs of executions that are over in the status that everybody has: the lock is
/// no longer needed, and what was said is kept as evidence. Logs and work stay longer.
fn clean_up(store: &Store, view: &View, tree: &StatusTree, now: Time) -> Result {
    let known_runs = runs::by_uid(Some(tree));
    let done = view.inbox.iter().filter(|(address, tip)| {
        known_runs.get(address.uid()).is_some_and(|run| {
            let is_settled = match address {
                Address::Work { .. }
                | Address::Verification { .. }
                | Address::Review { .. }
                | Address::Request { .. } => true,
                // Criteria may be attested anew after the run is over.
                Address::Attestation { .. } => false,
            };
            run.phase.is_terminal()
                && is_settled
                && run.extensions.records.get(&address.to_string()) == Some(*tip)
        })
    });
    let done = done.map(|(address, tip)| (address.ref_name(), tip.clone()));
    let is_old = |name: &str| {
        let run = uid_of_result(name).and_then(|uid| known_runs.get(uid));
        run.is_none_or(|run| {
            let kept = |end: Time| end + chrono::TimeDelta::days(RESULT_DAYS);
            run.phase.is_terminal() && run.completion_time.is_some_and(|end| kept(end) <= now)
        })
    };
    let old = view.results.iter().filter(|(name, _)| is_old(name));
    let old = old
        .take(RESULTS_AT_ONCE)
        .map(|(name, tip)| (name.clone(), tip.clone()));
    store.forget(&done.chain(old).collect::<Vec<_>>())
}

/// A note for a user who has checked out another branch than the spec branch: only that one counts.
fn elsewhere(store: &Store, done: &Reconciled) -> Result<Option<String>> {
    if done.revision.is_some() {
        return Ok(None);
    }
    let spec_branch = &done.spec_branch;
    Ok(match store.repo.head()? {
        Head::Branch { name, .. } if name != *spec_branch => Some(format!(
            "you are on `{name}`; reconcile works on the spec branch `{spec_branch}`"
        )),
        _ => None,
    })
}
