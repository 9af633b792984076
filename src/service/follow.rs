//! Following the status branch: what is new since the last look, without reading anything else.

use std::time::{Duration, Instant};

use super::store::{Store, StoredStatus, View};
use super::{Error, Result};
use crate::git::{refs, remote, status_branch};

/// Most status commits to go back to after a long absence.
const MOST: usize = 1000;

/// Who waits no longer is noticed so soon.
const STEP: Duration = Duration::from_millis(100);

/// How often to look, and how long.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Between two looks.
    pub interval: Duration,
    /// For ever when not set.
    pub timeout: Option<Duration>,
}

/// Somebody who looks at the status branch again and again: at the remote's, when there is one.
pub struct Follower<'a> {
    pub(super) store: &'a Store,
    /// What was there when it began.
    pub view: View,
    branch: String,
    /// The tip at the last look, if there was a look and a branch.
    seen: Option<Option<String>>,
    /// Whether the last look failed.
    away: bool,
    interval: Duration,
    end: Option<Instant>,
}

/// What a look brought.
#[derive(Debug, Default)]
pub struct NewCommits {
    /// The status commits that came since the last look, oldest first; at first the tip alone.
    pub commits: Vec<String>,
    /// What people should know: a remote that is away, or back.
    pub note: Option<String>,
}

impl<'a> Follower<'a> {
    /// Begin now.
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

    /// What is new. A remote that is away for a moment is no reason to stop: it is said once.
    ///
    /// # Errors
    /// The first look fails, or what is on the branch is not ours.
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
            // Everything behind it, so that nothing between two looks is lost; of a shallow clone,
            // what is behind the first look is left where it is.
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

    /// Where the branch stands: one ref, nothing else.
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

    /// The status of one of these commits.
    ///
    /// # Errors
    /// It is not ours, or it cannot be read.
    pub fn read(&self, commit: &str) -> Result<StoredStatus> {
        self.store.status_at(commit)
    }

    /// Wait for the next look. False when the time is over.
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
