//! Following the status branch: what is new since the last look, without reading anything else.

use std::time::{Duration, Instant};

use super::Context;
use crate::failure::{Failure, Outcome};
use crate::git::{refs, remote, status_branch};
use crate::service::store::{Store, Stored};

/// Most status commits to go back to after a long absence.
const MOST: usize = 1000;

/// Somebody who looks at the status branch again and again: at the remote's, when there is one.
pub struct Follower {
    store: Store,
    branch: String,
    /// The tip at the last look, if there was a look and a branch.
    seen: Option<Option<String>>,
    /// Whether the last look failed.
    away: bool,
    end: Option<Instant>,
}

impl Follower {
    /// Begin now, and look for `timeout` at most.
    ///
    /// # Errors
    /// The repository or the remote cannot be used.
    pub fn begin(
        context: &Context,
        timeout: Option<&crate::core::resource::Duration>,
    ) -> Outcome<Follower> {
        let store = Store::open(context.dir.as_deref())?;
        let branch = store.fresh()?.config.status.branch;
        let end = timeout.and_then(|timeout| {
            let seconds = u64::try_from(timeout.seconds()).unwrap_or_default();
            Instant::now().checked_add(Duration::from_secs(seconds))
        });
        Ok(Follower {
            store,
            branch,
            seen: None,
            away: false,
            end,
        })
    }

    /// The store that it looks at.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The status commits that came since the last look, oldest first; at first the tip alone.
    /// A remote that is away for a moment is no reason to stop: it is said once.
    ///
    /// # Errors
    /// The first look fails, or what is on the branch is not ours.
    pub fn look(&mut self, context: &Context) -> Outcome<Vec<String>> {
        match self.try_look() {
            Ok(commits) => {
                if std::mem::take(&mut self.away) {
                    context.terminal.note("note: the remote is back");
                }
                Ok(commits)
            }
            Err(failure) if self.seen.is_some() && self.store.remote.is_some() => {
                if !std::mem::replace(&mut self.away, true) {
                    let why = failure.error.map(|error| error.message).unwrap_or_default();
                    let why = why.lines().next().unwrap_or_default();
                    context.terminal.note(&format!("note: {why}; trying again"));
                }
                Ok(Vec::new())
            }
            Err(failure) => Err(failure),
        }
    }

    fn try_look(&mut self) -> Outcome<Vec<String>> {
        let tip = self.tip()?;
        if self.seen.as_ref() == Some(&tip) {
            return Ok(Vec::new());
        }
        let Some(new) = &tip else {
            return match &self.seen {
                Some(Some(_)) => Err(Failure::repository(format!(
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
            self.store.track(remote, &self.branch, Some(new))?;
        }
        let commits = match &self.seen {
            None => vec![new.clone()],
            Some(known) => status_branch::since(&self.store.repo, known.as_deref(), new, MOST)?,
        };
        self.seen = Some(tip);
        Ok(commits)
    }

    /// Where the branch stands: one ref, nothing else.
    fn tip(&self) -> Outcome<Option<String>> {
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
    pub fn read(&self, commit: &str) -> Outcome<Stored> {
        Ok(self.store.status_at(commit)?)
    }

    /// Wait for the next look. False when the time is over, or when nobody reads any more.
    pub fn rest(&self, context: &Context, interval: u64) -> bool {
        if context.terminal.reader_is_gone() {
            return false;
        }
        let interval = Duration::from_secs(interval);
        let rest = match self.end {
            None => interval,
            Some(end) => interval.min(end.saturating_duration_since(Instant::now())),
        };
        std::thread::sleep(rest);
        self.end.is_none_or(|end| Instant::now() < end)
    }
}
