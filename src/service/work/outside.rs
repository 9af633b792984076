//! Ask for what happens outside: External nodes of type `uri` and `webhook`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Worker;
use crate::api::work::WorkEventKind;
use crate::core::resource::{Node, NodeStatus};
use crate::core::run::record::{Action, ReportResult};
use crate::service::Result;
use crate::service::report::is_outside;
use crate::service::runs::{self, Look, Run};
use crate::service::store::{Sent, Store};
use crate::service::verify::errand;
use crate::worker::external::{self, Poll};
use crate::worker::tool::seconds;

/// How often something is asked for when its node does not say.
const USUAL: Duration = Duration::from_secs(60);

/// When what was asked for last.
#[derive(Debug, Default)]
pub struct Outside {
    asked: BTreeMap<(String, String), Instant>,
}

impl Outside {
    /// Ask for everything whose turn it is, and report what has happened. Whether anything has.
    ///
    /// # Errors
    /// The remote cannot be used.
    pub fn ask(&mut self, worker: &Worker<'_>, store: &Store, look: &Look) -> Result<bool> {
        let mut happened = false;
        for run in look.runs().filter(|run| !run.status.phase.is_terminal()) {
            let waiting = run.status.node_statuses.iter();
            let mut waiting = waiting
                .filter(|(id, node)| is_outside(node) && worker.is_meant(run, id))
                .filter(|(id, node)| look.work_tip(run, id, node.attempt).is_none())
                .peekable();
            let plan = match waiting.peek() {
                Some(_) => runs::pinned_plan(&look.stored, run.status),
                None => None,
            };
            for (id, status) in waiting {
                let node = plan.as_ref().and_then(|plan| runs::node_of(plan, id));
                if let Some(node) = node.filter(|node| self.is_due(run, node)) {
                    happened |= ask_for(worker, store, look, run, node, status)?;
                }
                if worker.around.stop.is_wished() {
                    return Ok(happened);
                }
            }
        }
        Ok(happened)
    }

    fn is_due(&mut self, run: Run<'_>, node: &Node) -> bool {
        let interval = node.poll_interval.as_ref().map_or(USUAL, seconds);
        let key = (run.file.uid.clone(), node.id.clone());
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

fn ask_for(
    worker: &Worker<'_>,
    store: &Store,
    look: &Look,
    run: Run<'_>,
    node: &Node,
    status: &NodeStatus,
) -> Result<bool> {
    let Some(external) = &node.external_ref else {
        return Ok(false);
    };
    let name = format!("{}/{}", run.key.qualified(), node.id);
    let mut who = errand(run, &node.id, status.attempt).to_value();
    who["repository"] = look.stored.tree.controller.repository_id.clone().into();
    let message = match external::poll(external, &who, worker.around.stop) {
        Poll::Happened(how) => how,
        Poll::NotYet(why) => {
            let message = format!("{name} has not happened yet: {why}");
            worker.say(WorkEventKind::External, &name, message);
            return Ok(false);
        }
        Poll::NotAsked => {
            let message = format!("{name} cannot be asked for: it names no http or https address");
            worker.say(WorkEventKind::External, &name, message);
            return Ok(false);
        }
    };
    let action = Action::Report {
        node: node.id.clone(),
        attempt: status.attempt,
        result: ReportResult::Succeeded,
        outputs: Default::default(),
        message: message.clone(),
        commit: None,
        artifacts: Vec::new(),
    };
    let now = worker.now()?;
    let record = look.record(run, &worker.actor, now, action);
    let address = runs::work_address(run, &node.id, status.attempt);
    let message = match store.send(&address, None, &record, now)? {
        Sent::Done(_) => format!("{name} has happened: {message}"),
        Sent::Taken => format!("{name} was reported by somebody else"),
    };
    worker.say(WorkEventKind::External, &name, message);
    Ok(true)
}
