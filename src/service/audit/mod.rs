//! Whether the status follows from what it cites: each commit of the status branch is decided once more, over the status before
//! it, the spec commit that it observed, its evidence, what the clone had answered, and its time.

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

/// Most commits that could not be checked that are listed.
const UNKNOWN_SHOWN: usize = 20;
/// Most new commits that a reconcile looks at by itself.
pub const NEWS: usize = 256;
/// Most commits before one that does not follow that are looked at for one that does.
const LOOKED_BACK: usize = 20;
/// Name of the note about the last commit that this clone has found to follow.
const TRUSTED_NOTE: &str = "audited";

/// Name of the note about the status that this clone has found not to follow.
const BROKEN_NOTE: &str = "broken";

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditRequest {
    /// Only the commits that say something of this execution.
    pub execution: Option<Named>,
    /// Only what follows this status commit.
    pub since: Option<String>,
    /// Check nothing: take this status commit, and all before it, as in order.
    pub trust: Option<String>,
}

/// Check the status as this clone knows it, from what is in this clone.
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

/// That there is no status in this clone: perhaps it is just not fetched.
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

/// Take a status commit as in order, whatever is found of it.
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
            Error::invalid(format!("{since} is not a commit of this status branch"))
                .hint(format!("`git log --first-parent {tip}` lists them")),
        );
    }
    Ok(found)
}

/// The execution that is meant.
fn execution(store: &Store, tip: &str, named: &Named) -> Result<Key> {
    StatusReader::at(&store.repo, tip)?.find(named)
}

/// What has been found so far.
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
                "history before {first} is not here: {parent} is missing; `git fetch --unshallow` gets it"
            ));
            self.audited.since = Some(parent);
        }
        Ok(())
    }

    /// See that the headers follow each other, before anything is read that takes longer; false when they do not.
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
    /// The last status commit before one that does not follow that does, of a few that are looked at; it is not known here that those
    /// before it do.
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
                // What somebody added to a forgery follows from that.
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
    let mut walk = Walk::new(store, (&view.spec_commit, tip), known.clone());
    let mut notes = Vec::new();
    if goes_far_back(repo, &commits) {
        // What stood there once may have been undone because it did not follow.
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

/// See that this clone has not found of this very status that it does not follow: nobody acts on one that is known for that.
///
/// # Errors
/// It has.
pub fn not_known_broken(store: &Store, view: &View) -> Result {
    let tip = view.status_tip.as_deref().map(str::as_bytes);
    let broken = Cache::new(&store.repo).load(BROKEN_NOTE);
    if tip.is_some() && broken.as_deref() == tip {
        news(store, view)?;
    }
    Ok(())
}

/// Whether one of these commits goes back behind all of them.
fn goes_far_back(repo: &Repo, commits: &[String]) -> bool {
    let mut restored = commits.iter().filter_map(|commit| {
        let status = StatusReader::at(repo, commit).ok()?;
        status.commit().restores.clone()
    });
    restored.any(|back_to| !commits.contains(&back_to))
}

/// See that a status commit is one to go back to: it follows from what it cites, and so does what it stands on.
///
/// # Errors
/// It does not.
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

/// Why nothing is done on a status that does not follow.
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

/// Which of these commits, the oldest first, the status does not stand on any more: whoever goes back to one stands on what that
/// one stood on, and on nothing that came after it.
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
            // What is before all of these is looked at by nobody here.
            Some(back_to) => places.get(&back_to).copied(),
        };
    }
    let undone = commits.iter().filter(|commit| !standing.contains(commit));
    undone.cloned().collect()
}
