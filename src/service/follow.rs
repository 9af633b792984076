//! Follows the status branch: finds new commits, and reads nothing else.

use std::time::{Duration, Instant};

use super::store::{Store, StoredStatus, View};
use super::{Error, Result};
use crate::git::{refs, remote, status_branch};

/// Maximum number of status commits to read after a long absence.
const MOST: usize = 1000;

/// Who waits no longer is noticed so soon.
const STEP: Duration = Duration::from_millis(100);

/// How often to check, and for how long.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Time between two checks.
    pub interval: Duration,
    /// `None` means no limit.
    pub timeout: Option<Duration>,
}

/// Checks the status branch repeatedly: that of the remote, if there is one.
pub struct Follower<'a> {
    pub(super) store: &'a Store,
    /// The view at the beginning.
    pub view: View,
    branch: String,
    /// The tip at the last check, if there was a check and a branch.
    seen: Option<Option<String>>,
    /// Whether the last check failed.
    away: bool,
    interval: Duration,
    end: Option<Instant>,
}

/// The result of a check.
#[derive(Debug, Default)]
pub struct NewCommits {
    /// The status commits since the last check, oldest first; at first only the tip.
    pub commits: Vec<String>,
    /// A note for people: a remote is not reachable, or is again.
    pub note: Option<String>,
}

impl<'a> Follower<'a> {
    /// Begins to follow.
    ///
    /// # Errors
    /// The repository or the remote cannot be used.
    pub fn begin(store: &'a Store, pace: &Pace) -> Result<Follower<'a>> {
        let view = store.fresh()?;
        let end = pace.timeout;
        let end = end.and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(Follower {
            store,
            branch: view.config.status.branch.clone(),
            view,
            seen: None,
            away: false,
            interval: pace.interval,
            end,
        })
    }

    /// Checks for new commits. A remote that is temporarily unreachable is reported once.
    ///
    /// # Errors
    /// The first check fails, or the branch has a commit that planspec did not write.
    pub fn look(&mut self) -> Result<NewCommits> {
        match self.try_look() {
            Ok(commits) => {
                let is_back = std::mem::take(&mut self.away);
                let note = is_back.then(|| "the remote is back".to_owned());
                Ok(NewCommits { commits, note })
            }
            Err(error) if self.seen.is_some() && self.store.remote.is_some() => {
                let was_away = std::mem::replace(&mut self.away, true);
                let why = error.message.lines().next().unwrap_or_default();
                let note = (!was_away).then(|| format!("{why}; trying again"));
                let commits = Vec::new();
                Ok(NewCommits { commits, note })
            }
            Err(error) => Err(error),
        }
    }

    fn try_look(&mut self) -> Result<Vec<String>> {
        let tip = self.tip()?;
        if self.seen.as_ref() == Some(&tip) {
            return Ok(Vec::new());
        }
        let Some(new) = &tip else {
            return match &self.seen {
                Some(Some(_)) => Err(Error::unavailable(format!(
                    "the status branch `{}` is gone",
                    self.branch
                ))),
                _ => {
                    self.seen = Some(None);
                    Ok(Vec::new())
                }
            };
        };
        if let Some(remote) = &self.store.remote {
            // All commits behind the tip, so that none between two checks is missed; in a shallow clone, nothing
            // is deepened for the first check.
            let shallow = self.seen.is_none();
            remote::fetch(&self.store.repo, remote, std::slice::from_ref(new), shallow)?;
            self.store.track(remote, &self.branch, Some(new));
        }
        let commits = match &self.seen {
            None => vec![new.clone()],
            Some(known) => status_branch::since(&self.store.repo, known.as_deref(), new, MOST)?,
        };
        self.seen = Some(tip);
        Ok(commits)
    }

    /// The tip of the branch. Reads only this ref.
    fn tip(&self) -> Result<Option<String>> {
        let name = format!("refs/heads/{}", self.branch);
        match &self.store.remote {
            None => Ok(refs::get(&self.store.repo, &name)?),
            Some(remote) => {
                let listing = remote::list(&self.store.repo, remote, &[&name])?;
                Ok(listing.refs.get(&name).cloned())
            }
        }
    }

    /// Reads the status of one of these commits.
    ///
    /// # Errors
    /// planspec did not write it, or it cannot be read.
    pub fn read(&self, commit: &str) -> Result<StoredStatus> {
        self.store.status_at(commit)
    }

    /// Waits for the next check. Returns false on timeout.
    pub fn rest(&self) -> bool {
        self.rest_while(&|| true)
    }

    /// The same, for as long as somebody wants it.
    pub fn rest_while(&self, is_wanted: &dyn Fn() -> bool) -> bool {
        let begun = Instant::now();
        let interval = match self.end {
            None => self.interval,
            Some(end) => self.interval.min(end.saturating_duration_since(begun)),
        };
        while is_wanted()
            && let rest @ 1.. = interval.saturating_sub(begun.elapsed()).as_nanos()
        {
            let rest = u64::try_from(rest).unwrap_or(u64::MAX);
            std::thread::sleep(Duration::from_nanos(rest).min(STEP));
        }
        is_wanted() && self.end.is_none_or(|end| Instant::now() < end)
    }
}
