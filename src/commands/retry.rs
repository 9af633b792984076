//! `planspec retry`: open again what failed.

use clap::Args as ClapArgs;

use super::store::Store;
use super::{ActorArgs, Context, NamespaceArg, reconcile, runs};
use crate::core::resource::{ExecutionPhase, NodePhase};
use crate::core::run::record::{Action, RequestKind};
use crate::failure::{Failure, Outcome};

/// Try again: open the failed nodes of an execution, or one of them, and what was skipped for them
///
/// Attempts go on counting, failures are counted anew. Gates that were rejected wait for a new
/// decision. What succeeded stays as it is.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The execution, or one failed node of it
    #[arg(value_name = "EXECUTION[/NODE]")]
    target: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    actor: ActorArgs,
    /// Resolve who does what has not begun anew; gates before it are decided again
    #[arg(long)]
    rebind: bool,
    /// Why
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context)?;
    let actor = store.actor(args.actor.actor.as_deref())?;
    let look = runs::look(&store)?;
    let namespace = args.namespace.namespace.as_deref();
    // `a/b` is node `b` of execution `a`, or execution `b` in namespace `a`.
    let (run, node) = match args.target.split_once('/') {
        Some((first, rest)) if rest.contains('/') || look.run(first, namespace).is_ok() => {
            let (run, id, _) = look.node(&args.target, namespace)?;
            (run, Some(id))
        }
        _ => (look.run(&args.target, namespace)?, None),
    };
    check(run, node, args.rebind)?;
    let action = Action::Request {
        request: RequestKind::Retry,
        node: node.map(str::to_owned),
        rebind: args.rebind,
        comment: args.message.clone(),
    };
    runs::request(&store, &look, run, &actor, action)?;
    let name = run.key.qualified();
    context.terminal.out(&match node {
        Some(node) => format!("asked to try {name}/{node} again\n"),
        None => format!("asked to try {name} again\n"),
    });
    reconcile::afterwards(context, &store, args.actor.reconcile)
}

/// Reconcile would refuse it.
fn check(run: runs::Run<'_>, node: Option<&str>, rebind: bool) -> Outcome {
    let name = run.key.qualified();
    let phase = run.status.phase;
    if !phase.can_be_retried() {
        let failure = Failure::not_met(format!("{name} is {phase}"));
        return Err(match phase {
            ExecutionPhase::Pending => failure.hint("it starts by itself when it can"),
            _ => failure.hint("a new execution of the plan begins anew: planspec start PLAN"),
        });
    }
    let is_failed = |id: &str| {
        let phase = run.status.node_statuses.get(id).map(|node| node.phase);
        matches!(phase, Some(NodePhase::Failed | NodePhase::Cancelled))
    };
    match node {
        Some(id) if !is_failed(id) => {
            let phase = run.status.node_statuses.get(id).map(|node| node.phase);
            let phase = phase.unwrap_or_default();
            Err(Failure::not_met(format!(
                "{name}/{id} is {phase}, it has not failed"
            )))
        }
        None if !rebind && !run.status.node_statuses.keys().any(|id| is_failed(id)) => {
            Err(Failure::not_met(format!("no node of {name} has failed")))
        }
        _ => Ok(()),
    }
}
