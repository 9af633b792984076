//! Claims: take a node, keep it, give it back. Exactly one of many racing workers wins.

use super::permit::Asked;
use super::record::{RecordRequest, RecordWriter, Recorded, attempt};
use super::runs::ObservedNode;
use super::store::{Sent, Store};
use super::{Error, Result};
use crate::api::record::{Claimed, Released};
use crate::core::resource::Duration;
use crate::core::run::record::{Action, Received};

/// Take a node that is ready.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The node, and who asks.
    pub record: RecordRequest,
    /// How long the worker may be silent; the configuration sets the longest.
    pub lease: Option<Duration>,
}

/// Take a node: create the ref of its open attempt.
///
/// # Errors
/// `Taken` when somebody holds it, `NotReady` when it cannot be claimed, `Forbidden` when it is for
/// people and the actor is none; besides what a look at the repository may end in.
pub fn claim(store: &Store, request: &ClaimRequest) -> Result<Recorded<Claimed>> {
    request.record.send(store, |writer| {
        let node = request.record.node(writer.observed)?;
        let record = first(writer, node, request.lease.clone())?;
        Ok((record, claimed(writer, node, request)))
    })
}

/// Keep a node that the actor holds: its lease begins anew.
///
/// # Errors
/// Nobody holds it, or somebody else does.
pub fn renew(store: &Store, request: &ClaimRequest) -> Result<Recorded<Claimed>> {
    request.record.send(store, |writer| {
        let node = request.record.node(writer.observed)?;
        let action = Action::Renewal {
            node: node.id.to_owned(),
            attempt: node.status.attempt,
            lease: request.lease.clone(),
        };
        let record = held(writer, node, action)?;
        let renewed = true;
        Ok((
            record,
            Claimed {
                renewed,
                ..claimed(writer, node, request)
            },
        ))
    })
}

fn claimed(writer: &RecordWriter<'_>, node: ObservedNode<'_>, request: &ClaimRequest) -> Claimed {
    let config = &writer.observed.view.config;
    let lease = config.lease_of(node.status, request.lease.as_ref());
    Claimed {
        attempt: attempt(node.run, node.id, node.status.attempt),
        renewed: false,
        // No reconcile goes back behind the status that there is.
        lease_end: lease.map(|lease| writer.now.max(writer.observed.stored.time) + lease),
    }
}

/// Give a claimed node back.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// The node, and who asks.
    pub record: RecordRequest,
    /// Why.
    pub message: String,
}

/// Give a claimed node back; the next attempt opens without a failure.
///
/// # Errors
/// Nobody holds it, or somebody else does.
pub fn release(store: &Store, request: &ReleaseRequest) -> Result<Recorded<Released>> {
    request.record.send(store, |writer| {
        let node = request.record.node(writer.observed)?;
        let action = Action::Release {
            node: node.id.to_owned(),
            attempt: node.status.attempt,
            message: request.message.clone(),
        };
        let released = Released {
            attempt: attempt(node.run, node.id, node.status.attempt),
        };
        Ok((held(writer, node, action)?, released))
    })
}

/// Send the first record of an attempt: its id.
fn first(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    lease: Option<Duration>,
) -> Result<String> {
    let action = claim_of(node, lease);
    let is_over = node.status.phase.is_terminal() || node.run.status.phase.is_terminal();
    match writer.observed.tip(&node.address()) {
        // What is over is nobody's any more, whoever has done it.
        Some(tip) if !is_over => return Err(taken(writer, node, tip)?),
        _ => writer.may(node.run, &action)?,
    }
    match take(writer, node, action)? {
        Sent::Done(record) => Ok(record),
        Sent::Taken => Err(
            Error::taken(format!("somebody else has just claimed {}", node.name()))
                .hint("`planspec next` shows what is left"),
        ),
    }
}

/// The claim of the open attempt.
pub fn claim_of(node: ObservedNode<'_>, lease: Option<Duration>) -> Action {
    Action::Claim {
        node: node.id.to_owned(),
        attempt: node.status.attempt,
        lease,
    }
}

/// Create the claim of the open attempt: exactly one of many wins.
///
/// # Errors
/// The remote cannot be used.
pub fn take(writer: &RecordWriter<'_>, node: ObservedNode<'_>, claim: Action) -> Result<Sent> {
    writer.try_send(&node.address(), None, node.run, claim)
}

/// Who was first, from the claim itself: the status may not know it yet.
fn taken(writer: &RecordWriter<'_>, node: ObservedNode<'_>, tip: &str) -> Result<Error> {
    let name = node.name();
    let records = chain(writer.store, tip)?;
    let last = records.last().map(|last| &last.record.action);
    if matches!(last, Some(Action::Release { .. })) {
        let why = format!("{name} was released and is not open yet");
        return Ok(Error::not_ready(why).hint("`planspec reconcile` opens the next attempt"));
    }
    let holder = records.first().map(|first| first.record.actor.as_str());
    Ok(match holder {
        Some(holder) if holder == writer.actor => {
            Error::taken(format!("you ({holder}) have claimed {name} already"))
                .hint("go on with it; --renew keeps the claim")
        }
        holder => {
            let holder = holder.unwrap_or("somebody else");
            Error::taken(format!("{holder} has claimed {name} already"))
                .hint("`planspec next` shows what is left")
        }
    })
}

/// Who claimed, by the first record of a work ref.
///
/// # Errors
/// The remote cannot be used.
pub fn holder(store: &Store, tip: &str) -> Result<Option<String>> {
    let records = chain(store, tip)?.into_iter();
    let first = records.map(|first| first.record).next();
    Ok(first
        .filter(|first| matches!(first.action, Action::Claim { .. }))
        .map(|first| first.actor))
}

/// Every record of a ref; none when it holds something else.
///
/// # Errors
/// The remote cannot be used.
pub fn chain(store: &Store, tip: &str) -> Result<Vec<Received>> {
    store.fetch_records(&[tip.to_owned()])?;
    Ok(match store.records(tip, None)? {
        Ok((records, _)) => records,
        Err(_) => Vec::new(),
    })
}

/// Send what only whoever holds the open attempt may say: the id of the record.
fn held(writer: &RecordWriter<'_>, node: ObservedNode<'_>, action: Action) -> Result<String> {
    let attempt = node.status.attempt;
    let mut asked = Asked::new(writer.observed, node.run);
    let tip = writer.observed.tip(&node.address());
    if let Some(tip) = tip {
        asked.holder = holder(writer.store, tip)?;
        if asked.holder.is_none() {
            let name = node.name();
            let why = format!("the ref of {name}, attempt {attempt}, holds no claim");
            return Err(
                Error::not_ready(why).hint("run `planspec reconcile`: it opens the next attempt")
            );
        }
    }
    asked.may(&action, writer.actor)?;
    if tip.is_none() {
        let why = format!("the claim of attempt {attempt} has gone");
        return Err(Error::conflict(why));
    }
    writer.send(&node.address(), node.run, action)
}
