//! What an operator asks of a run: to stop, or to try again.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::permit::Asked;
use super::record::{RecordRequest, RecordWriter, Recorded, execution};
use super::runs::{Observed, ObservedRun, observe_target, pinned_plan};
use super::store::Store;
use super::{Error, Result};
use crate::api::record::{ReopenedNode, Reopening, Requested};
use crate::core::base::words::listed;
use crate::core::plan::graph::Graph;
use crate::core::run::record::{Action, Address, RequestKind};
use crate::core::run::reopen;

/// Stop an execution.
#[derive(Debug, Clone)]
pub struct CancelRequest {
    /// Which, and who asks.
    pub record: RecordRequest,
    /// Why.
    pub message: String,
}

/// Ask an execution to stop: what is unfinished is cancelled.
///
/// # Errors
/// It is over.
pub fn cancel(store: &Store, request: &CancelRequest) -> Result<Recorded<Requested>> {
    request.record.send(store, |writer| {
        let run = request.record.run(writer.observed)?;
        let action = Action::Request {
            request: RequestKind::Cancel,
            node: None,
            rebind: false,
            again: false,
            comment: request.message.clone(),
        };
        ask(writer, (run, None), action)
    })
}

/// Open again what failed.
#[derive(Debug, Clone)]
pub struct RetryRequest {
    /// Which execution, or which node of it; and who asks.
    pub record: RecordRequest,
    /// Resolve who does what has not begun anew; gates before it are decided again.
    pub rebind: bool,
    /// The node has succeeded, and is to be done once more.
    pub again: bool,
    /// Why.
    pub message: String,
}

/// Ask to try again: the failed nodes of an execution, or one of them, and what was decided on
/// how they ended.
///
/// # Errors
/// Nothing of it has failed.
pub fn retry(store: &Store, request: &RetryRequest) -> Result<Recorded<Requested>> {
    let mut told = None;
    let mut recorded = request.record.send(store, |writer| {
        let (run, node) = request.target(writer.observed)?;
        told = opened(writer.observed, run, (node, request.again))
            .as_deref()
            .and_then(done_again);
        ask(writer, (run, node), request.action(node))
    })?;
    recorded.answer.notes.extend(told);
    Ok(recorded)
}

/// What [`retry`] would open again; nothing is sent.
///
/// # Errors
/// As [`retry`]; the plan that the run is held to cannot be read.
pub fn reopening(store: &Store, request: &RetryRequest) -> Result<Reopening> {
    let RecordRequest {
        caller,
        target,
        namespace,
        ..
    } = &request.record;
    let observed = observe_target(store, target, namespace.as_deref())?;
    let (run, node) = request.target(&observed)?;
    let asked = Asked::new(&observed, run);
    asked.may(&request.action(node), &store.actor(caller)?)?;
    let nodes = opened(&observed, run, (node, request.again)).ok_or_else(|| {
        let why = "the plan that it is held to cannot be read";
        Error::unavailable(format!("{}: {why}", run.key.qualified()))
    })?;
    Ok(Reopening {
        execution: execution(run),
        node: node.map(str::to_owned),
        notes: done_again(&nodes).into_iter().collect(),
        nodes,
    })
}

impl RetryRequest {
    /// The run, and the node when one is meant.
    fn target<'a>(&self, observed: &'a Observed) -> Result<(ObservedRun<'a>, Option<&'a str>)> {
        if self.record.is_node(observed) {
            let node = self.record.node(observed)?;
            return Ok((node.run, Some(node.id)));
        }
        let run = self.record.run(observed)?;
        if self.again {
            let (name, namespace) = (&run.key.name, &run.key.namespace);
            return Err(
                Error::ambiguous("`--again` is about one node").hint(format!(
                    "name it: `planspec retry {name}/NODE -n {namespace} --again`"
                )),
            );
        }
        Ok((run, None))
    }

    fn action(&self, node: Option<&str>) -> Action {
        Action::Request {
            request: RequestKind::Retry,
            node: node.map(str::to_owned),
            rebind: self.rebind,
            again: self.again,
            comment: self.message.clone(),
        }
    }
}

/// What a retry opens, as the status stands; nothing where the plan cannot be read.
fn opened(
    observed: &Observed,
    run: ObservedRun<'_>,
    (node, again): (Option<&str>, bool),
) -> Option<Vec<ReopenedNode>> {
    let plan = pinned_plan(&observed.stored, run.status)?;
    let spec = plan.graph()?;
    let graph = Graph::build(spec).ok()?;
    let statuses = &run.status.node_statuses;
    let opened = reopen::Reopening::of((&graph, spec), statuses, node, again);
    let done_again: BTreeSet<&str> = opened.done_again(spec, statuses).collect();
    let nodes = opened.all().filter_map(|index| {
        let id = graph.id(index);
        Some(ReopenedNode {
            node: id.to_owned(),
            phase: statuses.get(id)?.phase.to_string(),
            retried: opened.retried.binary_search(&index).is_ok(),
            done_again: done_again.contains(id),
        })
    });
    Some(nodes.collect())
}

/// What has been done is named before it is done once more.
fn done_again(nodes: &[ReopenedNode]) -> Option<String> {
    let again = nodes.iter().filter(|node| node.done_again);
    let again: Vec<&str> = again.map(|node| node.node.as_str()).collect();
    (!again.is_empty())
        .then(|| format!("done already, and to be done once more: {}", listed(again)))
}

/// Send an operator's request, on a ref of its own.
fn ask(
    writer: &RecordWriter<'_>,
    (run, node): (ObservedRun<'_>, Option<&str>),
    action: Action,
) -> Result<(String, Requested)> {
    writer.may(run, &action)?;
    let word = action.word();
    let address = Address::Request {
        run: run.reference(),
        id: format!("{word}-{}", Uuid::new_v4().simple()),
    };
    let asked = Requested {
        execution: execution(run),
        node: node.map(str::to_owned),
        request: word.to_owned(),
    };
    Ok((writer.send(&address, run, action)?, asked))
}
