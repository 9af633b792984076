//! Keep a claim while its command runs: renew it before its lease ends, and notice that nobody
//! wants the work any more.

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

/// Longest time between two looks.
const LOOK: Duration = Duration::from_secs(60);

/// What is known of a claim.
pub struct Keeper {
    /// Where its ref points, and how many records stand there.
    tip: Mutex<(String, usize)>,
    /// Why the work is not wanted any more.
    over: Mutex<Option<String>>,
    stop: Stop,
}

impl Keeper {
    /// Of a claim that was just made, by a worker that may be asked to end.
    pub fn new(tip: &str, worker: &Stop) -> Keeper {
        Keeper {
            tip: Mutex::new((tip.to_owned(), 1)),
            over: Mutex::new(None),
            stop: worker.part(),
        }
    }

    /// Whether the work is to stop: it is not wanted any more, or its worker is to end.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Where the claim's ref points.
    pub fn tip(&self) -> String {
        self.place().0
    }

    fn place(&self) -> (String, usize) {
        self.tip
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Why the work is not wanted any more, if it is not.
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

    /// Look and renew until the other end of `done` is gone, or the work is not wanted any more.
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
                // The next look may succeed; until then the command goes on.
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
            // The ref has moved or is gone: perhaps the run has ended, which the status says.
            let why = not_wanted(&store, job, known)?;
            self.set_over(why.unwrap_or_else(|| "somebody else wrote to its claim".to_owned()));
        }
        Ok(())
    }

    /// Whether the claim could be renewed: it is where it was.
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

/// Why nobody wants the work any more, by a status that is not `known` yet.
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
