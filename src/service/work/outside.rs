//! Ask for what happens outside: External nodes of type `uri` and `webhook`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Worker;
use crate::api::work::{WorkEvent, WorkEventKind};
use crate::core::resource::Node;
use crate::core::run::record::{Action, ReportResult};
use crate::service::Result;
use crate::service::report::is_outside;
use crate::service::runs::{self, Observed, ObservedNode};
use crate::service::store::{Sent, Store};
use crate::service::verify::errand;
use crate::worker::external::{self, Poll};
use crate::worker::tool::seconds;

/// How often something is asked for when its node does not say.
const USUAL: Duration = Duration::from_secs(60);

/// When what was asked for last.
#[derive(Debug, Default)]
pub struct OutsidePolls {
    asked: BTreeMap<(String, String), Instant>,
}

impl OutsidePolls {
    /// Ask for everything whose turn it is, and report what has happened. Whether anything has.
    ///
    /// # Errors
    /// The remote cannot be used.
    pub fn ask(&mut self, worker: &Worker<'_>, store: &Store, observed: &Observed) -> Result<bool> {
        let mut happened = false;
        for run in observed
            .runs()
            .filter(|run| !run.status.phase.is_terminal())
        {
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
                let of_plan = plan.as_ref().and_then(|plan| plan.node(node.id));
                if let Some(of_plan) = of_plan.filter(|of_plan| self.is_due(node, of_plan)) {
                    happened |= ask_for(worker, store, observed, node, of_plan)?;
                }
                if worker.around.stop.is_wished() {
                    return Ok(happened);
                }
            }
        }
        Ok(happened)
    }

    fn is_due(&mut self, node: ObservedNode<'_>, of_plan: &Node) -> bool {
        let interval = of_plan.poll_interval.as_ref().map_or(USUAL, seconds);
        let key = (node.run.file.uid.clone(), node.id.to_owned());
        let is_due = self
            .asked
            .get(&key)
            .is_none_or(|asked| asked.elapsed() >= interval);
        if is_due {
            self.asked.insert(key, Instant::now());
        }
        is_due
    }
}

/// Ask whether it has happened, and report it if so.
fn ask_for(
    worker: &Worker<'_>,
    store: &Store,
    observed: &Observed,
    node: ObservedNode<'_>,
    of_plan: &Node,
) -> Result<bool> {
    let Some(external) = &of_plan.external_ref else {
        return Ok(false);
    };
    let name = node.name();
    let mut who = errand(node).to_value();
    who["repository"] = observed.stored.tree.controller.repository_id.clone().into();
    let tell = |message: String| {
        worker.say(node, WorkEvent::new(WorkEventKind::External, message));
    };
    let how = match external::poll(external, &who, worker.around.stop) {
        Poll::Happened(how) => how,
        Poll::NotYet(why) => {
            tell(format!("{name} has not happened yet: {why}"));
            return Ok(false);
        }
        Poll::NotAsked => {
            tell(format!(
                "{name} cannot be asked for: it names no http or https address"
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
            worker.say(node, happened);
        }
        Sent::Taken => tell(format!("{name} was reported by somebody else")),
    }
    Ok(true)
}
