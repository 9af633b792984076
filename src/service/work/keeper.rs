//! Keeps a claim while its command runs: renews it before its lease ends, and notices when the work is
//! no longer wanted.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Worker;
use super::job::Job;
use crate::core::run::record::Action;
use crate::service::Result;
use crate::service::runs::Observed;
use crate::service::status::StatusReader;
use crate::service::store::{Sent, Store};
use crate::worker::signals::Stop;
use crate::worker::tool::seconds;

/// The longest time between two checks.
const LOOK: Duration = Duration::from_secs(60);

/// The state of a claim.
pub struct Keeper {
    /// The tip of its ref, and the number of records on it.
    tip: Mutex<(String, usize)>,
    /// Why the work is no longer wanted.
    over: Mutex<Option<String>>,
    stop: Stop,
}

impl Keeper {
    /// The keeper of a new claim, for a worker that may be stopped.
    pub fn new(tip: &str, worker: &Stop) -> Keeper {
        Keeper {
            tip: Mutex::new((tip.to_owned(), 1)),
            over: Mutex::new(None),
            stop: worker.part(),
        }
    }

    /// Whether the work should stop: it is no longer wanted, or the worker should end.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The tip of the claim's ref.
    pub fn tip(&self) -> String {
        self.place().0
    }

    fn place(&self) -> (String, usize) {
        self.tip
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Why the work is no longer wanted, if so.
    pub fn over(&self) -> Option<String> {
        self.over
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_over(&self, why: String) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.stop.wish();
    }

    /// Checks and renews until the other end of `done` is dropped, or the work is no longer wanted.
    pub fn keep(&self, worker: &Worker<'_>, job: &Job, done: &Receiver<()>) {
        let half = seconds(&job.observed.view.config.lease) / 2;
        let mut known = job.observed.view.status_tip.clone();
        let mut renewed = Instant::now();
        while let Err(RecvTimeoutError::Timeout) = done.recv_timeout(half.min(LOOK)) {
            let is_due = renewed.elapsed() >= half;
            match self.look(worker, job, &mut known, is_due) {
                Ok(()) if self.over().is_some() => break,
                Ok(()) if is_due => renewed = Instant::now(),
                Ok(()) => {}
                // The next check may succeed; the command continues.
                Err(error) => worker.complain(&error),
            }
        }
    }

    fn look(
        &self,
        worker: &Worker<'_>,
        job: &Job,
        known: &mut Option<String>,
        is_due: bool,
    ) -> Result {
        let store = Store::open(worker.dir())?;
        if let Some(why) = not_wanted(&store, job, known)? {
            self.set_over(why);
        } else if is_due && !self.renew(worker, job, &store)? {
            // The ref has moved or is gone: the run may have ended, which the status says.
            let why = not_wanted(&store, job, known)?;
            self.set_over(why.unwrap_or_else(|| "somebody else wrote to its claim".to_owned()));
        }
        Ok(())
    }

    /// Renews the claim. Returns false if its ref has moved.
    fn renew(&self, worker: &Worker<'_>, job: &Job, store: &Store) -> Result<bool> {
        let Some(node) = job.node() else {
            return Ok(false);
        };
        let action = Action::Renewal {
            node: job.id.clone(),
            attempt: job.attempt,
            lease: None,
            claim: None,
        };
        let writer = worker.writer(store, &job.observed)?;
        let record = writer.record(node.run, action);
        let (tip, length) = self.place();
        let place = (job.tip.as_str(), tip.as_str(), length);
        let (sent, length) = store.renew(&node.address(), place, &record, writer.now)?;
        match sent {
            Sent::Done(tip) => {
                let place = (tip, length);
                *self.tip.lock().unwrap_or_else(PoisonError::into_inner) = place;
                tracing::debug!(node = job.id, "claim renewed");
                Ok(true)
            }
            Sent::Taken => Ok(false),
        }
    }
}

/// Why the work is no longer wanted, by a status newer than `known`.
///
/// # Errors
/// The remote cannot be used.
pub fn not_wanted(store: &Store, job: &Job, known: &mut Option<String>) -> Result<Option<String>> {
    let view = store.fresh()?;
    if view.status_tip == *known {
        return Ok(None);
    }
    let (Some(status), Some(run)) = (
        StatusReader::open(store, &view)?,
        job.observed.by_uid(&job.uid),
    ) else {
        return Ok(None);
    };
    let stored = status.read(&BTreeSet::from([run.key.clone()]))?;
    known.clone_from(&view.status_tip);
    let observed = Observed { view, stored };
    let Some(run) = observed.by_uid(&job.uid) else {
        return Ok(Some("its execution is gone".to_owned()));
    };
    let Some(node) = run.status.node_statuses.get(&job.id) else {
        return Ok(Some("the plan no longer contains it".to_owned()));
    };
    if node.phase.is_terminal() {
        return Ok(Some(match node.message.as_str() {
            "" => format!("it is {}", node.phase),
            message => format!("it is {}: {message}", node.phase),
        }));
    }
    let is_over = node.attempt != job.attempt;
    Ok(is_over.then(|| format!("attempt {} is open", node.attempt)))
}
