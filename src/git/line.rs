//! Which commits are on the line of first parents behind a tip: of the status branch those are what was the status once. What
//! somebody else put in its place, and what is only evidence, is behind it as well, and is not.

use std::collections::HashSet;

use super::base::{STEPS, remote_of};
use super::id::{Id, parse_id};
use super::remote::deepen;
use super::{GitError, Repo, Result};

/// The line of first parents behind a tip, walked as far as was asked.
pub struct Line<'a> {
    repo: &'a Repo,
    shared: Option<&'a str>,
    tip: &'a str,
    /// What was found on it.
    walked: HashSet<Id>,
    /// Where to go on; nothing at its end.
    next: Option<Id>,
    /// By how much a shallow history is still deepened.
    steps: std::slice::Iter<'static, u32>,
}

impl<'a> Line<'a> {
    /// The line behind a commit.
    ///
    /// # Errors
    /// It is no id.
    pub fn behind(repo: &'a Repo, shared: Option<&'a str>, tip: &'a str) -> Result<Line<'a>> {
        Ok(Line {
            repo,
            shared,
            tip,
            walked: HashSet::new(),
            next: Some(parse_id(tip)?),
            steps: STEPS.iter(),
        })
    }

    /// Whether a commit is on it. A shallow history is deepened until that is known; nothing where it cannot be.
    ///
    /// # Errors
    /// An object is broken.
    pub fn holds(&mut self, commit: &str) -> Result<Option<bool>> {
        let Ok(wanted) = parse_id(commit) else {
            return Ok(Some(false));
        };
        loop {
            if self.walked.contains(&wanted) {
                return Ok(Some(true));
            }
            let Some(at) = self.next else {
                return Ok(Some(false));
            };
            match self.repo.commit(at) {
                Ok(found) => {
                    self.walked.insert(at);
                    self.next = found.parents.first().copied();
                }
                Err(GitError::Missing(_)) if self.deepen()? => {}
                Err(GitError::Missing(_)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Get more of a history that is cut off. False where there is no more to be got.
    fn deepen(&mut self) -> Result<bool> {
        let remote = remote_of(self.repo, self.shared, "")?;
        let (Some(remote), true) = (remote, self.repo.is_shallow()) else {
            return Ok(false);
        };
        let Some(by) = self.steps.next() else {
            return Ok(false);
        };
        Ok(deepen(self.repo, &remote, &[self.tip], *by).is_ok())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::{Sandbox, on_disk_and_in_memory};

    /// A line of commits, and a merge of something beside it in its middle: what is on it, and what is beside it.
    fn origin(sandbox: &Sandbox, length: usize) -> (Repo, Vec<String>, String) {
        let repo = sandbox.repo("origin");
        let first = sandbox.commit(&repo, &[("a", "0")]);
        sandbox.git(&repo, &["checkout", "-q", "-b", "beside"]);
        let beside = sandbox.commit(&repo, &[("b", "1")]);
        sandbox.git(&repo, &["checkout", "-q", "main"]);
        let second = sandbox.commit(&repo, &[("a", "1")]);
        sandbox.git(&repo, &["merge", "-q", "--no-ff", "-m", "m", "beside"]);
        let mut line = vec![first, second, sandbox.git(&repo, &["rev-parse", "HEAD"])];
        line.extend((0..length).map(|n| sandbox.commit(&repo, &[("a", &format!("{n} more"))])));
        (repo, line, beside)
    }

    #[test]
    fn what_was_merged_is_behind_the_tip_and_not_on_the_line() {
        on_disk_and_in_memory(|sandbox| {
            let (repo, line, beside) = origin(sandbox, 3);
            let tip = line.last().unwrap();
            assert!(repo.is_ancestor(&beside, tip).unwrap());
            let mut walked = Line::behind(&repo, None, tip).unwrap();
            assert_eq!(walked.holds(&beside).unwrap(), Some(false));
            for commit in &line {
                assert_eq!(walked.holds(commit).unwrap(), Some(true));
            }
            assert_eq!(walked.holds("nonsense").unwrap(), Some(false));
            assert_eq!(walked.holds(&"0".repeat(40)).unwrap(), Some(false));
            let mut earlier = Line::behind(&repo, None, &line[1]).unwrap();
            assert_eq!(earlier.holds(tip).unwrap(), Some(false));
        });
    }

    #[test]
    fn a_shallow_history_is_deepened_and_what_cannot_be_known_is_not_said() {
        let sandbox = Sandbox::new();
        let (_, line, beside) = origin(&sandbox, 30);
        let tip = line.last().unwrap();
        let clone = sandbox.clone_of("origin", "clone", &["--depth=1"]);
        let mut walked = Line::behind(&clone, None, tip).unwrap();
        assert_eq!(walked.holds(&line[20]).unwrap(), Some(true));
        assert!(clone.is_shallow(), "no more than it takes");
        assert_eq!(walked.holds(&line[0]).unwrap(), Some(true));
        assert_eq!(walked.holds(&beside).unwrap(), Some(false));
        let lonely = sandbox.clone_of("origin", "lonely", &["--depth=1"]);
        sandbox.git(&lonely, &["remote", "remove", "origin"]);
        let mut walked = Line::behind(&lonely, None, tip).unwrap();
        assert_eq!(walked.holds(tip).unwrap(), Some(true));
        assert_eq!(walked.holds(&line[0]).unwrap(), None);
    }
}
