//! Reconciles repeatedly: how long to wait, what to report, and the health file.

use std::time::Duration;

use super::pause;
use crate::api::reconcile::{Health, Reconciled};
use crate::core::resource::Time;
use crate::service::{Error, Result};

/// The interval while nothing is open: only a merge can bring something.
const QUIET: Duration = Duration::from_secs(5);
/// The longest interval while reconciles fail.
const LONGEST: Duration = Duration::from_secs(60);
/// How often the interval is doubled at most.
const DOUBLED: u32 = 12;

/// The state of a repeated reconcile.
#[derive(Debug)]
pub struct Watch {
    interval: Duration,
    has_remote: bool,
    has_begun: bool,
    failures: u32,
    /// The last reported error.
    told: Option<String>,
    health: Health,
}

/// What follows from one reconcile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Nothing new.
    Quiet,
    /// Something changed.
    Moved {
        /// Whether the last reconcile had failed.
        is_back: bool,
    },
    /// It failed with a new error.
    Failed,
    /// Nothing new, but the last reconcile had failed.
    Back,
    /// The first one failed, and trying again would not help.
    Ends,
}

impl Watch {
    /// Begins, with the interval while something is open; a remote may be temporarily unreachable.
    pub fn new(interval: Duration, now: Time, has_remote: bool) -> Watch {
        Watch {
            interval,
            has_remote,
            has_begun: false,
            failures: 0,
            told: None,
            health: Health {
                healthy: false,
                looked_at: now,
                succeeded_at: None,
                failures: 0,
                error: None,
                sequence: None,
                waiting: 0,
            },
        }
    }

    /// Records the result of a reconcile. Returns what follows, and how long to wait.
    pub fn after(&mut self, looked: &Result<Reconciled>, now: Time) -> (Course, Duration) {
        self.health.looked_at = now;
        match looked {
            Ok(done) => self.succeeded(done, now),
            Err(error) => self.failed(error),
        }
    }

    /// The state for the health file.
    pub fn health(&self) -> &Health {
        &self.health
    }

    fn succeeded(&mut self, done: &Reconciled, now: Time) -> (Course, Duration) {
        let waiting = done.waiting.len() + done.waiting_more;
        let had_failed = std::mem::take(&mut self.failures) > 0;
        self.has_begun = true;
        self.told = None;
        self.health.healthy = true;
        self.health.succeeded_at = Some(now);
        self.health.failures = 0;
        self.health.error = None;
        self.health.sequence = Some(done.sequence);
        self.health.waiting = waiting;
        let wait = if waiting == 0 && !done.changed {
            self.interval.max(QUIET)
        } else {
            self.interval
        };
        let course = match (done.transitions.is_empty(), had_failed) {
            (false, is_back) => Course::Moved { is_back },
            (true, true) => Course::Back,
            (true, false) => Course::Quiet,
        };
        (course, wait)
    }

    fn failed(&mut self, error: &Error) -> (Course, Duration) {
        // A remote may become reachable again; any other error at the start needs a person.
        if !self.has_begun && (error.is_refusal() || !self.has_remote) {
            return (Course::Ends, Duration::ZERO);
        }
        self.failures = self.failures.saturating_add(1);
        self.health.healthy = false;
        self.health.failures = self.failures;
        self.health.error = Some(error.message.clone());
        let is_new = self.told.as_ref() != Some(&error.message);
        self.told = Some(error.message.clone());
        let doubled = self
            .interval
            .saturating_mul(1 << self.failures.min(DOUBLED));
        // A random part, so that several reconcilers do not all return to the remote at once.
        let random = uuid::Uuid::new_v4().as_u128();
        let wait =
            doubled.min(LONGEST.max(self.interval)) + pause(random, DOUBLED.min(self.failures));
        let course = if is_new {
            Course::Failed
        } else {
            Course::Quiet
        };
        (course, wait)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn done(waiting_more: usize) -> Result<Reconciled> {
        Ok(Reconciled {
            spec_branch: "main".to_owned(),
            spec_commit: "0".repeat(40),
            revision: None,
            status_branch: "planspec/status".to_owned(),
            status_commit: None,
            sequence: 7,
            next_deadline: None,
            changed: false,
            dry_run: false,
            written_by_another: false,
            transitions: Vec::new(),
            waiting: Vec::new(),
            waiting_more,
            failed: Vec::new(),
            records: Default::default(),
            notes: Vec::new(),
        })
    }

    fn away(why: &str) -> Result<Reconciled> {
        Err(Error::unavailable(why))
    }

    #[test]
    fn a_remote_that_is_away_is_asked_less_and_less_and_told_once() {
        let now: Time = "2026-03-10T12:00:00Z".parse().unwrap();
        let second = Duration::from_secs(1);
        let mut watch = Watch::new(second, now, true);
        // At the start too: a machine may be up before its network.
        let mut waits = Vec::new();
        for n in 0..20 {
            let (course, wait) = watch.after(&away("no route"), now);
            let expected = if n == 0 {
                Course::Failed
            } else {
                Course::Quiet
            };
            assert_eq!(course, expected, "{n}");
            waits.push(wait);
        }
        let longest = LONGEST + Duration::from_secs(4);
        assert!(waits[0] >= 2 * second && waits[0] < 3 * second, "{waits:?}");
        assert!(waits[3] >= 16 * second, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= longest), "{waits:?}");
        assert!(waits[19] >= LONGEST, "{waits:?}");
        assert!(!watch.health().healthy);
        assert_eq!(watch.health().failures, 20);
        assert_eq!(watch.after(&away("refused"), now).0, Course::Failed);
        let later: Time = "2026-03-10T12:30:00Z".parse().unwrap();
        assert_eq!(watch.after(&done(3), later), (Course::Back, second));
        assert_eq!(watch.after(&done(3), later), (Course::Quiet, second));
        assert_eq!(watch.after(&done(0), later).1, QUIET);
        let health = watch.health();
        assert!(health.healthy && health.error.is_none());
        assert_eq!(health.succeeded_at, Some(later));
        assert_eq!(watch.after(&away("no route"), later).0, Course::Failed);
    }

    #[test]
    fn what_trying_again_does_not_mend_ends_it_at_the_beginning_alone() {
        let now: Time = "2026-03-10T12:00:00Z".parse().unwrap();
        let broken = || Err(Error::invalid("the configuration cannot be read"));
        let second = Duration::from_secs(1);
        let mut alone = Watch::new(second, now, false);
        assert_eq!(alone.after(&away("no repository"), now).0, Course::Ends);
        let mut watch = Watch::new(second, now, true);
        assert_eq!(watch.after(&broken(), now).0, Course::Ends);
        watch.after(&done(1), now);
        assert_eq!(watch.after(&broken(), now).0, Course::Failed);
        assert_eq!(watch.after(&broken(), now).0, Course::Quiet);
    }
}
