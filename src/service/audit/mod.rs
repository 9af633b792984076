//! Audits the status: decides each commit of the status branch again, from the status before it, the spec commit that it
//! observed, its evidence, the recorded answers, and its time.

mod answers;
mod check;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::audit::{Audited, AuditedCommit};
use crate::core::resource::Key;
use crate::core::run::status::status_path;
use crate::git::{Cache, Repo, read, status_branch};
use crate::service::names::Named;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};
use crate::service::{Error, Fault, Result, unshared};

use self::check::{Checked, Checker, Verdict};

/// Maximum number of unchecked commits that are listed.
const UNKNOWN_SHOWN: usize = 20;
/// Maximum number of new commits that a reconcile checks by itself.
pub const NEWS: usize = 256;
/// Maximum number of earlier commits that are searched for a valid one.
const LOOKED_BACK: usize = 20;
/// Cache entry with the last commit that this clone has found valid.
const TRUSTED_NOTE: &str = "audited";

/// Cache entry with the status that this clone has found invalid.
const BROKEN_NOTE: &str = "broken";

/// A request to audit.
#[derive(Debug, Clone, Default)]
pub struct AuditRequest {
    /// Only the commits that change this execution.
    pub execution: Option<Named>,
    /// Only the commits after this status commit.
    pub since: Option<String>,
    /// Check nothing: trust this status commit, and all before it.
    pub trust: Option<String>,
}

/// Checks the status as this clone knows it, with the objects of this clone.
///
/// # Errors
/// There is no status here, or no such execution or commit.
pub fn audit(store: Store, request: &AuditRequest) -> Result<Audited> {
    let view = store.known()?;
    let Some(tip) = view.status_tip.clone() else {
        return Err(nothing_known(&store, &view));
    };
    if let Some(revision) = &request.trust {
        return trusted(&store, &tip, &store.commit_of(revision)?);
    }
    let since = request.since.as_ref();
    let since = since.map(|since| store.commit_of(since)).transpose()?;
    // Missing objects are reported, not fetched: a clone must be enough.
    let store = Store {
        remote: None,
        ..store
    };
    let commits = line(&store.repo, &tip, since.as_deref(), usize::MAX)?;
    let only = match &request.execution {
        Some(named) => Some(execution(&store, &tip, named)?),
        None => None,
    };
    let mut walk = Walk::new(&store, (&view.spec_commit, &tip), since);
    walk.cut_off(&commits)?;
    if walk.headers(&commits) {
        walk.all(&commits, only.as_ref())?;
    }
    let Audited {
        commits,
        follow,
        evidence_alone,
        ..
    } = walk.audited;
    if walk.audited.broken.is_some() || only.is_some() {
        return Ok(walk.audited);
    }
    if commits > 0 && follow + evidence_alone == 0 {
        let unknown = walk.audited.unknown.first();
        let why = unknown.and_then(|one| one.why.first().cloned());
        return Err(Error::unavailable(format!(
            "nothing could be checked here: {}",
            why.unwrap_or_default()
        ))
        .hint("`git fetch --unshallow` gets the missing history"));
    }
    trust(&store.repo, &tip);
    Ok(walk.audited)
}

/// The error that this clone has no status; it may only need a fetch.
fn nothing_known(store: &Store, view: &View) -> Error {
    let Some(remote) = &store.remote else {
        return unshared::no_status(store, view);
    };
    let branch = &view.config.status.branch;
    Error::unavailable(format!(
        "this clone has no status branch `{branch}` of remote `{remote}`"
    ))
    .hint(format!(
        "`git fetch {remote} {branch}:refs/remotes/{remote}/{branch}` gets it if it exists; the \
         first `planspec reconcile` creates it"
    ))
}

/// Trusts a status commit, whatever its check would say.
fn trusted(store: &Store, tip: &str, commit: &str) -> Result<Audited> {
    if commit != tip && !store.repo.is_ancestor(commit, tip)? {
        return Err(Error::invalid(format!(
            "{commit} is not a commit of this status branch"
        )));
    }
    trust(&store.repo, commit);
    let mut audited = Walk::new(store, (tip, tip), Some(commit.to_owned())).audited;
    audited
        .notes
        .push(format!("this clone now trusts {commit} and all before it"));
    Ok(audited)
}

/// The commits after `since` up to the tip that are in this clone, oldest first; at most the newest `most`.
fn line(repo: &Repo, tip: &str, since: Option<&str>, most: usize) -> Result<Vec<String>> {
    if since == Some(tip) {
        return Ok(Vec::new());
    }
    let found = status_branch::since(repo, since, tip, most)?;
    if let Some(since) = since
        && found.len() < most
        && !repo.is_ancestor(since, tip)?
    {
        return Err(
            Error::invalid(format!("{since} is not a commit of this status branch"))
                .hint(format!("`git log --first-parent {tip}` lists them")),
        );
    }
    Ok(found)
}

/// The execution with the given name, which may be archived.
fn execution(store: &Store, tip: &str, named: &Named) -> Result<Key> {
    StatusReader::at(&store.repo, tip)?.find_ever(named)
}

