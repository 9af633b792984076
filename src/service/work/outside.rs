//! Polls external nodes of type `uri` and `webhook`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Worker;
use crate::api::work::{WorkEvent, WorkEventKind};
use crate::core::resource::{ExternalRef, Node, Time};
use crate::core::run::record::{Action, ReportResult};
use crate::service::Result;
use crate::service::environment;
use crate::service::report::is_outside;
use crate::service::runs::{self, Observed, ObservedNode};
use crate::service::store::{Sent, Store};
use crate::service::verify::errand;
use crate::worker::external::{self, Poll};
use crate::worker::http::Reach;
use crate::worker::signals::Stop;
use crate::worker::tool::seconds;

/// The default interval of polls.
const USUAL: Duration = Duration::from_secs(60);
/// The longest interval after errors, unless the node sets a longer one.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Maximum number of polls at the same time: one without a response does not delay the others.
const AT_ONCE: usize = 8;

/// How often a wait for a response checks whether to stop.
const STEP: Duration = Duration::from_millis(100);

/// An attempt of a node: the uid of its run, its id, the number.
type Which = (String, String, u32);

/// The polls of external nodes, each with its own interval.
#[derive(Debug)]
pub struct OutsidePolls {
    known: BTreeMap<Which, Pace>,
    /// Polls that wait for a free slot.
    queue: VecDeque<(Which, Question)>,
    /// The number of polls in progress.
    asking: usize,
    sender: Sender<(Which, Poll)>,
    answers: Receiver<(Which, Poll)>,
    /// Results that have arrived.
    came: VecDeque<(Which, Poll)>,
}

/// A poll to make.
#[derive(Debug)]
struct Question {
    external: ExternalRef,
    who: Value,
    reach: Reach,
    now: Time,
    stop: Stop,
}

/// The schedule of a poll.
#[derive(Debug)]
struct Pace {
    /// The interval without errors.
    interval: Duration,
    /// The next time; `None` during a poll.
    next: Option<Instant>,
    /// The number of consecutive errors.
    troubles: u32,
}

impl Pace {
    /// How long to wait after a result.
    fn pause(&mut self, is_trouble: bool, retry_after: Option<Duration>) -> Duration {
        self.troubles = if is_trouble { self.troubles + 1 } else { 0 };
        let slower = self.interval.saturating_mul(1 << self.troubles.min(10));
        let slower = slower.min(LONGEST.max(self.interval));
        slower.max(retry_after.unwrap_or_default())
    }
}

impl Default for OutsidePolls {
    fn default() -> OutsidePolls {
        let (sender, answers) = mpsc::channel();
        OutsidePolls {
            known: BTreeMap::new(),
            queue: VecDeque::new(),
            asking: 0,
            sender,
            answers,
            came: VecDeque::new(),
        }
    }
}

impl OutsidePolls {
    /// Reports what has happened, and starts the polls that are due. Returns whether anything has
    /// happened.
    ///
    /// # Errors
    /// The remote cannot be used.
    pub fn look(
        &mut self,
        worker: &Worker<'_>,
        store: &Store,
        observed: &Observed,
    ) -> Result<bool> {
        let waiting = self.waiting((worker, store), observed)?;
        let mut happened = false;
        self.came.extend(self.answers.try_iter());
        while let Some((which, poll)) = self.came.pop_front() {
            self.asking -= 1;
            let node = waiting.get(&which);
            if let Some(pace) = self.known.get_mut(&which) {
                let pause = match &poll {
                    Poll::NotYet {
                        is_trouble,
                        retry_after,
                        ..
                    } => pace.pause(*is_trouble, *retry_after),
                    _ => pace.interval,
                };
                pace.next = Some(Instant::now() + pause);
            }
            if let Some(node) = node {
                happened |= tell(worker, store, observed, *node, poll)?;
            }
        }
        self.begin();
        Ok(happened)
    }

    /// Whether a poll is in progress.
    pub fn is_asking(&self) -> bool {
        self.asking > 0
    }

    /// Waits for a result, at most for the given time.
    pub fn wait(&mut self, time: Duration, stop: &Stop) {
        let begin = Instant::now();
        while self.came.is_empty() && !stop.is_wished() && begin.elapsed() < time {
            let step = STEP.min(time.saturating_sub(begin.elapsed()));
            self.came.extend(self.answers.recv_timeout(step).ok());
        }
    }

