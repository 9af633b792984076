//! `planspec cancel`: stop a run.

use clap::Args as ClapArgs;

use super::store::Store;
use super::{ActorArgs, Context, NamespaceArg, reconcile, runs};
use crate::core::run::record::{Action, RequestKind};
use crate::failure::{Failure, Outcome};

/// Stop an execution: what is unfinished is cancelled
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The execution
    execution: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    actor: ActorArgs,
    /// Why
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context)?;
    let actor = store.actor(args.actor.actor.as_deref())?;
    let look = runs::look(&store)?;
    let run = look.run(&args.execution, args.namespace.namespace.as_deref())?;
    if run.status.phase.is_terminal() {
        return Err(Failure::not_met(format!(
            "{} is {} already",
            run.key.qualified(),
            run.status.phase
        )));
    }
    let action = Action::Request {
        request: RequestKind::Cancel,
        node: None,
        rebind: false,
        comment: args.message.clone(),
    };
    runs::request(&store, &look, run, &actor, action)?;
    context
        .terminal
        .out(&format!("asked {} to stop\n", run.key.qualified()));
    reconcile::afterwards(context, &store, args.actor.reconcile)
}
