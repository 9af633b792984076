//! `planspec claim`: take a node. Exactly one of many racing workers wins.

use clap::Args as ClapArgs;

use super::runs::{self, Look, Run};
use super::store::{Sent, Store};
use super::{ActorArgs, Context, NamespaceArg, reconcile};
use crate::core::repository::config::is_person;
use crate::core::resource::{Duration, NodePhase, NodeStatus};
use crate::core::run::record::{Action, Received};
use crate::failure::{Failure, Outcome};

/// Take a node that is ready
///
/// The claim is a ref that only one of many racing workers can create. The others exit with 9.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node: EXECUTION/NODE
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    actor: ActorArgs,
    /// Renew a claim that you hold
    #[arg(long)]
    renew: bool,
    /// How long you may be silent, for example 30m; the configuration sets the longest
    #[arg(long, value_name = "DURATION")]
    lease: Option<Duration>,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context)?;
    let actor = store.actor(args.actor.actor.as_deref())?;
    let look = runs::look(&store)?;
    let (run, id, node) = look.node(&args.target, args.namespace.namespace.as_deref())?;
    if args.renew {
        renew(&store, &look, (run, id, node), &actor, args.lease.clone())?;
    } else {
        claim(&store, &look, (run, id, node), &actor, args.lease.clone())?;
    }
    let verb = if args.renew { "renewed" } else { "claimed" };
    context.terminal.out(&format!(
        "{verb} {}/{id} attempt {} as {actor}\n",
        run.key.qualified(),
        node.attempt
    ));
    reconcile::afterwards(context, &store, args.actor.reconcile)
}

fn claim(
    store: &Store,
    look: &Look,
    (run, id, node): (Run<'_>, &str, &NodeStatus),
    actor: &str,
    lease: Option<Duration>,
) -> Outcome {
    let name = format!("{}/{id}", run.key.qualified());
    if let Some(tip) = look.work_tip(run, id, node.attempt) {
        return Err(taken(store, &name, tip, actor)?);
    }
    if !node.is_claimable() {
        return Err(not_claimable(&name, node));
    }
    if node.is_for_people() && !is_person(actor) {
        return Err(
            Failure::not_met(format!("{name} is for a person, and {actor} is none"))
                .hint("planspec next shows what else there is"),
        );
    }
    match take(store, look, (run, id, node), actor, lease)? {
        Sent::Done(_) => Ok(()),
        Sent::Taken => Err(
            Failure::taken(format!("somebody else has just claimed {name}"))
                .hint("planspec next shows what is left"),
        ),
    }
}

/// Create the claim of the open attempt: exactly one of many wins.
///
/// # Errors
/// The remote cannot be used.
pub(super) fn take(
    store: &Store,
    look: &Look,
    (run, id, node): (Run<'_>, &str, &NodeStatus),
    actor: &str,
    lease: Option<Duration>,
) -> Outcome<Sent> {
    let action = Action::Claim {
        node: id.to_owned(),
        attempt: node.attempt,
        lease,
    };
    let address = runs::work_address(run, id, node.attempt);
    store.send(&address, None, &look.record(store, run, actor, action))
}

/// Who was first, from the claim itself: the status may not know it yet.
fn taken(store: &Store, name: &str, tip: &str, actor: &str) -> Outcome<Failure> {
    let records = chain(store, tip)?;
    let holder = records.first().map(|first| first.record.actor.as_str());
    if matches!(
        records.last().map(|last| &last.record.action),
        Some(Action::Release { .. })
    ) {
        return Ok(
            Failure::not_met(format!("{name} was released and is not open yet"))
                .hint("planspec reconcile opens the next attempt"),
        );
    }
    Ok(match holder {
        Some(holder) if holder == actor => {
            Failure::taken(format!("you ({actor}) have claimed {name} already"))
                .hint("go on with it; --renew keeps the claim")
        }
        holder => Failure::taken(format!(
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
pub(super) fn holder(store: &Store, tip: &str) -> Outcome<Option<String>> {
    Ok(chain(store, tip)?
        .first()
        .filter(|first| matches!(first.record.action, Action::Claim { .. }))
        .map(|first| first.record.actor.clone()))
}

/// Every record of a ref; none when it holds something else.
///
/// # Errors
/// The remote cannot be used.
pub(super) fn chain(store: &Store, tip: &str) -> Outcome<Vec<Received>> {
    store.fetch_records(&[tip.to_owned()])?;
    Ok(match store.records(tip, None)? {
        Ok((records, _)) => records,
        Err(_) => Vec::new(),
    })
}

fn not_claimable(name: &str, node: &NodeStatus) -> Failure {
    let why = match (node.phase, node.message.as_str()) {
        (NodePhase::Pending, "") => "it is not ready".to_owned(),
        (NodePhase::Pending, message) => message.to_owned(),
        (phase, "") => format!("it is {phase}"),
        (phase, message) => format!("it is {phase}: {message}"),
    };
    let retry = node
        .extensions
        .not_before
        .map(|time| format!(" (not before {})", time.format("%Y-%m-%dT%H:%M:%SZ")));
    Failure::not_met(format!(
        "{name} cannot be claimed: {why}{}",
        retry.unwrap_or_default()
    ))
    .hint("planspec next shows what can be claimed")
}

fn renew(
    store: &Store,
    look: &Look,
    (run, id, node): (Run<'_>, &str, &NodeStatus),
    actor: &str,
    lease: Option<Duration>,
) -> Outcome {
    let attempt = node.attempt;
    let tip = held(store, look, (run, id), attempt, actor)?;
    let action = Action::Renewal {
        node: id.to_owned(),
        attempt,
        lease,
    };
    let address = runs::work_address(run, id, attempt);
    let record = look.record(store, run, actor, action);
    runs::send(store, &address, Some(&tip), &record)?;
    Ok(())
}

/// Tip of the ref of an attempt that `actor` holds.
///
/// # Errors
/// Nobody holds it, or somebody else does.
pub(super) fn held(
    store: &Store,
    look: &Look,
    (run, id): (Run<'_>, &str),
    attempt: u32,
    actor: &str,
) -> Outcome<String> {
    let name = format!("{}/{id}", run.key.qualified());
    let Some(tip) = look.work_tip(run, id, attempt) else {
        let phase = run.status.node_statuses.get(id).map(|node| node.phase);
        if let Some(phase) = phase.filter(|phase| phase.is_terminal()) {
            return Err(Failure::not_met(format!("{name} is {phase} already")));
        }
        return Err(
            Failure::not_met(format!("nobody has claimed {name}, attempt {attempt}"))
                .hint(format!("claim it first: planspec claim {name}")),
        );
    };
    match holder(store, tip)? {
        Some(holder) if holder == actor => Ok(tip.clone()),
        Some(holder) => Err(Failure::taken(format!(
            "{name} is claimed by {holder}, not by {actor}"
        ))),
        None => Err(Failure::not_met(format!(
            "the ref of {name}, attempt {attempt}, holds no claim"
        ))
        .hint("run `planspec reconcile`: it opens the next attempt")),
    }
}
