//! Checks that the status branch is where it was left. The ref [`HIGH_WATER`] moves with it, and is never moved back or
//! deleted by anybody who follows the rules: it says where the status is kept, and how far it has come.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::audit;
use super::status::StatusReader;
use super::store::{Store, View};
use super::{Error, Result};
use crate::core::base::digest::short;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::run::status::{ControllerState, HIGH_WATER};
use crate::git::base::merge_base;
use crate::git::{Cache, GitError, refs};

/// The pauses before the refs are read again, until the branch counts as behind: not every server updates two refs at
/// the same moment.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
];

/// The state of the status branch, compared with the high-water ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is at the same commit or further, or there is no status yet.
    Sound,
    /// The branch does not exist any more.
    Gone,
    /// It is at an earlier commit.
    PutBack,
    /// It is at a commit that does not descend from the high-water commit.
    Replaced,
    /// The configuration names another branch than the one with the status.
    Redirected {
        /// The branch with the status.
        from: String,
    },
    /// According to the configuration then, it was kept on another remote.
    OtherRemote {
        /// The remote in the configuration then.
        from: String,
    },
    /// It follows another spec branch, which still exists.
    OtherSpec {
        /// The spec branch that it follows.
        from: String,
    },
}

/// Reads the current view, and checks that the status branch is where it was left.
///
/// # Errors
/// It is not, or something cannot be read.
pub fn look(store: &Store) -> Result<View> {
    let mut pauses = PAUSES.iter();
    loop {
        let view = store.look()?;
        let standing = standing(store, &view)?;
        if standing == Standing::Sound {
            if let Some(error) = lost_from_sight(store, &view)? {
                return Err(error);
            }
            audit::not_known_broken(store, &view)?;
            store.track_status(&view);
            return Ok(view);
        }
        match pauses.next() {
            Some(pause) => std::thread::sleep(*pause),
            None => return Err(refusal(store, &view, &standing)),
        }
    }
}

/// The error if this clone has seen a later status than the present one. If somebody deletes both refs, or moves both
/// back, this is the only trace.
fn lost_from_sight(store: &Store, view: &View) -> Result<Option<Error>> {
    let (Some(remote), Some(tip)) = (&store.remote, &view.status_tip) else {
        return Ok(None);
    };
    let branch = &view.config.status.branch;
    let tracking = format!("refs/remotes/{remote}/{branch}");
    let seen = refs::get(&store.repo, &tracking)?.filter(|seen| seen != tip);
    // A shallow clone does not know the ancestors of commits.
    let seen = seen.filter(|seen| !store.repo.is_shallow() && store.repo.has_object(seen));
    let Some(seen) = seen.filter(|seen| !store.repo.is_ancestor(seen, tip).unwrap_or(true)) else {
        return Ok(None);
    };
    let (before, now) = (number(store, &seen), number(store, tip));
    let forget =
        format!("if that is intended, forget the earlier state: `git update-ref -d {tracking}`");
    let is_put_back = store.repo.is_ancestor(tip, &seen).unwrap_or(false);
    let (what, way_back) = if is_put_back {
        let push = format!("git push {remote} {seen}:refs/heads/{branch} {seen}:{HIGH_WATER}");
        (
            "was put back, and so was",
            format!("restore it: `{push}`; "),
        )
    } else if store.repo.are_related(&seen, tip)? == Some(true) {
        // As when a clone still wrote to the old remote after the others had moved.
        ("went on from an earlier state, and so did", String::new())
    } else {
        ("was started again, and so was", String::new())
    };
    let why = format!(
        "the status branch `{branch}` on remote `{remote}` {what} `{HIGH_WATER}`: it is at {now}, \
         but this clone has seen {before}"
    );
    Ok(Some(Error::unavailable(why).hint(way_back + &forget)))
}

/// The state of the status branch.
///
/// # Errors
/// The commits cannot be read, or this clone has too little history.
pub fn standing(store: &Store, view: &View) -> Result<Standing> {
    let Some(high) = &view.high_water else {
        return Ok(Standing::Sound);
    };
    if view.status_tip.as_ref() != Some(high) {
        store.get_commit(high)?;
    }
    // Whoever reads it next reports the error.
    let kept = Kept::recall(store, high).or_else(|| Kept::read(store, high));
    if let Some(elsewhere) = kept.and_then(|kept| elsewhere(store, view, &kept)) {
        return Ok(elsewhere);
    }
    course(store, view.status_tip.as_deref(), Some(high))
}

/// Cache entry about the last status commit.
const KEPT_NOTE: &str = "kept";

/// Where a status is kept, and which spec branch it follows, according to one of its commits. Cached, because reading
/// it from the commit takes as long as the rest of a check without news.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    commit: String,
    status_branch: Option<String>,
    status_remote: Option<String>,
    spec_branch: Option<String>,
}

impl Kept {
    fn read(store: &Store, commit: &str) -> Option<Kept> {
        let status = StatusReader::at(&store.repo, commit).ok()?;
        let names: ControllerState = status.controller().ok()?;
        Some(Kept {
            commit: commit.to_owned(),
            status_branch: names.status_branch,
            status_remote: names.status_remote,
            spec_branch: names.spec_branch,
        })
    }

    fn recall(store: &Store, commit: &str) -> Option<Kept> {
        let note = Cache::new(&store.repo).load(KEPT_NOTE)?;
        let kept: Kept = serde_json::from_slice(&note).ok()?;
        (kept.commit == commit).then_some(kept)
    }
}

