//! What an operator asks of a run: to stop, or to try again.

use super::permit::Asked;
use super::record::{Recorded, Sender, execution};
use super::store::Store;
use super::{Result, runs};
use crate::api::record::Requested;
use crate::core::run::record::{Action, RequestKind};

/// Stop an execution.
#[derive(Debug, Clone)]
pub struct CancelRequest {
    /// Who asks.
    pub sender: Sender,
    /// The execution.
    pub execution: String,
    /// Its namespace, where its name alone is ambiguous.
    pub namespace: Option<String>,
    /// Why.
    pub message: String,
}

/// Ask an execution to stop: what is unfinished is cancelled.
///
/// # Errors
/// It is over.
pub fn cancel(store: &Store, request: &CancelRequest) -> Result<Recorded<Requested>> {
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let run = look.run(&request.execution, request.namespace.as_deref())?;
    let action = Action::Request {
        request: RequestKind::Cancel,
        node: None,
        rebind: false,
        comment: request.message.clone(),
    };
    Asked::new(&look, run).may(&action, &actor)?;
    let who = (actor.as_str(), request.sender.caller.now);
    let record = runs::request(store, &look, run, who, action)?;
    let asked = Requested {
        execution: execution(run),
        node: None,
        request: "cancel".to_owned(),
    };
    Ok(request.sender.sent(store, (actor, record), asked))
}

/// Open again what failed.
#[derive(Debug, Clone)]
pub struct RetryRequest {
    /// Who asks.
    pub sender: Sender,
    /// The execution, or one failed node of it: `EXECUTION/NODE`.
    pub target: String,
    /// Namespace of the execution, where its name alone is ambiguous.
    pub namespace: Option<String>,
    /// Resolve who does what has not begun anew; gates before it are decided again.
    pub rebind: bool,
    /// Why.
    pub message: String,
}

/// Ask to try again: the failed nodes of an execution, or one of them, and what was skipped for
/// them.
///
/// # Errors
/// Nothing of it has failed.
pub fn retry(store: &Store, request: &RetryRequest) -> Result<Recorded<Requested>> {
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let namespace = request.namespace.as_deref();
    // `a/b` is node `b` of execution `a`, or execution `b` in namespace `a`.
    let (run, node) = match request.target.split_once('/') {
        Some((first, rest)) if rest.contains('/') || look.run(first, namespace).is_ok() => {
            let (run, id, _) = look.node(&request.target, namespace)?;
            (run, Some(id))
        }
        _ => (look.run(&request.target, namespace)?, None),
    };
    let action = Action::Request {
        request: RequestKind::Retry,
        node: node.map(str::to_owned),
        rebind: request.rebind,
        comment: request.message.clone(),
    };
    Asked::new(&look, run).may(&action, &actor)?;
    let who = (actor.as_str(), request.sender.caller.now);
    let record = runs::request(store, &look, run, who, action)?;
    let asked = Requested {
        execution: execution(run),
        node: node.map(str::to_owned),
        request: "retry".to_owned(),
    };
    Ok(request.sender.sent(store, (actor, record), asked))
}