/// The progress of an audit.
struct Walk<'a> {
    store: &'a Store,
    checker: Checker<'a>,
    audited: Audited,
}

impl<'a> Walk<'a> {
    fn new(store: &'a Store, (spec_tip, tip): (&str, &str), since: Option<String>) -> Walk<'a> {
        let checker = Checker::new(store, spec_tip);
        if let Some(since) = &since {
            checker.trust(since);
        }
        Walk {
            store,
            checker,
            audited: Audited {
                commit: tip.to_owned(),
                since,
                commits: 0,
                follow: 0,
                evidence_alone: 0,
                undone: 0,
                signatures: 0,
                broken: None,
                unknown: Vec::new(),
                unknown_more: 0,
                notes: Vec::new(),
            },
        }
    }

    /// Notes where the history of this clone ends.
    fn cut_off(&mut self, commits: &[String]) -> Result {
        let Some(first) = commits.first() else {
            return Ok(());
        };
        if self.audited.since.is_some() {
            return Ok(());
        }
        let status = StatusReader::at(&self.store.repo, first).ok();
        let parent = status.and_then(|status| status.commit().parent.clone());
        if let Some(parent) = parent {
            self.audited.notes.push(format!(
                "history before {first} is not here: {parent} is missing; `git fetch --unshallow` gets it"
            ));
            self.audited.since = Some(parent);
        }
        Ok(())
    }

    /// Checks the headers, before anything that takes longer. Returns false after an error.
    fn headers(&mut self, commits: &[String]) -> bool {
        let undone = undone(&self.store.repo, commits);
        for commit in commits.iter().filter(|commit| !undone.contains(*commit)) {
            if let Err(error) = StatusReader::at(&self.store.repo, commit)
                && error.fault == Some(Fault::Foreign)
            {
                self.audited.commits = commits.len();
                self.audited.broken = Some(told(self.store, commit, vec![error.message]));
                return false;
            }
        }
        true
    }

    fn all(&mut self, commits: &[String], only: Option<&Key>) -> Result {
        let undone = undone(&self.store.repo, commits);
        for commit in commits {
            if undone.contains(commit) {
                self.audited.undone += 1;
                continue;
            }
            if only.is_some_and(|key| !touches(&self.store.repo, commit, key)) {
                continue;
            }
            self.audited.commits += 1;
            let Checked {
                verdict,
                unknown,
                signatures,
            } = self.checker.check(commit)?;
            self.audited.signatures += signatures;
            let mut unknown = unknown;
            match verdict {
                Verdict::Follows => self.audited.follow += 1,
                Verdict::EvidenceAlone => self.audited.evidence_alone += 1,
                Verdict::Unknown(why) => unknown.push(why),
                Verdict::Broken(why) => {
                    self.audited.broken = Some(told(self.store, commit, why));
                    return Ok(());
                }
            }
            if unknown.is_empty() {
                continue;
            }
            if self.audited.unknown.len() < UNKNOWN_SHOWN {
                self.audited.unknown.push(told(self.store, commit, unknown));
            } else {
                self.audited.unknown_more += 1;
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// The last valid status commit before an invalid one, among a few candidates. The commits before it
    /// are not checked.
    fn last_that_follows(&self, broken: &str) -> Option<String> {
        let repo = &self.store.repo;
        let parent = |commit: &str| {
            let status = StatusReader::at(repo, commit).ok()?;
            status.commit().parent.clone()
        };
        let mut at = parent(broken);
        for _ in 0..LOOKED_BACK {
            let commit = at?;
            let checked = self.checker.check(&commit).ok()?;
            let before = parent(&commit);
            if matches!(checked.verdict, Verdict::Follows) {
                // A commit on top of a forgery follows from the forgery.
                let is_sound = before.as_ref().is_none_or(|before| {
                    let checked = self.checker.check(before);
                    checked.is_ok_and(|checked| !matches!(checked.verdict, Verdict::Broken(_)))
                });
                if is_sound {
                    return Some(commit);
                }
            }
            at = before;
        }
        None
    }
}

/// Whether a commit changes the status of an execution.
fn touches(repo: &Repo, commit: &str, key: &Key) -> bool {
    let path = status_path(key);
    let parent = StatusReader::at(repo, commit).ok();
    let parent = parent.and_then(|status| status.commit().parent.clone());
    let at = |commit: &str| read::id_at(repo, commit, &path).ok().flatten();
    parent.is_none_or(|parent| at(&parent) != at(commit))
}

fn told(store: &Store, commit: &str, why: Vec<String>) -> AuditedCommit {
    let status = StatusReader::at(&store.repo, commit).ok();
    AuditedCommit {
        commit: commit.to_owned(),
        sequence: status.map(|status| status.sequence()),
        time: store.repo.commit_time(commit).ok(),
        why,
    }
}

/// Remembers that this clone has found a status commit, and all before it, valid.
pub fn trust(repo: &Repo, commit: &str) {
    Cache::new(repo).store(TRUSTED_NOTE, commit.as_bytes());
}

/// Checks the commits that are new since the last check of this clone, before it acts on them; without an earlier check,
/// only the tip. What cannot be checked here is left to `planspec audit`.
///
/// # Errors
/// A commit does not follow from what it cites.
pub fn news(store: &Store, view: &View) -> Result<Vec<String>> {
    let Some(tip) = view.status_tip.as_deref() else {
        return Ok(Vec::new());
    };
    let repo = &store.repo;
    let known = Cache::new(repo).load(TRUSTED_NOTE);
    let known = known.and_then(|known| String::from_utf8(known).ok());
    // A partial clone would fetch its missing objects one by one.
    if known.as_deref() == Some(tip) || repo.is_partial() {
        return Ok(Vec::new());
    }
    let is_behind = |known: &String| repo.is_ancestor(known, tip).unwrap_or(false);
    let known = known.filter(is_behind);
    let most = if known.is_some() { NEWS + 1 } else { 1 };
    let mut commits = status_branch::since(repo, known.as_deref(), tip, most)?;
    let mut walk = Walk::new(store, (&view.spec_commit, tip), known.clone());
    let mut notes = Vec::new();
    if goes_far_back(repo, &commits) {
        // An earlier status may have been undone because it was invalid.
        commits = status_branch::since(repo, None, tip, usize::MAX)?;
        walk = Walk::new(store, (&view.spec_commit, tip), None);
    } else if commits.len() > NEWS {
        commits.drain(..commits.len() - NEWS);
        let known = known.unwrap_or_default();
        notes.push(format!(
            "more than {NEWS} status commits are new here; only the newest {NEWS} were checked: \
             `planspec audit --since {known}` checks all"
        ));
    }
    walk.all(&commits, None)?;
    if let Some(broken) = &walk.audited.broken {
        Cache::new(repo).store(BROKEN_NOTE, tip.as_bytes());
        return Err(refusal(&walk, broken));
    }
    trust(repo, tip);
    Ok(notes)
}

/// Fails if this clone has found the current status invalid, so that nobody acts on it.
///
/// # Errors
/// The status is invalid.
pub fn not_known_broken(store: &Store, view: &View) -> Result {
    let tip = view.status_tip.as_deref().map(str::as_bytes);
    let broken = Cache::new(&store.repo).load(BROKEN_NOTE);
    if tip.is_some() && broken.as_deref() == tip {
        news(store, view)?;
    }
    Ok(())
}

/// Whether one of these commits restores a status from before all of them.
fn goes_far_back(repo: &Repo, commits: &[String]) -> bool {
    let mut restored = commits.iter().filter_map(|commit| {
        let status = StatusReader::at(repo, commit).ok()?;
        status.commit().restores.clone()
    });
    restored.any(|back_to| !commits.contains(&back_to))
}

/// Checks that a status commit can be restored: it is valid, and so is its history.
///
/// # Errors
/// It is not.
pub fn check_restored(store: &Store, view: &View, commit: &str) -> Result {
    if store.repo.is_partial() {
        return Ok(());
    }
    let commits = status_branch::since(&store.repo, None, commit, NEWS)?;
    let mut walk = Walk::new(store, (&view.spec_commit, commit), None);
    walk.all(&commits, None)?;
    match &walk.audited.broken {
        Some(broken) => Err(refusal(&walk, broken)),
        None => Ok(()),
    }
}

/// Why nothing is done on an invalid status.
fn refusal(walk: &Walk<'_>, broken: &AuditedCommit) -> Error {
    let why = broken.why.join("; ");
    let commit = &broken.commit;
    let way_back = walk.last_that_follows(commit).map(|before| {
        format!(
            "; go back to the last status that follows with `planspec reconcile --restore {before}`"
        )
    });
    Error::unavailable(format!(
        "status commit {commit} does not follow from what it cites: {why}"
    ))
    .hint(format!(
        "`git show {commit}` shows who wrote it, `planspec audit` checks all of them{}; if you \
         know that it is right (the spec branch was rewritten on purpose), run `planspec audit \
         --trust {commit}`",
        way_back.unwrap_or_default()
    ))
}

/// The commits, of these (oldest first), that the current status is no longer based on: a commit that restores an earlier
/// one is based on that, and on nothing after it.
fn undone(repo: &Repo, commits: &[String]) -> BTreeSet<String> {
    let places: BTreeMap<&String, usize> = commits.iter().zip(0..).collect();
    let mut standing = BTreeSet::new();
    let mut at = commits.len().checked_sub(1);
    while let Some(place) = at {
        let commit = &commits[place];
        standing.insert(commit);
        let status = StatusReader::at(repo, commit).ok();
        at = match status.and_then(|status| status.commit().restores.clone()) {
            None => place.checked_sub(1),
            // Earlier commits are not among these.
            Some(back_to) => places.get(&back_to).copied(),
        };
    }
    let undone = commits.iter().filter(|commit| !standing.contains(commit));
    undone.cloned().collect()
}