/// Caches what the status commit of a view says, for the next check.
pub fn remember(store: &Store, view: &View) {
    let high = view.high_water.as_deref();
    let kept = high.filter(|high| Kept::recall(store, high).is_none());
    if let Some(kept) = kept.and_then(|high| Kept::read(store, high))
        && let Ok(text) = serde_json::to_vec(&kept)
    {
        Cache::new(&store.repo).store(KEPT_NOTE, &text);
    }
}

/// How a tip relates to the highest commit.
///
/// # Errors
/// This clone has too little history to tell.
pub fn course(store: &Store, tip: Option<&str>, high: Option<&str>) -> Result<Standing> {
    let (tip, high) = match (tip, high) {
        (_, None) => return Ok(Standing::Sound),
        (None, Some(_)) => return Ok(Standing::Gone),
        (Some(tip), Some(high)) => (tip, high),
    };
    if tip == high {
        return Ok(Standing::Sound);
    }
    Ok(
        match merge_base(&store.repo, store.remote.as_deref(), tip, high) {
            Ok(base) if base == high => Standing::Sound,
            Ok(base) if base == tip => Standing::PutBack,
            Ok(_) | Err(GitError::Unusable(_)) => Standing::Replaced,
            Err(error) => return Err(error.into()),
        },
    )
}

/// Whether the configuration now names another place for the status, or another spec branch.
fn elsewhere(store: &Store, view: &View, names: &Kept) -> Option<Standing> {
    let other = |kept: &Option<String>, now: &str| kept.clone().filter(|kept| kept != now);
    if let Some(from) = other(&names.status_branch, &view.config.status.branch) {
        return Some(Standing::Redirected { from });
    }
    // The configuration of this clone may choose another remote.
    let is_own_choice = store.repo.config("planspec.remote").is_some();
    let remote = view.config.status.remote.as_deref().unwrap_or_default();
    if let Some(from) = other(&names.status_remote, remote).filter(|_| !is_own_choice) {
        return Some(Standing::OtherRemote { from });
    }
    let from = other(&names.spec_branch, &view.spec_branch)?;
    // A branch whose old name is gone was renamed.
    view.branches
        .contains_key(&from)
        .then_some(Standing::OtherSpec { from })
}

/// The error for a status branch that is not where it was left.
pub fn refusal(store: &Store, view: &View, standing: &Standing) -> Error {
    let branch = &view.config.status.branch;
    let place = match &store.remote {
        Some(remote) => format!(" on remote `{remote}`"),
        None => String::new(),
    };
    let tip = view.status_tip.as_deref().unwrap_or_default();
    let high = view.high_water.as_deref().unwrap_or_default();
    let restore = |commit: &str| format!("`planspec reconcile --restore {commit}`");
    let back = restore(high);
    let (why, hint) = match standing {
        Standing::Sound => return Error::conflict("the status branch has moved in the meantime"),
        Standing::Gone => (
            format!(
                "the status branch `{branch}` is gone{}: it was at {}",
                place.replace(" on ", " from "),
                number(store, high)
            ),
            format!(
                "restore it with {back}; to start a new status without the earlier runs, run \
                 `planspec reconcile --initialize`"
            ),
        ),
        Standing::PutBack => (
            format!(
                "the status branch `{branch}`{place} was put back to {}: it was at {}",
                number(store, tip),
                number(store, high)
            ),
            format!(
                "restore it with {back}; if it was put back on purpose, confirm that with {}",
                restore(tip)
            ),
        ),
        Standing::Replaced => (
            format!(
                "the status branch `{branch}`{place} was replaced: {} does not follow {}, where it was",
                number(store, tip),
                number(store, high)
            ),
            format!("go back to what was there with {back}"),
        ),
        Standing::Redirected { from } => (
            format!(
                "`status.branch` names `{branch}`, but the status is on branch `{from}`{place}"
            ),
            format!(
                "name `{from}` again in {CONFIG_FILE} of `{}`; to move the status and its runs to \
                 `{branch}`, run `planspec reconcile --initialize`",
                view.spec_branch
            ),
        ),
        Standing::OtherRemote { from } => (
            format!(
                "this status is a copy: it was kept on remote `{from}`, but `status.remote` names {}",
                match &view.config.status.remote {
                    Some(remote) => format!("`{remote}`"),
                    None => "none".to_owned(),
                }
            ),
            format!(
                "name `{from}` again in {CONFIG_FILE} of `{}`; to continue with this copy, \
                 independently of the original, run `planspec reconcile --initialize`",
                view.spec_branch
            ),
        ),
        Standing::OtherSpec { from } => (
            format!(
                "the status is about branch `{from}`{place}, but `{}` is the spec branch now",
                view.spec_branch
            ),
            format!(
                "{}; to continue with `{}`, run `planspec reconcile --initialize`",
                spec_branch_again(store, from),
                view.spec_branch
            ),
        ),
    };
    Error::unavailable(why).hint(hint)
}

/// How to name the former spec branch again.
fn spec_branch_again(store: &Store, from: &str) -> String {
    match store.repo.config("planspec.specBranch") {
        Some(_) => format!("`git config planspec.specBranch {from}` names it again"),
        None => format!("`specBranch: {from}` in {CONFIG_FILE} names it again"),
    }
}

/// A status commit, as shown to people.
fn number(store: &Store, commit: &str) -> String {
    let status = StatusReader::at(&store.repo, commit);
    match status.map(|status| status.sequence()) {
        Ok(sequence) => format!("{} (sequence {sequence})", short(commit)),
        Err(_) => short(commit).to_owned(),
    }
}
