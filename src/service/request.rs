//! What an operator asks of a run: to stop, or to try again.

use uuid::Uuid;

use super::Result;
use super::record::{RecordRequest, RecordWriter, Recorded, execution};
use super::runs::ObservedRun;
use super::store::Store;
use crate::api::record::Requested;
use crate::core::run::record::{Action, Address, RequestKind};

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
            comment: request.message.clone(),
        };
        ask(writer, (run, None), action)
    })
}

/// Open again what failed.
#[derive(Debug, Clone)]
pub struct RetryRequest {
    /// Which execution, or which failed node of it; and who asks.
    pub record: RecordRequest,
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
    request.record.send(store, |writer| {
        let (run, node) = if request.record.is_node(writer.observed) {
            let node = request.record.node(writer.observed)?;
            (node.run, Some(node.id))
        } else {
            (request.record.run(writer.observed)?, None)
        };
        let action = Action::Request {
            request: RequestKind::Retry,
            node: node.map(str::to_owned),
            rebind: request.rebind,
            comment: request.message.clone(),
        };
        ask(writer, (run, node), action)
    })
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
