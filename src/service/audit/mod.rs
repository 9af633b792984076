//! Whether the status follows from what it cites: each commit of the status branch is decided once more, over the status before
//! it, the spec commit that it observed, its evidence, what the clone had answered, and its time.

mod answers;
mod check;

use std::collections::BTreeMap;

use crate::api::audit::{Audited, AuditedCommit};
use crate::core::resource::{Key, Kind};
use crate::core::run::status::status_path;
use crate::git::{Cache, Repo, read, status_branch};
use crate::service::names::Named;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};
use crate::service::{Error, Fault, Result, unshared};

use self::check::{Checked, Checker, Verdict};

/// Most commits that could not be checked that are listed.
const UNKNOWN_SHOWN: usize = 20;
/// Most new commits that a reconcile looks at by itself.
pub const NEWS: usize = 256;
/// Name of the note about the last commit that this clone has found to follow.
const TRUSTED_NOTE: &str = "audited";

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditRequest {
    /// Only the commits that say something of this execution.
    pub execution: Option<Named>,
    /// Only what follows this status commit.
    pub since: Option<String>,
}

/// Check the status as this clone knows it, from what is in this clone.
///
/// # Errors
/// There is no status here, or no such execution or commit.
pub fn audit(store: Store, request: &AuditRequest) -> Result<Audited> {
    let view = store.known()?;
    let Some(tip) = view.status_tip.clone() else {
        return Err(unshared::no_status(&store, &view));
    };
    let since = request.since.as_ref();
    let since = since.map(|since| store.commit_of(since)).transpose()?;
    // What is not here is said, and not fetched: a clone must do.
    let store = Store {
        remote: None,
        ..store
    };
    let commits = line(&store.repo, &tip, since.as_deref(), usize::MAX)?;
    let only = match &request.execution {
        Some(named) => Some(execution(&store, &tip, named)?),
        None => None,
    };
    let mut walk = Walk::new(&store, &tip, since);
    walk.cut_off(&commits)?;
    if walk.headers(&commits) {
        walk.all(&commits, only.as_ref())?;
    }
    if walk.audited.broken.is_none() && only.is_none() {
        trust(&store.repo, &tip);
    }
    Ok(walk.audited)
}

/// The commits from behind `since` up to the tip, as far as they are here, the oldest first; at most the newest `most`.
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
            Error::invalid(format!("{since} is no commit of this status branch"))
                .hint(format!("`git log --first-parent {tip}` lists them")),
        );
    }
    Ok(found)
}

/// The execution that is meant.
fn execution(store: &Store, tip: &str, named: &Named) -> Result<Key> {
    let status = StatusReader::at(&store.repo, tip)?;
    let keys = status.named(named)?;
    debug_assert_eq!(named.kind, Kind::Execution);
    named.among(keys.iter()).cloned()
}

/// What has been found so far.
struct Walk<'a> {
    store: &'a Store,
    checker: Checker<'a>,
    audited: Audited,
}

impl<'a> Walk<'a> {
    fn new(store: &'a Store, tip: &str, since: Option<String>) -> Walk<'a> {
        let checker = Checker::new(store);
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

    /// Say where this clone ends.
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
                "what is before {first} is not here: {parent} is missing; `git fetch --unshallow` gets the rest"
            ));
            self.audited.since = Some(parent);
        }
        Ok(())
    }

    /// See that the headers follow each other, before anything is read that takes longer; false when they do not.
    fn headers(&mut self, commits: &[String]) -> bool {
        let undone = undone(&self.store.repo, commits);
        for commit in commits
            .iter()
            .filter(|commit| !undone.contains_key(*commit))
        {
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
            if undone.contains_key(commit) {
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

/// Whether a commit says anything else of an execution than the one before it.
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

/// Take note that this clone has found a status commit, and all before it, to follow.
pub fn trust(repo: &Repo, commit: &str) {
    Cache::new(repo).store(TRUSTED_NOTE, commit.as_bytes());
}

/// Check what is new since this clone looked last, before anything is done on it; where it has never looked, the tip alone.
/// What cannot be checked here is left to `planspec audit`.
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
    // What a partial clone has left on the remote would be got one by one.
    if known.as_deref() == Some(tip) || repo.is_partial() {
        return Ok(Vec::new());
    }
    let is_behind = |known: &String| repo.is_ancestor(known, tip).unwrap_or(false);
    let known = known.filter(is_behind);
    let most = if known.is_some() { NEWS + 1 } else { 1 };
    let mut commits = status_branch::since(repo, known.as_deref(), tip, most)?;
    let mut walk = Walk::new(store, tip, known.clone());
    let mut notes = Vec::new();
    if commits.len() > NEWS {
        commits.drain(..commits.len() - NEWS);
        let known = known.unwrap_or_default();
        notes.push(format!(
            "more than {NEWS} status commits are new here, and the newest {NEWS} were checked: `planspec audit --since {known}` \
             checks all"
        ));
    }
    walk.all(&commits, None)?;
    if let Some(broken) = walk.audited.broken {
        return Err(refusal(repo, &broken));
    }
    trust(repo, tip);
    Ok(notes)
}

/// Why nothing is done on a status that does not follow.
fn refusal(repo: &Repo, broken: &AuditedCommit) -> Error {
    let why = broken.why.join("; ");
    let commit = &broken.commit;
    let status = StatusReader::at(repo, commit).ok();
    let before = status.and_then(|status| status.commit().parent.clone());
    let way_back = before.map(|before| {
        format!("; go back to the status before it with `planspec reconcile --restore {before}`")
    });
    Error::unavailable(format!(
        "status commit {commit} does not follow from what it cites: {why}"
    ))
    .hint(format!(
        "`git show {commit}` shows who wrote it, `planspec audit` looks at all of them{}",
        way_back.unwrap_or_default()
    ))
}

/// Which of these commits, the oldest first, were undone later: those behind the one that a later commit goes back to.
fn undone(repo: &Repo, commits: &[String]) -> BTreeMap<String, String> {
    let mut undone = BTreeMap::new();
    let mut at = commits.len();
    while at > 0 {
        at -= 1;
        let commit = &commits[at];
        let status = StatusReader::at(repo, commit).ok();
        let Some(back_to) = status.and_then(|status| status.commit().restores.clone()) else {
            continue;
        };
        let first = commits[..at].iter().position(|one| *one == back_to);
        let is_before_all = || repo.is_ancestor(&back_to, &commits[0]).unwrap_or(false);
        let first = match first {
            Some(first) => first + 1,
            None if is_before_all() => 0,
            None => continue,
        };
        for one in &commits[first..at] {
            undone.insert(one.clone(), commit.clone());
        }
        at = first;
    }
    undone
}
