//! Claims: take a node, keep it, give it back. Exactly one of many racing workers wins.

use super::permit::Asked;
use super::record::{Recorded, Sender, attempt};
use super::runs::{self, Look, Run};
use super::store::{Sent, Store};
use super::{Error, Result};
use crate::api::record::{Claimed, Released};
use crate::core::resource::{Duration, NodeStatus, Time};
use crate::core::run::record::{Action, Received};

/// Take a node that is ready.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Who asks.
    pub sender: Sender,
    /// `EXECUTION/NODE`
    pub target: String,
    /// Namespace of the execution, where its name alone is ambiguous.
    pub namespace: Option<String>,
    /// How long the worker may be silent; the configuration sets the longest.
    pub lease: Option<Duration>,
}

/// Take a node: create the ref of its open attempt.
///
/// # Errors
/// `Taken` when somebody holds it, `NotReady` when it cannot be claimed, `Forbidden` when it is for
/// people and the actor is none; besides what a look at the repository may end in.
pub fn claim(store: &Store, request: &ClaimRequest) -> Result<Recorded<Claimed>> {
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let (run, id, node) = look.node(&request.target, request.namespace.as_deref())?;
    let who = (actor.as_str(), request.sender.caller.now);
    let record = first(store, &look, (run, id, node), who, request.lease.clone())?;
    let claimed = Claimed {
        attempt: attempt(run, id, node.attempt),
        renewed: false,
    };
    Ok(request.sender.sent(store, (actor, record), claimed))
}

/// Keep a node that the actor holds: its lease begins anew.
///
/// # Errors
/// Nobody holds it, or somebody else does.
pub fn renew(store: &Store, request: &ClaimRequest) -> Result<Recorded<Claimed>> {
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let (run, id, node) = look.node(&request.target, request.namespace.as_deref())?;
    let action = Action::Renewal {
        node: id.to_owned(),
        attempt: node.attempt,
        lease: request.lease.clone(),
    };
    let tip = held(store, &look, run, &action, &actor)?;
    let now = request.sender.caller.now;
    let address = runs::work_address(run, id, node.attempt);
    let record = look.record(run, &actor, now, action);
    let id_of_record = runs::send(store, &address, Some(&tip), &record, now)?;
    let claimed = Claimed {
        attempt: attempt(run, id, node.attempt),
        renewed: true,
    };
    Ok(request.sender.sent(store, (actor, id_of_record), claimed))
}

/// Give a claimed node back.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// Who asks.
    pub sender: Sender,
    /// `EXECUTION/NODE`
    pub target: String,
    /// Namespace of the execution, where its name alone is ambiguous.
    pub namespace: Option<String>,
    /// Why.
    pub message: String,
}

/// Give a claimed node back; the next attempt opens without a failure.
///
/// # Errors
/// Nobody holds it, or somebody else does.
pub fn release(store: &Store, request: &ReleaseRequest) -> Result<Recorded<Released>> {
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let (run, id, node) = look.node(&request.target, request.namespace.as_deref())?;
    let action = Action::Release {
        node: id.to_owned(),
        attempt: node.attempt,
        message: request.message.clone(),
    };
    let tip = held(store, &look, run, &action, &actor)?;
    let now = request.sender.caller.now;
    let address = runs::work_address(run, id, node.attempt);
    let record = look.record(run, &actor, now, action);
    let record = runs::send(store, &address, Some(&tip), &record, now)?;
    let released = Released {
        attempt: attempt(run, id, node.attempt),
    };
    Ok(request.sender.sent(store, (actor, record), released))
}

/// The first record of an attempt, by its id.
fn first(
    store: &Store,
    look: &Look,
    (run, id, node): (Run<'_>, &str, &NodeStatus),
    (actor, now): (&str, Time),
    lease: Option<Duration>,
) -> Result<String> {
    let name = format!("{}/{id}", run.key.qualified());
    if let Some(tip) = look.work_tip(run, id, node.attempt) {
        return Err(taken(store, &name, tip, actor)?);
    }
    let action = Action::Claim {
        node: id.to_owned(),
        attempt: node.attempt,
        lease: lease.clone(),
    };
    Asked::new(look, run).may(&action, actor)?;
    match take(store, look, (run, id, node), (actor, now), lease)? {
        Sent::Done(record) => Ok(record),
        Sent::Taken => Err(
            Error::taken(format!("somebody else has just claimed {name}"))
                .hint("planspec next shows what is left"),
        ),
    }
}

/// Create the claim of the open attempt: exactly one of many wins.
///
/// # Errors
/// The remote cannot be used.
pub fn take(
    store: &Store,
    look: &Look,
    (run, id, node): (Run<'_>, &str, &NodeStatus),
    (actor, now): (&str, Time),
    lease: Option<Duration>,
) -> Result<Sent> {
    let action = Action::Claim {
        node: id.to_owned(),
        attempt: node.attempt,
        lease,
    };
    let address = runs::work_address(run, id, node.attempt);
    store.send(&address, None, &look.record(run, actor, now, action), now)
}

/// Who was first, from the claim itself: the status may not know it yet.
fn taken(store: &Store, name: &str, tip: &str, actor: &str) -> Result<Error> {
    let records = chain(store, tip)?;
    let holder = records.first().map(|first| first.record.actor.as_str());
    if matches!(
        records.last().map(|last| &last.record.action),
        Some(Action::Release { .. })
    ) {
        return Ok(
            Error::not_ready(format!("{name} was released and is not open yet"))
                .hint("planspec reconcile opens the next attempt"),
        );
    }
    Ok(match holder {
        Some(holder) if holder == actor => {
            Error::taken(format!("you ({actor}) have claimed {name} already"))
                .hint("go on with it; --renew keeps the claim")
        }
        holder => Error::taken(format!(
            "{} has claimed {name} already",
            holder.unwrap_or("somebody else")
        ))
        .hint("planspec next shows what is left"),
    })
}

/// Who claimed, by the first record of a work ref.
///
/// # Errors
/// The remote cannot be used.
pub fn holder(store: &Store, tip: &str) -> Result<Option<String>> {
    Ok(chain(store, tip)?
        .first()
        .filter(|first| matches!(first.record.action, Action::Claim { .. }))
        .map(|first| first.record.actor.clone()))
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

/// Tip of the ref of an attempt, for an actor who may write this behind it.
///
/// # Errors
/// Nobody holds it, or somebody else does; it may not be done.
pub fn held(
    store: &Store,
    look: &Look,
    run: Run<'_>,
    action: &Action,
    actor: &str,
) -> Result<String> {
    let mut asked = Asked::new(look, run);
    let (id, attempt) = action.work().unwrap_or_default();
    let tip = look.work_tip(run, id, attempt);
    if let Some(tip) = tip {
        asked.holder = holder(store, tip)?;
        if asked.holder.is_none() {
            let name = format!("{}/{id}", run.key.qualified());
            let why = format!("the ref of {name}, attempt {attempt}, holds no claim");
            return Err(
                Error::not_ready(why).hint("run `planspec reconcile`: it opens the next attempt")
            );
        }
    }
    asked.may(action, actor)?;
    tip.cloned()
        .ok_or_else(|| Error::conflict(format!("the claim of attempt {attempt} has gone")))
}