    /// The nodes that wait for something outside; queues the polls that are due.
    fn waiting<'o>(
        &mut self,
        (worker, store): (&Worker<'_>, &Store),
        observed: &'o Observed,
    ) -> Result<BTreeMap<Which, ObservedNode<'o>>> {
        let mut found = BTreeMap::new();
        let open = observed
            .runs()
            .filter(|run| !run.status.phase.is_terminal());
        for run in open {
            let waiting = run
                .nodes()
                .filter(|node| is_outside(node.status) && worker.is_meant(*node))
                .filter(|node| observed.tip(&node.address()).is_none());
            let waiting: Vec<ObservedNode<'_>> = waiting.collect();
            if waiting.is_empty() {
                continue;
            }
            let plan = runs::pinned_plan(&observed.stored, run.status);
            for node in waiting {
                let (uid, id) = (node.run.file.uid.clone(), node.id.to_owned());
                let which = (uid, id, node.status.attempt);
                let of_plan = plan.as_ref().and_then(|plan| plan.node(node.id));
                if let Some(question) = of_plan.and_then(|of_plan| {
                    question((worker, store), observed, node, of_plan).transpose()
                }) {
                    let (question, interval) = question?;
                    if self.is_due(&which, interval) {
                        self.queue.push_back((which.clone(), question));
                    }
                }
                found.insert(which, node);
            }
        }
        // Nodes that no longer wait are not polled.
        self.queue.retain(|(which, _)| found.contains_key(which));
        self.known.retain(|which, _| found.contains_key(which));
        Ok(found)
    }

    fn is_due(&mut self, which: &Which, interval: Duration) -> bool {
        let now = Instant::now();
        let pace = self.known.entry(which.clone()).or_insert(Pace {
            interval,
            next: Some(now),
            troubles: 0,
        });
        let is_due = pace.next.is_some_and(|next| next <= now);
        if is_due {
            pace.next = None;
        }
        is_due
    }

    /// Starts as many polls as allowed.
    fn begin(&mut self) {
        while self.asking < AT_ONCE
            && let Some((which, question)) = self.queue.pop_front()
        {
            self.asking += 1;
            let sender = self.sender.clone();
            // It ends at its timeout at the latest; nobody may be waiting for the result any more.
            std::thread::spawn(move || {
                let Question {
                    external,
                    who,
                    reach,
                    now,
                    stop,
                } = question;
                sender
                    .send((which, external::poll(&external, (&who, &reach), now, &stop)))
                    .ok();
            });
        }
    }
}

/// The poll of a node, and its interval.
fn question(
    (worker, store): (&Worker<'_>, &Store),
    observed: &Observed,
    node: ObservedNode<'_>,
    of_plan: &Node,
) -> Result<Option<(Question, Duration)>> {
    let Some(external) = &of_plan.external_ref else {
        return Ok(None);
    };
    let mut who = errand(node).to_value();
    who["repository"] = observed.stored.tree.controller.repository_id.clone().into();
    let question = Question {
        external: external.clone(),
        who,
        reach: environment::reach(&store.repo),
        now: worker.now()?,
        stop: worker.around.stop.part(),
    };
    let interval = of_plan.poll_interval.as_ref().map_or(USUAL, seconds);
    Ok(Some((question, interval)))
}

/// Reports a result as an event, and the node if it has happened.
fn tell(
    worker: &Worker<'_>,
    store: &Store,
    observed: &Observed,
    node: ObservedNode<'_>,
    poll: Poll,
) -> Result<bool> {
    let name = node.name();
    let tell = |message: String| {
        worker.say(
            observed,
            node,
            WorkEvent::new(WorkEventKind::External, message),
        );
    };
    let how = match poll {
        Poll::Happened(how) => how,
        Poll::NotYet { why, .. } => {
            tell(format!("{name} has not happened yet: {why}"));
            return Ok(false);
        }
        Poll::NotAsked => {
            tell(format!(
                "{name} cannot be polled: it has no http or https address"
            ));
            return Ok(false);
        }
    };
    let action = Action::Report {
        node: node.id.to_owned(),
        attempt: node.status.attempt,
        result: ReportResult::Succeeded,
        outputs: Default::default(),
        message: how.clone(),
        commit: None,
        claim: None,
        artifacts: Vec::new(),
    };
    let writer = worker.writer(store, observed)?;
    match writer.try_send(&node.address(), None, node.run, action)? {
        Sent::Done(record) => {
            let message = format!("{name} has happened: {how}");
            let mut happened = WorkEvent::new(WorkEventKind::External, message);
            happened.result = Some(ReportResult::Succeeded.word().to_owned());
            happened.record = Some(record);
            worker.say(observed, node, happened);
        }
        Sent::Taken => tell(format!("{name} was reported by somebody else")),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_trouble_is_asked_less_often_and_when_it_says() {
        let mut pace = Pace {
            interval: USUAL,
            next: None,
            troubles: 0,
        };
        let seconds = Duration::from_secs;
        let mut pauses: Vec<Duration> = (0..5).map(|_| pace.pause(true, None)).collect();
        pauses.push(pace.pause(true, Some(seconds(3600))));
        pauses.push(pace.pause(false, Some(seconds(90))));
        pauses.push(pace.pause(false, None));
        let expected = [120, 240, 480, 900, 900, 3600, 90, 60].map(seconds);
        assert_eq!(pauses, expected);
        let mut slow = Pace {
            interval: seconds(7200),
            next: None,
            troubles: 0,
        };
        assert_eq!(slow.pause(true, None), seconds(7200), "never more often");
    }
}
